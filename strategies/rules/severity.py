"""From a signal's values to ok, watch and alarm, with hysteresis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from undertow.market import BoolArray, FloatArray, IntArray

Int8Array = npt.NDArray[np.int8]


# Codes of a severity, as indices: 0 ok, 0.5 watch, 1 alarm, or unknown. A value that was the fallback's adds a bit.
SEVERITIES = np.array([0.0, 0.5, 1.0, np.nan])
UNKNOWN, FALLBACK = 3, 4


class Levels(NamedTuple):
    """The levels of a condition of S sets.

    Args:
        alarm: (S,) levels at which the alarm goes on
        watch: (S,) milder levels; infinity on the alarming side for none
        leave: (S,) levels on whose calm side an alarm goes off
        side: (S,) 1 where high values alarm, -1 where low values do
    """

    alarm: FloatArray
    watch: FloatArray
    leave: FloatArray
    side: FloatArray


class ConditionColumns(NamedTuple):
    """Values of a condition of S sets: distinct columns (D, T), and the one of each set (S,)."""

    values: FloatArray
    position: IntArray


@njit(cache=True, nogil=True)
def severity_codes_nb(first: ConditionColumns, fallback: ConditionColumns, levels: Levels) -> Int8Array:
    """Codes of severities (S, T): indices into `SEVERITIES`, plus `FALLBACK`.

    An alarm lasts until the value is on the calm side of `leave`. Unknown where the value is NaN; an alarm then lasts.

    Args:
        first: the values that are read
        fallback: those read where the first are NaN; without columns there is no fallback
        levels: the levels
    """
    sets, rows = len(first.position), first.values.shape[1]
    out = np.empty((sets, rows), dtype=np.int8)
    for number in range(sets):
        values = first.values[first.position[number]]
        others = fallback.values[fallback.position[number]] if len(fallback.values) else values
        side = levels.side[number]
        alarm, watch = levels.alarm[number] * side, levels.watch[number] * side
        leave = levels.leave[number] * side
        on = False
        for row in range(rows):
            value, code = values[row], 0
            if np.isnan(value) and np.isfinite(others[row]):
                value, code = others[row], FALLBACK
            if np.isnan(value):
                out[number, row] = UNKNOWN
                continue
            value *= side
            on = value >= alarm or (on and value >= leave)
            out[number, row] = code + (2 if on else 1 if value >= watch else 0)
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
