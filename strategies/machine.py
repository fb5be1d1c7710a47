"""The de-risk state machine: invested, in cash, coming back; for many parameter sets at once.

Two implementations, compiled and plain, which tests hold equal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market.clock import BoolArray, FloatArray, IntArray

INVESTED, IN_CASH, RETURNING = 0, 1, 2


@njit(cache=True)
def exposure_nb(
    trigger: FloatArray,
    all_clear: FloatArray,
    hours: FloatArray,
    cash: FloatArray,
    min_hold: FloatArray,
    max_hold: FloatArray,
    steps: IntArray,
) -> tuple[FloatArray, BoolArray]:
    """Exposure (T, P) and stale sessions (T, P) from triggers and all-clears (T, P), each 1, 0 or NaN.

    `hours` (T,) is the clock at each decision. A set goes to `1 - cash` when its trigger is on and armed; a trigger
    is armed again only after it was off. It leaves after `min_hold` hours once the all-clear is on, or after
    `max_hold` hours at the latest, and comes back in `steps` equal steps, one a session. A fresh trigger on the way
    restarts the clock. Where the trigger is NaN, or the all-clear while it is waited for before `max_hold`, the
    exposure is held and marked stale.
    """
    rows, sets = trigger.shape
    exposure = np.ones((rows, sets))
    stale = np.zeros((rows, sets), dtype=np.bool_)
    for which in range(sets):
        state, armed, entered, level = INVESTED, True, 0.0, 1.0
        for row in range(rows):
            signal = trigger[row, which]
            if np.isnan(signal):
                stale[row, which] = True
            elif signal > 0 and armed:
                state, armed, entered = IN_CASH, False, hours[row]
                level = 1.0 - cash[which]
                exposure[row, which] = level
                continue
            elif signal == 0:
                armed = True
            if state == IN_CASH:
                held = hours[row] - entered
                clear = all_clear[row, which]
                if held >= max_hold[which] or (held >= min_hold[which] and clear > 0):
                    state = RETURNING
                elif held >= min_hold[which] and np.isnan(clear):
                    stale[row, which] = True
            if state == RETURNING and not np.isnan(signal):
                level = level + cash[which] / steps[which]
                if level > 1.0 - 1e-9:
                    state, level = INVESTED, 1.0
            exposure[row, which] = level
    return exposure, stale


def exposure_np(
    trigger: FloatArray,
    all_clear: FloatArray,
    hours: FloatArray,
    cash: FloatArray,
    min_hold: FloatArray,
    max_hold: FloatArray,
    steps: IntArray,
) -> tuple[FloatArray, BoolArray]:
    """The same as `exposure_nb`, written across the sets with plain numpy: the reference that tests compare with."""
    rows, sets = trigger.shape
    exposure, stale = np.ones((rows, sets)), np.zeros((rows, sets), dtype=np.bool_)
    state, armed = np.full(sets, INVESTED), np.ones(sets, dtype=np.bool_)
    entered, level = np.zeros(sets), np.ones(sets)
    for row in range(rows):
        signal, clear = trigger[row], all_clear[row]
        unknown = np.isnan(signal)
        enter = (signal > 0) & armed
        armed = np.where(enter, False, armed | (signal == 0))
        state, entered = np.where(enter, IN_CASH, state), np.where(enter, hours[row], entered)
        level = np.where(enter, 1.0 - cash, level)
        waiting = (state == IN_CASH) & ~enter
        held = hours[row] - entered
        due = (held >= max_hold) | ((held >= min_hold) & (clear > 0))
        stale[row] = unknown | (waiting & ~due & (held >= min_hold) & np.isnan(clear))
        state = np.where(waiting & due, RETURNING, state)
        step = (state == RETURNING) & ~unknown
        level = np.where(step, level + cash / steps, level)
        back = step & (level > 1.0 - 1e-9)
        state, level = np.where(back, INVESTED, state), np.where(back, 1.0, level)
        exposure[row] = level
    return exposure, stale


@njit(cache=True)
def banded_nb(wanted: FloatArray, band: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Follow `wanted` (T, P) only when it is `band` (P,) or more from what is held; NaN holds and is stale."""
    rows, sets = wanted.shape
    exposure = np.ones((rows, sets))
    stale = np.zeros((rows, sets), dtype=np.bool_)
    for which in range(sets):
        level = 1.0
        for row in range(rows):
            goal = wanted[row, which]
            if np.isnan(goal):
                stale[row, which] = True
            elif abs(goal - level) >= band[which]:
                level = goal
            exposure[row, which] = level
    return exposure, stale


def banded_np(wanted: FloatArray, band: FloatArray) -> tuple[FloatArray, BoolArray]:
    """The same as `banded_nb` with plain numpy."""
    exposure, level = np.ones(wanted.shape), np.ones(wanted.shape[1])
    for row, goal in enumerate(wanted):
        level = np.where(np.abs(goal - level) >= band, goal, level)
        exposure[row] = level
    return exposure, np.isnan(wanted)
