"""Which parameter sets to try: a grid, a random draw, or a Sobol design over a search space."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import qmc

from undertow.market.checks import check_whole
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError


def design(space: Mapping[str, BaseDistribution], count: int, *, seed: int) -> pd.DataFrame:
    """`count` sets that fill a search space evenly: one row a set, one column a parameter.

    A scrambled Sobol sequence (Owen 1998), so that any projection on a few parameters is covered evenly; best with a
    power of two. Logarithmic ranges are even in the logarithm, integers and choices equally likely. The first rows of a
    longer design with the same seed are those of a shorter one of at least half its length, rounded to powers of two.

    Raises `ParameterError` where `count` is below 1, `seed` below 0, or the space is empty.
    """
    _check(space, count, seed)
    # Whole powers of two keep the balance of the sequence; the rest is cut off.
    points = qmc.Sobol(len(space), scramble=True, rng=seed).random_base2(math.ceil(math.log2(count)))[:count]
    return _placed(space, points)


def random_sets(space: Mapping[str, BaseDistribution], count: int, *, seed: int) -> pd.DataFrame:
    """`count` sets drawn independently from a search space; columns and errors as in `design`."""
    _check(space, count, seed)
    return _placed(space, np.random.default_rng(seed).random((count, len(space))))


def grid(values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Every combination of the values, the last parameter changing fastest.

    Raises `ParameterError` unless each parameter has a list of values, or a range or array, of one or more.
    """
    if not isinstance(values, Mapping):
        raise ParameterError(f"`grid` takes a mapping of parameters to lists of values, got {type(values).__name__}")
    for name, given in values.items():
        if isinstance(given, str) or not isinstance(given, Iterable) or np.ndim(given) == 0:
            raise ParameterError(f"`{name}` must be a list of values, got {given!r}; one value is [{given!r}]")
    axes = {name: list(given) for name, given in values.items()}
    for name, axis in axes.items():
        if not axis:
            raise ParameterError(f"`{name}` has no values; give at least one")
    return sets_table([dict(zip(axes, row, strict=True)) for row in itertools.product(*axes.values())])


def sets_table(sets: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Sets with the same parameters as a table, one a row; without parameters it has rows alone."""
    names = sets[0] if sets else ()
    return pd.DataFrame({name: column([each[name] for each in sets]) for name in names}, index=range(len(sets)))


def column(values: Sequence[Any]) -> pd.Series:
    """Values of one parameter as a column of sets; None stays None, also beside numbers."""
    return pd.Series(values, dtype=object if any(each is None for each in values) else None)


def _check(space: Mapping[str, BaseDistribution], count: int, seed: int) -> None:
    check_whole("count", count, 1, "a whole number of sets")
    check_whole("seed", seed, 0)
    if not space:
        raise ParameterError("the search space is empty: the strategy has no parameter that is left to vary")


def _placed(space: Mapping[str, BaseDistribution], points: FloatArray) -> pd.DataFrame:
    columns = {name: column(place(each, points[:, at])) for at, (name, each) in enumerate(space.items())}
    return pd.DataFrame(columns, columns=list(space))


def place(distribution: BaseDistribution, points: FloatArray) -> Any:
    """Values (P,) of a distribution from points (P,) in [0, 1)."""
    if isinstance(distribution, CategoricalDistribution):
        choices = distribution.choices
        return [choices[at] for at in np.minimum((points * len(choices)).astype(int), len(choices) - 1)]
    if isinstance(distribution, IntDistribution):
        return _whole(distribution, points)
    if isinstance(distribution, FloatDistribution):
        return _real(distribution, points)
    raise ParameterError(f"no design over {distribution!r}; use a float, int or categorical distribution of Optuna")


def _whole(given: IntDistribution, points: FloatArray) -> Any:
    if given.log:
        # Half a step on either side, so that the ends are as likely as what lies between.
        low, high = math.log(given.low - 0.5), math.log(given.high + 0.5)
        values = np.rint(np.exp(low + points * (high - low)))
    else:
        steps = (given.high - given.low) // given.step + 1
        values = given.low + given.step * np.floor(points * steps)
    return np.clip(values, given.low, given.high).astype(np.int64)


def _real(given: FloatDistribution, points: FloatArray) -> Any:
    if given.log:
        low, high = math.log(given.low), math.log(given.high)
        values = np.exp(low + points * (high - low))
    elif given.step is not None:
        steps = round((given.high - given.low) / given.step) + 1
        values = given.low + given.step * np.floor(points * steps)
    else:
        values = given.low + points * (given.high - given.low)
    return np.clip(values, given.low, given.high)
