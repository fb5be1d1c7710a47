"""A space-filling design: many parameter sets that cover a search space evenly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import qmc

from undertow.market.clock import FloatArray


def design(space: Mapping[str, BaseDistribution], count: int, *, seed: int) -> pd.DataFrame:
    """`count` parameter sets of a scrambled Sobol sequence (Owen 1998), one row each, one column a parameter.

    Every value lies within its distribution: logarithmic ranges are covered evenly in the logarithm, whole numbers and
    choices get equal shares. Equal seeds give equal rows, and the first rows of a longer design are the shorter one.
    """
    # The sequence is balanced over powers of two: a whole one is drawn and cut off.
    points = qmc.Sobol(len(space), rng=np.random.default_rng(seed)).random_base2(max(0, math.ceil(math.log2(count))))
    columns = {
        name: [_value(distribution, float(point)) for point in points[:count, place]]
        for place, (name, distribution) in enumerate(space.items())
    }
    return pd.DataFrame(columns, index=range(count))


def _value(distribution: BaseDistribution, point: FloatArray | float) -> Any:
    """The value at `point` in [0, 1) of a distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(point * len(distribution.choices))]
    if isinstance(distribution, IntDistribution):
        return _whole(distribution, float(point))
    if isinstance(distribution, FloatDistribution):
        return _real(distribution, float(point))
    raise TypeError(f"no design for {distribution!r}")


def _whole(distribution: IntDistribution, point: float) -> int:
    low, high, step = distribution.low, distribution.high, distribution.step
    if distribution.log:
        edges = math.log(low - 0.5), math.log(high + 0.5)
        return min(max(round(math.exp(edges[0] + point * (edges[1] - edges[0]))), low), high)
    return low + step * int(point * ((high - low) // step + 1))


def _real(distribution: FloatDistribution, point: float) -> float:
    low, high = distribution.low, distribution.high
    if distribution.step is not None:
        steps = round((high - low) / distribution.step)
        return min(low + distribution.step * int(point * (steps + 1)), high)
    if distribution.log:
        value = math.exp(math.log(low) + point * (math.log(high) - math.log(low)))
    else:
        value = low + point * (high - low)
    return min(max(value, low), high)
