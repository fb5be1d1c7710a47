"""Rolling spike statistics in O(log T) a row, by a tree of counts (Fenwick 1994).

The tree is over the order of all values of a column. The order gives the position of a value in the tree only: the tree
counts the rows of the current window alone, so a result does not depend on later rows. Windows and missing values are
as in `rolling.py`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market import FloatArray, IntArray


@njit(cache=True)
def _positions_nb(values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Position of each value (T,) among the distinct ones, and the distinct values.

    Positions count from 1; 0 is a missing value.
    """
    rows = np.flatnonzero(~np.isnan(values))
    order = rows[np.argsort(values[rows])]
    positions, distinct = np.zeros(len(values), dtype=np.int64), np.empty(len(order))
    count = 0
    for row in order:
        if count == 0 or values[row] != distinct[count - 1]:
            distinct[count] = values[row]
            count += 1
        positions[row] = count
    return positions, distinct[:count]


@njit(cache=True)
def _add_nb(tree: IntArray, position: int, amount: int) -> None:
    while position < len(tree):
        tree[position] += amount
        position += position & -position


@njit(cache=True)
def _up_to_nb(tree: IntArray, position: int) -> int:
    """The number of values up to a position."""
    total = 0
    while position > 0:
        total += tree[position]
        position -= position & -position
    return total


@njit(cache=True)
def _slide_nb(
    tree: IntArray, ties: IntArray, positions: IntArray, row: int, window: int, start: int, count: int, is_border: bool
) -> tuple[int, int]:
    """Move a window on by a row; its start and its number of values then.

    Args:
        tree: counts of the values in the window, by rank.
        ties: how often each value is in the window.
        positions: rank of the value of each row, 0 for a missing one.
        row: row that comes in.
        window: rows of the window.
        start: first row that may count.
        count: values in the window before.
        is_border: whether another venue begins with this row.
    """
    first = max(start, row - window)
    start = row if is_border else start
    # Rows that leave the window: all of them at a border, else the oldest one, if it is past the start.
    for leaving in range(first, row if start == row else min(first + 1, row - window + 1)):
        if positions[leaving] > 0:
            _add_nb(tree, positions[leaving], -1)
            ties[positions[leaving]] -= 1
            count -= 1
    position = positions[row]
    if position == 0:
        return (row + 1 if row == start else start), count
    _add_nb(tree, position, 1)
    ties[position] += 1
    return start, count + 1


@njit(cache=True)
def _nth_nb(tree: IntArray, top: int, nth: int) -> int:
    """The position of the nth smallest value, counted from 0.

    `top` is the highest power of two within the tree.
    """
    position = 0
    while top > 0:
        after = position + top
        if after < len(tree) and tree[after] <= nth:
            position = after
            nth -= tree[after]
        top //= 2
    return position + 1


@njit(cache=True)
def _value_nb(tree: IntArray, distinct: FloatArray, top: int, nth: int) -> float:
    """The nth smallest value in the tree, counted from 0."""
    return float(distinct[_nth_nb(tree, top, nth) - 1])


@njit(cache=True)
def _distance_nb(
    tree: IntArray, distinct: FloatArray, top: int, bounds: tuple[int, int, int], centre: float, guess: int
) -> tuple[float, int]:
    """The nth smallest distance to `centre`, and how many values below it are nearer.

    As `_nth_distance` of a sorted window; the search begins at `guess`, the answer of the row before.

    Args:
        tree: counts of the window's values.
        distinct: distinct values, ascending.
        top: highest power of two within the tree.
        bounds: number of values, number of those below the centre, and n, counted from 0.
        centre: where distances are taken from.
        guess: number of nearer values below the centre to begin with.
    """
    count, above, nth = bounds
    low, high = max(0, nth + 1 - (count - above)), min(nth + 1, above)
    step, middle = 1, min(max(guess, low), high)
    # Steps that double, until the answer lies between `low` and `high`.
    rising = True
    first = True
    while low < high:
        if middle >= high:
            middle = (low + high) // 2
        below = centre - _value_nb(tree, distinct, top, above - 1 - middle)
        over = _value_nb(tree, distinct, top, above + nth - middle) - centre
        is_low = below < over
        if is_low:
            low = middle + 1
        else:
            high = middle
        if first:
            rising = is_low
            first = False
        if is_low == rising and step > 0:
            middle = low - 1 + step if rising else high - step
            step *= 2
            if middle < low or middle >= high:
                middle = (low + high) // 2
                step = 0
        else:
            step = 0
            middle = (low + high) // 2
    nearest = centre - _value_nb(tree, distinct, top, above - low) if low > 0 else 0.0
    farthest = _value_nb(tree, distinct, top, above + nth - low) - centre if nth >= low else 0.0
    return max(nearest, farthest), low


@njit(cache=True)
def tree_spike_nb(values: FloatArray, regimes: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Robust z-score and percentile rank (T, N), as `rolling_spike_nb` to the bit.

    In O(log T) steps a row, and a few searches for the median deviation, which moves little from row to row.
    """
    rows, columns = values.shape
    z, rank = np.full((rows, columns), np.nan), np.full((rows, columns), np.nan)
    for column in range(columns):
        positions, distinct = _positions_nb(values[:, column])
        tree, ties = np.zeros(len(distinct) + 1, dtype=np.int64), np.zeros(len(distinct) + 1, dtype=np.int64)
        top = 1
        while 2 * top < len(tree):
            top *= 2
        start = count = guess = 0
        for row in range(rows):
            position = positions[row]
            is_border = row > 0 and regimes[row, column] != regimes[row - 1, column]
            start, count = _slide_nb(tree, ties, positions, row, window, start, count, is_border)
            if position == 0:
                continue
            if row - start + 1 < window or 2 * count < window:
                continue
            less = _up_to_nb(tree, position) - ties[position]
            rank[row, column] = (less + 0.5 * (ties[position] + 1)) / count
            centre = _value_nb(tree, distinct, top, count // 2)
            if count % 2 == 0:
                centre = 0.5 * (_value_nb(tree, distinct, top, count // 2 - 1) + centre)
            above = _up_to_nb(tree, int(np.searchsorted(distinct, centre)))
            upper, guess = _distance_nb(tree, distinct, top, (count, above, count // 2), centre, guess)
            lower = upper
            if count % 2 == 0:
                lower, _ = _distance_nb(tree, distinct, top, (count, above, count // 2 - 1), centre, guess)
            spread = 1.4826 * (0.5 * (lower + upper))
            if spread > 0:
                z[row, column] = (values[row, column] - centre) / spread
    return z, rank
