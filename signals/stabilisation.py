"""The all-clear: several signs that the selling has ended, and their share."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import BoolArray, FloatArray
from undertow.signals.base import (
    FLAG,
    SHARE,
    Parameter,
    Spec,
    full_nb,
    rolling_max_nb,
    rows_since_low_nb,
    trailing_median_nb,
)
from undertow.signals.base.venue_regimes import regime_indicator
from undertow.signals.open_interest import drop_from_high_nb
from undertow.signals.volatility import realized_volatility_nb


@njit(cache=True)
def reclaimed_share_nb(close: FloatArray, window: int) -> FloatArray:
    """Share of the fall from high to low that was won back (T, N), in [0, 1].

    The trailing high, and the low after it; 1 at the high itself. NaN until the window is full, at a missing close and
    where more than half of it is missing.
    """
    rows, columns = close.shape
    out = np.full((rows, columns), np.nan)
    full = full_nb(close, window)
    # Rows that no later close exceeds, the highest first, and rows that none falls below, the lowest first.
    highs, lows = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=np.int64)
    for column in range(columns):
        high_head = high_tail = low_head = low_tail = 0
        for row in range(rows):
            value = close[row, column]
            if np.isnan(value):
                continue
            while high_tail > high_head and close[highs[high_tail - 1], column] <= value:
                high_tail -= 1
            while low_tail > low_head and close[lows[low_tail - 1], column] >= value:
                low_tail -= 1
            highs[high_tail] = lows[low_tail] = row
            high_tail += 1
            low_tail += 1
            while highs[high_head] <= row - window:
                high_head += 1
            # The low counts from the high on, which only moves ahead.
            while lows[low_head] < highs[high_head]:
                low_head += 1
            if not full[row, column]:
                continue
            high, low = close[highs[high_head], column], close[lows[low_head], column]
            out[row, column] = (close[row, column] - low) / (high - low) if high > low else 1.0
    return out


@njit(cache=True)
def _flag(holds: BoolArray, known: BoolArray) -> FloatArray:
    return np.where(known, np.where(holds, 1.0, 0.0), np.nan)


@njit(cache=True)
def stabilisation_nb(
    close: FloatArray,
    funding_rate: FloatArray,
    open_interest_usd: FloatArray,
    open_interest_regime: FloatArray,
    window: int,
    calm: int,
    short: int,
    fraction: float,
    reset: float,
    reclaim: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Score, its five signs (1, 0 or NaN) and the reclaimed share, all (T, N).

    In the last `window` rows: no_new_low, the lowest close is at least `calm` rows ago; volatility_falling, the
    deviation of the last `short` log returns is at most `fraction` of its peak; funding_reset, the funding rate is at
    or below its median; open_interest_reset, open interest is at least `reset` below its high within its venue regime;
    reclaimed, at least `reclaim` of the fall from the high to the low after it has been won back. The score is the mean
    of the known signs, NaN where fewer than two are known. A sign is NaN until its window is full, at a missing close,
    without its feed and where more than half of its window is missing.

    Args:
        close: closes (T, N).
        funding_rate: funding rate (T, N), decimal for eight hours.
        open_interest_usd: open interest (T, N), USD.
        open_interest_regime: venue regime of the open interest (T, N).
        window: rows of every sign.
        calm: least rows since the lowest close.
        short: returns of the volatility, rows.
        fraction: highest volatility, as a share of its peak.
        reset: least fall of open interest, decimal.
        reclaim: least reclaimed share, decimal.
    """
    full = full_nb(close, window)
    volatility = np.where(np.isnan(close), np.nan, realized_volatility_nb(close, short, 1.0))
    median = trailing_median_nb(funding_rate, window)
    drop = drop_from_high_nb(open_interest_usd, open_interest_regime, window)
    share = reclaimed_share_nb(close, window)
    no_new_low = _flag(rows_since_low_nb(close, window) >= calm, full)
    falling = _flag(volatility <= fraction * rolling_max_nb(volatility, window), full_nb(volatility, window))
    funding_reset = _flag(funding_rate <= median, full & ~np.isnan(median))
    open_interest_reset = _flag(drop <= -reset, full & ~np.isnan(drop))
    reclaimed = _flag(share >= reclaim, full)
    total, count = np.zeros(close.shape), np.zeros(close.shape)
    for sign in (no_new_low, falling, funding_reset, open_interest_reset, reclaimed):
        total += np.where(np.isnan(sign), 0.0, sign)
        count += np.where(np.isnan(sign), 0.0, 1.0)
    score = np.where(count >= 2, total / np.maximum(count, 1.0), np.nan)
    return score, no_new_low, falling, funding_reset, open_interest_reset, reclaimed, share


Stabilisation = regime_indicator(
    Spec(
        name="stabilisation",
        summary="The all-clear after a fall: no new low, calmer, funding and leverage reset, part of it won back.",
        kernel=stabilisation_nb,
        inputs={
            "close": ("bars", "close"),
            "funding_rate": ("funding", "rate_8h"),
            "open_interest_usd": ("open_interest", "open_interest_usd"),
            "open_interest_regime": ("open_interest", "regime"),
        },
        parameters={
            "window": Parameter(336, IntDistribution(72, 1440, log=True)),
            "calm": Parameter(48, IntDistribution(6, 336, log=True)),
            "short": Parameter(24, IntDistribution(6, 168, log=True)),
            "fraction": Parameter(0.6, FloatDistribution(0.2, 1.0), unit="decimal"),
            "reset": Parameter(0.1, FloatDistribution(0.02, 0.5), unit="decimal"),
            "reclaim": Parameter(0.33, FloatDistribution(0.1, 0.9), unit="decimal"),
        },
        outputs=(
            "score",
            "no_new_low",
            "volatility_falling",
            "funding_reset",
            "open_interest_reset",
            "reclaimed",
            "reclaimed_share",
        ),
        units="score and share decimal in [0, 1]; each sign 1 or 0",
        lookback=lambda window, short, **_: (window, window, short + window, window, window, window, window),
        source="our own definition",
        scale_free=("close", "open_interest_usd"),
        defaults={"funding_rate": np.nan, "open_interest_usd": np.nan, "open_interest_regime": 0.0},
        bounds={
            "score": SHARE,
            "no_new_low": FLAG,
            "volatility_falling": FLAG,
            "funding_reset": FLAG,
            "open_interest_reset": FLAG,
            "reclaimed": FLAG,
            "reclaimed_share": SHARE,
        },
        decimal=("score", "reclaimed_share"),
    )
)
