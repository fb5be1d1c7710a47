"""Open interest: leverage, how fast it leaves, its growth into a falling price."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import AT_LEAST_0, DRAWDOWN, FLAG, Parameter, Spec, rolling_spike_nb
from undertow.signals.base.venue_regimes import regime_indicator


@njit(cache=True)
def log_change_nb(values: FloatArray, regimes: FloatArray, horizon: int) -> FloatArray:
    """Log change over the last `horizon` rows (T, N).

    NaN where an end is missing or not above zero, and across a regime border: the levels on its two sides are not
    comparable.
    """
    rows, columns = values.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        start = 0
        for row in range(1, rows):
            if regimes[row, column] != regimes[row - 1, column]:
                start = row
            if row - horizon >= start and values[row, column] > 0 and values[row - horizon, column] > 0:
                out[row, column] = np.log(values[row, column] / values[row - horizon, column])
    return out


@njit(cache=True)
def drop_from_high_nb(values: FloatArray, regimes: FloatArray, window: int) -> FloatArray:
    """`value / highest of the last window rows - 1` (T, N), in [-1, 0].

    Within a regime: NaN until the window is full since the regime began, at a missing value and where more than half of
    the window is missing.
    """
    rows, columns = values.shape
    out = np.full((rows, columns), np.nan)
    # Rows of values that no later one exceeds, the highest first.
    queue = np.empty(rows, dtype=np.int64)
    for column in range(columns):
        start = count = head = tail = 0
        for row in range(rows):
            value = values[row, column]
            if row > 0 and regimes[row, column] != regimes[row - 1, column]:
                start = row
            if row >= window and not np.isnan(values[row - window, column]):
                count -= 1
            if np.isnan(value):
                start = row + 1 if row == start else start
                continue
            count += 1
            while tail > head and values[queue[tail - 1], column] <= value:
                tail -= 1
            queue[tail] = row
            tail += 1
            while queue[head] <= row - window:
                head += 1
            high = values[queue[head], column]
            if row - start + 1 >= window and 2 * count >= window and high > 0:
                out[row, column] = value / high - 1.0
    return out


@njit(cache=True)
def open_interest_change_nb(
    open_interest_usd: FloatArray, regime: FloatArray, horizon: int, window: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log change, its robust z, and the fall from the window's high, all (T, N).

    Each starts again at a venue-regime border. NaN until its window is full, at a missing value and where more than
    half of the window is missing; z also where the median deviation is 0.

    Args:
        open_interest_usd: open interest (T, N), USD.
        regime: venue regime (T, N).
        horizon: rows of the change.
        window: rows of the z and of the high.
    """
    change = log_change_nb(open_interest_usd, regime, horizon)
    z, _ = rolling_spike_nb(change, regime, window)
    return change, z, drop_from_high_nb(open_interest_usd, regime, window)


@njit(cache=True)
def open_interest_change_alone_nb(
    open_interest_usd: FloatArray, regime: FloatArray, horizon: int, window: int
) -> FloatArray:
    """The change of `open_interest_change_nb` alone (T, N).

    Args:
        open_interest_usd: open interest (T, N), USD.
        regime: venue regime (T, N).
        horizon: rows of the change.
        window: not used.
    """
    return log_change_nb(open_interest_usd, regime, horizon)


@njit(cache=True)
def open_interest_z_alone_nb(
    open_interest_usd: FloatArray, regime: FloatArray, horizon: int, window: int
) -> FloatArray:
    """The z of `open_interest_change_nb` alone (T, N).

    Args:
        open_interest_usd: open interest (T, N), USD.
        regime: venue regime (T, N).
        horizon: rows of the change.
        window: rows of the z.
    """
    z, _ = rolling_spike_nb(log_change_nb(open_interest_usd, regime, horizon), regime, window)
    return z


@njit(cache=True)
def open_interest_drop_alone_nb(
    open_interest_usd: FloatArray, regime: FloatArray, horizon: int, window: int
) -> FloatArray:
    """The drop of `open_interest_change_nb` alone (T, N).

    Args:
        open_interest_usd: open interest (T, N), USD.
        regime: venue regime (T, N).
        horizon: not used.
        window: rows of the high.
    """
    return drop_from_high_nb(open_interest_usd, regime, window)


@njit(cache=True)
def open_interest_divergence_nb(
    open_interest_usd: FloatArray, close: FloatArray, regime: FloatArray, horizon: int
) -> tuple[FloatArray, FloatArray]:
    """Flag and size of a rise of open interest while the price falls, both (T, N).

    The flag is 1 or 0. size = log rise of the open interest + log fall of the price where both happened, else 0. Open
    interest in USD falls with the price by itself, so the size is also the log growth of open interest counted in
    coins. NaN where either change is, and across a venue-regime border.

    Args:
        open_interest_usd: open interest (T, N), USD.
        close: closes (T, N).
        regime: venue regime (T, N).
        horizon: rows of both changes.
    """
    rise = log_change_nb(open_interest_usd, regime, horizon)
    fall = -log_change_nb(close, regime, horizon)
    known = ~np.isnan(rise + fall)
    diverging = (rise > 0) & (fall > 0)
    size = np.where(known, np.where(diverging, rise + fall, 0.0), np.nan)
    return np.where(known, np.where(diverging, 1.0, 0.0), np.nan), size


_REGIME = ("open_interest", "regime")

OpenInterestChange = regime_indicator(
    Spec(
        name="open-interest-change",
        summary="Change of open interest over a horizon, how unusual it is, and its fall from the trailing high.",
        kernel=open_interest_change_nb,
        inputs={"open_interest_usd": ("open_interest", "open_interest_usd"), "regime": _REGIME},
        parameters={
            "horizon": Parameter(72, IntDistribution(24, 336, log=True)),
            "window": Parameter(2160, IntDistribution(720, 8760, log=True)),
        },
        outputs=("change", "z", "drop"),
        units="change in log over the horizon, z in robust standard deviations, drop decimal, 0 at the high",
        lookback=lambda horizon, window: (horizon + 1, horizon + window, window),
        source="our own definition; robust z of Iglewicz and Hoaglin (1993)",
        scale_free=("open_interest_usd",),
        output_kernels={
            "change": open_interest_change_alone_nb,
            "z": open_interest_z_alone_nb,
            "drop": open_interest_drop_alone_nb,
        },
        defaults={"regime": 0.0},
        bounds={"drop": DRAWDOWN},
        decimal=("drop",),
    )
)

OpenInterestDivergence = regime_indicator(
    Spec(
        name="open-interest-divergence",
        summary="Open interest rising while the price falls: new leverage against the trend, fuel for a cascade.",
        kernel=open_interest_divergence_nb,
        inputs={
            "open_interest_usd": ("open_interest", "open_interest_usd"),
            "close": ("bars", "close"),
            "regime": _REGIME,
        },
        parameters={"horizon": Parameter(168, IntDistribution(24, 720, log=True))},
        outputs=("divergence", "size"),
        units="divergence 1 or 0; size in log, the rise of open interest plus the fall of the price",
        lookback=lambda horizon: (horizon + 1,) * 2,
        source="our own definition",
        scale_free=("open_interest_usd", "close"),
        defaults={"regime": 0.0},
        bounds={"divergence": FLAG, "size": AT_LEAST_0},
    )
)
