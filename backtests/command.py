"""The words of a command line that makes a run again."""

from __future__ import annotations

from undertow.backtests.costs import Costs
from undertow.signals.base.registry import STRATEGIES, registered
from undertow.strategies.strategy import Strategy

_COSTS = ("fee_bps", "slippage_bps", "haircut_bps", "borrow_bps", "tax_rate")


def shortest(value: float) -> str:
    """The shortest text that is read as the same number: 5 for 5.0."""
    return repr(float(value)).removesuffix(".0")


def cost_words(costs: Costs) -> list[str]:
    """The options that state what trading costs."""
    words = [word for name in _COSTS for word in (f"--{name.replace('_', '-')}", shortest(getattr(costs, name)))]
    return [*words, "--lots", costs.lots]


def strategy_word(kind: type[Strategy]) -> str:
    """What the command line calls a strategy: its name where it is registered, else module:Class."""
    path = f"{kind.__module__}:{kind.__qualname__}"
    point = registered(STRATEGIES).get(kind.name())
    return kind.name() if point is not None and point.value == path else path
