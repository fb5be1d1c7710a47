"""Falls of a price: from its trailing high, over a horizon, and since its low."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray, IntArray
from undertow.signals.base import (
    AT_LEAST_0,
    DRAWDOWN,
    RETURN,
    Parameter,
    Spec,
    indicator,
    levels_of_nb,
    rolling_max_nb,
    rows_since_low_nb,
    span_highs_nb,
)


@njit(cache=True)
def drawdown_nb(close: FloatArray, window: int) -> FloatArray:
    """`close / max(close over the last window rows) - 1` (T, N), in [-1, 0].

    NaN until the window is full.
    """
    return close / rolling_max_nb(close, window) - 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def drawdown_at_nb(close: FloatArray, window: IntArray, rows: IntArray) -> FloatArray:
    """`drawdown_nb` of one column (T,), for W windows at chosen rows: (W, R).

    Args:
        close: closes (T,).
        window: rows of each window (W,).
        rows: rows that are read (R,).
    """
    out = np.empty((len(window), len(rows)))
    highs = span_highs_nb(close, window.max())
    for number in range(len(window)):
        length = window[number]
        level = levels_of_nb(length) - 1
        high, first = highs[level], length - (1 << level)
        for place, row in enumerate(rows):
            highest = max(high[row], high[row - first]) if row + 1 >= length else -np.inf
            out[number, place] = close[row] / highest - 1.0 if highest > -np.inf else np.nan
    return out


@njit(cache=True)
def drop_nb(close: FloatArray, horizon: int) -> FloatArray:
    """Return over `horizon` rows (T, N), decimal; NaN where either end is missing."""
    out = np.full(close.shape, np.nan)
    if horizon < len(close):
        out[horizon:] = close[horizon:] / close[: len(close) - horizon] - 1.0
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def drop_at_nb(close: FloatArray, horizon: IntArray, rows: IntArray) -> FloatArray:
    """`drop_nb` of one column (T,), for W horizons at chosen rows: (W, R).

    Args:
        close: closes (T,).
        horizon: rows of each horizon (W,).
        rows: rows that are read (R,).
    """
    out = np.full((len(horizon), len(rows)), np.nan)
    for number in range(len(horizon)):
        for place, row in enumerate(rows):
            if row >= horizon[number]:
                out[number, place] = close[row] / close[row - horizon[number]] - 1.0
    return out


@njit(cache=True, nogil=True)
def rows_since_low_at_nb(close: FloatArray, window: IntArray, rows: IntArray) -> FloatArray:
    """`rows_since_low_nb` of one column (T,), for W windows at chosen rows: (W, R).

    Args:
        close: closes (T,).
        window: rows of each window (W,).
        rows: rows that are read (R,).
    """
    out = np.empty((len(window), len(rows)))
    column = close.reshape((len(close), 1))
    for number in range(len(window)):
        ages = rows_since_low_nb(column, window[number])
        for place, row in enumerate(rows):
            out[number, place] = ages[row, 0]
    return out


Drawdown = indicator(
    Spec(
        name="drawdown",
        summary="Fall of the close from its highest close in a trailing window.",
        kernel=drawdown_nb,
        inputs={"close": ("bars", "close")},
        parameters={"window": Parameter(168, IntDistribution(24, 720, log=True))},
        outputs=("drawdown",),
        units="decimal, 0 at the high, -0.15 for 15 % below it",
        lookback=lambda window: (window,),
        scale_free=("close",),
        source="Magdon-Ismail and Atiya (2004), drawdown from the running maximum, here over a trailing window",
        bounds={"drawdown": DRAWDOWN},
        at={"drawdown": drawdown_at_nb},
        decimal=("drawdown",),
    )
)

Drop = indicator(
    Spec(
        name="drop",
        summary="Return over a horizon: how far the price fell in the last so many rows.",
        kernel=drop_nb,
        inputs={"close": ("bars", "close")},
        parameters={"horizon": Parameter(24, IntDistribution(1, 336, log=True))},
        outputs=("drop",),
        units="decimal return over the horizon, not annualised",
        lookback=lambda horizon: (horizon + 1,),
        scale_free=("close",),
        source="rate of change, ta.momentum.ROCIndicator / 100",
        bounds={"drop": RETURN},
        at={"drop": drop_at_nb},
        decimal=("drop",),
    )
)

RowsSinceLow = indicator(
    Spec(
        name="rows-since-low",
        summary="How many rows ago the lowest close of a trailing window was: no new low for so long.",
        kernel=rows_since_low_nb,
        inputs={"close": ("bars", "close")},
        parameters={"window": Parameter(336, IntDistribution(24, 1440, log=True))},
        outputs=("age",),
        in_rows=("age",),
        units="rows of its feed, hours at a decision; 0 at a new low",
        lookback=lambda window: (window,),
        scale_free=("close",),
        source="Aroon-down of Chande (1995), counted in rows instead of percent",
        bounds={"age": AT_LEAST_0},
        at={"age": rows_since_low_at_nb},
    )
)
