"""The axes of a grid from text: parameter=low:high:step, or parameter=a,b,c."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from undertow.backtests.sweeps.design import stepped
from undertow.market import ParameterError
from undertow.strategies import Strategy

# More sets than anybody looks at, and than a typo should start.
MOST_SETS = 5_000_000


def read_axes(strategy: type[Strategy], texts: Sequence[str]) -> dict[str, list[Any]]:
    """Values of every parameter of a grid, as the strategy reads them.

    In the order of the texts.

    Raises `ParameterError` on a text that cannot be read, a value outside its range, a parameter or value that is
    repeated, and a grid of more than 5,000,000 sets.
    """
    axes: dict[str, list[str]] = {}
    for option in texts:
        name, equals, text = (part.strip() for part in option.partition("="))
        if not equals or not name or not text:
            raise ParameterError(f"`--grid` must be parameter=low:high:step or parameter=a,b,c; got {option!r}")
        if name in axes:
            raise ParameterError(f"`--grid` gives `{name}` twice")
        axes[name] = _steps(name, text) if ":" in text else [choice.strip() for choice in text.split(",")]
    # Before any value is read: a typo makes a million of them.
    count = math.prod(map(len, axes.values()))
    if count > MOST_SETS:
        raise ParameterError(f"`--grid` makes {count:,} sets, more than {MOST_SETS:,}; use larger steps or `--sobol`")
    values = {name: [read_value(strategy, name, text) for text in axes[name]] for name in axes}
    for name, levels in values.items():
        if len(set(levels)) < len(levels):
            raise ParameterError(f"`--grid` gives `{name}` the same value twice: {', '.join(axes[name])}")
    return values


def read_value(strategy: type[Strategy], name: str, text: str) -> Any:
    """One value as the strategy reads it, checked against its range."""
    return getattr(strategy.create({name: text}), name)


def _steps(name: str, text: str) -> list[str]:
    problem = ParameterError(f"`--grid {name}` must be low:high:step with step above 0, got {text!r}; such as 0:96:12")
    try:
        low, high, step = (float(part) for part in text.split(":"))
    except ValueError:
        raise problem from None
    if not (math.isfinite(low) and math.isfinite(high) and step > 0 and high >= low):
        raise problem
    count = math.floor((high - low) / step + 1e-9) + 1
    if count > MOST_SETS:
        raise ParameterError(f"`--grid {name}` has {count:,} values, more than {MOST_SETS:,}; use a larger step")
    return stepped(low, high, step)
