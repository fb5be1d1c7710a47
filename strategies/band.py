"""Exposure that follows a target only by moves of at least a band.

Two implementations, compiled and plain, which tests hold equal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market import BoolArray, FloatArray


@njit(cache=True)
def banded_nb(target: FloatArray, band: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Exposure (T, P) that moves to `target` (T, P) by `band` (P,) or more.

    Starts at 1. Also returns `stale` (T, P): where the target is NaN the exposure is held, and the session is stale.
    """
    rows, sets = target.shape
    exposure = np.ones((rows, sets))
    stale = np.zeros((rows, sets), dtype=np.bool_)
    for column in range(sets):
        level = 1.0
        for row in range(rows):
            goal = target[row, column]
            if np.isnan(goal):
                stale[row, column] = True
            elif abs(goal - level) >= band[column]:
                level = goal
            exposure[row, column] = level
    return exposure, stale


def banded_np(target: FloatArray, band: FloatArray) -> tuple[FloatArray, BoolArray]:
    """The same as `banded_nb` with plain numpy."""
    exposure, level = np.ones(target.shape), np.ones(target.shape[1])
    for row, goal in enumerate(target):
        level = np.where(np.abs(goal - level) >= band, goal, level)
        exposure[row] = level
    return exposure, np.isnan(target)
