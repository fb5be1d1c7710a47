"""The speed of a drawdown.

A fall of 15 % in ten hours is another event than one of 15 % in a week.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import (
    AT_LEAST_0,
    DRAWDOWN,
    Parameter,
    Spec,
    full_nb,
    indicator,
    rolling_max_nb,
    rows_since_low_nb,
)


@njit(cache=True)
def drawdown_speed_nb(close: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Speed of the drawdown and rows since its high, both (T, N).

    speed = (close / highest close of the last `window` rows - 1) / rows since that high, in [-1, 0], and 0 at the high
    itself; of equal highs the latest counts. NaN until the window is full, at a missing close and where more than half
    of the window is missing.
    """
    full = full_nb(close, window)
    drawdown = close / rolling_max_nb(close, window) - 1.0
    age = np.where(full, rows_since_low_nb(-close, window), np.nan)
    return np.where(full, drawdown / np.maximum(age, 1.0), np.nan), age


DrawdownSpeed = indicator(
    Spec(
        name="drawdown-speed",
        summary="How fast the current drawdown came: its depth over the rows since the trailing high.",
        kernel=drawdown_speed_nb,
        inputs={"close": ("bars", "close")},
        parameters={"window": Parameter(168, IntDistribution(24, 720, log=True))},
        outputs=("speed", "age"),
        in_rows=("age",),
        units="speed decimal a row (hour on hourly bars), -0.015 for 15 % in ten; age in rows, at a decision in hours",
        lookback=lambda window: (window, window),
        scale_free=("close",),
        source="our own definition, drawdown from a trailing high over the time it took",
        bounds={"speed": DRAWDOWN, "age": AT_LEAST_0},
        decimal=("speed",),
    )
)
