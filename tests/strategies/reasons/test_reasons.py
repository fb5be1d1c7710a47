"""Why a rule decided: contributions that add up exactly, the nearest counterfactual, the label."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.backtests import Run, backtest, load_run
from undertow.market import DataError, Market, ParameterError, simulate_market
from undertow.strategies import (
    AllClear,
    BuyAndHold,
    Condition,
    FreeRule,
    Gate,
    Reentry,
    RiskTiers,
    Rule,
    RuleStrategy,
    Tier,
    Trigger,
    WinnersFirst,
)
from undertow.strategies.reasons.counterfactual import Change, counterfactual, escalations, milder_changes
from undertow.strategies.reasons.exit_conditions import exit_conditions
from undertow.strategies.reasons.explain import explain_row
from undertow.strategies.reasons.formatting import format_value
from undertow.strategies.reasons.reasons import Reasons, known_score, score_of
from undertow.strategies.rules.evaluate import ladder_of
from undertow.strategies.rules.tier_machine import walk_tiers
from undertow.strategies.rules.tier_state import Machine, Observation, States

LEVELS = st.sampled_from([0.0, 0.5, 1.0, np.nan])


def made(combine: str, severity: list[float], gates: list[float], weights: list[float] | None = None) -> Reasons:
    """The reasons of one session with these severities."""
    weights = weights or [1.0] * len(severity)
    when = tuple(
        Condition(signal="drawdown", below=-0.2, watch=-0.1, weight=weight, title=f"c{n}")
        for n, weight in enumerate(weights)
    )
    gate = tuple(Gate(signal="vix", above=20, scale=0.4, title=f"g{n}") for n in range(len(gates)))
    rule = Rule(
        trigger=Trigger(when=when, combine=combine, known=0.0), gates=gate, tiers=(Tier(name="cash", at=0.5, cash=0.5),)
    )
    row = np.array([[*severity, *gates]])
    score = slow_score(rule, row[0])
    one, zero = np.array([score]), np.zeros(1)
    states = States.of(Machine(ladder_of([rule])), one, one, zero, np.ones(1))
    tier, event = Machine(ladder_of([rule])).step(states.before(0), Observation(score, 1.0, 0.0, 1.0))
    numbers = np.array([tier.tier]), np.array([event])
    values = -0.3 * np.nan_to_num(row)
    return Reasons(
        rule, pd.DatetimeIndex(["2024-01-02"]), values, row, one, one, one, *numbers, np.zeros((1, 0)), states, row > 2
    )


def slow_score(rule: Rule, row: np.ndarray) -> float:
    count = len(rule.trigger.when)
    own, weights = row[:count], [each.weight for each in rule.trigger.when]
    known = [(x, w) for x, w in zip(own, weights, strict=True) if not np.isnan(x)]
    if rule.trigger.combine == "score":
        score = sum(x * w for x, w in known) / sum(w for _, w in known) if known else np.nan
    elif rule.trigger.combine == "any":
        score = max(x for x, _ in known) if known and (len(known) == count or max(known)[0] == 1) else np.nan
    else:
        score = min(x for x, _ in known) if known and (len(known) == count or min(known)[0] == 0) else np.nan
    for on in row[count:]:
        score = score * 0.4 if on == 1 else score
    return float(score)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["any", "all", "score"]),
    st.lists(LEVELS, min_size=1, max_size=4),
    st.lists(st.sampled_from([0.0, 1.0, np.nan]), max_size=2),
    st.data(),
)
def test_contributions_are_shapley_values_and_sum_to_the_score(
    combine: str, severity: list[float], gates: list[float], data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.floats(0.1, 5.0), min_size=len(severity), max_size=len(severity)))
    why = made(combine, severity, gates, weights)
    added = why.contributions(0)
    if np.isnan(why.score[0]):
        assert not added.any()
        return
    assert added.sum() == pytest.approx(why.score[0], abs=1e-12)
    np.testing.assert_allclose(added, slow_shapley(why), atol=1e-12)


def slow_shapley(why: Reasons) -> np.ndarray:
    """The mean of what each driver adds over every order in which they can come."""
    have, count = why.effective_severity(0), len(why.rule.drivers)
    added = np.zeros(count)
    orders = list(permutations(range(count)))
    for order in orders:
        now = np.where(np.isnan(have), np.nan, 0.0)
        before = float(score_of(why.rule, now[None, :])[0])
        for driver in order:
            now[driver] = have[driver]
            after = float(score_of(why.rule, now[None, :])[0])
            added[driver] += (after - before) / len(orders)
            before = after
    return added


def test_the_counterfactual_is_the_nearest_change_of_as_few_drivers_as_possible() -> None:
    one = made("any", [1.0, 0.0], [])
    assert counterfactual(one, 0) == "not cash, had c0 been above -10% (it was -30%)"
    both = made("any", [1.0, 1.0], [])
    assert counterfactual(both, 0).startswith("not cash, had c0 been above -10% (it was -30%) and c1 been above -10%")
    assert counterfactual(made("any", [0.0, 0.0], []), 0) == ""
    assert counterfactual(made("any", [np.nan, 0.0], []), 0) == ""


def test_what_would_be_worse_is_one_change_and_the_nearest_first() -> None:
    # From 0 to -0.1, at which it watches: the tier is at 0.5.
    assert escalations(made("any", [0.0, 0.0], []), 0) == (
        "cash, were c0 at or below -10%",
        "cash, were c1 at or below -10%",
    )
    assert escalations(made("any", [1.0, 0.0], []), 0) == ()
    assert escalations(made("all", [1.0, 0.0], []), 0) == ("cash, were c1 at or below -10%",)
    # With one of them unknown, no other can make "all" known.
    assert escalations(made("all", [0.0, np.nan], []), 0) == ()
    held = made("any", [1.0], [1.0])
    assert escalations(held, 0) == ("cash, were g0 below 20",)
    assert counterfactual(made("any", [1.0], [0.0]), 0) == "not cash, had c0 been above -10% (it was -30%)"


@pytest.fixture(scope="module")
def world() -> Market:
    return simulate_market(seed=11, years=2.5, names=8)


@pytest.fixture(scope="module")
def run(world: Market) -> Run:
    return backtest(RiskTiers(), world)


def test_every_change_of_tier_is_explained(run: Run) -> None:
    changes = run.changes
    assert len(changes) > 10
    drivers = changes.columns[changes.columns.get_loc("counterfactual") + 1 :]
    known = changes["score"].notna()
    np.testing.assert_allclose(changes.loc[known, drivers].sum(axis=1), changes.loc[known, "score"], atol=1e-12)
    entered = changes["event"].isin(["entered", "entered again"])
    assert (changes.loc[entered, "counterfactual"] != "").all()
    assert (changes.loc[changes["tier"] == "calm", "label"] == "").all()
    assert set(changes.loc[entered, "label"]) <= {
        "liquidation cascade",
        "liquidation cascade (fallback)",
        "fall of BTC",
        "weekend gap",
        "open interest shock",
        "correlation with BTC",
        "rates shock",
        "dollar shock",
        "leadership break",
        "volatility event",
    }


def test_one_session_is_explained(run: Run) -> None:
    first = run.changes.iloc[0]
    found = run.explain(first["session"])
    assert (found.tier, found.before, found.score) == (first["tier"], first["before"], first["score"])
    assert sum(found.contributions.values()) == pytest.approx(found.score - found.baseline, abs=1e-12)
    assert str(first["session"].date()) in found.sentence()
    with pytest.raises(DataError, match="is not a session of this run"):
        run.explain("2018-12-25")
    with pytest.raises(DataError, match="`session` must be a date such as"):
        run.explain("nonsense")


def test_a_saved_run_still_knows_its_reasons(run: Run, tmp_path: Path) -> None:
    loaded = load_run(run.save(tmp_path / "run"))
    pd.testing.assert_frame_equal(loaded.changes, run.changes)
    assert (tmp_path / "run" / "rule.json").is_file()


def test_without_parts_there_is_nothing_to_explain(world: Market) -> None:
    plain = backtest(BuyAndHold(), world)
    assert plain.tiers is None
    with pytest.raises(ParameterError, match="not rule-based"):
        plain.explain(world.sessions[5])


def test_a_veto_is_recorded(world: Market) -> None:
    held = backtest(WinnersFirst(lead=-1.0), world)
    assert held.counts["vetoed_sessions"] > 0
    assert held.reasons is not None
    vetoed = [each for each in (explain_row(held.reasons, row) for row in range(len(world.sessions))) if each.vetoed]
    assert len(vetoed) == held.counts["vetoed_sessions"]
    assert "vetoed: growth still leads holds the score at 0, from 1; cash begins at 1" in vetoed[0].sentence()
    assert vetoed[0].contributions["growth still leads"] < 0
    table = held.vetoes
    assert table["sessions"].sum() == len(vetoed)
    assert table["session"][0] == vetoed[0].session
    assert set(table["gates"]) == {"growth still leads"}
    assert (table["score"] < table["ungated"]).all()
    assert held.explain(table["last"][0]).vetoed
    assert len(backtest(RiskTiers(), world, start=str(world.sessions[300].date())).vetoes.columns) == 8


def tier_after(why: Reasons, row: int, score: float) -> tuple[int, int]:
    """The tier and event of a row had its score been another, by walking the compiled machine up to it."""
    scores = why.score[: row + 1].copy()
    scores[row] = score
    clocks = why.states.hours[: row + 1], np.zeros(row + 1), why.states.level[: row + 1]
    walked = walk_tiers(scores[:, None], why.clear[: row + 1, None], *clocks, ladder_of([why.rule]))
    return int(walked.tier[row, 0]), int(walked.event[row, 0])


HYSTERESIS = Rule(
    name="hysteresis",
    trigger=Trigger(
        when=(
            Condition(signal="drawdown", parameters={"window": 168}, below=-0.12, watch=-0.08, leave=-0.04),
            Condition(signal="basket-selloff", below=-0.04, title="selloff"),
        ),
        combine="score",
    ),
    gates=(
        Gate(signal="drawdown", output="drawdown", parameters={"window": 24}, below=-0.15, scale=0.5, title="fast"),
    ),
    tiers=(Tier(name="watch", at=0.25), Tier(name="cash", at=0.5, cash=0.5, leave=0.4, min_stay=24, max_stay=120)),
    reentry=Reentry(when=(AllClear(signal="stabilisation", above=0.3),), steps=2, wrong=0.04, cool_down=48),
)


@pytest.mark.parametrize("rule", [RiskTiers(), WinnersFirst(lead=-1.0), FreeRule(definition=HYSTERESIS)])
def test_every_counterfactual_is_true(world: Market, rule: RuleStrategy) -> None:
    why = backtest(rule, world, start=str(world.sessions[40].date())).reasons
    assert why is not None
    whole = backtest(rule, world).reasons
    assert whole is not None
    tested = 0
    for row in range(len(why.sessions)):
        if why.tier[row] == 0 or np.isnan(why.score[row]) or why.tier[row] < why.states.tier[row]:
            continue
        said = counterfactual(why, row)
        singles = [each for driver in range(len(why.names)) for each in milder_changes(why, row, driver)]
        # From the first session of the market on, so that the tiers before the run's first session are there too.
        after = {each: tier_after(whole, row + 40, known_score(why.rule, eased(why, row, each))) for each in singles}
        enough = [each for each, (tier, event) in after.items() if changed(why, row, tier, event)]
        if " and " not in said and said.startswith(("not ", f"{why.rule.ladder[why.tier[row]].name} not")):
            named = [
                each
                for each in enough
                if said.count(f"{format_value(why.rule.drivers[each.driver], each.edge)} (it was")
            ]
            assert named, (row, said)
            tested += 1
        elif not said or " and " in said:
            assert not enough, (row, said, enough)
    assert tested > 3


def eased(why: Reasons, row: int, change: Change) -> np.ndarray:
    severity = why.severity[row].copy()
    severity[change.driver] = change.to
    return severity


def changed(why: Reasons, row: int, tier: int, event: int) -> bool:
    if why.event[row] == 2:
        return tier <= why.tier[row] and event != 2
    return tier < why.tier[row]


def test_an_exit_says_what_would_have_kept_the_tier(world: Market) -> None:
    changes = backtest(FreeRule(definition=HYSTERESIS), world).changes
    left = changes[~changes["event"].isin(["entered", "entered again"])]
    said = dict(zip(left["event"], left["counterfactual"], strict=True))
    assert set(said) >= {"all clear", "longest stay over"}
    assert (left["counterfactual"].str.startswith("still ")).mean() > 0.9
    assert said["longest stay over"] == "still cash, were its longest stay more than 120 hours" or "had" in str(said)


def test_an_alarm_that_has_just_gone_on_ends_at_its_level_and_one_that_lasts_where_it_leaves(world: Market) -> None:
    given = Condition(signal="drawdown", parameters={"window": 168}, below=-0.12, leave=-0.04)
    rule = Rule(trigger=Trigger(when=(given,)), tiers=(Tier(name="cash", at=1.0, cash=0.5),))
    why = backtest(FreeRule(definition=rule), world).reasons
    assert why is not None
    new = next(row for row in range(1, len(why.sessions)) if why.event[row] == 1 and why.severity[row - 1, 0] == 0)
    assert "been above -12% (" in counterfactual(why, new)
    held = next(row for row in range(new, len(why.sessions)) if why.severity[row - 1, 0] == why.severity[row, 0] == 1)
    assert milder_changes(why, held, 0)[0].edge == -0.04


def test_without_an_all_clear_none_is_named(world: Market) -> None:
    given = Condition(signal="drawdown", parameters={"window": 168}, below=-0.1)
    plain = Rule(trigger=Trigger(when=(given,)), tiers=(Tier(name="cash", at=1.0, cash=0.5, min_stay=24),))
    events = set(backtest(FreeRule(definition=plain), world).changes["event"])
    assert "shortest stay over" in events
    assert "all clear" not in events


def test_what_a_tier_waits_for(world: Market) -> None:
    why = backtest(FreeRule(definition=HYSTERESIS), world).reasons
    assert why is not None
    row = int(np.flatnonzero((why.event == 1) & (why.tier == 2))[0])
    first = exit_conditions(why, row)
    assert first[0] == "not before 24 hours are over (shortest stay)"
    assert first[1].startswith("score below 0.4 (now ")
    assert first[2].startswith("stabilisation score at or above 30% (now ")
    # What is met already says so.
    assert first[1].endswith(", met)") == bool(why.score[row] < 0.4)
    assert first[2].endswith(", met)") == bool(why.back[row, 0] >= 0.3)
    assert first[3] == "in 120 hours at the latest (longest stay)"
    assert first[4] == "or once stocks have risen 4.00% (so far +0.00%)"
    back = int(np.flatnonzero((why.tier == 0) & (why.states.tier > 0))[0])
    assert exit_conditions(why, back) == ("no tier is entered for 48 hours (cool-down)",)
    assert exit_conditions(why, 0) == ()


def test_a_feed_that_ends_keeps_nobody_in_cash_beyond_the_longest_stay() -> None:
    market = simulate_market(seed=1, years=1, names=5)
    bars = market.bars("BTC")
    times = pd.DatetimeIndex(bars.times)
    # Halved on a Saturday, and nothing is heard of Bitcoin from the Tuesday after on.
    close = np.where(times >= "2018-06-09 12:00", bars["close"] / 2, bars["close"])
    close = np.where(times >= "2018-06-12 00:00", np.nan, close)
    ends = replace(bars, columns={**bars.columns, "close": close})
    market = replace(market, feeds=tuple(ends if each is bars else each for each in market.feeds))
    fall = Condition(signal="drawdown", parameters={"window": 168}, below=-0.45)
    rule = Rule(trigger=Trigger(when=(fall,)), tiers=(Tier(name="cash", at=1.0, leave=0.5, cash=1.0, max_stay=72.0),))
    run = backtest(FreeRule(definition=rule), market)
    (last,) = run.changes.tail(1).itertuples()
    assert (str(last.session.date()), last.before, last.tier) == ("2018-06-14", "cash", "calm")
    assert (last.event, last.counterfactual) == (
        "longest stay over",
        "still cash, were its longest stay more than 72 hours",
    )
    assert np.isnan(last.score)
    assert run.exposure.iloc[-1] == 1.0
    assert run.explain(last.session).sentence() == (
        "2018-06-14: cash to calm (longest stay over); the score is unknown (drawdown without a value)"
    )
