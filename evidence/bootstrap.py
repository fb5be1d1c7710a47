"""The stationary bootstrap of means, whole blocks at a time.

A resample is a row of blocks of random length, and the sum of a block is the difference of two running sums: the cost
is that of the number of blocks, not of sessions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import njit
from scipy.special import ndtri, stdtrit

from undertow.market import FloatArray

RESAMPLES = 10_000
# Numbers of a chunk of resamples: 16 MB.
_CHUNK = 2_000_000
# Of more columns than these in shorter blocks, one product of matrices is faster than running sums.
_FEW_COLUMNS, _SHORT_BLOCK = 8, 10.0


@njit(cache=True)
def _next_block_nb(random: np.random.Generator, rows: int, scale: float, left: int) -> tuple[int, int]:
    """First row and length of the next block: geometric, of at most `left` rows.

    `scale` is the logarithm of the chance that a block goes on, 0 for blocks of one row.
    """
    start = min(int(random.random() * rows), rows - 1)
    length = 1 + int(math.log1p(-random.random()) / scale) if scale < 0.0 else 1
    return start, min(length, left)


@njit(cache=True)
def block_sums_nb(totals: FloatArray, block: float, resamples: int, random: np.random.Generator) -> FloatArray:
    """Sums (R, K) of resampled rows.

    Args:
        totals: running sums (2T + 1, K) of the rows (T, K) twice over, from 0 on.
        block: mean block, rows; lengths are geometric.
        resamples: number of resamples R.
        random: source of the blocks.
    """
    rows, columns = (len(totals) - 1) // 2, totals.shape[1]
    out = np.zeros((resamples, columns))
    scale = math.log1p(-1.0 / block) if block > 1.0 else 0.0
    for resample in range(resamples):
        left = rows
        while left > 0:
            start, length = _next_block_nb(random, rows, scale, left)
            for column in range(columns):
                out[resample, column] += totals[start + length, column] - totals[start, column]
            left -= length
    return out


@njit(cache=True)
def block_counts_nb(rows: int, block: float, resamples: int, random: np.random.Generator) -> FloatArray:
    """How often each row is drawn (R, T), by the blocks of `block_sums_nb`.

    Args:
        rows: number of rows T.
        block: mean block, rows.
        resamples: number of resamples R.
        random: source of the blocks.
    """
    out = np.zeros((resamples, rows))
    scale = math.log1p(-1.0 / block) if block > 1.0 else 0.0
    for resample in range(resamples):
        left = rows
        while left > 0:
            row, length = _next_block_nb(random, rows, scale, left)
            for _ in range(length):
                out[resample, row] += 1.0
                row = row + 1 if row + 1 < rows else 0
            left -= length
    return out


def resampled_means(values: FloatArray, block: float, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Means (C, K) of resamples of rows (T, K), less those of the rows, in chunks.

    Equal seeds give equal chunks.

    Args:
        values: the rows.
        block: mean block, rows.
        resamples: number of resamples in all.
        seed: seed of the blocks.
    """
    rows, columns = values.shape
    # About the mean, so that running sums stay small.
    centred = values - values.mean(axis=0)
    by_sums = columns <= _FEW_COLUMNS or block >= _SHORT_BLOCK
    totals = np.zeros((2 * rows + 1, columns)) if by_sums else np.empty((0, 0))
    if by_sums:
        np.cumsum(np.concatenate((centred, centred)), axis=0, out=totals[1:])
    random = np.random.default_rng(seed)
    chunk = max(1, _CHUNK // max(columns, 0 if by_sums else rows))
    for first in range(0, resamples, chunk):
        count = min(chunk, resamples - first)
        if by_sums:
            yield block_sums_nb(totals, float(block), count, random) / rows
        else:
            yield block_counts_nb(rows, float(block), count, random) @ centred / rows


def block_length(*series: FloatArray) -> int:
    """Mean block for the stationary bootstrap of series, whole rows, 1 or more.

    The mean of their optimal ones, rounded up. Source: Politis and White (2004), as corrected by Patton, Politis and
    White (2009).
    """
    best = [optimal_block(one) for one in series if np.ptp(one) > 0]
    known = [length for length in best if math.isfinite(length)]
    rows = len(series[0])
    return int(min(max(1, math.ceil(np.mean(known))), max(1, rows // 4))) if known else 1


def optimal_block(values: FloatArray) -> float:
    """The mean block of least error for the mean of a series (T,), rows, not rounded.

    Autocovariances are weighed by a flat top up to twice the lag from which on autocorrelations are small: at least
    five in a row, below 2 sqrt(log10(T) / T). NaN for a series too short for these lags or without any spread.
    """
    rows = len(values)
    quiet = max(5, int(math.log10(rows)))
    lags = math.ceil(math.sqrt(rows)) + quiet
    if rows <= lags + 1:
        return math.nan
    centred = values - values.mean()
    products = np.array([centred[lag:] @ centred[: rows - lag] for lag in range(lags + 1)])
    later = np.array([centred[lag + 1 :] @ centred[lag + 1 :] for lag in range(lags + 1)])
    earlier = np.array([centred[: -lag - 1] @ centred[: -lag - 1] for lag in range(lags + 1)])
    bound = 2.0 * math.sqrt(math.log10(rows) / rows)
    with np.errstate(invalid="ignore"):
        small = np.abs(products) / np.sqrt(later * earlier) < bound
    first = next((lag for lag in range(lags + 1 - quiet) if small[lag : lag + quiet].all()), None)
    widest = lags if first is None else min(2 * max(first, 1), lags)
    covariances = products / rows
    slope, spread = 0.0, covariances[0]
    for lag in range(1, widest + 1):
        weight = min(1.0, 2.0 * (1.0 - lag / widest))
        slope += 2.0 * weight * lag * covariances[lag]
        spread += 2.0 * weight * covariances[lag]
    if spread == 0.0:
        return math.nan
    best = (slope**2 / spread**2) ** (1.0 / 3.0) * rows ** (1.0 / 3.0)
    return float(min(best, math.ceil(min(3.0 * math.sqrt(rows), rows / 3.0))))


def widening(rows: int, block: float, level: float) -> float:
    """By how much a percentile interval of a mean is too narrow, a factor above 1.

    The bootstrap's variance is that about the sample's mean, too small by (2 b - 1) / T where rows are independent;
    and it is estimated, from fewer rows than there are: Student's quantile with T / 1.5 b degrees of freedom takes the
    place of the normal one. Of 300 intervals of 95 % on 60 sessions 95 to 96 % hold the mean then, of normal, t(4) and
    GARCH returns; 92 % where each return takes over a fifth of the one before. On 120 and 252 sessions it is 93 to 97 %
    and 92 to 93 %. `benchmarks/intervals.py` measures it.
    """
    tail = 0.5 * (1.0 + level)
    bias = max(1.0 - (2.0 * block - 1.0) / rows, 0.25)
    return float(stdtrit(max(rows / (1.5 * block) - 1.0, 3.0), tail) / ndtri(tail) / math.sqrt(bias))
