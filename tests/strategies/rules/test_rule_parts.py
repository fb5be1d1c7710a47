"""What the parts of a rule refuse, and in which words; what they stand for where they are accepted."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from undertow.signals import Drawdown
from undertow.signals.base.registry import SIGNALS, load, registered
from undertow.strategies import (
    AllClear,
    Condition,
    Destination,
    FreeRule,
    Gate,
    Reentry,
    Rule,
    Tier,
    Timing,
    Trigger,
)
from undertow.strategies.rules.evaluate import ladder_of

FALL = Condition(signal="drawdown", below=-0.15)
CASH = Tier(name="cash", at=1.0, cash=0.5)


def refused(kind: Any, **given: Any) -> str:
    with pytest.raises(ValidationError) as error:
        kind(**given)
    return str(error.value.errors()[0]["msg"]).removeprefix("Value error, ")


def rule(**given: Any) -> Rule:
    return Rule(**{"trigger": Trigger(when=(FALL,)), "tiers": (CASH,), **given})


def rule_refused(**given: Any) -> str:
    return refused(Rule, **{"trigger": Trigger(when=(FALL,)), "tiers": (CASH,), **given})


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (
            Condition,
            {"signal": "drawdown", "belwo": -0.1},
            "unknown key `belwo`, did you mean `below`?; allowed: signal, output, parameters, asset, above, below,",
        ),
        (
            Trigger,
            {"when": (FALL,), "combined": "any"},
            "unknown key `combined`, did you mean `combine`?; allowed:",
        ),
        (
            Gate,
            {"signal": "vix", "above": 1, "scael": 0},
            "unknown key `scael`, did you mean `scale`?; allowed:",
        ),
        (AllClear, {"signal": "vix", "abov": 1}, "unknown key `abov`, did you mean `above`?"),
        (
            Tier,
            {"name": "cash", "maxstay": 1},
            "unknown key `maxstay`, did you mean `max_stay`?; allowed: name",
        ),
        (Timing, {"lags": 1}, "unknown key `lags`, did you mean `lag`?; allowed: lag, sessions, deadline"),
        (
            Destination,
            {"baskt": ""},
            "unknown key `baskt`, did you mean `basket`?; allowed: basket, share",
        ),
        (Reentry, {"cooldown": 1}, "unknown key `cooldown`, did you mean `cool_down`?; allowed: when, steps, wrong"),
        (Condition, {"signal": "drawdown"}, "give either `above` or `below`: the level at which the alarm goes on"),
        (Condition, {"signal": "drawdown", "above": 1, "below": 0}, "give either `above` or `below`"),
        (
            Condition,
            {"signal": "drawdown", "below": -0.1, "watch": -0.2},
            "`watch` must lie on the calm side of the alarm, at least -0.1; got -0.2",
        ),
        (
            Condition,
            {"signal": "vix", "above": 0.5, "watch": 0.6},
            "`watch` must lie on the calm side of the alarm, at most 0.5; got 0.6",
        ),
        (
            Condition,
            {"signal": "vix", "above": 0.5, "leave": 0.6},
            "`leave` must lie on the calm side of the alarm, at most 0.5; got 0.6",
        ),
        (Condition, {"signal": "drawdown", "below": float("nan")}, "a level must be a finite number, got nan"),
        (Condition, {"signal": "vix", "above": 1, "leave": float("-inf")}, "a level must be a finite number, got -inf"),
        (
            Condition,
            {"signal": "drawdwn", "below": 0},
            "`signal`: unknown signal `drawdwn`, did you mean `drawdown`?",
        ),
        (
            Condition,
            {"signal": "drawdown", "below": 0, "fallback": "drwdown"},
            "`fallback`: unknown signal `drwdown`, did you mean `drawdown`?",
        ),
        (
            Condition,
            {"signal": "undertow.market:Market", "below": 0},
            "`undertow.market:Market` is not a signal",
        ),
        (
            Condition,
            {"signal": "liquidation-spike", "above": 1, "output": "rnk"},
            "`output`: `liquidation-spike` has no output `rnk`, did you mean `rank`?; allowed: z, rank",
        ),
        (
            Condition,
            {"signal": "drawdown", "below": 0, "parameters": {"windw": 24}},
            "`parameters`: `drawdown` has no parameter `windw`, did you mean `window`?; allowed: window",
        ),
        (
            Condition,
            {"signal": "liquidation-spike", "above": 1, "fallback": "liquidation-proxy"},
            "`fallback`: `liquidation-proxy` gives `stress` on the feed clock, `liquidation-spike` gives `z` on the",
        ),
        (
            Condition,
            {"signal": "drawdown", "below": 0, "parameters": {"window": 0}},
            "`parameters`: `window` of `drawdown` must be hours in (0, 100000], got 0",
        ),
        (
            Condition,
            {"signal": "drawdown", "below": 0, "parameters": {"window": float("nan")}},
            "`window` of `drawdown` must be hours in (0, 100000], got nan",
        ),
        (
            Condition,
            {"signal": "trend", "below": 0, "parameters": {"window": 20.5}},
            "`window` of `trend` must be a whole number of sessions in [1, 100000], got 20.5",
        ),
        (
            Condition,
            {"signal": "scenario", "above": 1, "parameters": {"ease": float("inf")}},
            "`ease` of `scenario` must be a finite number, got inf",
        ),
        (
            Condition,
            {"signal": "beta", "above": 1},
            "`signal`: `beta` has one value a name; a condition needs one value a session",
        ),
        (
            Tier,
            {"name": "cash", "cash": 0.5, "max_stay": 24},
            "tier `cash`: `at` 0 is calm, which has no `leave`, `min_stay` or `max_stay`; give `at`, the score",
        ),
        (
            Tier,
            {"name": "cash", "at": 1, "min_stay": 200, "max_stay": 24},
            "tier `cash`: `min_stay` must be at most `max_stay`, got 200 and 24 hours",
        ),
        (
            Tier,
            {"name": "cash", "at": 0.5, "leave": 0.6},
            "tier `cash`: `leave` must be at most `at`, or it is left as soon as it is entered; got 0.6 above 0.5",
        ),
        (
            Tier,
            {"name": "cash", "at": 1, "cash": 0.8, "hedge": 0.8},
            "tier `cash`: `cash` and `hedge` must add up to 1 or less, or more is sold short than is held; got 0.8",
        ),
        (Timing, {"sessions": True}, "must be a whole number, got True"),
        (Timing, {"sessions": "2"}, "must be a whole number, got '2'"),
        (Reentry, {"wrong": 4}, "`wrong` must be a decimal rise in (0, 1], got 4; 4 % is 0.04"),
        (
            Destination,
            {"share": 0.5},
            "`share` can only be used with `basket`, the universe it goes into; got 0.5 without one",
        ),
        (
            Destination,
            {"basket": "growth | top 4 by betta | yearly"},
            "unknown measure `betta`, did you mean `beta`?",
        ),
    ],
)
def test_a_part_is_refused_in_words_that_say_what_to_do(kind: Any, given: dict[str, Any], message: str) -> None:
    assert message in refused(kind, **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"tiers": (Tier(name="cash", at=0.5), Tier(name="watch", at=0.5))},
            "`tiers` must have rising `at`, got 0.5, 0.5",
        ),
        ({"tiers": (Tier(name="b", at=1), Tier(name="a", at=0.5))}, "`tiers` must have rising `at`, got 1, 0.5"),
        (
            {"tiers": (Tier(name="cash", at=0.5), Tier(name="cash", at=1))},
            "`tiers` must have different names, got calm, cash, cash",
        ),
        ({"tiers": (Tier(name="calm", at=0.5),)}, "`tiers` must have different names, got calm, calm"),
        (
            {"tiers": (Tier(name="cash", at=1, to=("clam",)),)},
            "tier `cash`: `to` names `clam`, did you mean `calm`?; allowed: calm, cash",
        ),
        (
            {"tiers": (Tier(name="watch", at=0.5), Tier(name="cash", at=1, to=("cash",)))},
            "tier `cash`: `to` must name a tier below it, or it is never left; below: calm, watch",
        ),
        (
            {"destination": Destination(hedge_symbol="QQQ")},
            "`destination.hedge_symbol` 'QQQ' can only be used with a tier that has a `hedge`; no tier has",
        ),
        ({"source": "winnners"}, "`source` must be one of proportional, winners, beta,"),
        ({"source": "winnners"}, "got 'winnners', did you mean `winners`?"),
        ({"trigger": Trigger(when=(FALL,) * 17)}, "a rule has at most 16 conditions and gates, got 17"),
        (
            {"trigger": Trigger(when=(FALL,) * 15), "gates": (Gate(signal="vix", above=1),) * 2},
            "a rule has at most 16 conditions and gates, got 17",
        ),
        ({"nmae": "mine"}, "unknown key `nmae`, did you mean `name`?; allowed: name, summary, trigger, gates, tiers"),
    ],
)
def test_a_rule_is_refused_in_words_that_say_what_to_do(given: dict[str, Any], message: str) -> None:
    assert message in rule_refused(**given)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Tier, {"name": "cash", "at": 1.1}),
        (Tier, {"name": "cash", "at": 1, "cash": -0.1}),
        (Tier, {"name": "cash", "at": 1, "hedge": 1.1}),
        (Tier, {"name": "Cash", "at": 1}),
        (Tier, {"name": "cash", "at": 1, "min_stay": -1}),
        (Timing, {"lag": -1}),
        (Timing, {"sessions": 0}),
        (Timing, {"deadline": 10_000}),
        (Reentry, {"steps": 0}),
        (Reentry, {"wrong": 0}),
        (Destination, {"share": 1.5}),
        (Gate, {"signal": "vix", "above": 1, "scale": 2}),
        (Condition, {"signal": "vix", "above": 1, "weight": 0}),
        (Trigger, {"when": ()}),
        (Trigger, {"when": (FALL,), "combine": "some"}),
        (Rule, {"trigger": Trigger(when=(FALL,)), "tiers": ()}),
    ],
)
def test_numbers_out_of_their_range_are_refused(kind: Any, given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind(**given)


@pytest.mark.parametrize("value", [True, False, "24", "0.5", float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("kind", "name", "given"),
    [
        (Tier, "cash", {"name": "cash", "at": 1}),
        (Tier, "min_stay", {"name": "cash", "at": 1}),
        (Timing, "lag", {}),
        (Timing, "sessions", {}),
        (Timing, "deadline", {}),
        (Reentry, "wrong", {}),
        (Reentry, "steps", {}),
        (Destination, "share", {"basket": "defensive"}),
        (Condition, "weight", {"signal": "vix", "above": 1}),
        (Condition, "above", {"signal": "vix"}),
        (Condition, "watch", {"signal": "vix", "above": 1}),
        (Gate, "scale", {"signal": "vix", "above": 1}),
        (Trigger, "known", {"when": (FALL,)}),
    ],
)
def test_only_finite_numbers_are_numbers(kind: Any, name: str, given: dict[str, Any], value: Any) -> None:
    with pytest.raises(ValidationError):
        kind(**given, **{name: value})


def test_whole_numbers_and_those_of_numpy_are_numbers() -> None:
    assert Tier(name="cash", at=1, cash=np.float64(0.5), min_stay=24) == Tier(
        name="cash", at=1.0, cash=0.5, min_stay=24.0
    )
    assert Timing(sessions=np.int64(2), lag=np.int64(12)) == Timing(sessions=2, lag=12.0)
    # Met by raising faster, as `Timing` says.
    assert Timing(sessions=5, deadline=1).deadline == 1.0
    assert Tier(name="cash", at=1, cash=0.7, hedge=0.3).hedge == 0.3


def test_a_part_is_frozen_equal_by_value_and_pickles() -> None:
    found = rule(gates=(Gate(signal="vix", above=1),), reentry=Reentry(when=(AllClear(signal="vix", below=1),)))
    with pytest.raises(ValidationError, match="frozen"):
        found.source = "beta"
    assert pickle.loads(pickle.dumps(found)) == found
    assert Rule.model_validate(found.model_dump()) == found
    assert FreeRule(definition=found).label == "rule"


def test_calm_is_put_before_the_tiers_unless_the_first_is_calm() -> None:
    assert [tier.name for tier in rule().ladder] == ["calm", "cash"]
    own = rule(tiers=(Tier(name="reserve", at=0, cash=0.2), CASH))
    assert [tier.name for tier in own.ladder] == ["reserve", "cash"]


def test_a_hedge_stays_on_in_higher_tiers_unless_they_say_otherwise() -> None:
    watch, high = Tier(name="watch", at=0.3, hedge=0.4), Tier(name="cash", at=1.0, cash=0.8)
    middle = Tier(name="reduce", at=0.6, cash=0.3)
    # Of 20 % in stocks no more than 20 % is hedged; what a tier states holds, and holds above it.
    assert [tier.hedge for tier in rule(tiers=(watch, middle, high)).ladder] == [0.0, 0.4, 0.4, pytest.approx(0.2)]
    off = middle.model_copy(update={"hedge": 0.0})
    assert [tier.hedge for tier in rule(tiers=(watch, off, high)).ladder] == [0.0, 0.4, 0.0, 0.0]
    assert ladder_of([rule(tiers=(watch, middle, high))]).hedge[:, 0].tolist() == pytest.approx([0.0, 0.4, 0.4, 0.2])
    assert ladder_of([rule()]).hedge[:, 0].tolist() == [0.0, 0.0]
    # A rule without any hedge has none.
    assert [tier.hedge for tier in rule().ladder] == [None, None]


def test_a_stay_that_ends_before_the_cash_is_raised_is_refused() -> None:
    tier = Tier(name="cash", at=1.0, cash=0.3, max_stay=72)
    message = "`max_stay` of 72 hours may be over before its cash is raised, which takes up to 96 hours over 3 sessions"
    with pytest.raises(ValidationError, match=message):
        rule(tiers=(tier,), timing=Timing(sessions=3, deadline=96))
    assert rule(tiers=(tier,), timing=Timing(sessions=3, deadline=48)).timing.raise_hours == 48.0
    # Three sessions: two days, a weekend and a holiday are 120 hours; one session needs none.
    assert Timing(sessions=3).raise_hours == 120.0
    assert Timing(deadline=96).raise_hours == 0.0
    with pytest.raises(ValidationError, match="`max_stay` of 72 hours"):
        rule(tiers=(tier,), timing=Timing(sessions=3))
    assert rule(tiers=(tier.model_copy(update={"max_stay": 121.0}),), timing=Timing(sessions=3)).timing.sessions == 3


def test_what_a_condition_reads() -> None:
    assert FALL.spec is Drawdown.spec
    assert (FALL.level, FALL.side, FALL.how, FALL.name) == (-0.15, -1.0, "min", "drawdown")
    vix = Condition(signal="vix", output="spike", above=0.5)
    # Signals of the sessions clock have one value a session; the worst of feeds counts, a weekend's too.
    assert (vix.level, vix.side, vix.how, vix.name) == (0.5, 1.0, "last", "vix spike")
    assert Condition(signal="vix", above=1, read="worst").how == "max"
    assert Condition(signal="drawdown", above=0).how == "max"
    assert Condition(signal="drawdown", above=0, title="fall").name == "fall"
    for kind in (Gate, AllClear):
        read = kind(signal="drawdown", below=-0.1)
        assert (read.how, read.lag) == ("last", 0.0)
    assert Condition(signal="drawdown", below=-0.1, watch=-0.1, leave=-0.1).watch == -0.1


@pytest.mark.parametrize("name", list(registered(SIGNALS)))
def test_every_signal_is_a_condition_unless_it_has_one_value_a_name(name: str) -> None:
    spec = load(SIGNALS, name).spec
    by_name = spec.clock == "session" and not spec.across_names and ("prices", "close") in spec.inputs.values()
    if by_name:
        assert re.search("one value a name", refused(Condition, signal=name, above=0))
        return
    for output in spec.outputs:
        parameters = {each: float(parameter.default) for each, parameter in spec.parameters.items()}
        highest = spec.bounds_of(output).high
        above = highest if np.isfinite(highest) else 1.0
        assert Condition(signal=name, output=output, parameters=parameters, above=above).spec is spec


def test_a_mistake_is_not_remembered_as_right() -> None:
    for _ in range(2):
        assert "unknown signal" in refused(Condition, signal="nothing", above=0)
