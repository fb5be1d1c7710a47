"""The parameter sets of `undertow sweep`, read from its options before any work starts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from undertow.cli.resolve import read_ranges

if TYPE_CHECKING:
    import pandas as pd

    from undertow.strategies import Strategy

# More sets than anybody looks at, and than a typo should start.
MOST_SETS = 5_000_000


def sets_from(
    strategy: type[Strategy],
    grids: Sequence[str],
    random: int | None,
    sobol: int | None,
    fixed: Mapping[str, str],
    seed: int,
    narrow: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The parameter sets of a sweep, one a row; raises `ParameterError` with parameter, range and what to do.

    Args:
        strategy: strategy class whose parameters are varied.
        grids: texts of `--grid`, parameter=low:high:step or parameter=a,b,c.
        random: number of sets drawn at random, or None.
        sobol: number of sets that fill the space evenly, or None.
        fixed: parameters with one value in every set.
        seed: seed of the draw.
        narrow: texts of `--narrow`, for `random` and `sobol`.
    """
    from undertow.backtests.sweeps.design import design, grid, random_sets
    from undertow.backtests.tuning.space import space_left
    from undertow.market.errors import ParameterError

    if [bool(grids), random is not None, sobol is not None].count(True) != 1:
        raise ParameterError("give one of `--grid`, `--random` or `--sobol`; `--set` fixes a parameter")
    constants = {name: _value(strategy, name, value) for name, value in fixed.items()}
    if grids and narrow:
        raise ParameterError("`--narrow` can only be used with `--random` and `--sobol`; a grid names its values")
    if grids:
        values = _grids(strategy, grids)
        for name in constants:
            if name in values:
                raise ParameterError(f"`{name}` is in `--grid` and in `--set`; leave one out")
        return grid(values).assign(**constants)
    count = int(random or sobol or 0)
    if not 1 <= count <= MOST_SETS:
        option = "random" if sobol is None else "sobol"
        raise ParameterError(f"`{option}` must be 1 to {MOST_SETS:,} sets, got {count}")
    space = {name: bounds for name, bounds in strategy.search_space().items() if name not in constants}
    if narrow:
        space = dict(space_left(strategy, constants, read_ranges(narrow)).free)
    draw = random_sets if sobol is None else design
    return draw(space, count, seed=seed).assign(**constants)


def _grids(strategy: type[Strategy], grids: Sequence[str]) -> dict[str, list[Any]]:
    from undertow.market.errors import ParameterError

    texts: dict[str, list[str]] = {}
    for option in grids:
        name, equals, text = (part.strip() for part in option.partition("="))
        if not equals or not name or not text:
            raise ParameterError(f"`--grid` must be parameter=low:high:step or parameter=a,b,c; got {option!r}")
        if name in texts:
            raise ParameterError(f"`--grid` gives `{name}` twice")
        texts[name] = _listed(name, text)
    # Before any value is read: a typo makes a million of them.
    count = math.prod(map(len, texts.values()))
    if count > MOST_SETS:
        raise ParameterError(f"`--grid` makes {count:,} sets, more than {MOST_SETS:,}; use larger steps or `--sobol`")
    values = {name: [_value(strategy, name, text) for text in texts[name]] for name in texts}
    for name, levels in values.items():
        if len(set(levels)) < len(levels):
            raise ParameterError(f"`--grid` gives `{name}` the same value twice: {', '.join(texts[name])}")
    return values


def _listed(name: str, text: str) -> list[str]:
    if ":" not in text:
        return [choice.strip() for choice in text.split(",")]
    from undertow.market.errors import ParameterError

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
    # Twelve digits: 0.1 + 2 * 0.1 is 0.3.
    return [f"{low + index * step:.12g}" for index in range(count)]


def _value(strategy: type[Strategy], name: str, text: str) -> Any:
    """One value as the strategy reads it, checked against its range."""
    return getattr(strategy.create({name: text}), name)
