"""Correlations: of Bitcoin with stocks, and of stocks with each other."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import BoolArray, FloatArray
from undertow.signals.base import CORRELATION, FLAG, Parameter, Spec, full_nb, indicator
from undertow.signals.drawdown import drop_nb

# The normal quantile of 0.975: the 95 % interval.
_QUANTILE = 1.959963984540054
_ROUNDING = 1e-12

_BAND = {
    "lower": Parameter(0.7, FloatDistribution(0.2, 0.8), unit="correlation"),
    "upper": Parameter(0.9, FloatDistribution(0.8, 1.0), unit="correlation"),
}


@njit(cache=True)
def band_nb(correlation: FloatArray, lower: float, upper: float) -> tuple[FloatArray, FloatArray]:
    """Flags of a correlation at or above `lower`, and in [lower, upper], both (T, N).

    1, 0, or NaN where the correlation is unknown.
    """
    compressed = np.where(correlation >= lower, 1.0, 0.0)
    in_band = np.where(correlation <= upper, compressed, 0.0)
    missing = np.isnan(correlation)
    return np.where(missing, np.nan, compressed), np.where(missing, np.nan, in_band)


@njit(cache=True)
def pearson_nb(x: FloatArray, y: FloatArray) -> tuple[float, int]:
    """Pearson correlation of two series (K,), and the number of complete pairs.

    NaN where one of the series does not move.
    """
    pairs = 0
    mean_x = mean_y = 0.0
    for k in range(len(x)):
        if not np.isnan(x[k] + y[k]):
            pairs += 1
            mean_x += (x[k] - mean_x) / pairs
            mean_y += (y[k] - mean_y) / pairs
    xx = yy = xy = 0.0
    for k in range(len(x)):
        if not np.isnan(x[k] + y[k]):
            xx += (x[k] - mean_x) ** 2
            yy += (y[k] - mean_y) ** 2
            xy += (x[k] - mean_x) * (y[k] - mean_y)
    # A spread below this share of the mean is the rounding of the values themselves.
    if not (xx > pairs * (_ROUNDING * mean_x) ** 2 and yy > pairs * (_ROUNDING * mean_y) ** 2):
        return np.nan, pairs
    return min(1.0, max(-1.0, xy / np.sqrt(xx) / np.sqrt(yy))), pairs


@njit(cache=True)
def correlation_nb(
    btc: FloatArray, equity: FloatArray, window: int, lower: float, upper: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Correlation of returns, its 95 % interval and the flags of the band, all (T, N).

    Both prices are of the same instants, so that a pair spans the same hours. Pairs with a missing side are left out;
    NaN until the window is full, where the current pair is missing, where more than half are missing and where a side
    never moves. The interval is Fisher's, tanh(atanh(r) -+ 1.96 / root(n - 3)) with n pairs, NaN where n <= 3; it takes
    returns as independent and normal, so the true one is wider.

    Args:
        btc: closes of bitcoin (T, N).
        equity: index of the stocks (T, N).
        window: pairs of returns, rows.
        lower: lower end of the band, a correlation.
        upper: upper end of the band.
    """
    x, y = drop_nb(btc, 1), drop_nb(equity, 1)
    full = full_nb(x + y, window)
    rows, columns = x.shape
    correlation, low, high = np.full(x.shape, np.nan), np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    for column in range(columns):
        for row in range(window, rows):
            if not full[row, column]:
                continue
            start, end = row - window + 1, row + 1
            r, pairs = pearson_nb(x[start:end, column], y[start:end, column])
            correlation[row, column] = r
            if pairs > 3:
                error = _QUANTILE / np.sqrt(pairs - 3.0)
                low[row, column] = np.tanh(np.arctanh(r) - error)
                high[row, column] = np.tanh(np.arctanh(r) + error)
    compressed, in_band = band_nb(correlation, lower, upper)
    return correlation, low, high, compressed, in_band


@njit(cache=True)
def complete_nb(returns: FloatArray, member: FloatArray, window: int) -> BoolArray:
    """Names that are members now and have each of the last `window` returns (T, N)."""
    rows, columns = returns.shape
    out = np.zeros((rows, columns), dtype=np.bool_)
    run = np.zeros(columns, dtype=np.int64)
    for row in range(rows):
        for column in range(columns):
            run[column] = 0 if np.isnan(returns[row, column]) else run[column] + 1
            out[row, column] = run[column] >= window and member[row, column] > 0
    return out


@njit(cache=True)
def average_correlation_nb(
    close: FloatArray, member: FloatArray, window: int, lower: float, upper: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean correlation of all pairs of members and its flags, the same in all columns.

    The variance of the sum of n standardised returns is n + n (n - 1) times the mean correlation, so no pair is ever
    formed. Names that lack a return of the window, and names that never moved, are left out; NaN under two names.

    Args:
        close: closes (T, N).
        member: membership (T, N), above 0 for members.
        window: returns of the correlation, rows.
        lower: lower end of the band, a correlation.
        upper: upper end of the band.
    """
    returns = drop_nb(close, 1)
    complete = complete_nb(returns, member, window)
    by_name = np.ascontiguousarray(returns.T)
    rows, columns = close.shape
    correlation = np.full((rows, columns), np.nan)
    for row in range(window, rows):
        total = np.zeros(window)
        names = 0
        for column in range(columns):
            if not complete[row, column]:
                continue
            part = by_name[column, row - window + 1 : row + 1]
            centred = part - part.mean()
            spread = np.sqrt((centred * centred).sum() / (window - 1.0))
            if spread > _ROUNDING * abs(part.mean()):
                total += centred / spread
                names += 1
        if names >= 2:
            variance = (total * total).sum() / (window - 1.0)
            correlation[row] = (variance - names) / (names * (names - 1.0))
    compressed, in_band = band_nb(correlation, lower, upper)
    return correlation, compressed, in_band


BtcEquityCorrelation = indicator(
    Spec(
        name="btc-equity-correlation",
        summary="Correlation of Bitcoin with the universe's index, close to close of the exchange, and its interval.",
        kernel=correlation_nb,
        inputs={"btc": ("bars", "close"), "equity": ("prices", "basket")},
        parameters={"window": Parameter(63, IntDistribution(10, 252, log=True), unit="sessions"), **_BAND},
        outputs=("correlation", "low", "high", "compressed", "in_band"),
        units="correlation and its 95 % interval; compressed 1 at or above `lower`, in_band 1 in [lower, upper]",
        lookback=lambda window, lower, upper: (window + 1,) * 5,
        source="Pearson correlation of simple returns; interval by Fisher (1921)",
        clock="session",
        scale_free=("btc", "equity"),
        bounds={
            "correlation": CORRELATION,
            "low": CORRELATION,
            "high": CORRELATION,
            "compressed": FLAG,
            "in_band": FLAG,
        },
    )
)

AveragePairwiseCorrelation = indicator(
    Spec(
        name="average-pairwise-correlation",
        summary="Mean correlation of all pairs of the universe's members: near 1, nothing diversifies.",
        kernel=average_correlation_nb,
        inputs={"close": ("prices", "close"), "member": ("prices", "member")},
        parameters={"window": Parameter(63, IntDistribution(10, 252, log=True), unit="sessions"), **_BAND},
        outputs=("correlation", "compressed", "in_band"),
        units="correlation; compressed 1 at or above `lower`, in_band 1 in [lower, upper]",
        lookback=lambda window, lower, upper: (window + 1,) * 3,
        source="mean off-diagonal Pearson correlation, equally weighted; implied-correlation identity of variances",
        clock="session",
        scale_free=("close",),
        across_names=True,
        bounds={"correlation": CORRELATION, "compressed": FLAG, "in_band": FLAG},
    )
)
