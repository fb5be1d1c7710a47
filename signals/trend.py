"""The basket against its own moving average."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import RETURN, Parameter, Spec, indicator


@njit(cache=True)
def trend_nb(close: FloatArray, window: int) -> FloatArray:
    """Close over the mean of the last `window` closes, less 1 (T, N).

    NaN until the window is full, and where a close of it is missing.
    """
    rows, columns = close.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        for row in range(window - 1, rows):
            out[row, column] = close[row, column] / np.mean(close[row - window + 1 : row + 1, column]) - 1.0
    return out


Trend = indicator(
    Spec(
        name="trend",
        summary="Distance of the universe's equally weighted index from its own moving average.",
        kernel=trend_nb,
        inputs={"close": ("prices", "basket")},
        parameters={"window": Parameter(200, IntDistribution(20, 300, log=True), "sessions")},
        outputs=("distance",),
        units="decimal, -0.05 for 5 % below the average",
        lookback=lambda window: (window,),
        clock="session",
        scale_free=("close",),
        source="Brock, Lakonishok and LeBaron (1992); Faber (2007), tactical asset allocation",
        bounds={"distance": RETURN},
        decimal=("distance",),
    )
)
