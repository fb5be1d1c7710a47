"""Arguments of the command line that makes a run again."""

from __future__ import annotations

from undertow.signals.base import STRATEGIES, registered
from undertow.strategies import Strategy


def shortest(value: float) -> str:
    """The shortest text of a number: 5 for 5.0."""
    return repr(float(value)).removesuffix(".0")


def strategy_word(strategy: type[Strategy]) -> str:
    """The name of a strategy on the command line; module:Class if unregistered."""
    path = f"{strategy.__module__}:{strategy.__qualname__}"
    point = registered(STRATEGIES).get(strategy.name())
    return strategy.name() if point is not None and point.value == path else path
