"""The parameter sets of `undertow sweep`, read before any work starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from undertow.cli.resolve import read_ranges

if TYPE_CHECKING:
    import pandas as pd

    from undertow.strategies import Strategy


def sets_from(
    strategy: type[Strategy],
    grid: Sequence[str] | None,
    *,
    random: int | None,
    sobol: int | None,
    fixed: Mapping[str, str],
    narrow: Sequence[str] | None,
    seed: int,
) -> pd.DataFrame:
    """The parameter sets of a sweep, one a row; raises `ParameterError` on a bad one.

    Args:
        strategy: strategy class whose parameters are varied.
        grid: texts of `--grid`, parameter=low:high:step or parameter=a,b,c.
        random: number of sets drawn at random, or None.
        sobol: number of sets that fill the space evenly, or None.
        fixed: parameters with one value in every set.
        narrow: texts of `--narrow`, for `random` and `sobol`.
        seed: seed of the draw.
    """
    from undertow.backtests.sweeps import MOST_SETS, design, random_sets, read_axes, read_value
    from undertow.backtests.sweeps import grid as every_combination
    from undertow.backtests.tuning import space_left
    from undertow.market import ParameterError

    if [bool(grid), random is not None, sobol is not None].count(True) != 1:
        raise ParameterError("give one of `--grid`, `--random` or `--sobol`; `--set` fixes a parameter")
    constants = {name: read_value(strategy, name, text) for name, text in fixed.items()}
    if grid:
        if narrow:
            raise ParameterError("`--narrow` can only be used with `--random` and `--sobol`; a grid names its values")
        axes = read_axes(strategy, grid)
        for name in constants:
            if name in axes:
                raise ParameterError(f"`{name}` is in `--grid` and in `--set`; leave one out")
        return every_combination(axes).assign(**constants)
    count = int(random or sobol or 0)
    if not 1 <= count <= MOST_SETS:
        option = "random" if sobol is None else "sobol"
        raise ParameterError(f"`{option}` must be 1 to {MOST_SETS:,} sets, got {count}")
    space = dict(strategy.search_space())
    if narrow:
        space = dict(space_left(strategy, constants, read_ranges(narrow)).free)
    draw = random_sets if sobol is None else design
    free = {name: distribution for name, distribution in space.items() if name not in constants}
    return draw(free, count, seed=seed).assign(**constants)
