"""Contagion to altcoins: ether falling by more than its beta to bitcoin explains."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import Parameter, Spec, indicator, window_moments_nb

# Up to so many rows a fit is a plain loop.
_PLAIN_ROWS = 720


@njit(cache=True)
def _fit(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    # Slope and residual deviation (two degrees of freedom spent) of the pairs that have both sides.
    n = 0
    mean_x = mean_y = 0.0
    for i in range(len(x)):
        if not np.isnan(x[i] + y[i]):
            n += 1
            mean_x += x[i]
            mean_y += y[i]
    if n < 3 or 2 * n < len(x):
        return np.nan, np.nan
    mean_x /= n
    mean_y /= n
    sxx = sxy = syy = 0.0
    for i in range(len(x)):
        if not np.isnan(x[i] + y[i]):
            sxx += (x[i] - mean_x) ** 2
            sxy += (x[i] - mean_x) * (y[i] - mean_y)
            syy += (y[i] - mean_y) ** 2
    return _slope(n, sxx, sxy, syy)


@njit(cache=True)
def _slope(n: float, sxx: float, sxy: float, syy: float) -> tuple[float, float]:
    # The returns of a price that stands still are rounding, which cannot be fitted.
    if sxx <= 1e-24 * n:
        return np.nan, np.nan
    residual = syy - sxy * sxy / sxx
    return sxy / sxx, np.sqrt(residual / (n - 2)) if residual > 1e-12 * syy else 0.0


@njit(cache=True)
def altcoin_contagion_nb(
    close: FloatArray, alt: FloatArray, horizon: int, window: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Residual return of `alt` over a horizon, its z and the beta used, all (T, N).

    residual = log return of `alt` - beta * log return of `close`, over the horizon; beta is the least-squares slope
    (with a constant) of the one-row returns before the horizon, so that the fall itself is not in it. z is the residual
    over the deviation of the fit's own residuals times the root of `horizon`. NaN in the first rows, where an end of
    the horizon is missing and where more than half of the window's pairs are missing; z also where the fit is exact.

    Args:
        close: closes of bitcoin (T, N).
        alt: closes of the altcoin (T, N).
        horizon: rows of the return.
        window: rows of the fit.
    """
    rows, columns = close.shape
    residual = np.full((rows, columns), np.nan)
    z = np.full((rows, columns), np.nan)
    slope = np.full((rows, columns), np.nan)
    x, y = np.log(close), np.log(alt)
    for column in range(columns):
        dx, dy = x[1:, column] - x[:-1, column], y[1:, column] - y[:-1, column]
        moments = window_moments_nb(dx, dy, window) if window > _PLAIN_ROWS else np.empty((0, 6))
        for row in range(horizon + window, rows):
            gap = y[row, column] - y[row - horizon, column]
            move = x[row, column] - x[row - horizon, column]
            if np.isnan(gap + move):
                continue
            # Element i of the differences is the return of row i + 1: the last one here is that of row - horizon.
            end = row - horizon
            if window > _PLAIN_ROWS:
                n, _, _, sxx, sxy, syy = moments[end - 1]
                beta, deviation = _slope(n, sxx, sxy, syy) if 2 * n >= window and n >= 3 else (np.nan, np.nan)
            else:
                beta, deviation = _fit(dx[end - window : end], dy[end - window : end])
            slope[row, column] = beta
            residual[row, column] = gap - beta * move
            if deviation > 0:
                z[row, column] = residual[row, column] / (deviation * np.sqrt(horizon))
    return residual, z, slope


AltcoinContagion = indicator(
    Spec(
        name="altcoin-contagion",
        summary="Return of ether over a horizon beyond what its earlier beta to bitcoin explains.",
        kernel=altcoin_contagion_nb,
        inputs={"close": ("bars", "close"), "alt": ("bars:ETH", "close")},
        parameters={
            "horizon": Parameter(24, IntDistribution(1, 168, log=True)),
            "window": Parameter(720, IntDistribution(168, 4320, log=True)),
        },
        outputs=("residual", "z", "beta"),
        units="residual in log return over the horizon, -0.05 for 5 % below; z in standard deviations; beta a ratio",
        lookback=lambda horizon, window: (horizon + window + 1,) * 3,
        scale_free=("close", "alt"),
        source="market model of an event study, MacKinlay (1997), estimated before the event; without its intercept",
    )
)
