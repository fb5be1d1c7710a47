"""A decision of another shape, or a strategy that fails, is named before anything is walked."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import IntDistribution

from undertow.backtests import backtest
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.optimize import optimize
from undertow.market import Market, ParameterError, simulate_market
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.strategies.strategy import Sets


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=1, names=5)


class Told(Strategy):
    """Decides what the test says."""

    lag: Annotated[int, IntDistribution(0, 9)] = 0

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        return GIVEN[0](Decision.proportional(np.ones((len(table), len(sets["lag"])))))


GIVEN: list[Any] = []


def boom(_: Decision) -> Decision:
    raise RuntimeError("boom")


def leave(_: Decision) -> Decision:
    raise SystemExit(0)


BAD = {
    "rows": (
        lambda it: replace(it, exposure=it.exposure[:100]),
        r"`exposure` must have the shape \(\d+, \d\), sessions",
    ),
    "sets": (lambda it: replace(it, stale=it.stale[:, :0]), r"`stale` must have the shape \(\d+, \d\), sessions"),
    "flat": (lambda it: replace(it, hedge=it.exposure[:, 0]), r"`hedge` must have the shape .* got \(\d+,\); fix"),
    "flags": (lambda it: replace(it, flags={"odd": it.stale[:9]}), r"`flags\['odd'\]` must have the shape"),
    "names": (
        lambda it: replace(it, scores=(it.exposure,)),
        r"`scores\[0\]` must have the shape .*names of the",
    ),
    "place": (
        lambda it: replace(it, score_of_set=it.score_of_set + 1),
        "`score_of_set` must hold indices into `scores`",
    ),
    "resting": (lambda it: replace(it, resting=np.ones(9)), "`resting` must have the shape"),
    "number": (lambda it: 3, "`decide` of `told` must return a `Decision`, got int"),
    "error": (boom, r"`decide` of `told` failed: RuntimeError: boom \(test_decided\.py:\d+\); fix the strategy"),
    "exit": (leave, r"`decide` of `told` failed: SystemExit: 0 \(test_decided\.py:\d+\); fix the strategy"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_a_strategy_may_not_decide(market: Market, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    change, message = BAD[what]
    monkeypatch.setattr(f"{__name__}.GIVEN", [change])
    with pytest.raises(ParameterError, match=message):
        backtest(Told(), market)
    with pytest.raises(ParameterError, match=message):
        sweep(Told, market, pd.DataFrame({"lag": [0, 1, 2]}))


def test_what_fails_in_a_search_says_the_same(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.GIVEN", [boom])
    with pytest.raises(Exception, match=r"`decide` of `told` failed: RuntimeError: boom"):
        optimize(Told, market, trials=2, seed=1)


class Shocked(Strategy):
    """Names the shocks that the test says."""

    lag: Annotated[int, IntDistribution(0, 9)] = 0

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        exposure = np.ones((len(table), len(sets["lag"])))
        exposure[::9] = 0.5
        return Decision.proportional(exposure)

    def shocks(self, table: DecisionTable) -> Any:
        return SHOCKS[0](table)


SHOCKS: list[Any] = []


def lost(_: DecisionTable) -> Any:
    raise KeyError("no such feed")


@pytest.mark.parametrize(
    ("shocks", "message"),
    [
        (lost, r"`shocks` of `shocked` failed: KeyError: 'no such feed' \(test_decided\.py:\d+\); fix the strategy"),
        (lambda table: table.decisions.at[:9], r"`shocks` of `shocked` must be instants .* got datetime64.* \(9,\)"),
        (lambda table: table.decisions.at[:, None], r"got datetime64\[ns\] of the shape \(\d+, 1\)"),
        (lambda table: np.full(len(table), np.nan), "got float64 of the shape"),
        (lambda table: None, r"got object of the shape \(\)"),
        (lambda table: pd.DatetimeIndex(table.decisions.at).tz_localize("UTC"), "without a time zone.* got object"),
    ],
)
def test_shocks_that_are_none_are_named_before_a_search(market: Market, shocks: Any, message: str) -> None:
    SHOCKS[:] = [shocks]
    with pytest.raises(ParameterError, match=message):
        backtest(Shocked(), market)
    seen: list[int] = []
    with pytest.raises(ParameterError, match=message):
        optimize(Shocked, market, trials=3, seed=1, design=1, progress=seen.append)
    assert seen == []


@pytest.mark.parametrize("kind", ["datetime64[D]", "datetime64[us]", "index"])
def test_shocks_in_any_unit_are_instants(market: Market, kind: str) -> None:
    SHOCKS[:] = [lambda table: np.full(len(table), np.datetime64("2018-03-01T00", "ns"))]
    whole = backtest(Shocked(), market).lag_hours
    SHOCKS[:] = [
        lambda table: (
            pd.DatetimeIndex([pd.Timestamp("2018-03-01")] * len(table))
            if kind == "index"
            else np.full(len(table), np.datetime64("2018-03-01", "D")).astype(kind)
        )
    ]
    assert backtest(Shocked(), market).lag_hours == whole
    assert optimize(Shocked, market, trials=2, seed=1, design=1).lag_hours == whole
