"""The VIX: its level, its rise above the median and its rank in the recent past."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import (
    AT_LEAST_0,
    RANK,
    RETURN,
    Parameter,
    Spec,
    indicator,
    rolling_rank_nb,
    safe_ratio_nb,
    trailing_median_nb,
)


@njit(cache=True)
def vix_nb(vix: FloatArray, window: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Level, spike and rank, all (T, N).

    The level is the series itself; spike = level / median of the last `window` rows - 1; the rank is that of the
    current level among them, mean rank of ties over the count. Spike and rank are NaN until the window is full, at a
    missing level and where more than half of the window is missing.
    """
    rank = rolling_rank_nb(vix, np.zeros(vix.shape), window)
    return vix.copy(), safe_ratio_nb(vix, trailing_median_nb(vix, window)) - 1.0, rank


Vix = indicator(
    Spec(
        name="vix",
        summary="Implied volatility of the S&P 500: level, spike above its trailing median, and rank.",
        kernel=vix_nb,
        inputs={"vix": ("macro", "VIXCLS")},
        parameters={"window": Parameter(252, IntDistribution(21, 504, log=True), unit="sessions")},
        outputs=("level", "spike", "rank"),
        units="level in points (percent a year), spike decimal (0.5 is half above the median), rank in (0, 1]",
        lookback=lambda window: (1, window, window),
        source="Cboe volatility index, quoted at the close; spike and rank are our own definition",
        clock="session",
        bounds={"level": AT_LEAST_0, "spike": RETURN, "rank": RANK},
        decimal=("spike",),
    )
)
