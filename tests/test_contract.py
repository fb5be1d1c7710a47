"""The contract that every registered signal and strategy keeps, simply by being registered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from undertow import testing_strategies
from undertow.market import Market
from undertow.signals.registry import SIGNALS, STRATEGIES, load, registered
from undertow.strategies import Strategy
from undertow.testing import SignalContract, StrategyContract

# The crash of 2020, a calm month and the carry unwind of 2024.
REAL_SESSIONS = ("2020-03-12", "2021-04-27", "2024-08-05")
# These read nothing but feeds, so without feeds they stay where they started.
ONLY_FEEDS = ("drawdown-de-risk", "liquidity-drain")


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

    def test_prefix_invariance_on_real_data(self, strategy: type[Strategy], real_market: Market) -> None:
        testing_strategies.check_prefix_invariance(strategy, real_market, sessions=REAL_SESSIONS)


def test_base_weights_do_not_look_ahead_on_real_data(real_market: Market) -> None:
    testing_strategies.check_base_weights(real_market, sessions=[pd.Timestamp(day) for day in REAL_SESSIONS])


@pytest.mark.parametrize("name", ONLY_FEEDS)
def test_without_feeds_it_stays_invested_and_counts_every_session(name: str) -> None:
    strategy = load(STRATEGIES, name)
    bare = replace(testing_strategies.simulated(), feeds=())
    _, decision = testing_strategies.decided(strategy, bare, [strategy()])
    np.testing.assert_array_equal(decision.exposure, 1.0)
    assert decision.stale.all()
