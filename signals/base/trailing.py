"""Trailing statistics of full windows only, NaN where the value is missing."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market import BoolArray, FloatArray
from undertow.signals.base.bits import rolling_median_nb


@njit(cache=True)
def full_nb(values: FloatArray, window: int) -> BoolArray:
    """Whether a row has a value and a full trailing window (T, N).

    A window is full where it holds `window` rows since the column's first value and at least half of them have a value.
    """
    rows, columns = values.shape
    out = np.zeros((rows, columns), dtype=np.bool_)
    for column in range(columns):
        start = -1
        count = 0
        for row in range(rows):
            present = not np.isnan(values[row, column])
            if present and start < 0:
                start = row
            if present:
                count += 1
            if row >= window and not np.isnan(values[row - window, column]):
                count -= 1
            out[row, column] = present and row - start + 1 >= window and 2 * count >= window
    return out


@njit(cache=True)
def trailing_median_nb(values: FloatArray, window: int) -> FloatArray:
    """Median of the last `window` rows (T, N), the current one included.

    NaN where the window is not full.
    """
    return np.where(full_nb(values, window), rolling_median_nb(values, window), np.nan)


@njit(cache=True)
def trailing_moments_nb(values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Mean and sample standard deviation (ddof = 1) of the last `window` rows (T, N).

    The current row included. NaN where the window is not full; the deviation needs two values and is exactly 0 where
    they are all the same.
    """
    rows, columns = values.shape
    mean = np.full((rows, columns), np.nan)
    deviation = np.full((rows, columns), np.nan)
    full = full_nb(values, window)
    for column in range(columns):
        for row in range(window - 1, rows):
            if not full[row, column]:
                continue
            count = 0
            total = 0.0
            for back in range(row - window + 1, row + 1):
                if not np.isnan(values[back, column]):
                    count += 1
                    total += values[back, column]
            centre = total / count
            squares = 0.0
            largest = 0.0
            for back in range(row - window + 1, row + 1):
                if not np.isnan(values[back, column]):
                    squares += (values[back, column] - centre) ** 2
                    largest = max(largest, abs(values[back, column]))
            mean[row, column] = centre
            if count >= 2:
                spread = np.sqrt(squares / (count - 1))
                # Below this the spread is the rounding of the values themselves.
                deviation[row, column] = spread if spread > 1e-12 * largest else 0.0
    return mean, deviation


@njit(cache=True)
def safe_ratio_nb(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """`numerator / denominator` (T, N), NaN where the denominator is not above 0."""
    positive = denominator > 0
    return np.where(positive, numerator / np.where(positive, denominator, 1.0), np.nan)
