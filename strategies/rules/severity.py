"""From a signal's values to ok, watch and alarm, with hysteresis."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market import BoolArray, FloatArray


@njit(cache=True)
def severity_nb(values: FloatArray, alarm: FloatArray, watch: FloatArray, leave: FloatArray, side: float) -> FloatArray:
    """Severity (T, P): 0 ok, 0.5 watch, 1 alarm.

    An alarm lasts until the value is on the calm side of `leave`. NaN where the value is NaN; an alarm then lasts.

    Args:
        values: (T, P) values of a signal
        alarm: (P,) levels at which the alarm goes on
        watch: (P,) milder levels, NaN for none
        leave: (P,) levels on whose calm side an alarm goes off
        side: 1 where high values alarm, -1 where low values do
    """
    rows, sets = values.shape
    out = np.empty((rows, sets))
    on = np.zeros(sets, dtype=np.bool_)
    for row in range(rows):
        for column in range(sets):
            value = values[row, column] * side
            if np.isnan(value):
                out[row, column] = np.nan
                continue
            on[column] = value >= alarm[column] * side or (on[column] and value >= leave[column] * side)
            if on[column]:
                out[row, column] = 1.0
            else:
                out[row, column] = 0.5 if value >= watch[column] * side else 0.0
    return out


@njit(cache=True)
def alarms_nb(severity: FloatArray, threshold: float) -> tuple[BoolArray, BoolArray]:
    """Where a severity (T,) is at or above `threshold`, and where that begins.

    While the severity is NaN the state lasts.
    """
    on, begins = np.zeros(len(severity), np.bool_), np.zeros(len(severity), np.bool_)
    state = False
    for row in range(len(severity)):
        if not np.isnan(severity[row]):
            begins[row] = severity[row] >= threshold and not state
            state = severity[row] >= threshold
        on[row] = state
    return on, begins


def severity_np(values: FloatArray, alarm: FloatArray, watch: FloatArray, leave: FloatArray, side: float) -> FloatArray:
    """The same as `severity_nb` with plain numpy.

    Args:
        values: (T, P) values of a signal
        alarm: (P,) levels at which the alarm goes on
        watch: (P,) milder levels, NaN for none
        leave: (P,) levels on whose calm side an alarm goes off
        side: 1 where high values alarm, -1 where low values do
    """
    out, on = np.full(values.shape, np.nan), np.zeros(values.shape[1], dtype=np.bool_)
    for row, value in enumerate(values * side):
        known = ~np.isnan(value)
        on = np.where(known, (value >= alarm * side) | (on & (value >= leave * side)), on)
        mild = np.where(value >= watch * side, 0.5, 0.0)
        out[row] = np.where(known, np.where(on, 1.0, mild), np.nan)
    return out
