"""Highest values of spans of rows, for any window: a sparse table (Bender and Farach-Colton 2000)."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market import FloatArray, IntArray


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


@njit(cache=True)
def span_lows_nb(values: FloatArray, longest: int) -> IntArray:
    """The row of the lowest of the last 1, 2, 4, ... values (K, T) at each row.

    Of equal ones the latest; missing values are skipped; -1 where there is none.

    Args:
        values: the series (T,).
        longest: rows of the longest span that will be read.
    """
    rows = len(values)
    out = np.full((levels_of_nb(longest), rows), -1, dtype=np.int64)
    for row in range(rows):
        if not np.isnan(values[row]):
            out[0, row] = row
    for level in range(1, len(out)):
        half = 1 << (level - 1)
        for row in range(rows):
            out[level, row] = out[level - 1, row] if row < half else lower_nb(values, out[level - 1], row, row - half)
    return out


@njit(cache=True)
def lower_nb(values: FloatArray, lows: IntArray, late: int, early: int) -> int:
    """The row of the lower of two lows, the later one of equals, -1 where both are none.

    Args:
        values: the series (T,).
        lows: rows of lows (T,), -1 for none.
        late: position in `lows` of the later one.
        early: position in `lows` of the earlier one.
    """
    first, second = lows[late], lows[early]
    if first < 0 or (second >= 0 and values[second] < values[first]):
        return int(second)
    return int(first)
