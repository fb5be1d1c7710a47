"""Breaks of support: a close below everything of the recent past, on volume."""

from __future__ import annotations

import numpy as np
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution
from ta.volatility import DonchianChannel

from undertow.market import FloatArray
from undertow.signals.base import FLAG, RETURN, Parameter, Spec, indicator, trailing_median_nb


def prior_low(close: FloatArray, window: int) -> FloatArray:
    """Lowest close (T, N) of the `window` rows before each row, without the row.

    ta's lower Donchian channel, one row earlier. NaN in the first `window` rows, and where more than half of the window
    is missing.
    """
    out = np.full(close.shape, np.nan)
    for column, values in enumerate(close.T):
        series = pd.Series(values)
        # `fillna` lets the channel pass over a missing hour, which would otherwise blank it for a whole window.
        channel = DonchianChannel(series, series, series, window=window, fillna=True).donchian_channel_lband()
        counts = np.cumsum(np.isfinite(values))
        known = counts - np.concatenate((np.zeros(min(window, len(counts)), dtype=np.int64), counts[:-window]))
        low = np.where(2 * known >= window, channel.to_numpy(dtype=np.float64), np.nan)
        out[window:, column] = low[window - 1 : -1]
    return out


def support_breach(
    close: FloatArray, volume: FloatArray, window: int, volume_window: int, volume_ratio: float
) -> tuple[FloatArray, FloatArray]:
    """Breach (1 or 0) and distance from support, both (T, N).

    Support is the lower Donchian channel on closes, of the `window` rows before: distance = close / support - 1. A
    breach is a close below it on a high volume. Closes, because the wicks of early years are unreliable. NaN until the
    windows are full, and at a missing close; the breach also at a missing volume.

    Args:
        close: closes (T, N).
        volume: traded volume (T, N).
        window: rows of the support.
        volume_window: rows of the median of the volume.
        volume_ratio: least volume of a breach, in medians.
    """
    distance = close / prior_low(close, window) - 1.0
    median = trailing_median_nb(volume, volume_window)
    breach = np.where((distance < 0) & (volume >= volume_ratio * median), 1.0, 0.0)
    return np.where(np.isnan(distance) | np.isnan(median), np.nan, breach), distance


SupportBreach = indicator(
    Spec(
        name="support-breach",
        summary="A close below the lowest close of the rows before, confirmed by volume above its median.",
        kernel=support_breach,
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
        source="lower channel of Donchian (1960) by ta.volatility.DonchianChannel; volume filter our own",
        bounds={"breach": FLAG, "distance": RETURN},
        decimal=("distance",),
    )
)
