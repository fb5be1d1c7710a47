"""Selloffs of stocks by their usual names: pullback, correction, bear market."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import DRAWDOWN, STATE, Parameter, Spec, full_nb, indicator
from undertow.signals.drawdown import drawdown_nb

# 90 of 100 is a fall of 9.999999999999998 % to a computer.
_ROUNDING = 1e-9

# The ranges do not overlap, so that a search never puts the thresholds out of order.
_PARAMETERS = {
    "window": Parameter(252, IntDistribution(63, 504, log=True), unit="sessions"),
    "pullback": Parameter(-0.05, FloatDistribution(-0.08, -0.02), unit="drawdown"),
    "correction": Parameter(-0.10, FloatDistribution(-0.15, -0.08), unit="drawdown"),
    "bear": Parameter(-0.20, FloatDistribution(-0.40, -0.15), unit="drawdown"),
}
_UNITS = "drawdown decimal, -0.15 for 15 % below the high; state 0 none, 1 pullback, 2 correction, 3 bear market"
_SOURCE = "market usage: 5, 10 and 20 % below the highest close, here of a trailing window"


@njit(cache=True)
def selloff_nb(
    close: FloatArray, window: int, pullback: float, correction: float, bear: float
) -> tuple[FloatArray, FloatArray]:
    """Fall from the highest close of `window` rows, and its state, both (T, N).

    State 0 none, 1 pullback, 2 correction, 3 bear market: the highest whose threshold the drawdown has reached. NaN
    until the window is full, at a missing close and where more than half of the window is missing. The high leaves the
    window in time: a decline of more than a year ends without a recovery.

    Args:
        close: closes (T, N).
        window: rows of the high.
        pullback: threshold of a pullback, a drawdown below zero.
        correction: threshold of a correction.
        bear: threshold of a bear market.
    """
    drawdown = np.where(full_nb(close, window), drawdown_nb(close, window), np.nan)
    state = np.where(np.isnan(drawdown), np.nan, 0.0)
    for number, threshold in enumerate((pullback, correction, bear)):
        state = np.where(drawdown <= threshold + _ROUNDING, number + 1.0, state)
    return drawdown, state


Selloff = indicator(
    Spec(
        name="selloff",
        summary="State of the benchmark by its fall from the high: none, pullback, correction or bear market.",
        kernel=selloff_nb,
        inputs={"close": ("prices", "benchmark")},
        parameters=_PARAMETERS,
        outputs=("drawdown", "state"),
        units=_UNITS,
        lookback=lambda window, pullback, correction, bear: (window, window),
        source=_SOURCE,
        clock="session",
        scale_free=("close",),
        bounds={"drawdown": DRAWDOWN, "state": STATE},
        decimal=("drawdown",),
    )
)

BasketSelloff = indicator(
    Spec(
        name="basket-selloff",
        summary="State of the universe's equally weighted index by its fall from the high: none to bear market.",
        kernel=selloff_nb,
        inputs={"close": ("prices", "basket")},
        parameters=_PARAMETERS,
        outputs=("drawdown", "state"),
        units=_UNITS,
        lookback=lambda window, pullback, correction, bear: (window, window),
        source=_SOURCE,
        clock="session",
        scale_free=("close",),
        bounds={"drawdown": DRAWDOWN, "state": STATE},
        decimal=("drawdown",),
    )
)
