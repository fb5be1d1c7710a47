"""What every backtest and search is given is checked before anything is done with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from undertow.backtests import Costs, backtest
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.validation.cpcv import cpcv
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.evidence import SPATest
from undertow.market import Market, ParameterError, UndertowError, simulate_market
from undertow.market.asof import instant_of
from undertow.strategies import DrawdownDeRisk

ONE = pd.DataFrame({"lag": [0]})
BAD = {
    "market": ("world/", "`market` must be a market, from `load_market` or `simulate_market`, got str 'world/'"),
    "universe": (None, "`universe` must be the name of a universe or a screen, got NoneType 'None'"),
    "costs": (5, r"`costs` must be `Costs`, such as Costs\(fee_bps=5\), got int '5'"),
    "end": ([1], r"`end` must be a date such as 2018-01-02, got '\[1\]'"),
}


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=1, names=5)


@pytest.mark.parametrize("name", BAD)
def test_arguments_of_another_kind_are_named_everywhere(market: Market, name: str) -> None:
    value, message = BAD[name]
    arguments: dict[str, Any] = {"market": market, name: value}
    world = arguments.pop("market")
    with pytest.raises(ParameterError, match=message):
        backtest(DrawdownDeRisk(), world, **arguments)
    for search in (walk_forward, cpcv):
        with pytest.raises(ParameterError, match=message):
            search(DrawdownDeRisk, world, **arguments)
    with pytest.raises(ParameterError, match=message):
        sweep(DrawdownDeRisk, world, ONE, **arguments)
    with pytest.raises(ParameterError, match=message):
        optimize(DrawdownDeRisk, world, trials=2, seed=1, **arguments)


def test_a_class_is_no_strategy_and_a_strategy_no_class(market: Market) -> None:
    with pytest.raises(ParameterError, match=r"got the class DrawdownDeRisk; make one with `DrawdownDeRisk\(\)`"):
        backtest(DrawdownDeRisk, market)
    with pytest.raises(ParameterError, match=r"must be the class of a strategy, got .*; give `DrawdownDeRisk` itself"):
        sweep(DrawdownDeRisk(), market, ONE)


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_failed": "x"},
        {"lease": None},
        {"first": 5},
        {"first": [5]},
        {"ledger": 5},
        {"fixed": 5},
        {"narrowed": [1]},
    ],
    ids=repr,
)
def test_searches_name_what_they_cannot_use(market: Market, arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(ParameterError, match=f"`{name}` must be "):
        optimize(DrawdownDeRisk, market, trials=2, seed=1, **arguments)


def test_what_a_proof_needs_is_asked_for_before_work(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "undertow.backtests.validation.walk.run_tasks", lambda *_, **__: pytest.fail("work began first")
    )
    split = WalkForward(train=60, test=60)
    with pytest.raises(ParameterError, match="`gate` needs 60 sessions of training or more, fold 1 has 55"):
        walk_forward(DrawdownDeRisk, market, split=split, gate=SPATest())


@pytest.mark.parametrize("arguments", [{"alpha": "x"}, {"resamples": 150.5}, {"seed": -1}, {"seed": "a"}], ids=repr)
def test_a_proof_with_arguments_of_another_kind_is_none(arguments: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"`{next(iter(arguments))}` must "):
        SPATest(**arguments)


def test_costs_instants_and_sessions_of_another_kind(market: Market) -> None:
    with pytest.raises(ParameterError, match=r"`fee_bps` must be in \[0, 1000\] basis points, got '5'"):
        Costs(fee_bps="5")
    with pytest.raises(ParameterError, match="`asof` must be an instant with a zone"):
        instant_of("9999-01-01T00:00Z")
    run = backtest(DrawdownDeRisk(), market)
    for session in ("2018-01-04T14:30Z", pd.NaT, None):
        with pytest.raises(UndertowError, match="`session` must be a date"):
            run.cash_statement(session)
