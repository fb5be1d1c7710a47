"""From rules to decisions: unknown conditions, gates, fallbacks, lags, and rules of every structure side by side."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.market import Market, ParameterError, simulate_market
from undertow.signals import Drawdown
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import (
    AllClear,
    Condition,
    Decision,
    Destination,
    Gate,
    Reentry,
    Rule,
    Tier,
    Timing,
)
from undertow.strategies.rules.evaluate import (
    decide_rules,
    evaluate_rules,
    ladder_of,
    read_condition,
    shape_key,
)
from undertow.strategies.rules.scoring import COMBINES, RuleCodes, score_set_nb
from undertow.strategies.rules.sources import SOURCES

NAN = np.nan
Array = npt.NDArray[Any]
WORDS = ("any", "all", "score")
RISES = st.sampled_from([None, 0.02])

FALL = Condition(signal="drawdown", parameters={"window": 168}, below=-0.08, watch=-0.04)
SPIKE = Condition(
    signal="liquidation-spike",
    output="rank",
    parameters={"window": 2160, "horizon": 24},
    above=0.97,
    fallback="liquidation-proxy",
)
FEAR = Condition(signal="vix", output="spike", above=0.2, watch=0.1, lag=0)
LADDER = (Tier(name="watch", at=0.5, cash=0.2), Tier(name="cash", at=1.0, cash=0.6))


@cache
def world() -> Market:
    return simulate_market(seed=4, years=1.5, names=6)


@cache
def table() -> DecisionTable:
    return DecisionTable(world(), "growth")


def rule(*when: Condition, combine: str = "any", **given: Any) -> Rule:
    return Rule(**{"trigger": {"when": when or (FALL,), "combine": combine}, "tiers": LADDER, **given})


def added(combine: str, severities: Array, weights: Array, known: float) -> Array:
    """The score (T,) of severities (T, C) with weights (C,)."""
    codes = np.where(np.isnan(severities), 3, 2 * np.nan_to_num(severities)).astype(np.int8).T.copy()
    none, lines = np.empty((0, 1)), np.arange(len(weights))[:, None]
    rules = RuleCodes(
        codes,
        lines,
        np.asarray(weights, dtype=np.float64)[:, None],
        none.astype(np.int64),
        none,
        none.astype(np.int64),
        np.array([known]),
        COMBINES.index(combine),
        np.zeros(1, dtype=np.int64),
    )
    score, ungated = np.empty(len(severities)), np.empty(len(severities))
    score_set_nb(rules, np.zeros((1, 1)), 0, score, ungated, np.empty(len(severities), dtype=np.uint8))
    np.testing.assert_array_equal(score, ungated)
    return score


def by_completion(combine: str, severities: list[float]) -> float:
    """The score if every way to fill in what is unknown gives the same one, else unknown."""
    whole = max if combine == "any" else min
    ways = [(0.0, 0.5, 1.0) if np.isnan(each) else (each,) for each in severities]
    found = {whole(way) for way in product(*ways)}
    return found.pop() if len(found) == 1 else NAN


def by_weight(severities: list[float], weights: list[float], least: float) -> float:
    pairs = [(s, w) for s, w in zip(severities, weights, strict=True) if not np.isnan(s)]
    there = sum(w for _, w in pairs)
    if not pairs or there < least * sum(weights) * (1 - 1e-12):
        return NAN
    return sum(s * w for s, w in pairs) / there


@given(count=st.integers(1, 4), seed=st.integers(0, 100_000), combine=st.sampled_from(WORDS))
def test_what_is_unknown_counts_only_where_it_could_change_the_score(count: int, seed: int, combine: str) -> None:
    rng = np.random.default_rng(seed)
    severities = rng.choice([0.0, 0.5, 1.0, NAN], (30, count))
    weights, known = rng.integers(1, 5, count) / 4.0, float(rng.choice([0.0, 0.5, 0.8, 1.0]))
    expected = [
        by_weight(list(row), list(weights), known) if combine == "score" else by_completion(combine, list(row))
        for row in severities
    ]
    np.testing.assert_allclose(added(combine, severities, weights, known), expected, rtol=0, atol=1e-12)


def test_a_sum_of_weights_meets_a_level_that_it_equals_on_paper() -> None:
    missed = 0
    for count in range(1, 17):
        for on in range(count + 1):
            severities = np.array([[1.0] * on + [0.0] * (count - on)])
            assert added("score", severities, np.full(count, 0.1), 0.5)[0] == round(on / count, 12)
            missed += by_weight(list(severities[0]), [0.1] * count, 0.5) < round(on / count, 12)
    assert missed > 0


def test_the_score_is_the_worst_the_mildest_or_the_mean() -> None:
    severities = [read_condition(table(), [each], np.zeros(1)).severity[:, 0] for each in (FALL, FEAR)]
    for combine, whole in (("any", np.fmax), ("all", np.fmin)):
        found = evaluate_rules(table(), [rule(FALL, FEAR, combine=combine, timing=Timing(lag=0))])
        known = ~np.isnan(found.score[:, 0])
        np.testing.assert_array_equal(found.score[known, 0], whole(*severities)[known])
        assert {0.0, 0.5, 1.0} == set(found.score[known, 0])
    weighted = (FALL.model_copy(update={"weight": 3.0}), FEAR)
    found = evaluate_rules(table(), [rule(*weighted, combine="score", timing=Timing(lag=0))])
    both = ~np.isnan(severities[0] + severities[1])
    np.testing.assert_allclose(found.score[both, 0], (0.75 * severities[0] + 0.25 * severities[1])[both], atol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
def test_a_gate_scales_the_score_while_it_is_on_and_a_veto_is_marked(scale: float) -> None:
    gate = Gate(signal="vix", output="spike", above=0.0, scale=scale)
    found = evaluate_rules(table(), [rule(FALL, gates=(gate,))])
    plain = evaluate_rules(table(), [rule(FALL)])
    on = read_condition(table(), [gate], np.zeros(1)).severity[:, 0] == 1.0
    assert on.any()
    assert not on.all()
    np.testing.assert_array_equal(found.ungated, plain.score)
    np.testing.assert_array_equal(found.score[:, 0], np.where(on, scale, 1.0) * plain.score[:, 0])

    def tier(score: float) -> int:
        return sum(score >= level for level in (0.5, 1.0))

    vetoed = [tier(ours) < tier(its) for ours, its in zip(found.score[:, 0], plain.score[:, 0], strict=True)]
    assert found.flags["vetoed"][:, 0].tolist() == vetoed
    assert any(vetoed) == (scale < 1.0)


def test_an_unknown_gate_leaves_the_score_and_is_marked_as_partial() -> None:
    market = replace(world(), feeds=tuple(feed for feed in world().feeds if feed.kind != "macro"))
    gate = Gate(signal="vix", output="spike", above=0.0, scale=0.0)
    found = evaluate_rules(DecisionTable(market, "growth"), [rule(FALL, gates=(gate,))])
    np.testing.assert_array_equal(found.score, found.ungated)
    np.testing.assert_array_equal(found.flags["partial"], ~np.isnan(found.score))
    assert not found.flags["vetoed"].any()


def test_a_condition_without_a_value_makes_a_score_partial_and_any_unknown() -> None:
    market = replace(world(), feeds=tuple(feed for feed in world().feeds if feed.kind != "macro"))
    bare = DecisionTable(market, "growth")
    timing = Timing(lag=0)
    alone = evaluate_rules(bare, [rule(FALL, timing=timing)]).score[:, 0]
    mean = evaluate_rules(bare, [rule(FALL, FEAR, combine="score", timing=timing)])
    np.testing.assert_array_equal(mean.score[:, 0], alone)
    np.testing.assert_array_equal(mean.flags["partial"][:, 0], ~np.isnan(alone))
    strict = {"when": (FALL, FEAR), "combine": "score", "known": 0.6}
    assert np.isnan(evaluate_rules(bare, [rule(trigger=strict, timing=timing)]).score).all()
    some = evaluate_rules(bare, [rule(FALL, FEAR, timing=timing)])
    np.testing.assert_array_equal(some.score[:, 0], np.where(alone == 1.0, 1.0, NAN))
    every = evaluate_rules(bare, [rule(FALL, FEAR, combine="all", timing=timing)])
    np.testing.assert_array_equal(every.score[:, 0], np.where(alone == 0.0, 0.0, NAN))
    assert not every.flags["partial"][np.isnan(every.score)].any()


def test_a_fallback_is_read_where_the_first_has_no_value_and_nowhere_else() -> None:
    lag = np.zeros(1)
    first = read_condition(table(), [SPIKE.model_copy(update={"fallback": ""})], lag).values[:, 0]
    other = read_condition(
        table(), [SPIKE.model_copy(update={"signal": "liquidation-proxy", "fallback": ""})], lag
    ).values[:, 0]
    found = read_condition(table(), [SPIKE], lag)
    np.testing.assert_array_equal(found.values[:, 0], np.where(np.isnan(first), other, first))
    np.testing.assert_array_equal(found.fallback[:, 0], np.isnan(first) & ~np.isnan(other))
    bare = replace(world(), feeds=tuple(feed for feed in world().feeds if feed.kind != "liquidations"))
    marked = evaluate_rules(DecisionTable(bare, "growth"), [rule(SPIKE, timing=Timing(lag=0))]).flags["fallback"]
    np.testing.assert_array_equal(marked[:, 0], ~np.isnan(other))
    assert marked.any()


def test_a_condition_may_have_a_lag_of_its_own() -> None:
    late = FALL.model_copy(update={"lag": 48.0})
    own = evaluate_rules(table(), [rule(late, timing=Timing(lag=0))]).score
    np.testing.assert_array_equal(own, evaluate_rules(table(), [rule(FALL, timing=Timing(lag=48))]).score)
    assert (own != evaluate_rules(table(), [rule(FALL, timing=Timing(lag=0))]).score).any()
    # Gates and the all-clear are read at the decision itself unless they say otherwise.
    back = AllClear(signal="drawdown", parameters={"window": 168}, above=-0.02)
    now, later = (
        evaluate_rules(table(), [rule(FALL, timing=Timing(lag=72), reentry=Reentry(when=(each,)))]).clear[:, 0]
        for each in (back, back.model_copy(update={"lag": None}))
    )
    fall = table().signal(Drawdown, {"window": 168})[:, 0]
    np.testing.assert_array_equal(now, np.where(np.isnan(fall), NAN, fall >= -0.02))
    assert (now != later).any()


def test_the_worst_since_the_last_decision_counts_or_the_last() -> None:
    worst, last = (
        read_condition(table(), [FALL.model_copy(update={"read": read})], np.zeros(1)).values[:, 0]
        for read in ("worst", "now")
    )
    assert (worst <= last).all()
    assert (worst < last).any()


def test_the_alarm_lasts_until_it_is_left() -> None:
    held = FALL.model_copy(update={"leave": -0.02, "watch": None})
    found = read_condition(table(), [held], np.zeros(1))
    on, expected = False, []
    for value in found.values[:, 0]:
        if not np.isnan(value):
            on = value <= -0.08 or (on and value <= -0.02)
        expected.append(NAN if np.isnan(value) else float(on))
    np.testing.assert_array_equal(found.severity[:, 0], expected)


def test_the_all_clear_needs_every_sign_and_is_unknown_only_where_that_matters() -> None:
    known = AllClear(signal="drawdown", parameters={"window": 168}, above=-0.02)
    absent = AllClear(signal="funding", above=0.0)
    bare = DecisionTable(replace(world(), feeds=tuple(f for f in world().feeds if f.kind != "funding")), "growth")
    on = evaluate_rules(bare, [rule(FALL, reentry=Reentry(when=(known,)))]).clear[:, 0]
    both = evaluate_rules(bare, [rule(FALL, reentry=Reentry(when=(absent, known)))]).clear[:, 0]
    np.testing.assert_array_equal(both, np.where(on == 0.0, 0.0, NAN))
    np.testing.assert_array_equal(evaluate_rules(bare, [rule(FALL)]).clear, 1.0)


def test_where_the_money_goes() -> None:
    cash, basket = rule(FALL), rule(FALL, destination=Destination(basket="defensive", share=0.25))
    found = decide_rules(table(), [cash, basket])
    assert found.basket == "defensive"
    assert found.rotation is not None
    assert not found.rotation[:, 0].any()
    np.testing.assert_allclose(found.rotation[:, 1], 0.25 * (1 - found.exposure[:, 1]), atol=1e-15)
    assert decide_rules(table(), [cash]).rotation is None
    other = rule(FALL, destination=Destination(basket="growth"))
    with pytest.raises(ParameterError, match="the sets of one call must share one `basket`, got defensive, growth"):
        decide_rules(table(), [basket, other])


def test_a_hedge_is_there_where_a_tier_could_have_one_whether_or_not_it_did() -> None:
    never = Condition(signal="drawdown", below=-0.99)
    hedged = (Tier(name="hedge", at=1.0, hedge=0.3),)
    assert decide_rules(table(), [rule(never)]).hedge is None
    quiet = decide_rules(table(), [rule(never, tiers=hedged)])
    assert quiet.hedge is not None
    assert not quiet.hedge.any()
    busy = decide_rules(table(), [rule(FALL, tiers=hedged, destination=Destination(hedge_symbol="QQQ"))])
    assert busy.hedge is not None
    assert set(busy.hedge[:, 0]) == {0.0, 0.3}
    assert busy.hedge_symbol == "QQQ"


def test_what_is_left_out_is_no_limit() -> None:
    found = ladder_of([rule(FALL)])
    assert np.isinf(found.leave).all()
    assert np.isinf(found.max_stay).all()
    assert np.isinf([*found.deadline, *found.wrong]).all()
    assert found.allowed.all()
    assert found.at[:, 0].tolist() == [0.0, 0.5, 1.0]
    limited = rule(FALL, tiers=(LADDER[0], LADDER[1].model_copy(update={"to": ("calm",)})))
    assert ladder_of([limited]).allowed.tolist() == [[True] * 3, [True] * 3, [True, False, False]]


def test_rules_that_differ_in_numbers_alone_share_a_structure() -> None:
    same = FALL.model_copy(
        update={"below": -0.2, "watch": None, "lag": 3.0, "weight": 2.0, "parameters": {"window": 24}}
    )
    assert shape_key(rule(FALL)) == shape_key(rule(same, timing=Timing(lag=1), source="beta"))
    for other in (
        rule(FALL, combine="all"),
        rule(FALL, FEAR),
        rule(FALL.model_copy(update={"read": "now"})),
        rule(FALL.model_copy(update={"parameters": {}})),
        rule(FALL.model_copy(update={"asset": "ETH"})),
        rule(FALL, gates=(Gate(signal="drawdown", below=-0.5),)),
        rule(FALL, tiers=LADDER[1:]),
        rule(FALL, tiers=(LADDER[0], LADDER[1].model_copy(update={"to": ("calm",)}))),
    ):
        assert shape_key(rule(FALL)) != shape_key(other)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Rules of many structures, all of whose parts are valid."""
    fall = FALL.model_copy(
        update={
            "below": draw(st.sampled_from([-0.05, -0.1])),
            "watch": None,
            "lag": draw(st.sampled_from([None, 12.0])),
        }
    )
    when = draw(st.lists(st.sampled_from([fall, FEAR, SPIKE]), min_size=1, max_size=3))
    gate = Gate(signal="policy-tailwind", output="gate", above=1.0, scale=draw(st.sampled_from([0.0, 0.5])))
    back = AllClear(signal="rows-since-low", parameters={"window": 168}, above=draw(st.sampled_from([12.0, 48.0])))
    low, high = draw(st.sampled_from([0.0, 0.2])), draw(st.sampled_from([0.3, 1.0]))
    tiers = (
        Tier(name="watch", at=0.3, cash=low, hedge=low, max_stay=draw(st.sampled_from([None, 168.0]))),
        Tier(name="cash", at=0.9, leave=0.5, cash=high, min_stay=24),
    )
    return Rule(
        trigger={"when": tuple(when), "combine": draw(st.sampled_from(WORDS))},
        gates=draw(st.sampled_from([(), (gate,)])),
        tiers=tiers[draw(st.integers(0, 1)) :],
        timing=Timing(lag=draw(st.sampled_from([0.0, 24.0])), sessions=draw(st.integers(1, 3))),
        source=draw(st.sampled_from(SOURCES)),
        destination=draw(st.sampled_from([Destination(), Destination(basket="defensive", share=low)])),
        reentry=Reentry(when=draw(st.sampled_from([(), (back,)])), steps=draw(st.integers(1, 3)), wrong=draw(RISES)),
    )


def test_a_tier_that_is_left_before_its_cash_is_raised_is_counted() -> None:
    """The all-clear is always on and the stay ends at once: a raise over three sessions is cut off."""
    tiers = (Tier(name="cash", at=1.0, cash=0.6),)
    cut = rule(FALL, tiers=tiers, timing=Timing(lag=0.0, sessions=3))
    decision = decide_rules(table(), [cut, rule(FALL, tiers=tiers, timing=Timing(lag=0.0))])
    short, exposure, above = decision.flags["short_of_target"], decision.exposure, decision.above
    assert above is not None
    # By hand, session by session: back in calm, and the exposure was not down to 0.4.
    expected = [
        row > 0 and not above[row, 0] and above[row - 1, 0] and exposure[row - 1, 0] > 0.4 + 1e-9
        for row in range(len(exposure))
    ]
    assert short[:, 0].tolist() == expected
    assert sum(expected) > 0
    assert not short[:, 1].any()


@settings(max_examples=20)
@given(st.lists(rules(), min_size=2, max_size=6))
def test_rules_of_different_structure_together_equal_one_by_one(given: list[Rule]) -> None:
    together = decide_rules(table(), given)
    for which, one in enumerate(given):
        same_decision(together, which, decide_rules(table(), [one]))


def same_decision(together: Decision, which: int, alone: Decision) -> None:
    np.testing.assert_array_equal(together.exposure[:, which], alone.exposure[:, 0])
    np.testing.assert_array_equal(together.stale[:, which], alone.stale[:, 0])
    for name in ("rotation", "hedge"):
        many, one = getattr(together, name), getattr(alone, name)
        rows = np.zeros(len(alone.exposure))
        np.testing.assert_array_equal(rows if many is None else many[:, which], rows if one is None else one[:, 0])
    for name, mark in together.flags.items():
        np.testing.assert_array_equal(mark[:, which], alone.flags[name][:, 0])
    np.testing.assert_array_equal(order_of(together, which), order_of(alone, 0))


def order_of(decision: Decision, which: int) -> Any:
    place = int(decision.score_of_set[which])
    return decision.scores[place] if place >= 0 else place
