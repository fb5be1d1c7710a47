"""Rolling statistics in compiled code, column by column over (T, N).

Windows count rows and include the current one. A statistic is NaN until its window is full, where the current value is
NaN, and where more than half of the window is missing; missing values inside the window are left out.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market import FloatArray
from undertow.signals.base.rank_tree import tree_spike_nb
from undertow.signals.base.windows import LOOP_ROWS, loop_sums_nb, window_sums_nb

# The sorted window of more rows than these is kept in a tree, which gives the same to the bit.
_SORTED_ROWS = 1024


@njit(cache=True)
def rolling_max_nb(values: FloatArray, window: int) -> FloatArray:
    """Trailing maximum (T, N); NaN values are skipped.

    By a monotonic queue, O(T) whatever the window.
    """
    rows, columns = values.shape
    out = np.full((rows, columns), np.nan)
    queue = np.empty(rows, dtype=np.int64)
    for column in range(columns):
        head = tail = 0
        for row in range(rows):
            value = values[row, column]
            if not np.isnan(value):
                while tail > head and values[queue[tail - 1], column] <= value:
                    tail -= 1
                queue[tail] = row
                tail += 1
            while tail > head and queue[head] <= row - window:
                head += 1
            if row + 1 >= window and tail > head:
                out[row, column] = values[queue[head], column]
    return out


@njit(cache=True)
def rows_since_low_nb(values: FloatArray, window: int) -> FloatArray:
    """Rows since the lowest value of the trailing window (T, N).

    0 at the low; of equal lows the latest counts.
    """
    rows, columns = values.shape
    out = np.full((rows, columns), np.nan)
    queue = np.empty(rows, dtype=np.int64)
    for column in range(columns):
        head = tail = 0
        for row in range(rows):
            value = values[row, column]
            if not np.isnan(value):
                while tail > head and values[queue[tail - 1], column] >= value:
                    tail -= 1
                queue[tail] = row
                tail += 1
            while tail > head and queue[head] <= row - window:
                head += 1
            if row + 1 >= window and tail > head:
                out[row, column] = row - queue[head]
    return out


@njit(cache=True)
def rolling_total_nb(values: FloatArray, regimes: FloatArray, window: int) -> FloatArray:
    """Trailing sum (T, N) within a regime.

    Missing rows count as the mean of the rest.
    """
    out = np.empty(values.shape)
    for column in range(values.shape[1]):
        out[:, column] = totals_nb(
            np.ascontiguousarray(values[:, column]), np.ascontiguousarray(regimes[:, column]), window
        )
    return out


@njit(cache=True)
def totals_nb(values: FloatArray, regimes: FloatArray, window: int) -> FloatArray:
    """As `rolling_total_nb`, of one column (T,)."""
    out = np.full(len(values), np.nan)
    sums, counts = window_sums_nb(values, window) if window > LOOP_ROWS else loop_sums_nb(values, window)
    start = 0
    for row in range(len(values)):
        if row > 0 and regimes[row] != regimes[row - 1]:
            start = row
        if row == start and np.isnan(values[row]):
            start = row + 1
        if row - start + 1 < window or np.isnan(values[row]):
            continue
        if 2 * counts[row] >= window:
            out[row] = sums[row] if counts[row] == window else sums[row] / counts[row] * window
    return out


@njit(cache=True)
def _insert(ordered: FloatArray, count: int, value: float) -> None:
    target = np.searchsorted(ordered[:count], value)
    for position in range(count, target, -1):
        ordered[position] = ordered[position - 1]
    ordered[target] = value


@njit(cache=True)
def _remove(ordered: FloatArray, count: int, value: float) -> None:
    for position in range(np.searchsorted(ordered[:count], value), count - 1):
        ordered[position] = ordered[position + 1]


@njit(cache=True)
def _median(ordered: FloatArray, count: int) -> float:
    middle = count // 2
    return float(ordered[middle] if count % 2 else 0.5 * (ordered[middle - 1] + ordered[middle]))


@njit(cache=True)
def _replace(ordered: FloatArray, count: int, old: float, new: float) -> None:
    """Replace `old` with `new`, moving only the values between them."""
    source = int(np.searchsorted(ordered[:count], old))
    target = int(np.searchsorted(ordered[:count], new))
    # Loops without a comparison compile to a move of memory.
    if new > old:
        for position in range(source, target - 1):
            ordered[position] = ordered[position + 1]
        ordered[target - 1] = new
    else:
        for position in range(source, target, -1):
            ordered[position] = ordered[position - 1]
        ordered[target] = new


@njit(cache=True)
def _nth_distance(ordered: FloatArray, count: int, centre: float, nth: int) -> float:
    """The nth smallest distance to `centre`, counted from 0.

    By bisection: the distances below and above the centre are each sorted already.
    """
    above = int(np.searchsorted(ordered[:count], centre))
    low, high = max(0, nth + 1 - (count - above)), min(nth + 1, above)
    while low < high:
        middle = (low + high) // 2
        if centre - ordered[above - 1 - middle] < ordered[above + nth - middle] - centre:
            low = middle + 1
        else:
            high = middle
    below = float(centre - ordered[above - low]) if low > 0 else 0.0
    over = float(ordered[above + nth - low] - centre) if nth >= low else 0.0
    return max(below, over)


@njit(cache=True)
def _median_distance(ordered: FloatArray, count: int, centre: float) -> float:
    upper = _nth_distance(ordered, count, centre, count // 2)
    lower = _nth_distance(ordered, count, centre, count // 2 - 1) if count % 2 == 0 else upper
    return 0.5 * (lower + upper)


@njit(cache=True)
def rolling_spike_nb(values: FloatArray, regimes: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Robust z-score and percentile rank (T, N) in the trailing window.

    The window restarts at a regime border. z = (x - median) / (1.4826 MAD), NaN where the MAD is 0; the rank is the
    mean rank of ties over the count, in (0, 1]. A short window stays sorted, so a row costs O(window) moves and no
    sort; a long one is kept in a tree.
    """
    if window > _SORTED_ROWS:
        return tree_spike_nb(values, regimes, window)
    rows, columns = values.shape
    z = np.full((rows, columns), np.nan)
    rank = np.full((rows, columns), np.nan)
    ordered = np.empty(window + 1)
    for column in range(columns):
        start = count = 0
        for row in range(rows):
            value = values[row, column]
            if row > 0 and regimes[row, column] != regimes[row - 1, column]:
                start = row
                count = 0
            leaves = row - start >= window and not np.isnan(values[row - window, column])
            if leaves and not np.isnan(value):
                _replace(ordered, count, values[row - window, column], value)
            elif leaves:
                _remove(ordered, count, values[row - window, column])
                count -= 1
            elif not np.isnan(value):
                _insert(ordered, count, value)
                count += 1
            if np.isnan(value):
                start = row + 1 if row == start else start
                continue
            if row - start + 1 < window or 2 * count < window:
                continue
            less = np.searchsorted(ordered[:count], value)
            equal = np.searchsorted(ordered[:count], value, side="right") - less
            rank[row, column] = (less + 0.5 * (equal + 1)) / count
            centre = _median(ordered, count)
            spread = 1.4826 * _median_distance(ordered, count, centre)
            if spread > 0:
                z[row, column] = (value - centre) / spread
    return z, rank
