"""The tier machine: from scores to tiers, exposure and hedge, for many parameter sets at once.

Two implementations, compiled and plain, which tests hold equal.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from undertow.market.clock import BoolArray, FloatArray, IntArray

Int8Array = npt.NDArray[np.int8]

# Why a tier changed on a session.
HELD, ENTERED, RESTARTED, CLEARED, OVERSTAYED, WRONG = 0, 1, 2, 3, 4, 5
EVENTS = ("", "entered", "entered again", "all clear", "longest stay over", "stocks rose without us")

_NEAR = 1e-9


class Ladder(NamedTuple):
    """The tiers of P sets, calm first: levels (K, P), transitions (K, K), and how to go up and down (P,).

    `at` and `leave` are scores, `cash` and `hedge` shares of capital, `min_stay`, `max_stay`, `deadline` and
    `cool_down` hours, `sessions` and `steps` numbers of sessions, `wrong` a decimal rise; infinity for no limit.
    """

    at: FloatArray
    leave: FloatArray
    cash: FloatArray
    hedge: FloatArray
    min_stay: FloatArray
    max_stay: FloatArray
    allowed: BoolArray
    sessions: IntArray
    deadline: FloatArray
    steps: IntArray
    wrong: FloatArray
    cool_down: FloatArray


class Walked(NamedTuple):
    """What the machine makes of scores, each (T, P): tier number, why it changed, exposure, hedge, stale."""

    tier: Int8Array
    event: Int8Array
    exposure: FloatArray
    hedge: FloatArray
    stale: BoolArray


@njit(cache=True)
def _up_nb(tier: int, wanted: int, armed: BoolArray, allowed: BoolArray) -> int:
    """The highest tier above `tier` that may be entered, or the tier itself where it starts again; -1 for none."""
    for goal in range(wanted, tier, -1):
        if armed[goal] and allowed[tier, goal]:
            return goal
    return tier if wanted == tier and tier > 0 and armed[tier] else -1


@njit(cache=True)
def _down_nb(tier: int, wanted: int, allowed: BoolArray) -> int:
    """The lowest tier from `wanted` up, below `tier`, that may follow; the tier itself where none may."""
    for goal in range(min(wanted, tier - 1), tier):
        if allowed[tier, goal]:
            return goal
    return tier


@njit(cache=True)
def _wanted_nb(seen: float, at: FloatArray, which: int, armed: BoolArray) -> int:
    """The highest tier whose level the score reaches; tiers that it does not reach are armed again."""
    wanted = 0
    for tier in range(1, len(at)):
        if seen >= at[tier, which]:
            wanted = tier
        else:
            armed[tier] = True
    return wanted


@njit(cache=True)
def _left_nb(
    tier: int, wanted: int, rise: float, wrong: float, over: bool, ready: bool, clear: float, allowed: BoolArray
) -> tuple[int, int]:
    """Why a tier is left, and for which one; nothing and the tier itself where it is kept."""
    event, goal = HELD, tier
    if rise >= wrong:
        event, goal = WRONG, 0
    elif over:
        event, goal = OVERSTAYED, _down_nb(tier, tier - 1, allowed)
    elif ready and clear > 0:
        event, goal = CLEARED, _down_nb(tier, wanted, allowed)
    return (event, goal) if goal != tier else (HELD, tier)


@njit(cache=True)
def _level_nb(
    level: float, start: float, target: float, sessions: int, steps: int, at_once: bool, known: bool
) -> float:
    """The exposure after one more step towards the target."""
    if target < level:
        lower = level - (start - target) / sessions
        return target if at_once or lower < target + _NEAR else lower
    if target > level and known:
        higher = level + (target - start) / steps
        return target if higher > target - _NEAR else higher
    return level


@njit(cache=True, parallel=True)
def tiers_nb(
    score: FloatArray,
    clear: FloatArray,
    hours: FloatArray,
    next_hours: FloatArray,
    index: FloatArray,
    at: FloatArray,
    leave: FloatArray,
    cash: FloatArray,
    hedge: FloatArray,
    min_stay: FloatArray,
    max_stay: FloatArray,
    allowed: BoolArray,
    sessions: IntArray,
    deadline: FloatArray,
    steps: IntArray,
    wrong: FloatArray,
    cool_down: FloatArray,
) -> tuple[Int8Array, Int8Array, FloatArray, FloatArray, BoolArray]:
    """Walk the tiers of P sets over T decisions.

    `score` (T, P) in [0, 1] and `clear` (T, P), 1 or 0, may be NaN; `hours` (T,) is the 24/7 clock at each decision,
    `next_hours` (T,) at the one after, `index` (T,) the level of the basket known at it. The rest as in `Ladder`.

    A tier is entered where the score is at or above its level, if it is armed, allowed from here and the cool-down is
    over; it is armed again once the score was below its level. Meeting the level of the present tier afresh starts its
    clock again. A tier is left, after its shortest stay, when the score is below `leave` and the all-clear is on, for
    the tier that the score asks for; after its longest stay, for the next one down; and where the basket has risen
    `wrong` since the tier was entered, for calm. Cash is raised in `sessions` equal steps, at once where the next
    decision would be past the deadline, and comes back in `steps` equal steps. Where the score is NaN the tier is
    held, nothing comes back and the session is stale; so it is where the all-clear is NaN and waited for.
    """
    rows, sets = score.shape
    tier_of, event_of = np.zeros((rows, sets), dtype=np.int8), np.zeros((rows, sets), dtype=np.int8)
    exposure, hedged = np.empty((rows, sets)), np.empty((rows, sets))
    stale = np.zeros((rows, sets), dtype=np.bool_)
    count = len(at)
    for which in prange(sets):
        tier, entered, calm_since, bought_at = 0, 0.0, -np.inf, np.nan
        level = start = 1.0 - cash[0, which]
        armed = np.ones(count, dtype=np.bool_)
        for row in range(rows):
            seen = score[row, which]
            known = not np.isnan(seen)
            wanted = _wanted_nb(seen, at, which, armed) if known else 0
            event, goal = HELD, -1
            if wanted > 0 and hours[row] - calm_since >= cool_down[which]:
                goal = _up_nb(tier, wanted, armed, allowed)
            moved = goal >= 0
            waits = False
            if moved:
                event = ENTERED if goal > tier else RESTARTED
                armed[: goal + 1] = False
                bought_at = index[row]
            elif tier > 0:
                held = hours[row] - entered
                over = held >= max_stay[tier, which]
                quiet = leave[tier, which] == np.inf or (known and seen < leave[tier, which])
                ready = quiet and held >= min_stay[tier, which]
                rise = index[row] / bought_at - 1.0
                next_down = wanted if known else tier - 1
                event, goal = _left_nb(tier, next_down, rise, wrong[which], over, ready, clear[row, which], allowed)
                moved = goal != tier
                waits = ready and not over and not rise >= wrong[which] and np.isnan(clear[row, which])
            if moved:
                calm_since = hours[row] if goal == 0 else calm_since
                tier, entered, start = goal, hours[row], level
            stale[row, which] = not known or waits
            late = next_hours[row] - entered > deadline[which]
            target = 1.0 - cash[tier, which]
            level = _level_nb(level, start, target, sessions[which], steps[which], late, known)
            tier_of[row, which], event_of[row, which] = tier, event
            exposure[row, which], hedged[row, which] = level, hedge[tier, which]
    return tier_of, event_of, exposure, hedged, stale


def walk_tiers(
    score: FloatArray, clear: FloatArray, hours: FloatArray, next_hours: FloatArray, index: FloatArray, ladder: Ladder
) -> Walked:
    """The compiled machine over a ladder; see `tiers_nb`."""
    score, clear = np.ascontiguousarray(score), np.ascontiguousarray(clear)
    return Walked(*tiers_nb(score, clear, hours, next_hours, index, *ladder))


def walk_tiers_np(
    score: FloatArray, clear: FloatArray, hours: FloatArray, next_hours: FloatArray, index: FloatArray, ladder: Ladder
) -> Walked:
    """The same as `walk_tiers`, written across the sets with plain numpy: the reference that tests compare with."""
    (rows, sets), count = score.shape, len(ladder.at)
    numbers = np.arange(count)[:, None]
    every = np.arange(sets)
    tier, entered = np.zeros(sets, dtype=np.int64), np.zeros(sets)
    calm_since, bought_at = np.full(sets, -np.inf), np.full(sets, np.nan)
    level = 1.0 - ladder.cash[0]
    start = level.copy()
    armed = np.ones((count, sets), dtype=np.bool_)
    found: list[tuple[np.ndarray, ...]] = []
    for row in range(rows):
        seen = score[row]
        known = ~np.isnan(seen)
        reached = known & (seen >= ladder.at) & (numbers > 0)
        armed |= known & ~reached
        wanted = np.where(reached, numbers, 0).max(axis=0)
        stale = ~known
        # Up.
        may_follow = ladder.allowed[tier].T
        higher = (numbers > tier) & (numbers <= wanted) & armed & may_follow
        goal = np.where(higher.any(axis=0), np.where(higher, numbers, 0).max(axis=0), -1)
        again = (goal < 0) & (wanted == tier) & (tier > 0) & armed[tier, every]
        goal = np.where(again, tier, goal)
        goal = np.where((wanted > 0) & (hours[row] - calm_since >= ladder.cool_down), goal, -1)
        up = goal >= 0
        event = np.where(up, np.where(goal > tier, ENTERED, RESTARTED), HELD)
        armed &= ~(up & (numbers <= goal))
        bought_at = np.where(up, index[row], bought_at)
        # Down.
        inside = ~up & (tier > 0)
        held = hours[row] - entered
        may = held >= ladder.min_stay[tier, every]
        leave = ladder.leave[tier, every]
        quiet = np.isinf(leave) | (known & (seen < leave))
        is_wrong = inside & (index[row] / bought_at - 1.0 >= ladder.wrong)
        over = inside & ~is_wrong & (held >= ladder.max_stay[tier, every])
        waits = inside & ~is_wrong & ~over & may & quiet
        cleared = waits & (clear[row] > 0)
        stale |= waits & np.isnan(clear[row])
        low = np.where(over | ~known, tier - 1, np.minimum(wanted, tier - 1))
        possible = (numbers >= low) & (numbers < tier) & may_follow
        lower = np.where(possible.any(axis=0), np.where(possible, numbers, count).min(axis=0), tier)
        moved = is_wrong | ((over | cleared) & (lower != tier))
        goal = np.where(moved, np.where(is_wrong, 0, lower), goal)
        event = np.where(moved, np.select([is_wrong, over], [WRONG, OVERSTAYED], CLEARED), event)
        changed = up | moved
        calm_since = np.where(changed & (goal == 0), hours[row], calm_since)
        tier, entered = np.where(changed, goal, tier), np.where(changed, hours[row], entered)
        start = np.where(changed, level, start)
        # Exposure.
        target = 1.0 - ladder.cash[tier, every]
        raised = level - (start - target) / ladder.sessions
        at_once = (raised < target + _NEAR) | (next_hours[row] - entered > ladder.deadline)
        returned = level + (target - start) / ladder.steps
        level = np.select(
            [target < level, (target > level) & known],
            [np.where(at_once, target, raised), np.where(returned > target - _NEAR, target, returned)],
            level,
        )
        found.append((tier, event, level, ladder.hedge[tier, every], stale))
    tiers, events, exposure, hedge, stale_rows = (np.stack(part) for part in zip(*found, strict=True))
    return Walked(tiers.astype(np.int8), events.astype(np.int8), exposure, hedge, stale_rows)
