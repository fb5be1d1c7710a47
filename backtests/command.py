"""Arguments of the command line that makes a run again."""

from __future__ import annotations

from undertow.signals.base import STRATEGIES, registered
from undertow.strategies import Strategy
from undertow.strategies.rules import FreeRule, Rule

TRUST_OPTION = "--trust"


def shortest(value: float) -> str:
    """The shortest text of a number: 5 for 5.0."""
    return repr(float(value)).removesuffix(".0")


def strategy_word(strategy: type[Strategy]) -> str:
    """The name of a strategy on the command line; module:Class if unregistered."""
    path = f"{strategy.__module__}:{strategy.__qualname__}"
    point = registered(STRATEGIES).get(strategy.name())
    return strategy.name() if point is not None and point.value == path else path


def rule_trust_argv(strategy: Strategy) -> list[str]:
    """`--trust` where the file of a rule names code as module:name."""
    if isinstance(strategy, FreeRule):
        return [TRUST_OPTION] if any(":" in name for name in _signals_of(strategy.rule())) else []
    return [TRUST_OPTION] if ":" in strategy_word(type(strategy)) else []


def _signals_of(rule: Rule) -> list[str]:
    conditions = (*rule.drivers, *rule.reentry.when)
    return [name for condition in conditions for name in (condition.signal, condition.fallback)]
