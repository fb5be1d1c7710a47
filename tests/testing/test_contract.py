"""The contract that every registered signal and strategy keeps, simply by being registered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from undertow.market import Market
from undertow.signals.base.registry import SIGNALS, STRATEGIES, load, registered
from undertow.strategies import Strategy
from undertow.testing import SignalContract, StrategyContract
from undertow.testing import strategies as testing_strategies

# The crash of 2020, a calm month and the carry unwind of 2024.
REAL_SESSIONS = ("2020-03-12", "2021-04-27", "2024-08-05")
# These sell on nothing but feeds, so without feeds they stay where they started.
ONLY_FEEDS = (
    "defensive-rotation",
    "drawdown-de-risk",
    "hedge-overlay",
    "liquidation-cash-raise",
    "liquidity-drain",
    "winners-first",
)


@pytest.fixture(scope="module")
def real_growth(real_market: Market) -> Market:
    """The real market without the names that no strategy here can see: the rest of the S&P 500."""
    universes = {name: real_market.universe(name) for name in ("growth", "defensive")}
    seen = {symbol for each in universes.values() for symbol in each.symbols} | {
        real_market.benchmark,
        real_market.cash,
    }
    columns = np.flatnonzero([symbol in seen for symbol in real_market.prices.symbols])
    return replace(real_market, prices=real_market.prices.select(slice(None), columns), universes=universes)


class TestRegisteredSignals(SignalContract):
    @pytest.fixture(params=list(registered(SIGNALS)))
    def signal(self, request: pytest.FixtureRequest) -> Any:
        return load(SIGNALS, request.param)

    def test_is_registered_under_its_own_name(self, signal: Any) -> None:
        assert load(SIGNALS, signal.spec.name) is signal


class TestRegisteredStrategies(StrategyContract):
    @pytest.fixture(params=list(registered(STRATEGIES)))
    def strategy(self, request: pytest.FixtureRequest) -> type[Strategy]:
        found: type[Strategy] = load(STRATEGIES, request.param)
        return found

    def test_is_registered_under_its_own_name(self, strategy: type[Strategy]) -> None:
        assert load(STRATEGIES, strategy.name()) is strategy

    def test_prefix_invariance_on_real_data(self, strategy: type[Strategy], real_growth: Market) -> None:
        testing_strategies.check_no_look_ahead(strategy, real_growth, sessions=REAL_SESSIONS)


def test_base_weights_do_not_look_ahead_on_real_data(real_market: Market) -> None:
    testing_strategies.check_base_weights(real_market, sessions=[pd.Timestamp(day) for day in REAL_SESSIONS])


@pytest.mark.parametrize("name", ONLY_FEEDS)
def test_without_feeds_it_stays_invested_and_counts_every_session(name: str) -> None:
    strategy = load(STRATEGIES, name)
    bare = replace(testing_strategies.simulated(), feeds=())
    _, decision = testing_strategies.checked_decision(strategy, bare, [strategy()])
    np.testing.assert_array_equal(decision.exposure, 1.0)
    assert decision.hedge is None or not decision.hedge.any()
    assert decision.stale.all()


def test_a_reserve_stays_a_reserve_without_feeds() -> None:
    strategy = load(STRATEGIES, "dip-buyer")
    bare = replace(testing_strategies.simulated(), feeds=())
    _, decision = testing_strategies.checked_decision(strategy, bare, [strategy()])
    np.testing.assert_array_equal(decision.exposure, 0.8)
    assert decision.stale.all()
