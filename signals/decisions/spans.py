"""Values read at decisions for many windows and lags, in one compiled pass.

`market.decision_spans` says which rows a decision reads; here they are reduced to one value each, as `market.align`
does for a single series.
"""

from __future__ import annotations

import numpy as np
from numba import njit

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
def _strides(values: FloatArray, side: float, scaled: FloatArray, highs: FloatArray, other: FloatArray) -> FloatArray:
    """Values times `side` into `scaled`, and their highest of `_STRIDE` rows.

    Minus infinity where missing. `highs` and `other` are room for the highest: one of them is returned.
    """
    rows = len(values)
    for row in range(rows):
        scaled[row] = -np.inf if np.isnan(values[row]) else values[row] * side
        highs[row] = scaled[row]
    step = 1
    while step < _STRIDE:
        other[:step] = highs[:step]
        late, early, target = highs[step:], highs[: max(rows - step, 0)], other[step:]
        for row in range(len(target)):
            target[row] = max(late[row], early[row])
        highs, other = other, highs
        step *= 2
    return highs


@njit(cache=True)
def _highest(scaled: FloatArray, highs: FloatArray, start: int, end: int) -> float:
    highest = -np.inf
    if end - start < _STRIDE:
        for row in range(start, end):
            highest = max(highest, scaled[row])
        return float(highest)
    row = start + _STRIDE - 1
    while row < end:
        highest = max(highest, highs[row])
        row += _STRIDE
    return float(max(highest, highs[end - 1]))


@njit(cache=True)
def _extreme(series: FloatArray, scaled: FloatArray, highs: FloatArray, start: int, end: int) -> float:
    """The highest of a span of scaled values; NaN where all are missing."""
    highest = _highest(scaled, highs, start, end)
    if highest > -np.inf:
        return highest
    for row in range(start, end):
        if not np.isnan(series[row]):
            return highest
    return np.nan


@njit(cache=True, nogil=True)
def read_spans_nb(
    values: FloatArray,
    position: IntArray,
    groups: IntArray,
    kinds: IntArray,
    spans: tuple[IntArray, IntArray],
    sides: FloatArray,
    out: FloatArray,
) -> None:
    """One value a decision for every column, into `out` (D, T).

    NaN where a span is empty.

    Args:
        values: values at the rows that are read (W, R), one line a parameter set.
        position: place of each row of the series among those rows (H,).
        groups: first column of each parameter set (W + 1,).
        kinds: how each column is read, an index into the spans (D,).
        spans: starts and ends (L, T) in rows of the series; empty where a decision reads nothing.
        sides: 0 for the last value, 1 for the highest, -1 for the lowest of a span, missing ones skipped (L,).
        out: where the values go (D, T).
    """
    starts, ends = spans
    # One room for all windows, one set of lines a direction.
    rows = values.shape[1]
    high, low = np.empty((3, rows if sides.max() > 0.0 else 0)), np.empty((3, rows if sides.min() < 0.0 else 0))
    for number in range(len(values)):
        series = values[number]
        needs_high = needs_low = False
        for column in range(groups[number], groups[number + 1]):
            needs_high = needs_high or sides[kinds[column]] > 0.0
            needs_low = needs_low or sides[kinds[column]] < 0.0
        rising = _strides(series, 1.0, high[0], high[1], high[2]) if needs_high else series
        falling = _strides(series, -1.0, low[0], low[1], low[2]) if needs_low else series
        for column in range(groups[number], groups[number + 1]):
            kind = kinds[column]
            side = sides[kind]
            for decision in range(starts.shape[1]):
                size = ends[kind, decision] - starts[kind, decision]
                if size <= 0:
                    out[column, decision] = np.nan
                    continue
                end = position[ends[kind, decision] - 1] + 1
                if side == 0.0:
                    out[column, decision] = series[end - 1]
                elif side > 0.0:
                    out[column, decision] = _extreme(series, high[0], rising, end - size, end)
                else:
                    out[column, decision] = side * _extreme(series, low[0], falling, end - size, end)
