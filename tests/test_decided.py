"""A decision of another shape, or a strategy that fails, is named before anything is walked."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import IntDistribution

from undertow.backtests import backtest
from undertow.backtests.optimize import optimize
from undertow.backtests.sweep import sweep
from undertow.market import Market, ParameterError, simulate_market
from undertow.signals.table import DecisionTable
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


BAD = {
    "rows": (
        lambda it: replace(it, exposure=it.exposure[:100]),
        r"`exposure` must have the shape \(\d+, \d\), sessions",
    ),
    "sets": (lambda it: replace(it, stale=it.stale[:, :0]), r"`stale` must have the shape \(\d+, \d\), sessions"),
    "flat": (lambda it: replace(it, hedge=it.exposure[:, 0]), r"`hedge` must have the shape .* got \(\d+,\); mend"),
    "marks": (lambda it: replace(it, marks={"odd": it.stale[:9]}), r"`marks\['odd'\]` must have the shape"),
    "names": (
        lambda it: replace(it, scores=(it.exposure,)),
        r"`scores\[0\]` must have the shape .*names of the",
    ),
    "place": (lambda it: replace(it, score_of_set=it.score_of_set + 1), "`score_of_set` must hold places in `scores`"),
    "resting": (lambda it: replace(it, resting=np.ones(9)), "`resting` must have the shape"),
    "number": (lambda it: 3, "`decide` of `told` must return a `Decision`, got int"),
    "error": (boom, r"`decide` of `told` failed: RuntimeError: boom \(test_decided\.py:\d+\); mend the strategy"),
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
