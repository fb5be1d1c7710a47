"""Liquidation spikes: forced selling that is unusual for its venue and time."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray, IntArray
from undertow.signals.base import (
    AT_LEAST_0,
    RANK,
    SHARE,
    Parameter,
    Spec,
    bit_places_nb,
    ranks_nb,
    rolling_rank_nb,
    rolling_spike_nb,
    rolling_total_nb,
    totals_nb,
)
from undertow.signals.base.venue_regimes import regime_indicator


@njit(cache=True)
def liquidation_spike_nb(
    long_usd: FloatArray,
    short_usd: FloatArray,
    open_interest_usd: FloatArray,
    regime: FloatArray,
    horizon: int,
    window: int,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Spike statistics of long liquidations over a horizon, all (T, N).

    `z` and `rank` compare the sum of the last `horizon` rows with those of the last `window` rows of the same venue
    regime; `long_share` is long over long and short; `intensity` is long over open interest. Multiplying the
    liquidations of a regime by any positive number changes neither z nor rank nor share.

    Args:
        long_usd: forced closes of longs (T, N), USD.
        short_usd: forced closes of shorts (T, N), USD.
        open_interest_usd: open interest (T, N), USD.
        regime: venue regime (T, N).
        horizon: rows over which liquidations are summed.
        window: rows of the z and of the rank.
    """
    longs = rolling_total_nb(long_usd, regime, horizon)
    shorts = rolling_total_nb(short_usd, regime, horizon)
    z, rank = rolling_spike_nb(longs, regime, window)
    total = longs + shorts
    long_share = np.where(total > 0, longs / np.where(total > 0, total, 1.0), np.nan)
    intensity = np.where(open_interest_usd > 0, longs / open_interest_usd, np.nan)
    return z, rank, long_share, intensity


@njit(cache=True)
def liquidation_rank_nb(
    long_usd: FloatArray,
    short_usd: FloatArray,
    open_interest_usd: FloatArray,
    regime: FloatArray,
    horizon: int,
    window: int,
) -> FloatArray:
    """The rank of `liquidation_spike_nb` alone (T, N).

    Args:
        long_usd: forced closes of longs (T, N), USD.
        short_usd: not used.
        open_interest_usd: not used.
        regime: venue regime (T, N).
        horizon: rows over which liquidations are summed.
        window: rows of the rank.
    """
    return rolling_rank_nb(rolling_total_nb(long_usd, regime, horizon), regime, window)


@njit(cache=True, nogil=True)
def liquidation_rank_at_nb(
    long_usd: FloatArray,
    short_usd: FloatArray,
    open_interest_usd: FloatArray,
    regime: FloatArray,
    horizon: IntArray,
    window: IntArray,
    rows: IntArray,
) -> FloatArray:
    """`liquidation_rank_nb` of one column (T,), for W sets at chosen rows: (W, R).

    Args:
        long_usd: forced closes of longs (T,), USD.
        short_usd: not used.
        open_interest_usd: not used.
        regime: venue regime (T,).
        horizon: rows over which liquidations are summed (W,).
        window: rows of the rank (W,).
        rows: rows that are read (R,), ascending.
    """
    out = np.empty((len(window), len(rows)))
    # The order of the sums is that of every window.
    for length in np.unique(horizon):
        places = bit_places_nb(totals_nb(long_usd, regime, length))
        numbers = np.flatnonzero(horizon == length)
        for position in range(len(numbers)):
            out[numbers[position]] = ranks_nb(places, regime, window[numbers[position]], rows)
    return out


LiquidationSpike = regime_indicator(
    Spec(
        name="liquidation-spike",
        summary="How unusual the forced selling of longs is against its own recent past, within one venue regime.",
        kernel=liquidation_spike_nb,
        inputs={
            "long_usd": ("liquidations", "long_usd"),
            "short_usd": ("liquidations", "short_usd"),
            "open_interest_usd": ("open_interest", "open_interest_usd"),
            "regime": ("liquidations", "regime"),
        },
        parameters={
            "horizon": Parameter(24, IntDistribution(1, 72)),
            "window": Parameter(2160, IntDistribution(720, 8760, log=True)),
        },
        outputs=("z", "rank", "long_share", "intensity"),
        units="z in robust standard deviations, rank in (0, 1], share and intensity decimal",
        lookback=lambda horizon, window: (horizon + window - 1, horizon + window - 1, horizon, horizon),
        source="robust z of Iglewicz and Hoaglin (1993), (x - median) / (1.4826 MAD); rank as pandas rolling.rank",
        scale_free=("long_usd",),
        output_kernels={"rank": liquidation_rank_nb},
        at={"rank": liquidation_rank_at_nb},
        defaults={"short_usd": np.nan, "open_interest_usd": np.nan, "regime": 0.0},
        bounds={"rank": RANK, "long_share": SHARE, "intensity": AT_LEAST_0},
        decimal=("long_share", "intensity"),
    )
)
