"""A proxy for a liquidation feed, from bars alone, for the years without one."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import (
    AT_LEAST_0,
    RANK,
    Parameter,
    Spec,
    rolling_median_nb,
    rolling_rank_nb,
    rolling_spike_nb,
    rolling_total_nb,
)
from undertow.signals.base.venue_regimes import regime_indicator


@njit(cache=True)
def liquidation_proxy_nb(
    close: FloatArray, volume: FloatArray, regime: FloatArray, horizon: int, window: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Selling stress, its z and its rank, all (T, N).

    stress = sum of max(0, -log return) * volume / median(volume over `window` rows), over `horizon` rows: falls of the
    close weighted by relative volume. `z` and `rank` compare the stress with that of the last `window` rows. Closes are
    used because the wicks of early years are unreliable.

    Args:
        close: closes (T, N).
        volume: traded volume (T, N).
        regime: venue regime (T, N).
        horizon: rows over which the stress is summed.
        window: rows of the median, the z and the rank.
    """
    stress = _stress_nb(close, volume, regime, horizon, window)
    z, rank = rolling_spike_nb(stress, regime, window)
    return stress, z, rank


@njit(cache=True)
def proxy_rank_nb(close: FloatArray, volume: FloatArray, regime: FloatArray, horizon: int, window: int) -> FloatArray:
    """The rank of `liquidation_proxy_nb` alone (T, N).

    Args:
        close: closes (T, N).
        volume: traded volume (T, N).
        regime: venue regime (T, N).
        horizon: rows over which the stress is summed.
        window: rows of the median and the rank.
    """
    return rolling_rank_nb(_stress_nb(close, volume, regime, horizon, window), regime, window)


@njit(cache=True)
def _median_within_nb(volume: FloatArray, regime: FloatArray, window: int) -> FloatArray:
    """Trailing median (T, N) that starts again with every venue regime."""
    rows, columns = volume.shape
    out = np.empty((rows, columns))
    for column in range(columns):
        start = 0
        for row in range(1, rows + 1):
            if row == rows or regime[row, column] != regime[start, column]:
                part = np.ascontiguousarray(volume[start:row, column : column + 1])
                out[start:row, column] = rolling_median_nb(part, window)[:, 0]
                start = row
    return out


@njit(cache=True)
def _stress_nb(close: FloatArray, volume: FloatArray, regime: FloatArray, horizon: int, window: int) -> FloatArray:
    median = _median_within_nb(volume, regime, window)
    relative = np.where(median > 0, volume / np.where(median > 0, median, 1.0), np.nan)
    fall = np.full(close.shape, np.nan)
    fall[1:] = np.maximum(0.0, -np.log(close[1:] / close[:-1]))
    return rolling_total_nb(fall * relative, regime, horizon)


LiquidationProxy = regime_indicator(
    Spec(
        name="liquidation-proxy",
        summary="A proxy for long liquidations from closes and volume; results that used it say so.",
        kernel=liquidation_proxy_nb,
        inputs={
            "close": ("bars", "close"),
            "volume": ("bars", "volume"),
            "regime": ("bars", "regime"),
        },
        parameters={
            "horizon": Parameter(24, IntDistribution(1, 72)),
            "window": Parameter(2160, IntDistribution(720, 8760, log=True)),
        },
        outputs=("stress", "z", "rank"),
        units="stress: log return times relative volume; z robust; rank in (0, 1]",
        lookback=lambda horizon, window: (window + horizon - 1, *(2 * window + horizon - 2,) * 2),
        source="our own definition, after the observation that cascades are falls on abnormal volume",
        scale_free=("close", "volume"),
        output_kernels={"rank": proxy_rank_nb},
        defaults={"regime": 0.0},
        bounds={"stress": AT_LEAST_0, "rank": RANK},
    )
)
