"""Cascades: the stage of a chain of forced selling.

From liquidation spikes, price and open interest.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import AT_LEAST_0, STATE, Parameter, Spec, rolling_rank_nb, rolling_total_nb
from undertow.signals.base.venue_regimes import regime_indicator

CALM, FIRST, SECOND, EXHAUSTED = 0.0, 1.0, 2.0, 3.0


@njit(cache=True)
def _high_before(values: FloatArray, regimes: FloatArray, row: int, memory: int) -> float:
    # The highest of the rows up to `row` that share its regime; NaN where all are missing.
    high = np.nan
    for back in range(row, max(row - memory, -1), -1):
        if regimes[back] != regimes[row]:
            break
        if np.isnan(high) or values[back] > high:
            high = values[back]
    return high


@njit(cache=True)
def _stages(
    rank: FloatArray,
    close: FloatArray,
    regime: FloatArray,
    open_interest: FloatArray,
    open_interest_regime: FloatArray,
    spike: float,
    fade: float,
    pause: int,
    reset: float,
    memory: int,
) -> FloatArray:
    # One column: stage, flushes and age (T, 3). `low` is the lowest close since the first flush.
    out = np.full((len(rank), 3), np.nan)
    flushes = first = last = 0
    exhausted = False
    low = high = np.nan
    for row in range(len(rank)):
        if row > 0 and regime[row] != regime[row - 1]:
            flushes = 0
        if rank[row] >= spike:
            if flushes == 0:
                first, low = row, np.nan
                high = _high_before(open_interest, open_interest_regime, row, memory)
            if flushes == 0 or (row - last > pause and close[row] < low):
                flushes += 1
            last = row
            exhausted = False
        elif row - last >= memory:
            flushes = 0
        elif rank[row] < fade:
            # Without a level of the same venue regime, open interest cannot tell of a reset: the rank decides alone.
            unknown = open_interest_regime[row] != open_interest_regime[first] or np.isnan(open_interest[row] + high)
            exhausted = exhausted or unknown or open_interest[row] <= (1.0 - reset) * high
        if np.isnan(low) or close[row] < low:
            low = close[row]
        if not np.isnan(rank[row]):
            out[row, 0] = CALM if flushes == 0 else EXHAUSTED if exhausted else min(SECOND, float(flushes))
            out[row, 1] = flushes
            out[row, 2] = row - first if flushes else 0
    return out


@njit(cache=True)
def cascade_nb(
    long_usd: FloatArray,
    close: FloatArray,
    regime: FloatArray,
    open_interest_usd: FloatArray,
    open_interest_regime: FloatArray,
    window: int,
    horizon: int,
    spike: float,
    fade: float,
    pause: int,
    reset: float,
    memory: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Stage, number of flushes and rows since the first flush, all (T, N).

    A spike is a row whose long liquidations of the last `horizon` rows rank at `spike` or above in the last `window`
    rows of their venue regime. The stages: 0 calm, with 0 flushes and age 0; 1 first flush, from the first spike on; 2
    second flush, from a spike that follows `pause` or more rows without one and closes below every close since the
    first; 3 exhausted, once the rank is below `fade` and open interest is `reset` below its highest of the `memory`
    rows up to the first flush, until the next spike. Without comparable open interest, the rank alone decides. After
    `memory` rows without a spike, and at a border of the liquidations' regime, it is calm again. NaN where the rank is:
    until the window is full, at a missing `long_usd` and where more than half of the window is missing.

    Args:
        long_usd: forced closes of longs (T, N), USD.
        close: closes (T, N).
        regime: venue regime of the liquidations (T, N).
        open_interest_usd: open interest (T, N), USD.
        open_interest_regime: venue regime of the open interest (T, N).
        window: rows of the rank.
        horizon: rows over which liquidations are summed.
        spike: rank of a spike, in (0, 1].
        fade: rank below which a flush fades.
        pause: least rows without a spike before a second flush.
        reset: fall of open interest, decimal.
        memory: rows after which a cascade without a spike is over.
    """
    rank = rolling_rank_nb(rolling_total_nb(long_usd, regime, horizon), regime, window)
    stage, flushes, age = np.empty(rank.shape), np.empty(rank.shape), np.empty(rank.shape)
    for column in range(rank.shape[1]):
        out = _stages(
            rank[:, column],
            close[:, column],
            regime[:, column],
            open_interest_usd[:, column],
            open_interest_regime[:, column],
            spike,
            fade,
            pause,
            reset,
            memory,
        )
        stage[:, column], flushes[:, column], age[:, column] = out[:, 0], out[:, 1], out[:, 2]
    return stage, flushes, age


Cascade = regime_indicator(
    Spec(
        name="cascade",
        summary="Stage of a liquidation cascade: calm, first flush, second flush, exhausted.",
        kernel=cascade_nb,
        inputs={
            "long_usd": ("liquidations", "long_usd"),
            "close": ("bars", "close"),
            "regime": ("liquidations", "regime"),
            "open_interest_usd": ("open_interest", "open_interest_usd"),
            "open_interest_regime": ("open_interest", "regime"),
        },
        parameters={
            "window": Parameter(2160, IntDistribution(720, 8760, log=True)),
            "horizon": Parameter(6, IntDistribution(1, 72, log=True)),
            "spike": Parameter(0.95, FloatDistribution(0.8, 0.995), unit="rank"),
            "fade": Parameter(0.7, FloatDistribution(0.3, 0.9), unit="rank"),
            "pause": Parameter(24, IntDistribution(1, 168, log=True)),
            "reset": Parameter(0.1, FloatDistribution(0.02, 0.5), unit="decimal"),
            "memory": Parameter(168, IntDistribution(48, 1440, log=True)),
        },
        outputs=("stage", "flushes", "age"),
        in_rows=("age",),
        units="stage 0 to 3, flushes a count, age since the first flush in rows of its feed, hours at a decision",
        lookback=lambda window, horizon, **_: (window + horizon - 1,) * 3,
        source="our own definition of a cascade's stages; rank as pandas rolling.rank",
        scale_free=("long_usd", "open_interest_usd", "close"),
        defaults={"regime": 0.0, "open_interest_usd": np.nan, "open_interest_regime": 0.0},
        bounds={"stage": STATE, "flushes": AT_LEAST_0, "age": AT_LEAST_0},
    )
)
