"""Volatility shocks: how far volatility stands above its trailing median."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import AT_LEAST_0, Parameter, Spec, indicator, safe_ratio_nb, trailing_median_nb
from undertow.signals.volatility import realized_volatility_nb

_SOURCE = "our own definition, realised volatility (sample deviation of log returns) over its own trailing median"


@njit(cache=True)
def volatility_shock_nb(close: FloatArray, short: int, window: int) -> FloatArray:
    """Realised volatility of `short` log returns over its trailing median (T, N).

    1 is usual, 3 is three times as much. The median is of the last `window` rows, the current one included. NaN until
    `window` volatilities are known, at a missing close, where more than half of a window is missing and where the
    median is 0.
    """
    volatility = realized_volatility_nb(close, short, 1.0)
    volatility = np.where(np.isnan(close), np.nan, volatility)
    return safe_ratio_nb(volatility, trailing_median_nb(volatility, window))


VolatilityShock = indicator(
    Spec(
        name="volatility-shock",
        summary="Realised volatility of the last hours over its trailing median.",
        kernel=volatility_shock_nb,
        inputs={"close": ("bars", "close")},
        parameters={
            "short": Parameter(24, IntDistribution(6, 168, log=True)),
            "window": Parameter(2160, IntDistribution(336, 8760, log=True)),
        },
        outputs=("ratio",),
        units="ratio: 1 is the median of the window",
        lookback=lambda short, window: (short + window,),
        source=_SOURCE,
        scale_free=("close",),
        bounds={"ratio": AT_LEAST_0},
    )
)

BasketVolatilityShock = indicator(
    Spec(
        name="basket-volatility-shock",
        summary="Realised volatility of the universe's equally weighted index over its trailing median.",
        kernel=volatility_shock_nb,
        inputs={"close": ("prices", "basket")},
        parameters={
            "short": Parameter(10, IntDistribution(5, 63, log=True), unit="sessions"),
            "window": Parameter(252, IntDistribution(63, 504, log=True), unit="sessions"),
        },
        outputs=("ratio",),
        units="ratio: 1 is the median of the window",
        lookback=lambda short, window: (short + window,),
        source=_SOURCE,
        clock="session",
        scale_free=("close",),
        bounds={"ratio": AT_LEAST_0},
    )
)
