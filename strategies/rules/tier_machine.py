"""The tier machine: from scores to tiers, exposure and hedge, for many sets.

Two implementations, compiled and plain, which tests hold equal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from undertow.market import BoolArray, FloatArray, IntArray, in_threads
from undertow.strategies.rules.severity import Int8Array

# The events on which a tier changes.
HELD, ENTERED, RESTARTED, CLEARED, OVERSTAYED, WRONG = 0, 1, 2, 3, 4, 5
EVENTS = ("", "entered", "entered again", "all clear", "longest stay over", "stocks rose without us")

_NEAR = 1e-9


class Ladder(NamedTuple):
    """The K tiers of P sets, calm first, as arrays; infinity for no limit.

    Args:
        at: (K, P) scores at which tiers are entered
        leave: (K, P) scores below which tiers may be left
        cash: (K, P) shares of capital out of stocks
        hedge: (K, P) shares of capital sold short
        min_stay: (K, P) shortest stays, hours
        max_stay: (K, P) longest stays, hours
        allowed: (K, K) whether a tier (row) may be followed by another (column)
        sessions: (P,) number of sessions over which cash is raised
        deadline: (P,) hours since a tier was entered by which all its cash is raised
        steps: (P,) number of sessions over which the money comes back
        wrong: (P,) decimal rise of the basket after which everything comes back
        cool_down: (P,) hours after a return to calm in which no tier is entered
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
    """The result of the machine, each (T, P); `event` is an index into `EVENTS`."""

    tier: Int8Array
    event: Int8Array
    exposure: FloatArray
    hedge: FloatArray
    stale: BoolArray


@njit(cache=True)
def _up_nb(tier: int, reached: int, armed: BoolArray, allowed: BoolArray) -> int:
    """The highest tier above `tier` to enter, `tier` where it starts again, else -1."""
    for goal in range(reached, tier, -1):
        if armed[goal] and allowed[tier, goal]:
            return goal
    return tier if 0 < tier <= reached and armed[tier] else -1


@njit(cache=True)
def _down_nb(tier: int, reached: int, allowed: BoolArray) -> int:
    """The lowest allowed tier from `reached` up to below `tier`, else `tier`."""
    for goal in range(min(reached, tier - 1), tier):
        if allowed[tier, goal]:
            return goal
    return tier


@njit(cache=True)
def _next_down_nb(tier: int, allowed: BoolArray) -> int:
    """The highest allowed tier below `tier`, else `tier`."""
    for goal in range(tier - 1, -1, -1):
        if allowed[tier, goal]:
            return goal
    return tier


@njit(cache=True)
def _reached_nb(score: float, at: FloatArray, column: int, armed: BoolArray) -> int:
    """The highest tier whose level the score reaches; arms tiers it does not reach."""
    reached = 0
    for tier in range(1, len(at)):
        if score >= at[tier, column]:
            reached = tier
        else:
            armed[tier] = True
    return reached


@njit(cache=True)
def _exit_nb(
    tier: int, reached: int, is_wrong: bool, over: bool, ready: bool, clear: float, allowed: BoolArray
) -> tuple[int, int]:
    """The event on which a tier is left, and the next tier; else HELD and `tier`."""
    event, goal = HELD, tier
    if is_wrong:
        event, goal = WRONG, 0
    elif over:
        event, goal = OVERSTAYED, _next_down_nb(tier, allowed)
    elif ready and clear > 0:
        event, goal = CLEARED, _down_nb(tier, reached, allowed)
    return (event, goal) if goal != tier else (HELD, tier)


@njit(cache=True)
def _level_nb(
    level: float, start: float, target: float, sessions: int, steps: int, at_once: bool, known: bool
) -> float:
    """The exposure after one step towards the target."""
    if target < level:
        lower = level - (start - target) / sessions
        return target if at_once or lower < target + _NEAR else lower
    if target > level and known:
        higher = level + (target - start) / steps
        return target if higher > target - _NEAR else higher
    return level


class Clock(NamedTuple):
    """What all sets share at T decisions.

    Args:
        hours: (T,) the 24/7 clock at each decision
        next_hours: (T,) the clock at the next decision
        basket: (T,) level of the basket known at each decision
    """

    hours: FloatArray
    next_hours: FloatArray
    basket: FloatArray


class SetsPath(NamedTuple):
    """The result of the machine, one line a set, each (P, T).

    `hedge` has no columns where no tier has a hedge.
    """

    tier: Int8Array
    event: Int8Array
    exposure: FloatArray
    hedge: FloatArray
    stale: BoolArray

    def by_session(self) -> TierPath:
        """The same as (T, P)."""
        return TierPath(self.tier.T, self.event.T, self.exposure.T, self.hedge.T, self.stale.T)


def empty_path(sets: int, rows: int, *, hedged: bool = True) -> SetsPath:
    """Arrays for the result of P sets over T decisions."""
    return SetsPath(
        np.empty((sets, rows), dtype=np.int8),
        np.empty((sets, rows), dtype=np.int8),
        np.empty((sets, rows)),
        np.empty((sets, rows if hedged else 0)),
        np.empty((sets, rows), dtype=np.bool_),
    )


@njit(cache=True)
def walk_set_nb(
    score: FloatArray, clear: FloatArray, clock: Clock, ladder: Ladder, number: tuple[int, int], path: SetsPath
) -> None:
    """Walk the tiers of one set, into its line of `path`; see `walk_tiers`.

    Args:
        score: (T,) in [0, 1], or NaN
        clear: (T,) all-clear, 1 or 0, or NaN
        clock: what all sets share
        ladder: the tiers of P sets
        number: of the set in the ladder, and its line in the path
        path: where the result goes
    """
    column, line = number
    at, allowed = ladder.at, ladder.allowed
    sessions, steps = ladder.sessions[column], ladder.steps[column]
    tier, stayed_since, moved_at, calm_since, raised_at = 0, 0.0, 0.0, -np.inf, np.nan
    level = start = 1.0 - ladder.cash[0, column]
    armed = np.ones(len(at), dtype=np.bool_)
    comes_back = False
    for row in range(len(score)):
        value, now = score[row], clock.hours[row]
        known = not np.isnan(value)
        event, goal, waits, reached, up = HELD, tier, False, -1, -1
        if known:
            reached = _reached_nb(value, at, column, armed)
            up = _up_nb(tier, reached, armed, allowed) if now - calm_since >= ladder.cool_down[column] else -1
        if up >= 0:
            event, goal = (ENTERED if up > tier else RESTARTED), up
            raised_at = clock.basket[row]
        elif tier > 0:
            held = now - stayed_since
            is_wrong = clock.basket[row] / raised_at - 1.0 >= ladder.wrong[column]
            over = held >= ladder.max_stay[tier, column]
            ready = known and held >= ladder.min_stay[tier, column] and value < ladder.leave[tier, column]
            event, goal = _exit_nb(tier, reached, is_wrong, over, ready, clear[row], allowed)
            waits = ready and not is_wrong and not over and np.isnan(clear[row])
        if event != HELD:
            # Levels that the score reaches already are not met afresh; an unknown score reaches none.
            armed[: min(goal, reached) + 1] = False
            stayed_since = now
            comes_back = event in (OVERSTAYED, WRONG)
        if goal != tier:
            calm_since = now if goal == 0 else calm_since
            tier, moved_at, start = goal, now, level
        late = clock.next_hours[row] - moved_at > ladder.deadline[column]
        before, target = level, 1.0 - ladder.cash[tier, column]
        level = _level_nb(level, start, target, sessions, steps, late, known or comes_back)
        path.stale[line, row] = (waits or not known) and event == HELD and level == before
        path.tier[line, row], path.event[line, row] = tier, event
        path.exposure[line, row] = level
        if path.hedge.shape[1]:
            path.hedge[line, row] = ladder.hedge[tier, column]


@njit(cache=True, nogil=True)
def _tiers_nb(
    score: FloatArray, clear: FloatArray, clock: Clock, ladder: Ladder, path: SetsPath, begin: int, end: int
) -> None:
    """Walk the tiers of some of P sets into `path`; scores and all-clear are (P, T)."""
    for column in range(begin, end):
        walk_set_nb(score[column], clear[column], clock, ladder, (column, column), path)


def walk_tiers(
    score: FloatArray, clear: FloatArray, hours: FloatArray, next_hours: FloatArray, index: FloatArray, ladder: Ladder
) -> TierPath:
    """Walk the tiers of P sets over T decisions.

    A tier is entered where the score is at or above its level, if it is armed, allowed to follow the current tier, and
    the cool-down since the last return to calm is over; it is armed again once the score was below its level. Meeting
    the level of the current tier afresh restarts the clock of its stay. A tier is left, after its shortest stay, when
    the score is below `leave` and the all-clear is on, for the lowest allowed tier at or above the one that the score
    reaches; after its longest stay, for the next allowed one down; and where the basket has risen `wrong` since a tier
    was last entered from below or started again, for calm. Cash is raised in `sessions` equal steps, at once where the
    next decision would be past the deadline, and comes back in `steps` equal steps; a hedge is put on and taken off at
    once.

    NaN: where the score is unknown, the tier and its hedge are held and nothing comes back, but a raise that has begun
    continues, and the longest stay and the rise of the basket, which need no score, still end a tier; money that comes
    back because of them continues to come back. Where the all-clear is unknown and waited for, the tier is held. Such a
    session is stale, unless the tier changes or the exposure moves on it as decided before.

    Args:
        score: (T, P) in [0, 1], or NaN
        clear: (T, P) all-clear, 1 or 0, or NaN
        hours: (T,) the 24/7 clock at each decision
        next_hours: (T,) the clock at the next decision
        index: (T,) level of the basket known at each decision
        ladder: the tiers of P sets
    """
    # One memory layout, so that the machine is compiled once.
    path = empty_path(score.shape[1], len(score))
    arrays: list[Any] = [np.ascontiguousarray(part) for part in ladder]
    by_set, clear_by_set = np.ascontiguousarray(score.T), np.ascontiguousarray(clear.T)
    clock = Clock(*map(np.ascontiguousarray, (hours, next_hours, index)))

    def walk(begin: int, end: int) -> None:
        _tiers_nb(by_set, clear_by_set, clock, Ladder(*arrays), path, begin=begin, end=end)

    in_threads(walk, len(by_set))
    return path.by_session()


def walk_tiers_np(
    score: FloatArray, clear: FloatArray, hours: FloatArray, next_hours: FloatArray, index: FloatArray, ladder: Ladder
) -> TierPath:
    """The same as `walk_tiers` with plain numpy: the reference of the tests.

    Args:
        score: (T, P) in [0, 1], or NaN
        clear: (T, P) all-clear, 1 or 0, or NaN
        hours: (T,) the 24/7 clock at each decision
        next_hours: (T,) the clock at the next decision
        index: (T,) level of the basket known at each decision
        ladder: the tiers of P sets
    """
    sets, numbers = score.shape[1], np.arange(len(ladder.at))[:, None]
    columns = np.arange(sets)
    tier, stayed_since, moved_at = np.zeros(sets, dtype=np.int64), np.zeros(sets), np.zeros(sets)
    calm_since, raised_at = np.full(sets, -np.inf), np.full(sets, np.nan)
    level = 1.0 - ladder.cash[0]
    start, armed = level.copy(), np.ones((len(ladder.at), sets), dtype=np.bool_)
    comes_back = np.zeros(sets, dtype=np.bool_)
    decisions: list[tuple[np.ndarray, ...]] = []
    for row, value in enumerate(score):
        now, known = hours[row], ~np.isnan(value)
        meets = known & (value >= ladder.at) & (numbers > 0)
        armed |= known & ~meets
        reached = np.where(known, np.where(meets, numbers, 0).max(axis=0), -1)
        may_follow = ladder.allowed[tier].T
        # Up.
        higher = (numbers > tier) & (numbers <= reached) & armed & may_follow
        restarts = ~higher.any(axis=0) & (tier > 0) & (reached >= tier) & armed[tier, columns]
        up = known & (higher.any(axis=0) | restarts) & (now - calm_since >= ladder.cool_down)
        goal = np.where(up & ~restarts, np.where(higher, numbers, 0).max(axis=0), tier)
        event = np.where(up, np.where(restarts, RESTARTED, ENTERED), HELD)
        raised_at = np.where(up, index[row], raised_at)
        # Down.
        inside = ~up & (tier > 0)
        held = now - stayed_since
        is_wrong = inside & (index[row] / raised_at - 1.0 >= ladder.wrong)
        over = inside & ~is_wrong & (held >= ladder.max_stay[tier, columns])
        stayed = held >= ladder.min_stay[tier, columns]
        ready = inside & known & ~is_wrong & ~over & stayed & (value < ladder.leave[tier, columns])
        waits = ready & np.isnan(clear[row])
        lower = (numbers < tier) & may_follow
        down = np.where(lower & (numbers >= np.minimum(reached, tier - 1)), numbers, tier).min(axis=0)
        next_down = np.where(lower, numbers, -1).max(axis=0)
        below = np.select(
            [is_wrong, over & (next_down >= 0), ready & (clear[row] > 0)],
            [np.zeros_like(tier), next_down, down],
            goal,
        )
        event = np.where(inside & (below < tier), np.select([is_wrong, over], [WRONG, OVERSTAYED], CLEARED), event)
        goal = np.where(inside, below, goal)
        armed &= ~((event != HELD) & (numbers <= np.minimum(goal, reached)))
        stayed_since = np.where(event != HELD, now, stayed_since)
        comes_back = np.where(event != HELD, (event == OVERSTAYED) | (event == WRONG), comes_back)
        changed = goal != tier
        calm_since = np.where(changed & (goal == 0), now, calm_since)
        moved_at, start = np.where(changed, now, moved_at), np.where(changed, level, start)
        tier = goal
        # Exposure.
        before, target = level, 1.0 - ladder.cash[tier, columns]
        raised = level - (start - target) / ladder.sessions
        at_once = (raised < target + _NEAR) | (next_hours[row] - moved_at > ladder.deadline)
        returned = level + (target - start) / ladder.steps
        level = np.select(
            [target < level, (target > level) & (known | comes_back)],
            [np.where(at_once, target, raised), np.where(returned > target - _NEAR, target, returned)],
            level,
        )
        stale = (waits | ~known) & (event == HELD) & (level == before)
        decisions.append((tier, event, level, ladder.hedge[tier, columns], stale))
    tiers, events, exposure, hedge, stale_rows = (np.stack(part) for part in zip(*decisions, strict=True))
    return TierPath(tiers.astype(np.int8), events.astype(np.int8), exposure, hedge, stale_rows)
