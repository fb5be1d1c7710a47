"""The words of a command line that searches again: what is held still, what is searched, in which account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from undertow.backtests.account import Account
from undertow.backtests.command import strategy_word
from undertow.backtests.costs import Costs
from undertow.backtests.tuning.space import space_left
from undertow.strategies.strategy import Strategy


def search_words(
    strategy: type[Strategy], space: Mapping[str, BaseDistribution], fixed: Mapping[str, Any]
) -> list[str]:
    """The options that name a strategy, what is fixed, and what is narrowed of its space."""
    words = ["--strategy", strategy_word(strategy)]
    for name, value in fixed.items():
        words += ["--fix", f"{name}={value}"]
    whole = strategy.search_space()
    for name, each in space.items():
        if each != whole[name]:
            words += ["--narrow", f"{name}={_typed(each)}"]
    return words


def is_typed(strategy: type[Strategy], space: Mapping[str, BaseDistribution], fixed: Mapping[str, Any]) -> bool:
    """Whether `--narrow` says all of a search space.

    It has no words for a step or a logarithm of one's own, nor for choices with commas, colons or spaces around them.
    """
    whole = strategy.search_space()
    asked = {name: _ends(each) for name, each in space.items() if each != whole[name]}
    words = [str(each) for name in asked for each in getattr(space[name], "choices", ())]
    if any({",", ":"} & set(each) or each != each.strip() for each in words):
        return False
    typed = space_left(strategy, fixed, asked).free
    return all(typed[name] == space[name] for name in asked)


def account_words(fill: Any, costs: Costs, weighting: str, rebalance: str, capital: float) -> list[str]:
    """The options of an account."""
    return Account(fill, costs, weighting, rebalance, capital).argv()


def _ends(space: Any) -> Any:
    return list(space.choices) if isinstance(space, CategoricalDistribution) else (space.low, space.high)


def _typed(space: Any) -> str:
    return ("," if isinstance(space, CategoricalDistribution) else ":").join(map(str, _ends(space)))
