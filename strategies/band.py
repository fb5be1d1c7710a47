"""Exposure that follows a wanted level, but only in moves worth making.

Two implementations, compiled and plain, which tests hold equal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market.clock import BoolArray, FloatArray


@njit(cache=True)
def banded_nb(wanted: FloatArray, band: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Follow `wanted` (T, P) only when it is `band` (P,) or more from what is held; NaN holds and is stale."""
    rows, sets = wanted.shape
    exposure = np.ones((rows, sets))
    stale = np.zeros((rows, sets), dtype=np.bool_)
    for which in range(sets):
        level = 1.0
        for row in range(rows):
            goal = wanted[row, which]
            if np.isnan(goal):
                stale[row, which] = True
            elif abs(goal - level) >= band[which]:
                level = goal
            exposure[row, which] = level
    return exposure, stale


def banded_np(wanted: FloatArray, band: FloatArray) -> tuple[FloatArray, BoolArray]:
    """The same as `banded_nb` with plain numpy."""
    exposure, level = np.ones(wanted.shape), np.ones(wanted.shape[1])
    for row, goal in enumerate(wanted):
        level = np.where(np.abs(goal - level) >= band, goal, level)
        exposure[row] = level
    return exposure, np.isnan(wanted)
