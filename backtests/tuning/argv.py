"""Options of a command line that searches again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution

from undertow.backtests.command import strategy_word, trust_argv
from undertow.backtests.objectives import Objective, functions_of
from undertow.backtests.sweeps.argv import FIX_OPTION, narrowed_argv
from undertow.strategies import Strategy


def search_argv(
    strategy: type[Strategy],
    space: Mapping[str, BaseDistribution],
    fixed: Mapping[str, Any],
    objectives: Sequence[Objective],
) -> list[str] | None:
    """The options that name a strategy, its fixed parameters, and its narrowed ones.

    None where `--narrow` cannot state the space: see `narrowed_argv`.

    Args:
        strategy: class of the strategy.
        space: distributions of the searched parameters.
        fixed: values of the fixed parameters.
        objectives: what is searched for; a function among them needs `--trust`.
    """
    narrowed = narrowed_argv(strategy, space)
    if narrowed is None:
        return None
    options = [text for name, value in fixed.items() for text in (FIX_OPTION, f"{name}={value}")]
    trust = trust_argv(strategy, *functions_of(objectives))
    return ["--strategy", strategy_word(strategy), *options, *narrowed, *trust]
