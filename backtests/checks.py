"""Checks of the arguments that every backtest and search shares."""

from __future__ import annotations

from inspect import isclass
from typing import TypeGuard

from undertow.backtests.costs import Costs
from undertow.market import Market, ParameterError, check_whole
from undertow.strategies import Strategy

# More than anybody waits for: a typo should not start them.
MOST_TRIALS = 1_000_000


def check_trials(trials: int) -> None:
    """Raise `ParameterError` unless `trials` is a whole number up to `MOST_TRIALS`."""
    check_whole("trials", trials, 1)
    if trials > MOST_TRIALS:
        raise ParameterError(f"`trials` must be {MOST_TRIALS:,} or fewer, got {trials:,}")


def check_run(strategy: object, market: object, universe: object) -> None:
    """Raise `ParameterError` unless a strategy, a market and a universe were passed."""
    if not isinstance(strategy, Strategy):
        hint = f"; make one with `{strategy.__name__}()`" if _is_strategy_class(strategy) else ""
        raise ParameterError(f"`strategy` must be a strategy, got {_description(strategy)}{hint}")
    _check_market(market, universe)


def check_search(strategy: object, market: object, universe: object, costs: object = None) -> None:
    """Raise `ParameterError` on arguments that a search cannot have.

    Args:
        strategy: must be the class of a strategy.
        market: must be a market.
        universe: must be text.
        costs: must be `Costs` or None.
    """
    if not _is_strategy_class(strategy):
        hint = f"; give `{type(strategy).__name__}` itself" if isinstance(strategy, Strategy) else ""
        raise ParameterError(f"`strategy` must be the class of a strategy, got {_description(strategy)}{hint}")
    _check_market(market, universe)
    if costs is not None and not isinstance(costs, Costs):
        raise ParameterError(f"`costs` must be `Costs`, such as Costs(fee_bps=5), got {_description(costs)}")


def _check_market(market: object, universe: object) -> None:
    if not isinstance(market, Market):
        source = "from `load_market` or `simulate_market`"
        raise ParameterError(f"`market` must be a market, {source}, got {_description(market)}")
    if not isinstance(universe, str):
        raise ParameterError(f"`universe` must be the name of a universe or a screen, got {_description(universe)}")


def _is_strategy_class(value: object) -> TypeGuard[type[Strategy]]:
    return isclass(value) and issubclass(value, Strategy)


def _description(value: object) -> str:
    return f"the class {value.__name__}" if isclass(value) else f"{type(value).__name__} {str(value)[:40]!r}"
