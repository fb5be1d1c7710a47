"""The named strategies: what each of them does that the others do not, and that every corner of them is a rule."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, IntDistribution
from pydantic import model_validator

from undertow.market import Market, ParameterError, simulate_market
from undertow.signals.base.registry import SIGNALS, STRATEGIES, load, registered
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import (
    BuyAndHold,
    Condition,
    Decision,
    DefensiveRotation,
    DipBuyer,
    DrawdownDeRisk,
    FreeRule,
    HedgeOverlay,
    LiquidationCashRaise,
    LiquidityDrain,
    LongTerm,
    RandomTiming,
    RiskTiers,
    Rule,
    RuleStrategy,
    ShortTerm,
    StopLoss,
    Strategy,
    Swing,
    Tier,
    TrendFilter,
    Trigger,
    WinnersFirst,
)
from undertow.strategies.rules.evaluate import evaluate_rules

Array = npt.NDArray[Any]
KINDS: list[type[Strategy]] = [load(STRATEGIES, name) for name in registered(STRATEGIES)]
STRETCH = {"start": "2018-01-02", "end": "2018-06-29"}
RULES: list[type[RuleStrategy]] = [kind for kind in KINDS if issubclass(kind, RuleStrategy)]


@cache
def world() -> Market:
    return simulate_market(seed=8, years=3, names=8)


@cache
def table() -> DecisionTable:
    return DecisionTable(world(), "growth")


def decided(strategy: Strategy, on: DecisionTable | None = None) -> Decision:
    return type(strategy).decide(on or table(), type(strategy).stack([strategy]))


def exposure(strategy: Strategy, on: DecisionTable | None = None) -> Array:
    return decided(strategy, on).exposure[:, 0]


def values(name: str, output: str = "", how: Any = "last", **given: float) -> Array:
    return table().signal(load(SIGNALS, name), given, output=output, how=how)[:, 0]


def member(space: Any) -> st.SearchStrategy[Any]:
    """Members of a search range, its corners often."""
    if isinstance(space, CategoricalDistribution):
        return st.sampled_from(space.choices)
    if isinstance(space, IntDistribution):
        steps = st.integers(0, (space.high - space.low) // space.step).map(lambda n: space.low + n * space.step)
        return st.sampled_from([space.low, space.high]) | steps
    return st.sampled_from([space.low, space.high]) | st.floats(space.low, space.high)


def members(kind: type[Strategy]) -> st.SearchStrategy[Strategy]:
    return st.builds(kind, **{name: member(space) for name, space in kind.search_space().items()})


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.name())
def test_the_whole_search_space_makes_valid_rules(kind: type[RuleStrategy]) -> None:
    @settings(max_examples=40)
    @given(members(kind))
    def holds(strategy: RuleStrategy) -> None:
        rule = strategy.rule()
        # From its values again: whatever was copied with changes is checked too.
        assert Rule.model_validate(rule.model_dump()) == rule
        assert rule.name == kind.name()
        for tier in rule.ladder:
            assert 1.0 - tier.cash >= -1e-12
        (made,) = kind.rules_of(kind.stack([strategy]))
        assert made == rule

    holds()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name())
def test_a_table_of_sets_and_sets_as_typed_are_the_same_sets(kind: type[Strategy]) -> None:
    rng = np.random.default_rng(2)

    def drawn(space: Any) -> Any:
        if isinstance(space, CategoricalDistribution):
            return space.choices[rng.integers(len(space.choices))]
        if isinstance(space, IntDistribution):
            return int(rng.integers(space.low, space.high + 1))
        return float(rng.uniform(space.low, space.high))

    given = [{name: drawn(space) for name, space in kind.search_space().items()} for _ in range(4)]
    strategies = [kind.create(row) for row in given]
    typed = [kind.create({name: str(value) for name, value in row.items()}) for row in given]
    assert typed == strategies
    stacked = kind.sets_of(pd.DataFrame(given, index=range(4)))
    for name, column in kind.stack(strategies).items():
        np.testing.assert_array_equal(stacked[name], column)
        assert stacked[name].dtype == column.dtype


def test_constants_may_be_typed_too() -> None:
    assert DefensiveRotation.create({"basket": "growth", "share": "0.5"}).rule().destination.basket == "growth"
    assert HedgeOverlay.create({"symbol": "QQQ"}).rule().destination.hedge_symbol == "QQQ"
    assert "basket" not in DefensiveRotation.search_space()


def test_drawdown_de_risk_by_hand() -> None:
    strategy = DrawdownDeRisk(window=168, threshold=-0.08, recovered=0.5, lag=0, cash=0.4)
    worst, last = values("drawdown", how="min", window=168), values("drawdown", window=168)
    out, armed, expected = False, True, []
    for low, now in zip(worst, last, strict=True):
        if low <= -0.08 and armed:
            out, armed = True, False
        else:
            armed = armed or low > -0.08
            out = out and not now >= -0.04
        expected.append(0.6 if out else 1.0)
    assert 0.6 in expected
    np.testing.assert_allclose(exposure(strategy), expected, atol=1e-12)


def test_trend_filter_by_hand() -> None:
    strategy = TrendFilter(window=60, band=0.03, cash=0.9)
    trend = values("trend", window=60)
    out, expected, was_on = False, [], False
    for distance in trend:
        if not np.isnan(distance):
            was_on = distance <= -0.03 or (was_on and distance <= 0.03)
            out = was_on
        expected.append(0.1 if out else 1.0)
    assert {0.1, 1.0} == set(expected)
    np.testing.assert_allclose(exposure(strategy), expected, atol=1e-12)
    assert decided(strategy).stale[:60].all()


def test_liquidation_cash_raise_sells_in_steps_before_the_deadline_and_returns_on_time() -> None:
    strategy = LiquidationCashRaise(spike=0.97, cash=0.3, sessions=2, deadline=120, hold=72)
    found = exposure(strategy)
    walked = evaluate_rules(table(), [strategy.rule()]).path
    entered = np.flatnonzero(walked.event[:, 0] == 1)
    assert len(entered) > 5
    plain = [row for row in entered if (walked.event[row + 1 : row + 3, 0] == 0).all()]
    for row in plain:
        assert found[row : row + 2] == pytest.approx([0.85, 0.70])
    at_once = exposure(strategy.model_copy(update={"deadline": 0}))
    assert at_once[entered] == pytest.approx(0.70)
    hours = table().hours
    for row in plain:
        back = row + 1 + int(np.argmax(found[row + 1 :] > 0.99))
        last = max(each for each in np.flatnonzero(walked.event[:back, 0] != 0))
        # The hold of 72 hours waits for the cash: two sessions are at most 96 hours apart, Friday and Tuesday.
        assert hours[back] - hours[last] >= 97
        assert hours[back - 1] - hours[last] < 97


def test_liquidation_cash_raise_reaches_its_target_whatever_the_hold() -> None:
    slow = LiquidationCashRaise(spike=0.97, cash=0.3, sessions=3, deadline=96, hold=24)
    decision = decided(slow)
    assert decision.above is not None
    above, found = decision.above[:, 0], decision.exposure[:, 0]
    left = np.flatnonzero(above[:-1] & ~above[1:])
    assert len(left) > 5
    np.testing.assert_allclose(found[left], 0.7)
    assert not decision.flags["short_of_target"].any()
    tier = slow.rule().tiers[0]
    assert (tier.min_stay, tier.max_stay) == (97.0, 97.0)
    # What the preset does has not changed: its deadline is before the end of its hold.
    assert LiquidationCashRaise().rule().tiers[0].max_stay == 72.0


def test_winners_first_is_vetoed_while_growth_leads() -> None:
    strategy = WinnersFirst(drawdown=-0.06, spike=0.95, lead=0.0)
    found, plain = decided(strategy), decided(strategy.model_copy(update={"lead": 3.0}))
    leads = values("leadership", "z") >= 0.0
    vetoed = found.flags["vetoed"][:, 0]
    assert vetoed.any()
    assert leads[vetoed].all()
    assert found.exposure.mean() > plain.exposure.mean()
    sold = np.flatnonzero(found.exposure[1:, 0] < found.exposure[:-1, 0]) + 1
    assert len(sold) > 0
    assert not leads[sold].any()
    assert found.score_of_set.tolist() == [0]


def test_dip_buyer_holds_a_reserve_and_spends_it_when_a_deep_fall_is_exhausted() -> None:
    strategy = DipBuyer(window=336, depth=-0.10, calm=24, reserve=0.25, hold=96)
    found = exposure(strategy)
    assert {round(value, 12) for value in found} == {0.75, 1.0}
    bought = np.flatnonzero((found[1:] > 0.99) & (found[:-1] < 0.99)) + 1
    assert len(bought) > 1
    assert (values("drawdown", window=336)[bought] <= -0.10).all()
    assert (values("rows-since-low", window=336)[bought] >= 24).all()
    assert found[0] == 0.75


def test_hedge_overlay_sells_no_stock() -> None:
    found = decided(HedgeOverlay(drawdown=-0.08, spike=0.97, hedge=0.4))
    np.testing.assert_array_equal(found.exposure, 1.0)
    assert found.hedge is not None
    assert set(found.hedge[:, 0]) == {0.0, 0.4}
    assert found.hedge_symbol == ""


def test_defensive_rotation_moves_a_share_into_the_basket() -> None:
    found = decided(DefensiveRotation(drawdown=-0.08, spike=0.97, moved=0.5, share=0.8))
    assert found.rotation is not None
    assert found.basket == "defensive"
    np.testing.assert_allclose(found.rotation, 0.8 * (1.0 - found.exposure), atol=1e-15)
    assert found.rotation.max() == pytest.approx(0.4)


def test_stop_loss_holds_everything_and_gives_each_set_its_stop() -> None:
    found = StopLoss.decide(table(), StopLoss.stack([StopLoss(), StopLoss(stop=0.1, wait=0)]))
    np.testing.assert_array_equal(found.exposure, 1.0)
    assert found.stop is not None
    assert found.stop_wait is not None
    assert found.stop.tolist() == [0.2, 0.1]
    assert found.stop_wait.tolist() == [21, 0]


def test_long_term_goes_in_two_stages_and_only_the_basket_decides() -> None:
    strategy = LongTerm(first=-0.06, second=-0.12, reduce=0.25, cash=0.5, min_hold=0)
    walked = evaluate_rules(table(), [strategy.rule()]).path
    fall = values("basket-selloff", "drawdown")
    entered = {tier: np.flatnonzero((walked.event[:, 0] == 1) & (walked.tier[:, 0] == tier)) for tier in (1, 2)}
    assert len(entered[1]) > 0
    assert len(entered[2]) > 0
    assert ((fall[entered[1]] <= -0.06) & (fall[entered[1]] > -0.12)).all()
    assert (fall[entered[2]] <= -0.12).all()
    found = exposure(strategy)
    assert found[entered[1]] == pytest.approx(0.75)
    assert found[entered[2]] == pytest.approx(0.5)
    bare = DecisionTable(replace(world(), feeds=()), "growth")
    np.testing.assert_array_equal(exposure(strategy, bare), found)
    # A fall through the first limit is a shock, whether or not it reaches the second.
    assert not np.isnat(strategy.shocks(table())[entered[1]]).any()


def test_the_second_limit_is_never_milder_than_the_first() -> None:
    (fall,) = LongTerm(first=-0.25, second=-0.10).rule().trigger.when
    assert (fall.watch, fall.below) == (-0.25, -0.25)


def by_hand(strategy: RiskTiers, row: int) -> float:
    """The score of one session, condition by condition, before the gate."""
    drawn, there = 0.0, 0.0
    for condition in strategy.rule().trigger.when:
        given = {name: np.array([value]) for name, value in condition.parameters.items()}
        lag = strategy.lag if condition.lag is None else condition.lag
        read = {"output": condition.output, "lag": lag, "how": condition.how}
        value = table().signal(load(SIGNALS, condition.signal), given, **read)[row, 0]
        if np.isnan(value) and condition.fallback:
            value = table().signal(load(SIGNALS, condition.fallback), given, **read)[row, 0]
        if np.isnan(value):
            continue
        assert condition.watch is not None
        high = condition.above is not None
        alarm = value >= condition.level if high else value <= condition.level
        watch = value >= condition.watch if high else value <= condition.watch
        drawn += condition.weight * (1.0 if alarm else 0.5 if watch else 0.0)
        there += condition.weight
    return drawn / there if there >= 0.5 else np.nan


def test_risk_tiers_score_is_the_weighted_mean_of_its_conditions() -> None:
    strategy = RiskTiers(drawdown=-0.08, spike=0.95, policy=0.5)
    assert sum(each.weight for each in strategy.rule().trigger.when) == pytest.approx(1.0)
    found = evaluate_rules(table(), [strategy.rule()])
    highest = np.argsort(-np.nan_to_num(found.ungated[:, 0]))[:10]
    for row in (*highest, 300, 350, 400, 500, 700):
        assert found.ungated[row, 0] == pytest.approx(by_hand(strategy, int(row)), abs=1e-9)
    gate = values("policy-tailwind", "gate") >= 1.0
    expected = found.ungated[:, 0] * np.where(gate, 0.5, 1.0)
    np.testing.assert_allclose(found.score[:, 0], expected, atol=1e-9)


def test_no_driver_alone_enters_a_tier_and_crypto_alone_goes_no_further_than_reduce() -> None:
    strategy = RiskTiers()
    when = strategy.rule().trigger.when
    crypto = {"drawdown", "liquidation-spike", "weekend-gap", "open-interest-change"}
    alone = round(sum(each.weight for each in when if each.signal in crypto), 12)
    levels = {tier.name: tier.at for tier in strategy.rule().tiers}
    assert levels["reduce"] <= alone < levels["cash"]
    assert max(each.weight for each in when) < levels["watch"]
    assert [tier.cash for tier in RiskTiers(reduce=0.7, cash=0.2).rule().tiers] == [0.0, 0.7, 0.7]


def test_risk_tiers_watches_with_a_hedge_and_sells_above() -> None:
    strategy = RiskTiers(drawdown=-0.05, spike=0.9, watch_at=0.15, reduce_after=0.1, cash_after=0.1, policy=1.0)
    outcome = evaluate_rules(table(), [strategy.rule()]).path
    tier, hedge, held = outcome.tier[:, 0], outcome.hedge[:, 0], outcome.exposure[:, 0]
    assert {0, 1, 2} <= set(tier)
    np.testing.assert_array_equal(hedge, np.where(tier == 1, 0.15, 0.0))
    entered = outcome.event[:, 0] == 1
    assert held[entered & (tier == 2)] == pytest.approx(0.7)
    assert (held[entered & (tier == 1)] <= 1.0).all()


def test_the_playbooks_differ_in_their_horizon() -> None:
    short, swing, long = ShortTerm(), Swing(), LongTerm()
    assert short.window < RiskTiers().window < swing.window
    assert short.lag < RiskTiers().lag < swing.lag
    assert short.max_hold < RiskTiers().max_hold < swing.max_hold < long.max_hold
    found = {each.name(): evaluate_rules(table(), [each.rule()]).path.tier[:, 0] for each in (short, swing)}
    # No stay of the short playbook is longer than three days and a weekend; a tier is left before.
    hours = table().hours
    events = evaluate_rules(table(), [short.rule()]).path.event[:, 0]
    for row in np.flatnonzero((found["short-term"] > 0) & (events == 0)):
        since = max(each for each in range(row) if events[each] != 0)
        assert hours[row] - hours[since] < 72
    assert {each.basket for each in (short.rule().destination, swing.rule().destination)} == {""}


@pytest.mark.parametrize("kind", [LiquidityDrain, WinnersFirst, RiskTiers], ids=lambda kind: kind.name())
def test_a_shock_was_known_before_the_decision_less_the_lag(kind: type[RuleStrategy]) -> None:
    strategy = kind(lag=36)
    shocks = strategy.shocks(table())
    known = ~np.isnat(shocks)
    assert known.any()
    shortest = 36 if all(each.lag is None for each in strategy.rule().trigger.when) else 0
    assert ((table().decisions.at[known] - shocks[known]) / np.timedelta64(1, "h") >= shortest).all()
    for place in (200, 400, 600):
        past = DecisionTable(world().until(world().sessions[place]), "growth")
        np.testing.assert_array_equal(strategy.shocks(past), shocks[: place + 1])


def test_the_shock_is_when_the_drawdown_was_first_known_to_be_deep_enough() -> None:
    strategy = DrawdownDeRisk(window=168, threshold=-0.08, lag=24)
    bars = world().bars()
    fall = bars["close"] / pd.Series(bars["close"]).rolling(168, min_periods=168).max().to_numpy() - 1.0
    cuts = table().decisions.at - np.timedelta64(24, "h")
    shocks = strategy.shocks(table())
    leave = strategy.rule().trigger.when[0].leave or -0.08
    on, first = bool(fall[bars.known_at <= cuts[0]][-1] <= -0.08), 0
    for row in range(1, len(table())):
        window = (bars.known_at > cuts[row - 1]) & (bars.known_at <= cuts[row])
        deep = window & (fall <= -0.08)
        # The alarm that goes on is a shock, not the one that lasts.
        new = deep.any() and not on
        np.testing.assert_array_equal(shocks[row], bars.known_at[deep][0] if new else np.datetime64("NaT"))
        on = bool(deep.any()) or (on and bool(np.nanmin(fall[window]) <= leave))
        first += new
    assert first > 10


def episodes_of(held: Array, rest: float = 1.0) -> list[tuple[float, ...]]:
    """The runs away from `rest`, value by value, sorted."""
    found: list[list[float]] = []
    before = rest
    for value in held:
        if value != rest:
            if before == rest:
                found.append([])
            found[-1].append(float(value))
        before = value
    return sorted(map(tuple, found))


def test_a_placebo_has_the_same_episodes_at_other_times() -> None:
    run = pd.Series(exposure(LiquidityDrain(drawdown=-0.08, steps=3)), index=world().sessions)
    one, other = (exposure(RandomTiming.like(run, seed=seed)) for seed in (1, 2))
    assert len(episodes_of(run.to_numpy())) > 5
    for placebo in (one, other):
        assert episodes_of(placebo) == episodes_of(run.to_numpy())
    assert (one != other).any()
    assert (one != run.to_numpy()).any()
    np.testing.assert_array_equal(one, exposure(RandomTiming.like(run, seed=1)))


def test_a_placebo_of_a_rule_with_a_reserve_keeps_the_reserve() -> None:
    run = pd.Series(exposure(DipBuyer(depth=-0.15, reserve=0.25)), index=world().sessions)
    assert (run == 0.75).mean() > 0.6
    placebo = exposure(RandomTiming.like(run, seed=3))
    assert episodes_of(placebo, 0.75) == episodes_of(run.to_numpy(), 0.75)
    assert (placebo != run.to_numpy()).any()


def test_every_place_of_an_episode_is_as_likely_as_any_other() -> None:
    sessions = world().sessions[:6]
    run = pd.Series([1.0, 0.5, 0.5, 1.0, 0.25, 1.0], index=sessions)
    table6 = DecisionTable(world().until(sessions[-1]), "growth")
    found: dict[tuple[float, ...], int] = {}
    for seed in range(1200):
        held = tuple(exposure(RandomTiming.like(run, seed=seed), table6).tolist())
        found[held] = found.get(held, 0) + 1
    # Two orders, and two free sessions over three gaps beside the one that parts the episodes: 2 x 6 ways.
    assert len(found) == 12
    assert min(found.values()) > 60
    assert max(found.values()) < 140


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ([1.0] * 4, "the exposure is 1 throughout: it has no episode to place at random"),
        ([0.5, 1.0, 0.5, 1.0, 0.25], r"`pattern` leaves no session free between 2018-01-02 and 2018-01-08 \(5 ses"),
    ],
)
def test_what_cannot_be_placed_is_refused(held: list[float], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        RandomTiming.like(pd.Series(held, index=world().sessions[: len(held)]), seed=0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pattern": "0.5"}, "`start` must be a date such as 2018-01-02 where there is a `pattern`, got ''"),
        ({"pattern": "xx", **STRETCH}, "`pattern` must be exposures in [0, 1], such as 0.5,0.5;0.7; got 'xx' among"),
        ({"pattern": "0.5;1.5", **STRETCH}, "got '1.5' among them"),
        (
            {"pattern": "0.5", **STRETCH, "end": "2017-01-02"},
            "`start` must not be after `end`, got 2018-01-02 and 2017",
        ),
        ({"pattern": "0.5", **STRETCH, "rest": 2}, "`rest` must be an exposure in [0, 1], got 2"),
        ({"start": "xx"}, "`start` can only be used with a `pattern`, which is empty; got 'xx'"),
        ({"end": "2018-01-02"}, "`end` can only be used with a `pattern`, which is empty; got '2018-01-02'"),
        ({"rest": 0.5}, "`rest` can only be used with a `pattern`, which is empty; got 0.5"),
    ],
)
def test_a_pattern_and_what_goes_with_it_are_checked_when_given(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as refused:
        RandomTiming.create(parameters)
    assert message in str(refused.value)


def test_a_rotation_needs_a_basket() -> None:
    with pytest.raises(ParameterError, match="`basket` must be a universe of the market, or a screen; it is empty"):
        DefensiveRotation.create({"basket": ""})


@pytest.mark.parametrize("kind", [RiskTiers, LiquidityDrain, DefensiveRotation, HedgeOverlay, WinnersFirst])
def test_the_longest_stay_ends_the_shortest_one(kind: Any) -> None:
    stays = [(tier.min_stay, tier.max_stay) for tier in kind(min_hold=120, max_hold=24).rule().ladder if tier.at > 0]
    assert stays[-1] == (24.0, 24.0)


def test_random_episodes_depend_on_seed_and_date_alone() -> None:
    strategy = RandomTiming(seed=5, a_year=12, length=4, cash=0.3)
    whole = exposure(strategy)
    for place in (50, 300):
        past = DecisionTable(world().until(world().sessions[place]), "growth")
        np.testing.assert_array_equal(exposure(strategy, past), whole[: place + 1])
    other = DecisionTable(simulate_market(seed=9, years=3, names=5), "growth")
    np.testing.assert_array_equal(exposure(strategy, other), whole)
    assert set(whole) == {0.7, 1.0}
    assert all(len(each) % 4 == 0 for each in episodes_of(whole)[:-1])


def test_placebos_of_different_seeds_have_nothing_to_do_with_each_other() -> None:
    sets = RandomTiming.stack([RandomTiming(seed=seed, a_year=25, length=1) for seed in range(300)])
    out = (RandomTiming.decide(table(), sets).exposure < 1.0).T
    assert len({row.tobytes() for row in out}) == 300
    # An eleventh of the sessions each, so that two share about a hundredth of them.
    together = np.corrcoef(out.astype(float))[np.triu_indices(300, 1)]
    assert abs(together.mean()) < 0.005
    assert together.max() < 0.35
    assert out.mean() == pytest.approx(25 / (252 + 25), rel=0.15)


def test_a_free_rule_decides_as_the_strategy_that_makes_it() -> None:
    strategy = LiquidityDrain(source="beta")
    free = FreeRule(definition=strategy.rule())
    np.testing.assert_array_equal(exposure(free), exposure(strategy))
    assert (free.label, strategy.label) == ("liquidity-drain", "liquidity-drain")
    np.testing.assert_array_equal(free.shocks(table()), strategy.shocks(table()))


def test_liquidity_drain_triggers_by_name() -> None:
    sold = {
        trigger: exposure(LiquidityDrain(trigger=trigger, drawdown=-0.06, spike=0.95, max_hold=24, min_hold=0))
        for trigger in ("any", "all", "drawdown", "spike")
    }
    rules = {trigger: LiquidityDrain(trigger=trigger).rule().trigger for trigger in sold}
    assert [len(rules[name].when) for name in ("any", "all", "drawdown", "spike")] == [2, 2, 1, 1]
    assert rules["all"].combine == "all"
    assert (sold["any"] < 1).sum() >= max((sold["drawdown"] < 1).sum(), (sold["spike"] < 1).sum())
    assert (sold["all"] < 1).sum() <= (sold["drawdown"] < 1).sum()


class Renamed(BuyAndHold):
    """Takes an older name of its parameter."""

    lag: Annotated[int, IntDistribution(0, 96)] = 24

    @model_validator(mode="before")
    @classmethod
    def _older(cls, given: Any) -> Any:
        return {"lag" if name == "hours" else name: value for name, value in dict(given).items()}


class Own(BuyAndHold):
    """Is made in a way of its own."""

    def __init__(self, half: int = 1) -> None:
        super().__init__()


def test_a_strategy_made_wrongly_is_named_and_pydantic_goes_first() -> None:
    with pytest.raises(ParameterError, match=r"`renamed` has no parameter `lagg`, did you mean `lag`\?"):
        Renamed(lagg=1)
    with pytest.raises(ParameterError, match=r"`lag` must be in \[0, 96\], got 300"):
        Renamed(lag=300)
    assert Renamed(hours=3).lag == 3
    with pytest.raises(ParameterError, match="`own` has no parameter `b`"):
        Own.create({"b": 2})


def test_an_alarm_that_lasts_is_no_shock() -> None:
    """Two conditions add up to the tier; the first has been on for weeks when the second sets it off."""
    lasting = Condition(signal="drawdown", parameters={"window": 720}, below=-0.02, weight=0.5)
    sudden = Condition(signal="drawdown", parameters={"window": 24}, below=-0.08, weight=0.5)
    rule = FreeRule(
        definition=Rule(
            trigger=Trigger(when=(lasting, sudden), combine="score"), tiers=(Tier(name="cash", at=0.9, cash=1.0),)
        )
    )
    shocks = rule.shocks(table())
    lag = rule.rule().timing.lag
    values = [table().signal(each.spec, each.parameters, how="min", lag=lag)[:, 0] for each in (lasting, sudden)]
    on = [value <= each.level for value, each in zip(values, (lasting, sudden), strict=True)]
    new = [each & ~np.concatenate(([False], each[:-1])) for each in on]
    np.testing.assert_array_equal(~np.isnat(shocks), new[0] | new[1])
    old = on[0] & ~new[0] & new[1]
    assert old.sum() > 3
    alone = FreeRule(definition=Rule(trigger=Trigger(when=(sudden,)), tiers=(Tier(name="cash", at=1.0, cash=1.0),)))
    np.testing.assert_array_equal(shocks[old], alone.shocks(table())[old])
