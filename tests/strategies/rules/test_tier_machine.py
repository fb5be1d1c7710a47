"""The tier machine: every sentence of its docstring by hand, the compiled one against the plain one, its properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.strategies.rules.tier_machine import (
    CLEARED,
    ENTERED,
    HELD,
    OVERSTAYED,
    RESTARTED,
    WRONG,
    Ladder,
    TierPath,
    walk_tiers,
    walk_tiers_np,
)
from undertow.strategies.rules.tier_state import Machine, Observation, States

NAN, INF = np.nan, np.inf
Array = npt.NDArray[Any]

DAY = 24.0
# Three tiers above calm; the second is where most examples stay.
THREE = {"at": (0.0, 0.25, 0.5, 1.0), "cash": (0.0, 0.1, 0.3, 0.6), "hedge": (0.0, 0.2, 0.0, 0.0)}
ONE = {"at": (0.0, 1.0), "cash": (0.0, 0.5)}


def ladder(tiers: int, **given: Any) -> Ladder:
    """A ladder of one set; what is left out is no limit."""

    def column(name: str, missing: float) -> Array:
        value = given.get(name, missing)
        return np.array([value] * tiers if np.isscalar(value) else value, dtype=np.float64)[:, None]

    def one(name: str, missing: float, kind: type = np.float64) -> Array:
        return np.array([given.get(name, missing)], dtype=kind)

    allowed = np.array(given.get("allowed", np.ones((tiers, tiers))), dtype=np.bool_)
    return Ladder(
        *(column(name, missing) for name, missing in (("at", 0), ("leave", INF), ("cash", 0), ("hedge", 0))),
        *(column(name, missing) for name, missing in (("min_stay", 0), ("max_stay", INF))),
        allowed,
        one("sessions", 1, np.int64),
        one("deadline", INF),
        one("steps", 1, np.int64),
        one("wrong", INF),
        one("cool_down", 0),
    )


def walk(score: list[float], clear: list[float] | float = 0.0, **given: Any) -> TierPath:
    """One set by both implementations, on a clock of 24 hours a session unless `hours` says otherwise."""
    rows = len(score)
    hours = np.array(given.pop("hours", np.arange(rows + 1) * DAY), dtype=np.float64)
    index = np.array(given.pop("index", np.ones(rows)), dtype=np.float64)
    clears = np.full(rows, clear) if np.isscalar(clear) else np.array(clear)
    inputs = (np.array(score, dtype=np.float64)[:, None], clears[:, None].astype(float), hours[:-1], hours[1:], index)
    steps = ladder(len(given["at"]), **given)
    fast, slow = walk_tiers(*inputs, steps), walk_tiers_np(*inputs, steps)
    for ours, theirs in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    return fast


def tiers(*words: Any, **given: Any) -> list[int]:
    return walk(*words, **given).tier[:, 0].tolist()


def events(*words: Any, **given: Any) -> list[int]:
    return walk(*words, **given).event[:, 0].tolist()


def exposure(*words: Any, **given: Any) -> list[float]:
    return [round(float(value), 12) for value in walk(*words, **given).exposure[:, 0]]


def stale(*words: Any, **given: Any) -> list[bool]:
    return walk(*words, **given).stale[:, 0].tolist()


def test_a_tier_is_entered_where_the_score_is_at_or_above_its_level() -> None:
    assert tiers([0.0, 0.24, 0.25, 0.49, 0.5, 0.99, 1.0], **THREE) == [0, 0, 1, 1, 2, 2, 3]
    assert events([0.0, 0.25, 0.3, 1.0], **THREE) == [HELD, ENTERED, HELD, ENTERED]
    walked = walk([0.0, 0.25, 0.5, 1.0], **THREE)
    assert walked.exposure[:, 0].tolist() == [1.0, 0.9, 0.7, 0.4]
    assert walked.hedge[:, 0].tolist() == [0.0, 0.2, 0.0, 0.0]


def test_a_milder_score_alone_keeps_the_tier() -> None:
    assert tiers([1.0, 0.3, 0.0], **THREE) == [3, 3, 3]


def test_a_tier_is_entered_again_only_after_the_score_was_below_its_level() -> None:
    assert tiers([1, 1, 1, 0, 1], 1.0, **ONE) == [1, 0, 0, 0, 1]
    assert events([1, 1, 1, 0, 1], 1.0, **ONE) == [ENTERED, CLEARED, HELD, HELD, ENTERED]


def test_a_higher_tier_disarms_those_below_it() -> None:
    # Out of the highest tier at once, with a score that still reaches the lowest: it was never below that level.
    to_calm = np.ones((4, 4))
    to_calm[3, 1:3] = 0
    assert tiers([1.0, 0.0, 0.3], [0, 1, 1], allowed=to_calm, **THREE) == [3, 0, 1]
    assert tiers([1.0, 1.0, 0.4, 0.4], [0, 1, 0, 0], max_stay=(INF, INF, INF, DAY), **THREE) == [3, 2, 2, 2]
    assert events([1.0, 0.4, 0.4, 0.4], [0, 1, 0, 0], **THREE) == [ENTERED, CLEARED, HELD, HELD]


def test_meeting_the_level_of_the_present_tier_afresh_starts_the_clock_of_the_stay_again() -> None:
    assert events([1, 0, 1, 0, 0, 0], max_stay=72.0, **ONE) == [ENTERED, HELD, RESTARTED, HELD, HELD, OVERSTAYED]
    # So it does where the score asks for a tier that may not follow.
    only_two = [[1, 1, 1], [1, 1, 0], [1, 1, 1]]
    found = events([0.5, 0.0, 1.0], at=(0, 0.5, 1.0), cash=(0, 0.1, 0.2), allowed=only_two)
    assert found == [ENTERED, HELD, RESTARTED]


def test_coming_down_into_a_tier_whose_level_is_reached_is_no_fresh_meeting() -> None:
    # In the third tier the score was below the first level and rose to it again; only then came the all-clear.
    found = walk([1.0, 0.0, 0.3, 0.3, 0.3], [0, 0, 1, 0, 0], **THREE)
    assert found.tier[:, 0].tolist() == [3, 3, 1, 1, 1]
    assert found.event[:, 0].tolist() == [ENTERED, HELD, CLEARED, HELD, HELD]


def test_a_restart_does_not_slow_a_raise_nor_put_off_its_deadline() -> None:
    score = [1, 0, 1, 1]
    assert exposure(score, sessions=3, at=(0, 1), cash=(0, 0.6)) == [0.8, 0.6, 0.4, 0.4]
    assert exposure([1, 0, 1, 1, 1], sessions=5, deadline=60.0, at=(0, 1), cash=(0, 0.5)) == [0.9, 0.8, 0.5, 0.5, 0.5]


def test_a_tier_is_left_after_its_shortest_stay_when_the_all_clear_is_on() -> None:
    assert exposure([0, 1, 1, 1, 0], [0, 0, 0, 1, 1], **ONE) == [1, 0.5, 0.5, 1, 1]
    assert exposure([1, 0, 0, 0], 1.0, min_stay=48.0, **ONE) == [0.5, 0.5, 1, 1]
    # The clock is that of 24 hours a day, seven days a week: three nights of a weekend are 72 hours.
    assert exposure([1, 0, 0], 1.0, min_stay=48.0, hours=[0, 72, 96, 120], **ONE) == [0.5, 1, 1]


def test_and_when_the_score_is_below_its_leaving_level() -> None:
    assert tiers([1.0, 0.5, 0.49, 0.0], 1.0, leave=(INF, 0.5), **ONE) == [1, 1, 0, 0]
    # Left out: whatever the score.
    assert tiers([1.0, 1.0], 1.0, **ONE) == [1, 0]


def test_the_all_clear_leads_to_the_tier_that_the_score_asks_for() -> None:
    assert tiers([1.0, 0.0], [0, 1], **THREE) == [3, 0]
    assert tiers([1.0, 0.3], [0, 1], **THREE) == [3, 1]
    assert tiers([1.0, 1.0, 1.0, 1.0], [0, 1, 1, 1], **THREE) == [3, 2, 1, 0]


def test_after_the_longest_stay_for_the_next_one_down_whatever_the_all_clear() -> None:
    assert exposure([1, 0, 0, 0], max_stay=72.0, **ONE) == [0.5, 0.5, 0.5, 1]
    score = [1.0, 1.0, 1.0, 1.0, 1.0]
    assert tiers(score, max_stay=DAY, **THREE) == [3, 2, 1, 0, 0]
    assert events(score, max_stay=DAY, **THREE) == [ENTERED, OVERSTAYED, OVERSTAYED, OVERSTAYED, HELD]
    # The longest stay goes before a shortest one that is longer.
    assert tiers([1, 0, 0], min_stay=240.0, max_stay=DAY, **ONE) == [1, 0, 0]


def test_out_of_a_tier_only_to_tiers_that_may_follow() -> None:
    calm_only = np.ones((4, 4))
    calm_only[3, 1:3] = 0
    # From the highest tier, only to calm: the longest stay passes over the tiers between.
    assert tiers([1.0, 1.0], max_stay=DAY, allowed=calm_only, **THREE) == [3, 0]
    # A score that asks for a tier between waits.
    assert tiers([1.0, 0.3, 0.1], [0, 1, 1], allowed=calm_only, **THREE) == [3, 3, 0]


def test_into_a_tier_only_from_tiers_that_allow_it() -> None:
    by_steps = np.eye(4, k=1) + np.tril(np.ones((4, 4)))
    assert tiers([1.0, 1.0, 1.0, 1.0], allowed=by_steps, **THREE) == [1, 2, 3, 3]
    never = np.ones((4, 4))
    never[:, 3] = 0
    assert tiers([1.0, 1.0], allowed=never, **THREE) == [2, 2]


def test_all_comes_back_where_stocks_have_risen_without_us() -> None:
    index = [100.0, 104.0, 104.9, 105.1, 105.2]
    found = walk([0, 1, 1, 1, 1], wrong=0.01, index=index, **ONE)
    assert found.tier[:, 0].tolist() == [0, 1, 1, 0, 0]
    assert found.event[:, 0].tolist() == [HELD, ENTERED, HELD, WRONG, HELD]
    # From the deepest tier at once, and counted from the last entry.
    found = walk([0.25, 1.0, 1.0, 1.0], wrong=0.04, index=[100.0, 104.0, 107.0, 109.0], **THREE)
    assert found.tier[:, 0].tolist() == [1, 3, 3, 0]
    # An unknown index is no rise.
    assert tiers([1, 1], wrong=0.01, index=[NAN, 200.0], **ONE) == [1, 1]


def test_after_the_return_no_tier_is_entered_until_the_cool_down_is_over() -> None:
    score = [1, 0, 1, 1, 1, 1]
    assert tiers(score, [0, 1, 0, 0, 0, 0], cool_down=72.0, **ONE) == [1, 0, 0, 0, 1, 1]
    assert tiers(score, [0, 1, 0, 0, 0, 0], cool_down=0.0, **ONE) == [1, 0, 1, 1, 1, 1]
    # The first entry has no return before it.
    assert tiers([1], cool_down=8760.0, **ONE) == [1]


def test_cash_is_raised_in_equal_steps() -> None:
    assert exposure([1, 1, 1, 1], sessions=3, at=(0, 1), cash=(0, 0.6)) == [0.8, 0.6, 0.4, 0.4]
    # A deeper tier on the way: equal steps from where it stands.
    found = exposure([0.5, 1.0, 1.0], sessions=2, at=(0, 0.5, 1.0), cash=(0, 0.2, 0.5))
    assert found == [0.9, 0.7, 0.5]


def test_all_of_it_is_raised_by_the_last_decision_before_the_deadline() -> None:
    friday = [0.0, 72.0, 96.0, 120.0, 144.0]
    slow = {"sessions": 4, "at": (0, 1), "cash": (0, 0.8)}
    # The next decision is on Monday, 72 hours later: past a deadline of 48 hours all is sold at once.
    assert exposure([1, 1, 1, 1], hours=friday, deadline=48.0, **slow) == [0.2, 0.2, 0.2, 0.2]
    assert exposure([1, 1, 1, 1], hours=friday, deadline=72.0, **slow) == [0.8, 0.2, 0.2, 0.2]
    assert exposure([1, 1, 1, 1], hours=friday, deadline=200.0, **slow) == [0.8, 0.6, 0.4, 0.2]
    assert exposure([1, 1, 1, 1], hours=friday, deadline=0.0, **slow) == [0.2, 0.2, 0.2, 0.2]


def test_comes_back_in_equal_steps_and_can_be_called_back() -> None:
    assert exposure([1, 0, 0, 0, 0], 1.0, steps=2, **ONE) == [0.5, 0.75, 1, 1, 1]
    assert exposure([1, 0, 1, 0, 0], 1.0, steps=2, **ONE) == [0.5, 0.75, 0.5, 0.75, 1]


def test_an_unknown_score_holds_the_tier_and_is_stale() -> None:
    score, clear = [NAN, 1, NAN, NAN, 0], [1, 0, 1, 1, 1]
    assert exposure(score, clear, **ONE) == [1, 0.5, 0.5, 0.5, 1]
    assert stale(score, clear, **ONE) == [True, False, True, True, False]
    # So does a hedge.
    found = walk([1, NAN, NAN, 0], [0, 1, 1, 1], at=(0, 1), cash=(0, 0.5), hedge=(0, 0.3))
    assert found.hedge[:, 0].tolist() == [0.3, 0.3, 0.3, 0.0]
    # A return that has begun waits; an unknown score arms nothing.
    assert exposure([1, 0, NAN, 0], 1.0, steps=2, **ONE) == [0.5, 0.75, 0.75, 1]
    assert tiers([1, 1, NAN, 1], 1.0, **ONE) == [1, 0, 0, 0]


def test_longest_stay_and_rise_without_us_need_no_score() -> None:
    score = [1, NAN, NAN, NAN, NAN, 0.5, 1]
    found = walk(score, max_stay=48.0, steps=2, **ONE)
    assert found.tier[:, 0].tolist() == [1, 1, 0, 0, 0, 0, 1]
    assert found.event[2, 0] == OVERSTAYED
    # What comes back because of it goes on coming back, and is not stale.
    assert found.exposure[:, 0].tolist() == [0.5, 0.5, 0.75, 1, 1, 1, 0.5]
    assert found.stale[:, 0].tolist() == [False, True, False, False, True, False, False]
    wrong = walk(score, wrong=0.10, index=[100, 104, 111, 111, 111, 111, 111], **ONE)
    assert wrong.tier[:, 0].tolist() == [1, 1, 0, 0, 0, 0, 1]
    assert wrong.event[2, 0] == WRONG
    # A score that is known again but never fell is not met afresh.
    assert tiers([1, NAN, NAN, 1, 0, 1], max_stay=48.0, **ONE) == [1, 1, 0, 0, 0, 1]


def test_a_raise_that_has_begun_goes_on_where_the_score_is_unknown_and_is_not_stale() -> None:
    words = [1, NAN, NAN, NAN]
    assert exposure(words, sessions=3, at=(0, 1), cash=(0, 0.6)) == [0.8, 0.6, 0.4, 0.4]
    assert stale(words, sessions=3, at=(0, 1), cash=(0, 0.6)) == [False, False, False, True]


def test_an_unknown_all_clear_is_stale_where_it_is_waited_for() -> None:
    assert exposure([1, 0, 0], [0, NAN, 1], **ONE) == [0.5, 0.5, 1]
    assert stale([1, 0, 0], [0, NAN, 1], **ONE) == [False, True, False]
    # Not before the shortest stay, not where the score is too high to leave, not where the longest stay is over.
    assert stale([1, 0, 0], NAN, min_stay=48.0, **ONE) == [False, False, True]
    assert stale([1, 0.6, 0.4], NAN, leave=(INF, 0.5), **ONE) == [False, False, True]
    assert stale([1, 0, 0], NAN, max_stay=DAY, **ONE) == [False, False, False]
    assert stale([0, 0], NAN, **ONE) == [False, False]


def test_calm_may_hold_a_reserve_and_a_tier_may_spend_it() -> None:
    reserve = {"at": (0.0, 1.0), "cash": (0.2, 0.0)}
    assert exposure([NAN, 0, 1, 0, 0], [0, 0, 0, 0, 1], **reserve) == [0.8, 0.8, 1.0, 1.0, 0.8]
    assert exposure([1, 1, 0, 0], [0, 0, 1, 1], sessions=2, steps=2, **reserve) == [0.9, 1.0, 0.9, 0.8]


class Drawn:
    """Random scores, all-clears, clocks and ladders of P sets."""

    def __init__(self, seed: int, rows: int = 60, sets: int = 9) -> None:
        rng = np.random.default_rng(seed)
        count = int(rng.integers(2, 5))
        levels = np.sort(rng.choice(np.arange(1, 21), (sets, count - 1)) / 20.0, axis=1).T
        at = np.vstack((np.zeros(sets), levels + np.arange(count - 1)[:, None] * 1e-6))
        shape = (count, sets)

        def hours(high: int, none: float) -> Array:
            return np.where(rng.random(shape) < none, INF, rng.integers(0, high, shape) * 12.0)

        # Scores on the levels' own grid, so that they meet exactly.
        self.score = rng.choice(np.append(np.arange(21) / 20.0, [0.0] * 10 + [NAN] * 4), (rows, sets))
        self.clear = rng.choice([0.0, 1.0, 1.0, NAN], (rows, sets))
        self.hours = np.cumsum(rng.choice([24.0, 23.0, 25.0, 72.0, 96.0], rows + 1))
        self.index = np.cumprod(1.0 + rng.normal(0, 0.02, rows))
        self.index[0] = NAN
        cash = rng.integers(0, 11, shape) / 10.0
        allowed = rng.random((count, count)) < 0.8
        self.ladder = Ladder(
            at,
            np.where(rng.random(shape) < 0.5, INF, rng.integers(0, 21, shape) / 20.0),
            cash,
            rng.integers(0, 6, shape) / 10.0,
            hours(10, 0.0),
            hours(20, 0.4),
            allowed,
            rng.integers(1, 5, sets),
            np.where(rng.random(sets) < 0.4, INF, rng.integers(0, 10, sets) * 12.0),
            rng.integers(1, 5, sets),
            np.where(rng.random(sets) < 0.5, INF, rng.random(sets) * 0.05 + 0.001),
            rng.choice([0.0, 0.0, 48.0, 240.0], sets),
        )

    def walked(self, rows: int = 60, sets: slice = slice(None), plain: bool = False) -> TierPath:
        steps = Ladder(
            *(part if name == "allowed" else part[..., sets] for name, part in self.ladder._asdict().items())
        )
        walker = walk_tiers_np if plain else walk_tiers
        clocks = (self.hours[:rows], self.hours[1 : rows + 1], self.index[:rows])
        return walker(self.score[:rows, sets], self.clear[:rows, sets], *clocks, steps)


SEEDS = st.integers(0, 1_000_000)


@given(seed=SEEDS)
def test_the_compiled_machine_equals_the_plain_one(seed: int) -> None:
    drawn = Drawn(seed)
    for fast, slow in zip(drawn.walked(), drawn.walked(plain=True), strict=True):
        np.testing.assert_array_equal(fast, slow)


@given(seed=SEEDS)
def test_one_decision_at_a_time_equals_the_compiled_machine(seed: int) -> None:
    drawn = Drawn(seed, sets=3)
    walked = drawn.walked()
    for which in range(3):
        only = slice(which, which + 1)
        parts = (part if name == "allowed" else part[..., only] for name, part in drawn.ladder._asdict().items())
        machine = Machine(Ladder(*map(np.ascontiguousarray, parts)))
        states = States.of(machine, drawn.score[:, which], drawn.clear[:, which], drawn.hours[:-1], drawn.index)
        before = np.concatenate(([0], walked.tier[:-1, which]))
        np.testing.assert_array_equal(states.tier, before)
        for row in range(len(before)):
            seen = Observation(drawn.score[row, which], drawn.clear[row, which], drawn.hours[row], drawn.index[row])
            memory, event = machine.step(states.before(row), seen)
            assert (memory.tier, event) == (walked.tier[row, which], walked.event[row, which])


@given(seed=SEEDS)
def test_exposure_hedge_and_tier_stay_within_the_ladder(seed: int) -> None:
    drawn = Drawn(seed)
    walked, cash = drawn.walked(), drawn.ladder.cash
    assert (walked.exposure >= 1.0 - cash.max(axis=0) - 1e-12).all()
    assert (walked.exposure <= 1.0 - cash.min(axis=0) + 1e-12).all()
    assert ((walked.tier >= 0) & (walked.tier < len(cash))).all()
    np.testing.assert_array_equal(walked.hedge, np.take_along_axis(drawn.ladder.hedge, walked.tier.astype(int), axis=0))


@given(seed=SEEDS)
def test_a_stale_session_holds_everything(seed: int) -> None:
    walked = Drawn(seed).walked()
    before = np.vstack((walked.exposure[:1], walked.exposure[:-1]))
    assert (walked.exposure == before)[walked.stale].all()
    unknown = np.isnan(Drawn(seed).score)
    assert np.isin(walked.event[unknown], (HELD, OVERSTAYED, WRONG)).all()
    # Where the score is unknown nothing comes back, but for a stay that is over or was wrong.
    last = np.zeros(walked.event.shape[1], dtype=np.int8)
    for row, event in enumerate(walked.event):
        last = np.where(event != HELD, event, last)
        asked = ~np.isin(last, (OVERSTAYED, WRONG))
        assert (walked.exposure[row] <= before[row])[unknown[row] & asked].all()


@given(seed=SEEDS)
def test_tiers_move_only_where_an_event_says_so_and_along_what_is_allowed(seed: int) -> None:
    drawn = Drawn(seed)
    walked = drawn.walked()
    before = np.vstack((np.zeros((1, walked.tier.shape[1]), np.int8), walked.tier[:-1]))
    moved = walked.tier != before
    assert (walked.event[moved] != HELD).all()
    assert (walked.event[~moved & (walked.event != HELD)] == RESTARTED).all()
    by_rule = moved & (walked.event != WRONG)
    assert drawn.ladder.allowed[before[by_rule], walked.tier[by_rule]].all()
    assert (walked.tier[walked.event == WRONG] == 0).all()
    assert (walked.tier > before)[walked.event == ENTERED].all()


@given(seed=SEEDS, rows=st.integers(1, 59))
def test_later_scores_change_nothing_before_them(seed: int, rows: int) -> None:
    drawn = Drawn(seed)
    for part, whole in zip(drawn.walked(rows), drawn.walked(), strict=True):
        np.testing.assert_array_equal(part, whole[:rows])


@given(seed=SEEDS)
def test_sets_together_equal_one_by_one(seed: int) -> None:
    drawn = Drawn(seed)
    together = drawn.walked()
    for which in range(drawn.score.shape[1]):
        alone = drawn.walked(sets=slice(which, which + 1))
        for many, one in zip(together, alone, strict=True):
            np.testing.assert_array_equal(many[:, which], one[:, 0])


@given(seed=SEEDS)
def test_a_stay_is_never_longer_than_the_longest_and_never_shorter_than_the_shortest(seed: int) -> None:
    drawn = Drawn(seed)
    drawn.score = np.where(np.isnan(drawn.score), 0.0, drawn.score)
    drawn.ladder.allowed[:] = True
    walked, steps = drawn.walked(), drawn.ladder
    for which in range(drawn.score.shape[1]):
        since = 0.0
        for row in range(1, len(drawn.score)):
            tier, event = walked.tier[row - 1, which], walked.event[row, which]
            since = drawn.hours[row - 1] if walked.event[row - 1, which] != HELD else since
            held = drawn.hours[row] - since
            if tier > 0 and event == HELD:
                assert held < steps.max_stay[tier, which]
            if event == CLEARED:
                assert held >= steps.min_stay[tier, which]
            if event == OVERSTAYED:
                assert held >= steps.max_stay[tier, which]


def earlier_machine(
    trigger: Array, clear: Array, hours: Array, cash: float, low: float, high: float, steps: int
) -> tuple[list[float], list[bool]]:
    """The machine of two states that came before tiers, one set, in plain Python: in stocks, in cash, coming back."""
    state, armed, entered, level, over = "stocks", True, 0.0, 1.0, False
    exposures, stales = [], []
    for signal, on, now in zip(trigger, clear, hours, strict=True):
        is_stale = bool(np.isnan(signal))
        if signal > 0 and armed:
            state, armed, entered, level = "cash", False, now, 1.0 - cash
        else:
            armed = armed or signal == 0
            if state == "cash":
                over = now - entered >= high
                due = over or (now - entered >= low and on > 0)
                is_stale |= bool(not due and now - entered >= low and np.isnan(on))
                state = "back" if due else state
            if state == "back" and (over or not np.isnan(signal)):
                is_stale = False
                level += cash / steps
                if level > 1.0 - 1e-9:
                    state, level = "stocks", 1.0
        exposures.append(level)
        stales.append(is_stale)
    return exposures, stales


@given(seed=SEEDS)
def test_two_tiers_are_the_machine_of_two_states(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trigger, clear = rng.choice([0.0, 0.0, 1.0, NAN], (2, 80))
    # The machine of two states noted an all-clear while the trigger was unknown; the tier is held until it is known.
    clear = np.where(np.isnan(trigger), 0.0, clear)
    hours = np.cumsum(rng.choice([24.0, 23.0, 72.0], 81))
    cash, low, high = rng.random(), rng.integers(0, 100) * 1.0, rng.integers(24, 300) * 1.0
    steps = int(rng.integers(1, 6))
    given = {"cash": (0.0, cash), "min_stay": low, "max_stay": high, "steps": steps}
    found = walk(trigger.tolist(), clear.tolist(), hours=hours, at=(0.0, 1.0), **given)
    expected, stale_before = earlier_machine(trigger, clear, hours[:-1], cash, low, high, steps)
    np.testing.assert_allclose(found.exposure[:, 0], expected, rtol=0, atol=1e-9)
    assert found.stale[:, 0].tolist() == stale_before


def test_no_rows_and_no_sets_are_no_error() -> None:
    steps = ladder(2, **ONE)
    empty = np.empty((0, 1))
    assert walk_tiers(empty, empty, np.empty(0), np.empty(0), np.empty(0), steps).tier.shape == (0, 1)


@pytest.mark.parametrize("event", [ENTERED, RESTARTED, CLEARED, OVERSTAYED, WRONG])
def test_random_ladders_meet_every_event(event: int) -> None:
    # Guards the properties above against never seeing what they speak of.
    assert any((Drawn(seed).walked().event == event).any() for seed in range(20))
