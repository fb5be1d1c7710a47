"""Sums and moments of long trailing windows, in a time that does not grow with them.

Rows are cut into blocks as long as the window. A window is the end of one block and the beginning of the next, so its
statistic is combined from two that are accumulated within the blocks: one addition a row, nothing is subtracted,
and no rounding is carried from one window to the next (van Herk 1992; the moments by Chan, Golub and LeVeque 1983).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market import FloatArray, IntArray

# Up to so many rows a plain loop is as fast.
LOOP_ROWS = 72
_BLOCK_ROWS = 512


@njit(cache=True)
def window_sums_nb(values: FloatArray, window: int) -> tuple[FloatArray, IntArray]:
    """Sum and number of the values (T,) that are known in each trailing window.

    A window that begins before the first row counts what there is.
    """
    rows = len(values)
    ends, counts = np.zeros(rows), np.zeros(rows, dtype=np.int64)
    rests = np.zeros(rows + 1)
    for row in range(rows - 1, -1, -1):
        known = not np.isnan(values[row])
        after = 0.0 if (row + 1) % window == 0 else rests[row + 1]
        rests[row] = after + values[row] if known else after
    begun = 0.0
    count = 0
    for row in range(rows):
        if row % window == 0:
            begun = 0.0
        if not np.isnan(values[row]):
            begun += values[row]
            count += 1
        if row >= window and not np.isnan(values[row - window]):
            count -= 1
        first = row - window + 1
        ends[row] = begun if first <= 0 or first % window == 0 else rests[first] + begun
        counts[row] = count
    return ends, counts


@njit(cache=True)
def loop_sums_nb(values: FloatArray, window: int) -> tuple[FloatArray, IntArray]:
    """As `window_sums_nb`, each window added up by itself, from its first row on.

    Row by row of a block at once: the additions of neighbouring windows do not wait for each other.
    """
    rows = len(values)
    sums, counts = np.zeros(rows), np.zeros(rows, dtype=np.int64)
    known = np.empty(rows)
    count = 0
    for row in range(rows):
        is_known = not np.isnan(values[row])
        known[row] = values[row] if is_known else 0.0
        count += is_known
        if row >= window and not np.isnan(values[row - window]):
            count -= 1
        counts[row] = count
    for begin in range(0, rows, _BLOCK_ROWS):
        end = min(begin + _BLOCK_ROWS, rows)
        for back in range(window - 1, -1, -1):
            first = max(begin, back)
            target, source = sums[first:end], known[first - back : end - back]
            for row in range(len(target)):
                target[row] += source[row]
    return sums, counts


@njit(cache=True)
def window_moments_nb(x: FloatArray, y: FloatArray, window: int) -> FloatArray:
    """Moments (T, 6) of the pairs that are known in each trailing window.

    Number, mean of x, mean of y, and the sums of squares and products about the means: xx, xy, yy.
    """
    rows = len(x)
    rests = np.zeros((rows, 6))
    state = np.zeros(6)
    for row in range(rows - 1, -1, -1):
        if (row + 1) % window == 0:
            state[:] = 0.0
        _add_pair(state, x[row], y[row])
        rests[row] = state
    out = np.zeros((rows, 6))
    state[:] = 0.0
    for row in range(rows):
        if row % window == 0:
            state[:] = 0.0
        _add_pair(state, x[row], y[row])
        first = row - window + 1
        if first <= 0 or first % window == 0:
            out[row] = state
        else:
            _join(out[row], rests[first], state)
    return out


@njit(cache=True)
def _add_pair(state: FloatArray, x: float, y: float) -> None:
    if np.isnan(x + y):
        return
    state[0] += 1.0
    from_x, from_y = x - state[1], y - state[2]
    state[1] += from_x / state[0]
    state[2] += from_y / state[0]
    state[3] += from_x * (x - state[1])
    state[4] += from_x * (y - state[2])
    state[5] += from_y * (y - state[2])


@njit(cache=True)
def _join(out: FloatArray, left: FloatArray, right: FloatArray) -> None:
    if left[0] == 0.0:
        out[:] = right
        return
    if right[0] == 0.0:
        out[:] = left
        return
    count = left[0] + right[0]
    from_x, from_y = right[1] - left[1], right[2] - left[2]
    weight = left[0] * right[0] / count
    out[0] = count
    out[1] = left[1] + from_x * right[0] / count
    out[2] = left[2] + from_y * right[0] / count
    out[3] = left[3] + right[3] + from_x * from_x * weight
    out[4] = left[4] + right[4] + from_x * from_y * weight
    out[5] = left[5] + right[5] + from_y * from_y * weight
