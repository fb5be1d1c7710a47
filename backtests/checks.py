"""Checks of what every backtest and search is given, before anything is done with it."""

from __future__ import annotations

from inspect import isclass
from typing import TypeGuard

from undertow.backtests.costs import Costs
from undertow.market.checks import check_whole
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.strategies.strategy import Strategy

# More than anybody waits for, and than a slip of the pen should start.
MOST_TRIALS = 1_000_000


def check_trials(trials: int) -> None:
    """Raise `ParameterError` unless `trials` is a whole number from 1 to `MOST_TRIALS`."""
    check_whole("trials", trials, 1)
    if trials > MOST_TRIALS:
        raise ParameterError(f"`trials` must be {MOST_TRIALS:,} or fewer, got {trials:,}")


def check_run(strategy: object, market: object, universe: object) -> None:
    """Raise `ParameterError` unless there is a strategy, a market and the name of a universe."""
    if not isinstance(strategy, Strategy):
        hint = f"; make one with `{strategy.__name__}()`" if _is_kind(strategy) else ""
        raise ParameterError(f"`strategy` must be a strategy, got {_told(strategy)}{hint}")
    _check_account(market, universe, None)


def check_search(strategy: object, market: object, universe: object, costs: object = None) -> None:
    """The same for a search, which takes the class of a strategy and makes the strategies itself."""
    if not _is_kind(strategy):
        hint = f"; give `{type(strategy).__name__}` itself" if isinstance(strategy, Strategy) else ""
        raise ParameterError(f"`strategy` must be the class of a strategy, got {_told(strategy)}{hint}")
    _check_account(market, universe, costs)


def _check_account(market: object, universe: object, costs: object) -> None:
    if not isinstance(market, Market):
        raise ParameterError(f"`market` must be a market, from `load_market` or `simulate_market`, got {_told(market)}")
    if not isinstance(universe, str):
        raise ParameterError(f"`universe` must be the name of a universe or a screen, got {_told(universe)}")
    if costs is not None and not isinstance(costs, Costs):
        raise ParameterError(f"`costs` must be `Costs`, such as Costs(fee_bps=5), got {_told(costs)}")


def _is_kind(value: object) -> TypeGuard[type[Strategy]]:
    return isclass(value) and issubclass(value, Strategy)


def _told(value: object) -> str:
    """What was given, in a few words."""
    return f"the class {value.__name__}" if isclass(value) else f"{type(value).__name__} {str(value)[:40]!r}"
