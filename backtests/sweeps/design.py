"""Parameter sets to try: a grid, a random draw, or a Sobol design."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

from undertow.market import FloatArray, ParameterError, check_whole

# The key of `DataFrame.attrs` under which a table of sets says how it was made.
ORIGIN = "undertow.sets"
GRID, RANDOM, SOBOL = "grid", "random", "sobol"


def design(space: Mapping[str, BaseDistribution], count: int, *, seed: int) -> pd.DataFrame:
    """Sets that fill a search space evenly: a row a set, a column a parameter.

    `count` rows. A scrambled Sobol sequence (Owen 1998), so that any projection on a few parameters is covered evenly;
    best with a power of two. Logarithmic ranges are even in the logarithm, integers and choices equally likely. The
    first rows of a longer design with the same seed are those of a shorter one of at least half its length, rounded to
    powers of two.

    Raises `ParameterError` where `count` is below 1, `seed` below 0, or the space is empty.
    """
    # scipy.stats takes longer to load than a small sweep takes.
    from scipy.stats import qmc

    _check(space, count, seed)
    # Whole powers of two keep the balance of the sequence; surplus points are cut off.
    points = qmc.Sobol(len(space), scramble=True, rng=seed).random_base2(math.ceil(math.log2(count)))[:count]
    return _drawn_sets(SOBOL, space, points, seed)


def random_sets(space: Mapping[str, BaseDistribution], count: int, *, seed: int) -> pd.DataFrame:
    """Sets drawn independently from a search space.

    `count` rows; columns and errors as in `design`.
    """
    _check(space, count, seed)
    return _drawn_sets(RANDOM, space, np.random.default_rng(seed).random((count, len(space))), seed)


def grid(values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Every combination of the values, the last parameter changing fastest.

    Raises `ParameterError` unless each parameter has a list, range or array of one or more values.
    """
    if not isinstance(values, Mapping):
        raise ParameterError(f"`grid` takes a mapping of parameters to lists of values, got {type(values).__name__}")
    for name, axis in values.items():
        if isinstance(axis, str) or not isinstance(axis, Iterable) or np.ndim(axis) == 0:
            raise ParameterError(f"`{name}` must be a list of values, got {axis!r}; one value is [{axis!r}]")
    axes = {name: list(axis) for name, axis in values.items()}
    for name, axis in axes.items():
        if not axis:
            raise ParameterError(f"`{name}` has no values; give at least one")
    table = sets_table([dict(zip(axes, row, strict=True)) for row in itertools.product(*axes.values())])
    table.attrs[ORIGIN] = {"method": GRID}
    return table


def stepped(low: float, high: float, step: float) -> list[str]:
    """The values of `low:high:step` on the command line as text.

    Both ends are included; `step` is above 0.
    """
    count = math.floor((high - low) / step + 1e-9) + 1
    # Twelve digits: 0.1 + 2 * 0.1 is 0.3.
    return [f"{low + number * step:.12g}" for number in range(count)]


def sets_table(sets: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Sets with equal parameters as a table; without parameters it has rows alone."""
    names = sets[0] if sets else ()
    return pd.DataFrame(
        {name: column([parameters[name] for parameters in sets]) for name in names}, index=range(len(sets))
    )


def column(values: Sequence[Any]) -> pd.Series:
    """Values of a parameter as a column of sets; None stays None beside numbers."""
    return pd.Series(values, dtype=object if any(value is None for value in values) else None)


def redraw(origin: Mapping[str, Any], count: int) -> pd.DataFrame:
    """The sets of a Sobol design or a random draw again, from `DataFrame.attrs`."""
    space = {name: json_to_distribution(text) for name, text in origin["space"].items()}
    return _DRAWS[origin["method"]](space, count, seed=origin["seed"])


_DRAWS: dict[str, Callable[..., pd.DataFrame]] = {SOBOL: design, RANDOM: random_sets}


def _check(space: Mapping[str, BaseDistribution], count: int, seed: int) -> None:
    check_whole("count", count, 1, "a whole number of sets")
    check_whole("seed", seed, 0)
    if not space:
        raise ParameterError("the search space is empty: the strategy has no parameter that is left to vary")


def _drawn_sets(method: str, space: Mapping[str, BaseDistribution], points: FloatArray, seed: int) -> pd.DataFrame:
    columns = {
        name: column(values_at(distribution, points[:, number]))
        for number, (name, distribution) in enumerate(space.items())
    }
    table = pd.DataFrame(columns, columns=list(space))
    # Choices that JSON cannot hold cannot be written as options either: such a table does not say how it was made.
    with suppress(TypeError, ValueError):
        texts = {name: distribution_to_json(distribution) for name, distribution in space.items()}
        table.attrs[ORIGIN] = {"method": method, "seed": int(seed), "space": texts}
    return table


def values_at(distribution: BaseDistribution, points: FloatArray) -> Any:
    """Values (P,) of a distribution from points (P,) in [0, 1)."""
    if isinstance(distribution, CategoricalDistribution):
        choices = distribution.choices
        return [choices[index] for index in np.minimum((points * len(choices)).astype(int), len(choices) - 1)]
    if isinstance(distribution, IntDistribution):
        return _whole_values(distribution, points)
    if isinstance(distribution, FloatDistribution):
        return _real_values(distribution, points)
    raise ParameterError(f"no design over {distribution!r}; use a float, int or categorical distribution of Optuna")


def _whole_values(space: IntDistribution, points: FloatArray) -> Any:
    if space.log:
        # Half a step on either side, so that the ends are as likely as the values between.
        low, high = math.log(space.low - 0.5), math.log(space.high + 0.5)
        values = np.rint(np.exp(low + points * (high - low)))
    else:
        steps = (space.high - space.low) // space.step + 1
        values = space.low + space.step * np.floor(points * steps)
    return np.clip(values, space.low, space.high).astype(np.int64)


def _real_values(space: FloatDistribution, points: FloatArray) -> Any:
    if space.log:
        low, high = math.log(space.low), math.log(space.high)
        values = np.exp(low + points * (high - low))
    elif space.step is not None:
        steps = round((space.high - space.low) / space.step) + 1
        values = space.low + space.step * np.floor(points * steps)
    else:
        values = space.low + points * (space.high - space.low)
    return np.clip(values, space.low, space.high)
