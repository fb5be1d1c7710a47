"""Rolling rank and median in O(log T) a row: a tree of counts over the order of all values (Fenwick 1994).

The order of the whole column says where a value belongs, never what it is compared with: a row's result is counted from
the rows of its own window alone. Windows and missing values are as in `kernels.py`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market.clock import FloatArray, IntArray


@njit(cache=True)
def _places_nb(values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Place of each value (T,) among the distinct ones, from 1, ties alike and 0 where missing; the distinct values."""
    there = np.flatnonzero(~np.isnan(values))
    order = there[np.argsort(values[there])]
    places, distinct = np.zeros(len(values), dtype=np.int64), np.empty(len(order))
    count = 0
    for row in order:
        if count == 0 or values[row] != distinct[count - 1]:
            distinct[count] = values[row]
            count += 1
        places[row] = count
    return places, distinct[:count]


@njit(cache=True)
def _add_nb(tree: IntArray, place: int, amount: int) -> None:
    while place < len(tree):
        tree[place] += amount
        place += place & -place


@njit(cache=True)
def _up_to_nb(tree: IntArray, place: int) -> int:
    """How many values there are up to a place."""
    total = 0
    while place > 0:
        total += tree[place]
        place -= place & -place
    return total


@njit(cache=True)
def _nth_nb(tree: IntArray, top: int, nth: int) -> int:
    """The place of the nth smallest value, counted from 0; `top` is the highest power of two within the tree."""
    place = 0
    while top > 0:
        after = place + top
        if after < len(tree) and tree[after] <= nth:
            place = after
            nth -= tree[after]
        top //= 2
    return place + 1


@njit(cache=True)
def rolling_rank_nb(values: FloatArray, regimes: FloatArray, window: int) -> FloatArray:
    """Percentile rank (T, N) of the current value in its trailing window, in (0, 1]: mean rank of ties over the count.

    The window restarts at a regime border. Equal to the rank of `rolling_spike_nb`, bit for bit.
    """
    rows, columns = values.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        places, distinct = _places_nb(values[:, column])
        tree, alike = np.zeros(len(distinct) + 1, dtype=np.int64), np.zeros(len(distinct) + 1, dtype=np.int64)
        start = count = 0
        for row in range(rows):
            place = places[row]
            first = max(start, row - window)
            if row > 0 and regimes[row, column] != regimes[row - 1, column]:
                start = row
            # What leaves the window: all of it at a border, else the row that falls out, if it is past the start.
            for gone in range(first, row if start == row else min(first + 1, row - window + 1)):
                if places[gone] > 0:
                    _add_nb(tree, places[gone], -1)
                    alike[places[gone]] -= 1
                    count -= 1
            if place == 0:
                start = row + 1 if row == start else start
                continue
            _add_nb(tree, place, 1)
            alike[place] += 1
            count += 1
            if row - start + 1 >= window and 2 * count >= window:
                less = _up_to_nb(tree, place) - alike[place]
                out[row, column] = (less + 0.5 * (alike[place] + 1)) / count
    return out


@njit(cache=True)
def rolling_median_nb(values: FloatArray, window: int) -> FloatArray:
    """Trailing median (T, N)."""
    rows, columns = values.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        places, distinct = _places_nb(values[:, column])
        tree = np.zeros(len(distinct) + 1, dtype=np.int64)
        top = 1
        while 2 * top < len(tree):
            top *= 2
        count = 0
        for row in range(rows):
            if row >= window and places[row - window] > 0:
                _add_nb(tree, places[row - window], -1)
                count -= 1
            if places[row] > 0:
                _add_nb(tree, places[row], 1)
                count += 1
            if row + 1 >= window and 2 * count >= window and places[row] > 0:
                upper = distinct[_nth_nb(tree, top, count // 2) - 1]
                lower = upper if count % 2 else distinct[_nth_nb(tree, top, count // 2 - 1) - 1]
                out[row, column] = upper if count % 2 else 0.5 * (lower + upper)
    return out
