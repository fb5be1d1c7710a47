"""A proxy for a liquidation feed, from bars alone, for the years without one."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray, IntArray
from undertow.signals.base import (
    AT_LEAST_0,
    RANK,
    Parameter,
    Spec,
    bit_places_nb,
    medians_nb,
    ranks_nb,
    rolling_rank_nb,
    rolling_spike_nb,
    totals_nb,
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


@njit(cache=True, nogil=True)
def proxy_rank_at_nb(
    close: FloatArray, volume: FloatArray, regime: FloatArray, horizon: IntArray, window: IntArray, rows: IntArray
) -> FloatArray:
    """`proxy_rank_nb` of one column (T,), for W sets at chosen rows: (W, R).

    Args:
        close: closes (T,).
        volume: traded volume (T,).
        regime: venue regime (T,).
        horizon: rows over which the stress is summed (W,).
        window: rows of the median and the rank (W,).
        rows: rows that are read (R,), ascending.
    """
    out = np.full((len(window), len(rows)), np.nan)
    last = rows[-1] + 1 if len(rows) else 0
    fall, places = _falls(close[:last]), bit_places_nb(volume[:last])
    for number in range(len(window)):
        stress = _stress(fall, volume[:last], places, regime[:last], horizon[number], window[number])
        out[number] = ranks_nb(bit_places_nb(stress), regime, window[number], rows)
    return out


@njit(cache=True)
def _falls(close: FloatArray) -> FloatArray:
    fall = np.full(len(close), np.nan)
    fall[1:] = np.maximum(0.0, -np.log(close[1:] / close[:-1]))
    return fall


@njit(cache=True)
def _stress(
    fall: FloatArray,
    volume: FloatArray,
    places: tuple[IntArray, IntArray, IntArray, FloatArray],
    regime: FloatArray,
    horizon: int,
    window: int,
) -> FloatArray:
    """The stress of one column (T,); `places` are those of the volume."""
    median = np.empty(len(fall))
    # The median starts again with every venue regime.
    start = 0
    for row in range(1, len(fall) + 1):
        if row == len(fall) or regime[row] != regime[start]:
            medians_nb(places, start, row, window, median)
            start = row
    for row in range(len(fall)):
        median[row] = fall[row] * (volume[row] / median[row]) if median[row] > 0 else np.nan
    return totals_nb(median, regime, horizon)


@njit(cache=True)
def _stress_nb(close: FloatArray, volume: FloatArray, regime: FloatArray, horizon: int, window: int) -> FloatArray:
    out = np.empty(close.shape)
    for column in range(close.shape[1]):
        traded = np.ascontiguousarray(volume[:, column])
        of_column = np.ascontiguousarray(regime[:, column])
        fall = _falls(np.ascontiguousarray(close[:, column]))
        out[:, column] = _stress(fall, traded, bit_places_nb(traded), of_column, horizon, window)
    return out


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
        at={"rank": proxy_rank_at_nb},
        defaults={"regime": 0.0},
        bounds={"stress": AT_LEAST_0, "rank": RANK},
    )
)
