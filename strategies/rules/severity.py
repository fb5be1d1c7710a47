"""From a signal's values to ok, watch and alarm, with hysteresis, for many parameter sets at once."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market.clock import BoolArray, FloatArray


@njit(cache=True)
def severity_nb(values: FloatArray, alarm: FloatArray, watch: FloatArray, leave: FloatArray, side: float) -> FloatArray:
    """0 ok, 0.5 watch, 1 alarm (T, P) of `values` (T, P); levels (P,), NaN where there is no watch level.

    `side` is 1 where high values alarm and -1 where low ones do. An alarm lasts until the value is on the calm side of
    `leave`. NaN where the value is NaN; the alarm then lasts.
    """
    rows, sets = values.shape
    out = np.empty((rows, sets))
    on = np.zeros(sets, dtype=np.bool_)
    for row in range(rows):
        for which in range(sets):
            value = values[row, which] * side
            if np.isnan(value):
                out[row, which] = np.nan
                continue
            on[which] = value >= alarm[which] * side or (on[which] and value >= leave[which] * side)
            if on[which]:
                out[row, which] = 1.0
            else:
                out[row, which] = 0.5 if value >= watch[which] * side else 0.0
    return out


@njit(cache=True)
def going_on_nb(severity: FloatArray, least: float) -> tuple[BoolArray, BoolArray]:
    """Where a condition (T,) of this severity or more is on, and where it goes on; it lasts while it is unknown."""
    on, begins = np.zeros(len(severity), np.bool_), np.zeros(len(severity), np.bool_)
    state = False
    for row in range(len(severity)):
        if not np.isnan(severity[row]):
            begins[row] = severity[row] >= least and not state
            state = severity[row] >= least
        on[row] = state
    return on, begins


def severity_np(values: FloatArray, alarm: FloatArray, watch: FloatArray, leave: FloatArray, side: float) -> FloatArray:
    """The same as `severity_nb` with plain numpy."""
    out, on = np.full(values.shape, np.nan), np.zeros(values.shape[1], dtype=np.bool_)
    for row, value in enumerate(values * side):
        known = ~np.isnan(value)
        on = np.where(known, (value >= alarm * side) | (on & (value >= leave * side)), on)
        mild = np.where(value >= watch * side, 0.5, 0.0)
        out[row] = np.where(known, np.where(on, 1.0, mild), np.nan)
    return out
