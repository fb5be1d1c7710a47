"""Arguments of the command line that makes a run again."""

from __future__ import annotations

from undertow.signals.base import STRATEGIES, registered
from undertow.strategies import Strategy
from undertow.strategies.rules import FreeRule, Rule, RuleNumbers

TRUST_OPTION = "--trust"


def shortest(value: float) -> str:
    """The shortest text of a number: 5 for 5.0."""
    return repr(float(value)).removesuffix(".0")


def strategy_word(strategy: type[Strategy]) -> str:
    """The name of a strategy on the command line; module:Class if unregistered."""
    path = f"{strategy.__module__}:{strategy.__qualname__}"
    point = registered(STRATEGIES).get(strategy.name())
    return strategy.name() if point is not None and point.value == path else path


def strategy_argv(strategy: type[Strategy]) -> list[str] | None:
    """`--strategy` or `--rule` of a class; None for a rule that lies in no file."""
    if not issubclass(strategy, RuleNumbers):
        return ["--strategy", strategy_word(strategy)]
    return ["--rule", strategy.source, *_trust(strategy.definition)] if strategy.source else None


def _trust(rule: Rule) -> list[str]:
    return [TRUST_OPTION] if any(":" in name for name in _signals_of(rule)) else []


def rule_trust_argv(strategy: Strategy) -> list[str]:
    """`--trust` where the file of a rule names code as module:name."""
    if isinstance(strategy, FreeRule):
        return _trust(strategy.rule())
    return [TRUST_OPTION] if ":" in strategy_word(type(strategy)) else []


def _signals_of(rule: Rule) -> list[str]:
    conditions = (*rule.drivers, *rule.reentry.when)
    return [name for condition in conditions for name in (condition.signal, condition.fallback)]
