"""The tier machine: from scores to tiers, exposure and hedge, for many parameter sets at once.

Two implementations, compiled and plain, which tests hold equal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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


class TierPath(NamedTuple):
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
    return tier if 0 < tier <= wanted and armed[tier] else -1


@njit(cache=True)
def _asked_for_nb(tier: int, wanted: int, allowed: BoolArray) -> int:
    """The lowest tier from `wanted` up, below `tier`, that may follow; the tier itself where none may."""
    for goal in range(min(wanted, tier - 1), tier):
        if allowed[tier, goal]:
            return goal
    return tier


@njit(cache=True)
def _next_down_nb(tier: int, allowed: BoolArray) -> int:
    """The highest tier below `tier` that may follow; the tier itself where none may."""
    for goal in range(tier - 1, -1, -1):
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
    tier: int, wanted: int, is_wrong: bool, over: bool, ready: bool, clear: float, allowed: BoolArray
) -> tuple[int, int]:
    """Why a tier is left, and for which one; nothing and the tier itself where it is kept."""
    event, goal = HELD, tier
    if is_wrong:
        event, goal = WRONG, 0
    elif over:
        event, goal = OVERSTAYED, _next_down_nb(tier, allowed)
    elif ready and clear > 0:
        event, goal = CLEARED, _asked_for_nb(tier, wanted, allowed)
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

    A tier is entered where the score is at or above its level, if it is armed, allowed from here and the cool-down
    since the last return to calm is over; it is armed again once the score was below its level. Meeting the level of
    the present tier afresh starts the clock of the stay again. A tier is left, after its shortest stay, when the score
    is below `leave` and the all-clear is on, for the lowest allowed tier that the score asks for; after its longest
    stay, for the next allowed one down; and where the basket has risen `wrong` since a tier was last entered from
    below or started again, for calm. Cash is raised in `sessions` equal steps, at once where the next decision would
    be past the deadline, and comes back in `steps` equal steps; a hedge is put on and taken off at once.

    NaN: where the score is unknown the tier and its hedge are held and nothing comes back, but a raise that has begun
    goes on, and the longest stay and the rise of the basket, which need no score, end a tier as ever; what comes back
    because of them goes on coming back. Where the all-clear is unknown and waited for, the tier is held. Such a
    session is stale, unless the tier changes or the exposure moves on it as was decided before.
    """
    rows, sets = score.shape
    tier_of, event_of = np.zeros((rows, sets), dtype=np.int8), np.zeros((rows, sets), dtype=np.int8)
    exposure, hedged = np.empty((rows, sets)), np.empty((rows, sets))
    stale = np.zeros((rows, sets), dtype=np.bool_)
    for which in prange(sets):
        tier, stayed_since, moved_at, calm_since, raised_at = 0, 0.0, 0.0, -np.inf, np.nan
        level = start = 1.0 - cash[0, which]
        armed = np.ones(len(at), dtype=np.bool_)
        comes_back = False
        for row in range(rows):
            seen, now = score[row, which], hours[row]
            known = not np.isnan(seen)
            event, goal, waits, wanted, up = HELD, tier, False, -1, -1
            if known:
                wanted = _wanted_nb(seen, at, which, armed)
                up = _up_nb(tier, wanted, armed, allowed) if now - calm_since >= cool_down[which] else -1
            if up >= 0:
                event, goal = (ENTERED if up > tier else RESTARTED), up
                raised_at = index[row]
            elif tier > 0:
                held = now - stayed_since
                is_wrong = index[row] / raised_at - 1.0 >= wrong[which]
                over = held >= max_stay[tier, which]
                ready = known and held >= min_stay[tier, which] and seen < leave[tier, which]
                event, goal = _left_nb(tier, wanted, is_wrong, over, ready, clear[row, which], allowed)
                waits = ready and not is_wrong and not over and np.isnan(clear[row, which])
            if event != HELD:
                # What the score reaches already is not met afresh on the next session; an unknown one reaches nothing.
                armed[: min(goal, wanted) + 1] = False
                stayed_since = now
                comes_back = event in (OVERSTAYED, WRONG)
            if goal != tier:
                calm_since = now if goal == 0 else calm_since
                tier, moved_at, start = goal, now, level
            late = next_hours[row] - moved_at > deadline[which]
            before, target = level, 1.0 - cash[tier, which]
            level = _level_nb(level, start, target, sessions[which], steps[which], late, known or comes_back)
            stale[row, which] = (waits or not known) and event == HELD and level == before
            tier_of[row, which], event_of[row, which] = tier, event
            exposure[row, which], hedged[row, which] = level, hedge[tier, which]
    return tier_of, event_of, exposure, hedged, stale


def walk_tiers(
    score: FloatArray, clear: FloatArray, hours: FloatArray, next_hours: FloatArray, index: FloatArray, ladder: Ladder
) -> TierPath:
    """The compiled machine over a ladder; see `tiers_nb`."""
    # One memory layout, so that the machine is compiled once.
    given: list[Any] = [np.ascontiguousarray(part) for part in (score, clear, hours, next_hours, index, *ladder)]
    return TierPath(*tiers_nb(*given))


def walk_tiers_np(
    score: FloatArray, clear: FloatArray, hours: FloatArray, next_hours: FloatArray, index: FloatArray, ladder: Ladder
) -> TierPath:
    """The same as `walk_tiers`, written across the sets with plain numpy: the reference that tests compare with."""
    sets, numbers = score.shape[1], np.arange(len(ladder.at))[:, None]
    every = np.arange(sets)
    tier, stayed_since, moved_at = np.zeros(sets, dtype=np.int64), np.zeros(sets), np.zeros(sets)
    calm_since, raised_at = np.full(sets, -np.inf), np.full(sets, np.nan)
    level = 1.0 - ladder.cash[0]
    start, armed = level.copy(), np.ones((len(ladder.at), sets), dtype=np.bool_)
    comes_back = np.zeros(sets, dtype=np.bool_)
    found: list[tuple[np.ndarray, ...]] = []
    for row, seen in enumerate(score):
        now, known = hours[row], ~np.isnan(seen)
        reached = known & (seen >= ladder.at) & (numbers > 0)
        armed |= known & ~reached
        wanted = np.where(known, np.where(reached, numbers, 0).max(axis=0), -1)
        may_follow = ladder.allowed[tier].T
        # Up.
        higher = (numbers > tier) & (numbers <= wanted) & armed & may_follow
        again = ~higher.any(axis=0) & (tier > 0) & (wanted >= tier) & armed[tier, every]
        up = known & (higher.any(axis=0) | again) & (now - calm_since >= ladder.cool_down)
        goal = np.where(up & ~again, np.where(higher, numbers, 0).max(axis=0), tier)
        event = np.where(up, np.where(again, RESTARTED, ENTERED), HELD)
        raised_at = np.where(up, index[row], raised_at)
        # Down.
        inside = ~up & (tier > 0)
        held = now - stayed_since
        is_wrong = inside & (index[row] / raised_at - 1.0 >= ladder.wrong)
        over = inside & ~is_wrong & (held >= ladder.max_stay[tier, every])
        stayed = held >= ladder.min_stay[tier, every]
        ready = inside & known & ~is_wrong & ~over & stayed & (seen < ladder.leave[tier, every])
        waits = ready & np.isnan(clear[row])
        lower = (numbers < tier) & may_follow
        asked_for = np.where(lower & (numbers >= np.minimum(wanted, tier - 1)), numbers, tier).min(axis=0)
        next_down = np.where(lower, numbers, -1).max(axis=0)
        below = np.select(
            [is_wrong, over & (next_down >= 0), ready & (clear[row] > 0)],
            [np.zeros_like(tier), next_down, asked_for],
            goal,
        )
        event = np.where(inside & (below < tier), np.select([is_wrong, over], [WRONG, OVERSTAYED], CLEARED), event)
        goal = np.where(inside, below, goal)
        armed &= ~((event != HELD) & (numbers <= np.minimum(goal, wanted)))
        stayed_since = np.where(event != HELD, now, stayed_since)
        comes_back = np.where(event != HELD, (event == OVERSTAYED) | (event == WRONG), comes_back)
        changed = goal != tier
        calm_since = np.where(changed & (goal == 0), now, calm_since)
        moved_at, start = np.where(changed, now, moved_at), np.where(changed, level, start)
        tier = goal
        # Exposure.
        before, target = level, 1.0 - ladder.cash[tier, every]
        raised = level - (start - target) / ladder.sessions
        at_once = (raised < target + _NEAR) | (next_hours[row] - moved_at > ladder.deadline)
        returned = level + (target - start) / ladder.steps
        level = np.select(
            [target < level, (target > level) & (known | comes_back)],
            [np.where(at_once, target, raised), np.where(returned > target - _NEAR, target, returned)],
            level,
        )
        stale = (waits | ~known) & (event == HELD) & (level == before)
        found.append((tier, event, level, ladder.hedge[tier, every], stale))
    tiers, events, exposure, hedge, stale_rows = (np.stack(part) for part in zip(*found, strict=True))
    return TierPath(tiers.astype(np.int8), events.astype(np.int8), exposure, hedge, stale_rows)
