"""Volatility of returns, annualised explicitly."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import SESSIONS_A_YEAR, FloatArray
from undertow.signals.base import AT_LEAST_0, LOOP_ROWS, Parameter, Spec, indicator, window_moments_nb

HOURS_A_YEAR = 8760.0


@njit(cache=True)
def realized_volatility_nb(close: FloatArray, window: int, periods: float) -> FloatArray:
    """Standard deviation of `window` log returns (T, N), times the root of `periods`.

    `periods` a year, in rows. NaN in the first `window` rows, where the current close is missing, and where more than
    half of the returns are missing.
    """
    rows, columns = close.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        returns = np.full(rows, np.nan)
        returns[1:] = np.log(close[1:, column] / close[:-1, column])
        if window > LOOP_ROWS:
            moments = window_moments_nb(returns, returns, window)
            for row in range(window, rows):
                known = moments[row, 0]
                if 2 * known >= window and known >= 2 and not np.isnan(close[row, column]):
                    out[row, column] = np.sqrt(moments[row, 3] / (known - 1.0) * periods)
            continue
        for row in range(window, rows):
            count = 0
            total = 0.0
            for back in range(row - window + 1, row + 1):
                if not np.isnan(returns[back]):
                    count += 1
                    total += returns[back]
            if 2 * count < window or count < 2 or np.isnan(close[row, column]):
                continue
            mean = total / count
            squares = 0.0
            for back in range(row - window + 1, row + 1):
                if not np.isnan(returns[back]):
                    squares += (returns[back] - mean) ** 2
            out[row, column] = np.sqrt(squares / (count - 1) * periods)
    return out


RealizedVolatility = indicator(
    Spec(
        name="realized-volatility",
        summary="Standard deviation of log returns in a trailing window, annualised.",
        kernel=realized_volatility_nb,
        inputs={"close": ("bars", "close")},
        parameters={
            "window": Parameter(168, IntDistribution(12, 1440, log=True)),
            "periods": Parameter(HOURS_A_YEAR, FloatDistribution(1.0, 1e6), unit="hours a year"),
        },
        outputs=("volatility",),
        units="decimal a year: 8,760 periods for hourly bars around the clock, 252 for sessions",
        lookback=lambda window, periods: (window + 1,),
        scale_free=("close",),
        source="sample standard deviation, ddof = 1",
        bounds={"volatility": AT_LEAST_0},
        decimal=("volatility",),
    )
)

BasketVolatility = indicator(
    Spec(
        name="basket-volatility",
        summary="Standard deviation of the universe's equally weighted session returns, annualised.",
        kernel=realized_volatility_nb,
        inputs={"close": ("prices", "basket")},
        parameters={
            "window": Parameter(21, IntDistribution(5, 252, log=True), unit="sessions"),
            "periods": Parameter(float(SESSIONS_A_YEAR), FloatDistribution(1.0, 1e6), unit="rows a year"),
        },
        outputs=("volatility",),
        units="decimal a year of 252 sessions",
        lookback=lambda window, periods: (window + 1,),
        clock="session",
        scale_free=("close",),
        source="sample standard deviation, ddof = 1",
        bounds={"volatility": AT_LEAST_0},
        decimal=("volatility",),
    )
)
