"""Options of a command line that searches again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution

from undertow.backtests.command import strategy_word
from undertow.backtests.sweeps.argv import FIX_OPTION, narrowed_argv
from undertow.strategies import Strategy


def search_argv(
    strategy: type[Strategy],
    space: Mapping[str, BaseDistribution],
    fixed: Mapping[str, Any],
) -> list[str] | None:
    """The options that name a strategy, its fixed parameters, and its narrowed ones.

    None where `--narrow` cannot state the space: see `narrowed_argv`.

    Args:
        strategy: class of the strategy.
        space: distributions of the searched parameters.
        fixed: values of the fixed parameters.
    """
    narrowed = narrowed_argv(strategy, space)
    if narrowed is None:
        return None
    options = [text for name, value in fixed.items() for text in (FIX_OPTION, f"{name}={value}")]
    return ["--strategy", strategy_word(strategy), *options, *narrowed]
