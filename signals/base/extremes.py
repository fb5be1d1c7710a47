"""Highest values of spans of rows, for any window: a sparse table (Bender and Farach-Colton 2000)."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market import FloatArray


@njit(cache=True)
def levels_of_nb(longest: int) -> int:
    """The number of levels of a table for spans of up to so many rows."""
    levels = 1
    while 1 << levels <= longest:
        levels += 1
    return levels


@njit(cache=True)
def span_highs_nb(values: FloatArray, longest: int) -> FloatArray:
    """The highest of the last 1, 2, 4, ... values (K, T) at each row.

    Missing values are skipped; minus infinity where there is none.

    Args:
        values: the series (T,).
        longest: rows of the longest span that will be read.
    """
    rows = len(values)
    out = np.full((levels_of_nb(longest), rows), -np.inf)
    for row in range(rows):
        if not np.isnan(values[row]):
            out[0, row] = values[row]
    for level in range(1, len(out)):
        half = 1 << (level - 1)
        below, here = out[level - 1], out[level]
        here[:half] = below[:half]
        recent, target = below[half:], here[half:]
        for row in range(len(target)):
            target[row] = max(recent[row], below[row])
    return out
