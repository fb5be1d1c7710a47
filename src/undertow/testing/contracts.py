"""The contract suites as classes for pytest; see `undertow.testing` for their use."""

from __future__ import annotations

from typing import Any

import pytest

from undertow.market import Fill, Market
from undertow.strategies import Strategy
from undertow.testing import signal_look_ahead
from undertow.testing import signals as testing_signals
from undertow.testing import strategies as testing_strategies
from undertow.testing.computed import spec_of
from undertow.testing.inputs import Sampler, sample_inputs, short_parameters


class _Contract:
    # The suites are not tests: only an author's subclasses are collected, whatever python_classes says.
    __test__ = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__test__" not in vars(cls):
            cls.__test__ = True


class SignalContract(_Contract):
    """Checks of a signal: causal, exact warm-up and definition, a vectorbt indicator.

    Supply `signal`. `parameters` and `sampler` may be overridden: parameters whose windows fit into 700 rows, and a
    function of (rows, columns, seed) that returns the inputs by name as arrays (rows, columns).
    """

    __test__ = False

    @pytest.fixture
    def signal(self) -> Any:
        """The indicator class to check."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture `signal`")

    @pytest.fixture
    def parameters(self, signal: Any) -> dict[str, Any]:
        """The parameters to check with."""
        return short_parameters(spec_of(signal))

    @pytest.fixture
    def sampler(self) -> Sampler:
        """The function that makes the inputs."""
        return sample_inputs

    def test_definition(self, signal: Any) -> None:
        """Name, summary, units, source, ranges and look-backs are stated."""
        testing_signals.check_definition(signal)

    def test_prefix_invariance(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """It does not look ahead."""
        signal_look_ahead.check_prefix_invariance(signal, parameters, sampler)

    def test_earlier_calls(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """It keeps nothing between calls."""
        signal_look_ahead.check_earlier_calls(signal, parameters, sampler)

    def test_warm_up(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """Its first value comes exactly when the look-back is full."""
        testing_signals.check_warm_up(signal, parameters, sampler)

    def test_missing_values(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """Missing values never become infinite, and inputs are not changed."""
        testing_signals.check_missing_values(signal, parameters, sampler)

    def test_bounds(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """Its outputs stay within the bounds that it declares."""
        testing_signals.check_bounds(signal, parameters, sampler)

    def test_scale(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """Inputs that are declared scale-free are."""
        testing_signals.check_scale(signal, parameters, sampler)

    def test_columns(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """Columns do not disturb each other."""
        testing_signals.check_columns(signal, parameters, sampler)

    def test_parameters(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """Parameter values do not disturb each other."""
        testing_signals.check_parameters(signal, parameters, sampler)

    def test_alone(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """An output by itself is the same."""
        testing_signals.check_alone(signal, parameters, sampler)

    def test_vectorbt(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """It is a vectorbt indicator."""
        testing_signals.check_vectorbt(signal, parameters, sampler)

    def test_plain(self, signal: Any, parameters: dict[str, Any], sampler: Sampler) -> None:
        """Compiled and plain Python agree."""
        testing_signals.check_plain(signal, parameters, sampler)

    def test_pickle(self, signal: Any) -> None:
        """Its definition pickles."""
        testing_signals.check_pickle(signal)


class StrategyContract(_Contract):
    """Checks of a strategy: causal, a share of capital, stale sessions, frozen.

    Supply `strategy`, the class. `market` and `universe` may be overridden: the market is checked in addition to the
    simulated one, whose universe is "growth".
    """

    __test__ = False

    @pytest.fixture
    def strategy(self) -> type[Strategy]:
        """The class to check."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture `strategy`")

    @pytest.fixture
    def market(self) -> Market:
        """A market of the author."""
        return testing_strategies.simulated()

    @pytest.fixture
    def universe(self) -> str:
        """The universe of `market`."""
        return "growth"

    @pytest.fixture
    def markets(self, market: Market, universe: str) -> list[tuple[Market, str]]:
        """The simulated market and the author's, with their universes."""
        simulated = testing_strategies.simulated()
        return [(simulated, "growth")] + ([(market, universe)] if market is not simulated else [])

    def test_definition(self, strategy: type[Strategy]) -> None:
        """Docstring, summary, search ranges and defaults are stated."""
        testing_strategies.check_strategy_definition(strategy)

    @pytest.mark.parametrize("fill", ["open", "close"])
    def test_prefix_invariance(self, strategy: type[Strategy], markets: list[tuple[Market, str]], fill: Fill) -> None:
        """It does not look ahead, filled at the open or at the close."""
        for market, universe in markets:
            testing_strategies.check_no_look_ahead(strategy, market, fill, universe)

    def test_every_decision(self, strategy: type[Strategy], markets: list[tuple[Market, str]]) -> None:
        """No single decision knows what comes after it."""
        testing_strategies.check_every_decision(strategy)
        for market, universe in markets:
            testing_strategies.check_every_decision(strategy, market, universe)

    def test_worlds(self, strategy: type[Strategy], markets: list[tuple[Market, str]]) -> None:
        """It knows the market that it is given, and no other one."""
        for market, universe in markets:
            testing_strategies.check_worlds(strategy, market, universe)

    def test_base_weights(self, markets: list[tuple[Market, str]]) -> None:
        """The base weights under it do not look ahead either."""
        for market, universe in markets:
            testing_strategies.check_base_weights(market, universe)

    def test_sets(self, strategy: type[Strategy], markets: list[tuple[Market, str]]) -> None:
        """Parameter sets do not disturb each other; exposure is a share of capital."""
        for market, universe in markets:
            testing_strategies.check_sets(strategy, market, universe)

    def test_missing_feeds(self, strategy: type[Strategy], markets: list[tuple[Market, str]]) -> None:
        """Where feeds are missing it holds and marks the session stale."""
        for market, universe in markets:
            testing_strategies.check_missing_feeds(strategy, market, universe)

    def test_record(self, strategy: type[Strategy]) -> None:
        """Frozen, pickles, refuses what is out of range."""
        testing_strategies.check_record(strategy)
