"""The weekend gap: the move of bitcoin while the exchange was closed."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution

from undertow.market import FloatArray
from undertow.signals.base import AT_LEAST_0, RETURN, Parameter, Spec, indicator


@njit(cache=True)
def weekend_gap_nb(
    close: FloatArray, since_close: FloatArray, since_open: FloatArray, closed: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return since the last session close, the same over long closures, and the hours.

    All (T, N). `since_close` starts again where a session closed since the row before; the price known at that close is
    this row's if it is known at that very instant (0 hours), else the one before. gap = close / that price - 1.
    `weekend` is the gap where at least `closed` hours have passed and the exchange has not opened again, else 0: a
    night is 17 hours before the open, a weekend 65. Gap and hours go on through the next session until it closes. NaN
    at a missing close or hour, and before the first session close; a missing `since_open` is no open.

    Args:
        close: closes (T, N).
        since_close: hours from the exchange's last close until the row became known (T, N).
        since_open: hours from its last open (T, N).
        closed: least hours of a long closure.
    """
    rows, columns = close.shape
    gap = np.full((rows, columns), np.nan)
    for column in range(columns):
        last = reference = before = np.nan
        for row in range(rows):
            price, hours = close[row, column], since_close[row, column]
            if not np.isnan(hours):
                if np.isnan(before) or hours < before:
                    reference = price if hours == 0 and not np.isnan(price) else last
                before = hours
                gap[row, column] = price / reference - 1.0
            last = last if np.isnan(price) else price
    known = ~np.isnan(gap)
    away = (since_close >= closed) & ~(since_open <= since_close)
    weekend = np.where(known, np.where(away, gap, 0.0), np.nan)
    return gap, weekend, np.where(known, since_close, np.nan)


WeekendGap = indicator(
    Spec(
        name="weekend-gap",
        summary="Return of bitcoin since the exchange's last close; the same over long closures, until stocks trade.",
        kernel=weekend_gap_nb,
        inputs={
            "close": ("bars", "close"),
            "since_close": ("sessions", "since_close"),
            "since_open": ("sessions", "since_open"),
        },
        defaults={"since_open": np.inf},
        parameters={"closed": Parameter(40.0, FloatDistribution(0.0, 96.0), unit="hours since the close")},
        outputs=("gap", "weekend", "hours_closed"),
        units="gap and weekend decimal; hours since the last session close, on the 24/7 clock",
        lookback=lambda closed: (1, 1, 1),
        scale_free=("close",),
        source="our own definition; closes, half days and daylight saving of the exchange's calendar",
        bounds={"gap": RETURN, "weekend": RETURN, "hours_closed": AT_LEAST_0},
        decimal=("gap", "weekend"),
        since_close=True,
    )
)
