"""Values read at decisions for many windows and lags, in one compiled pass.

`market.decision_spans` says which rows a decision reads; here they are reduced to one value each, as `market.align`
does for a single series.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from undertow.market import BoolArray, FloatArray, IntArray

# Extremes are kept of so many rows, so that a span of a weekend takes a few looks.
_STRIDE = 16


@njit(cache=True)
def mark_rows_nb(starts: IntArray, ends: IntArray, wanted: BoolArray, count: int) -> IntArray:
    """The rows of wanted spans, ascending.

    Args:
        starts: first row of each span (L, T).
        ends: row after the last of each span (L, T); a span may be empty.
        wanted: decisions that are needed (T,).
        count: number of rows of the series.
    """
    steps = np.zeros(count + 1, dtype=np.int64)
    for lag in range(len(starts)):
        for decision in range(starts.shape[1]):
            if wanted[decision] and starts[lag, decision] < ends[lag, decision]:
                steps[starts[lag, decision]] += 1
                steps[ends[lag, decision]] -= 1
    rows = np.empty(count, dtype=np.int64)
    found = depth = 0
    for row in range(count):
        depth += steps[row]
        if depth > 0:
            rows[found] = row
            found += 1
    return rows[:found]


@njit(cache=True)
def _strides(values: FloatArray, side: float) -> tuple[FloatArray, FloatArray]:
    """Values times `side`, minus infinity where missing, and their highest of `_STRIDE` rows."""
    rows = len(values)
    scaled = np.empty(rows)
    for row in range(rows):
        scaled[row] = -np.inf if np.isnan(values[row]) else values[row] * side
    highs, other = scaled.copy(), np.empty(rows)
    step = 1
    while step < _STRIDE:
        other[:step] = highs[:step]
        late, early, target = highs[step:], highs[: max(rows - step, 0)], other[step:]
        for row in range(len(target)):
            target[row] = max(late[row], early[row])
        highs, other = other, highs
        step *= 2
    return scaled, highs


@njit(cache=True)
def _highest(scaled: FloatArray, highs: FloatArray, start: int, end: int) -> float:
    highest = -np.inf
    if end - start < _STRIDE:
        for row in range(start, end):
            highest = max(highest, scaled[row])
        return highest
    row = start + _STRIDE - 1
    while row < end:
        highest = max(highest, highs[row])
        row += _STRIDE
    return max(highest, highs[end - 1])


@njit(cache=True, parallel=True)
def read_spans_nb(
    values: FloatArray,
    position: IntArray,
    groups: IntArray,
    lags: IntArray,
    spans: tuple[IntArray, IntArray],
    side: float,
    out: FloatArray,
) -> None:
    """One value a decision for every column, into `out` (D, T): NaN where its span is empty.

    Args:
        values: values at the rows that are read (W, R), one line a parameter set.
        position: place of each row of the series among those rows (H,).
        groups: first column of each parameter set (W + 1,).
        lags: the lag of each column, an index into the spans (D,).
        spans: starts and ends (L, T) in rows of the series; empty where a decision reads nothing.
        side: 0 for the last value, 1 for the highest, -1 for the lowest of the span, missing ones skipped.
        out: where the values go (D, T).
    """
    starts, ends = spans
    for number in prange(len(values)):
        series = values[number]
        scaled, highs = series, series
        if side != 0.0:
            scaled, highs = _strides(series, side)
        for column in range(groups[number], groups[number + 1]):
            lag = lags[column]
            for decision in range(starts.shape[1]):
                start, end = starts[lag, decision], ends[lag, decision]
                if start >= end:
                    out[column, decision] = np.nan
                    continue
                last = position[end - 1]
                if side == 0.0:
                    out[column, decision] = series[last]
                    continue
                highest = _highest(scaled, highs, last + 1 - (end - start), last + 1)
                if highest == -np.inf:
                    # All are missing, or the extreme is infinite indeed.
                    highest = np.nan
                    for row in range(last + 1 - (end - start), last + 1):
                        if not np.isnan(series[row]):
                            highest = -np.inf
                out[column, decision] = highest * side
