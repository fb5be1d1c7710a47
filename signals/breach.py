"""Breaks of support: a close below everything of the recent past, on volume."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market.clock import FloatArray
from undertow.signals.spec import Parameter, Spec, indicator
from undertow.signals.trailing import trailing_median_nb


@njit(cache=True)
def prior_low_nb(close: FloatArray, window: int) -> FloatArray:
    """Lowest close (T, N) of the `window` rows before each row, the row itself left out.

    NaN until so many rows lie behind, and where less than half of them are there.
    """
    rows, columns = close.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        for row in range(window, rows):
            low = np.inf
            there = 0
            for back in range(row - window, row):
                if not np.isnan(close[back, column]):
                    there += 1
                    low = min(low, close[back, column])
            if there > 0 and 2 * there >= window:
                out[row, column] = low
    return out


@njit(cache=True)
def support_breach_nb(
    close: FloatArray, volume: FloatArray, window: int, volume_window: int, volume_ratio: float
) -> tuple[FloatArray, FloatArray]:
    """Breach (1 or 0) and distance from support, both (T, N).

    Support is the lower Donchian channel on closes, of the `window` rows before: distance = close / support - 1. A
    breach is a close below it on a volume of at least `volume_ratio` times the median of the last `volume_window`
    rows. Closes, because the wicks of early years are unreliable. NaN until the windows are full, and at a missing
    close; the breach also at a missing volume.
    """
    distance = close / prior_low_nb(close, window) - 1.0
    usual = trailing_median_nb(volume, volume_window)
    breach = np.where((distance < 0) & (volume >= volume_ratio * usual), 1.0, 0.0)
    return np.where(np.isnan(distance) | np.isnan(usual), np.nan, breach), distance


SupportBreach = indicator(
    Spec(
        name="support-breach",
        summary="A close below the lowest close of the rows before, confirmed by volume above its median.",
        kernel=support_breach_nb,
        inputs={"close": ("bars", "close"), "volume": ("bars", "volume")},
        parameters={
            "window": Parameter(480, IntDistribution(24, 1440, log=True)),
            "volume_window": Parameter(168, IntDistribution(24, 720, log=True)),
            "volume_ratio": Parameter(1.5, FloatDistribution(0.0, 5.0), unit="ratio"),
        },
        outputs=("breach", "distance"),
        units="breach 1 or 0; distance decimal, -0.02 for 2 % below support",
        lookback=lambda window, volume_window, volume_ratio: (max(window + 1, volume_window), window + 1),
        scale_free=("close", "volume"),
        source="lower channel of Donchian (1960), ta.volatility.DonchianChannel a row earlier; volume filter our own",
    )
)
