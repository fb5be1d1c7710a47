"""Blind is not calm, an alarm that changes nothing says why, and every value is of the span that its name says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support.commands import Call
from undertow.backtests import today
from undertow.backtests.checklist import Today
from undertow.market import Feed, Fill, Market, Span, simulate_market
from undertow.signals import Vix, WeekendGap
from undertow.signals.decisions import DecisionTable, SignalSource
from undertow.strategies import (
    Condition,
    FreeRule,
    LiquidityDrain,
    RiskTiers,
    Rule,
    RuleStrategy,
    Tier,
    Timing,
    Trigger,
)
from undertow.tearsheets.checklist import headline, write_today

CASH = Tier(name="cash", at=1.0, leave=0.5, cash=0.5)
HOUR, DAY = np.timedelta64(1, "h"), np.timedelta64(1, "D")
ROW = 200


@pytest.fixture(scope="module")
def world() -> Market:
    return simulate_market(seed=11, years=1.0, names=5)


def with_feed(market: Market, old: Feed, new: Feed | None) -> Market:
    return replace(market, feeds=tuple(new if feed is old else feed for feed in market.feeds if feed is not old or new))


def at(market: Market, row: int) -> np.datetime64:
    return np.datetime64(market.calendar.opens[row] - np.timedelta64(30, "m"))


def asked(market: Market, rule: RuleStrategy, row: int = ROW) -> Today:
    return today(rule, market, asof=pd.Timestamp(at(market, row), tz="UTC"))


def bars_by_hand(market: Market, close: np.ndarray) -> Market:
    bars = market.bars("BTC")
    panel = {"open": close, "high": close, "low": close, "close": close, "volume": 1.0 + np.arange(len(close)) % 7}
    return with_feed(market, bars, replace(bars, columns=panel))


# ---------------------------------------------------------------- a value of another span


@pytest.fixture(scope="module")
def crashed(world: Market) -> Market:
    """BTC at 100, 70 for two hours between two closes, and 99 from the next close on."""
    bars, close = world.bars("BTC"), world.calendar.closes[ROW - 2]
    prices = np.full(len(bars), 100.0)
    known = bars.known_at
    prices[(known >= close + 5 * HOUR) & (known < close + 7 * HOUR)] = 70.0
    prices[known >= world.calendar.closes[ROW - 1]] = 99.0
    # Down once more after that close, to 95.04: 4 % below the 99 of the close.
    prices[(known >= world.calendar.closes[ROW - 1] + 3 * HOUR) & (known < at(world, ROW) - 2 * HOUR)] = 95.04
    return bars_by_hand(world, prices)


def test_btc_since_the_close_is_since_the_last_close_and_no_earlier_one(crashed: Market) -> None:
    on_the_day, after = (
        next(line for line in asked(crashed, RiskTiers(), row).lines if line.name == "BTC since the close")
        for row in (ROW - 1, ROW)
    )
    assert (on_the_day.state, on_the_day.now) == ("alarm", 0.0)
    assert on_the_day.value == pytest.approx(-0.30)
    # The worst since the close before last would be -30 % again.
    assert (after.state, after.contribution) == ("ok", 0.0)
    assert after.value == pytest.approx(95.04 / 99.0 - 1.0)
    assert after.now == pytest.approx(0.0)


def test_the_backtest_reads_the_same_span(crashed: Market) -> None:
    table = DecisionTable(crashed, "growth")
    worst, last = (table.signal(WeekendGap, {}, output="gap", how=how)[:, 0] for how in ("min", "last"))
    assert worst[ROW - 1 : ROW + 1] == pytest.approx([-0.30, -0.04])
    assert last[ROW] == pytest.approx(0.0)
    # Slowly, for every session: the price known at the last close, and the lowest known from then on.
    bars = crashed.bars("BTC")
    for row in range(5, len(table)):
        closed = crashed.calendar.closes[row - 1]
        known = bars["close"][(bars.known_at >= closed) & (bars.known_at <= table.decisions.at[row])]
        start = bars["close"][bars.known_at <= closed][-1]
        assert worst[row] == pytest.approx(known.min() / start - 1.0), row
    fell = table.first_breach(WeekendGap, {}, lambda values: values <= -0.04 + 1e-9, SignalSource(output="gap"))
    assert fell[ROW] == crashed.calendar.closes[ROW - 1] + 3 * HOUR


def test_without_a_bar_since_the_close_nothing_is_known_of_it(world: Market) -> None:
    bars = world.bars("BTC")
    silent = with_feed(world, bars, bars.keep(bars.known_at < world.calendar.closes[ROW - 1]))
    line = next(line for line in asked(silent, RiskTiers()).lines if line.name == "BTC since the close")
    assert (line.state, line.missing) == ("unknown", "too little history, or a gap")
    assert np.isnan([line.value, line.now]).all()


def volatility(market: Market, delay: Span) -> Market:
    """The market with an own feed of the VIX: 10, 11, 12, ... by session, known `delay` after the close."""
    (macro,) = (feed for feed in market.feeds_of("macro") if "VIXCLS" in feed.columns)
    rest = replace(macro, columns={name: values for name, values in macro.columns.items() if name != "VIXCLS"})
    times = np.asarray(market.sessions, dtype="datetime64[ns]")
    vix = replace(
        macro,
        path="vix.csv",
        delay=delay,
        times=times,
        known_at=market.calendar.closes + delay.timedelta,
        columns={"VIXCLS": 10.0 + np.arange(len(times))},
        regimes=np.zeros(len(times), dtype=np.int64),
    )
    return replace(market, feeds=(*(rest if feed is macro else feed for feed in market.feeds), vix))


@pytest.mark.parametrize(
    ("minutes", "fill", "behind"),
    [(15, "open", 1), (0, "open", 1), (720, "open", 1), (15, "close", 1), (1200, "open", 2)],
)
def test_an_index_quoted_at_the_close_is_known_after_it(world: Market, minutes: int, fill: Fill, behind: int) -> None:
    market = volatility(world, Span(minutes=minutes))
    table = DecisionTable(market, "growth", fill)
    level = table.signal(Vix, {}, output="level")[:, 0]
    np.testing.assert_array_equal(level[2:], 10.0 + np.arange(2 - behind, len(table) - behind))
    # With a lag of hours it is as old as its publication, not as its close.
    if (minutes, fill) == (15, "open"):
        night = (table.decisions.at[ROW] - market.calendar.closes[ROW - 1]) / HOUR
        lagged = [table.signal(Vix, {}, output="level", lag=night - gap)[ROW, 0] for gap in (0.24, 0.26)]
        assert lagged == [10.0 + ROW - 2, 10.0 + ROW - 1]


def test_an_index_stamped_by_day_is_known_after_midnight(world: Market) -> None:
    market = volatility(world, Span(minutes=15))
    (vix,) = (feed for feed in market.feeds if feed.path == "vix.csv")
    day = Span(minutes=1440)
    by_day = replace(vix, interval=day, known_at=vix.times + day.timedelta + vix.delay.timedelta)
    table = DecisionTable(with_feed(market, vix, by_day), "growth")
    np.testing.assert_array_equal(table.known_at(Vix), by_day.known_at)
    level = table.signal(Vix, {}, output="level")[:, 0]
    np.testing.assert_array_equal(level[2:], 10.0 + np.arange(1, len(table) - 1))


def test_nothing_of_an_index_is_known_before_it_is_published(world: Market) -> None:
    market = volatility(world, Span(minutes=15))
    close = pd.Timestamp(market.calendar.closes[ROW], tz="UTC")
    rule = Rule(
        trigger=Trigger(when=(Condition(signal="vix", above=1e6, lag=0.0),)), tiers=(Tier(name="cash", at=1.0),)
    )
    before, after = (
        today(FreeRule(definition=rule), market, asof=close + pd.Timedelta(minutes=minutes)).lines[0].value
        for minutes in (14, 15)
    )
    assert (before, after) == (10.0 + ROW - 1, 10.0 + ROW)


# ---------------------------------------------------------------- ages


def test_ages_count_from_the_observation(world: Market) -> None:
    lines = {line.name: line for line in asked(volatility(world, Span(minutes=15)), RiskTiers()).lines}
    night = (at(world, ROW) - world.calendar.closes[ROW - 1]) / HOUR
    assert lines["VIX above its median"].age_hours == pytest.approx(night)
    # Rates are known a session after the day they describe: they are as old as that day's close.
    before = (at(world, ROW) - world.calendar.closes[ROW - 2]) / HOUR
    assert lines["yield shock"].age_hours == pytest.approx(before)
    # A feed with a delay of hours: the end of the interval, not its publication.
    daily = world.liquidations("BTC")
    last = daily.times[daily.known_at <= at(world, ROW)][-1] + daily.interval.timedelta
    assert lines["liquidation rank"].age_hours == pytest.approx((at(world, ROW) - last) / HOUR)


def test_a_fallback_shows_its_own_age(world: Market) -> None:
    feeds = [feed for feed in world.feeds if feed.kind == "liquidations"]
    cut = at(world, ROW) - 20 * DAY
    dead = replace(world, feeds=tuple(f.keep(f.known_at < cut) if f in feeds else f for f in world.feeds))
    line = next(line for line in asked(dead, RiskTiers()).lines if line.name == "liquidation rank")
    assert (line.fallback, line.state != "unknown") == ("liquidation-proxy", True)
    assert line.age_hours < 2.0
    # Without the fallback's feed it is the dead one's.
    blind = replace(dead, feeds=tuple(feed for feed in dead.feeds if feed.kind != "bars"))
    line = next(line for line in asked(blind, RiskTiers()).lines if line.name == "liquidation rank")
    assert line.state == "unknown"
    assert line.age_hours == pytest.approx(20 * 24, abs=25)


# ---------------------------------------------------------------- blind is not calm


def drained(world: Market, *kinds: str) -> Market:
    """The market whose feeds of some kinds ended twenty days before the decision."""
    cut = at(world, ROW) - 20 * DAY
    return replace(
        world, feeds=tuple(feed.keep(feed.known_at < cut) if feed.kind in kinds else feed for feed in world.feeds)
    )


def test_more_than_half_of_the_checks_unknown_is_no_calm(world: Market) -> None:
    result = asked(drained(world, "bars", "liquidations", "open_interest", "macro"), RiskTiers())
    # Crypto weighs 0.4, the correlation 0.1 and macro 0.25; the lead of growth, 0.125, lacks history.
    assert result.unknown_share == pytest.approx(0.875)
    assert (result.tier, result.exit_code, result.action) == ("unknown", 40, "hold")
    assert len(result.unknown) == 11
    assert headline(result) == (
        "Unknown: no decision, 11 checks without a value, 88% of the weight; the rule holds its last tier,"
        f" {result.tier_held}, {result.exposure:.0%} in stocks"
    )
    some = asked(drained(world, "macro"), RiskTiers())
    assert some.unknown_share == pytest.approx(0.25 + 0.125)
    assert some.tier == some.tier_held != "unknown"


def test_a_trigger_that_cannot_be_computed_decides_nothing(world: Market, tmp_path: Path) -> None:
    market = drained(world, "bars", "liquidations")
    result = asked(market, LiquidityDrain())
    assert (result.tier, result.tier_held, result.exit_code) == ("unknown", "calm", 40)
    assert "fully invested" not in headline(result)
    assert all(np.isnan(line.value) for line in result.lines)
    assert all(np.isnan(line.contribution) for line in result.lines)
    page = write_today(result, tmp_path / "today.html").read_text(encoding="utf-8")
    assert "Tier unknown: 2 checks without a value, 100% of the weight; the last tier, calm, is held" in page
    assert "fully invested" not in page
    assert "unknown: bars BTC ended" in page
    # One of two conditions unknown, and the other calm: the score is unknown although only half of the weight is.
    one = asked(drained(world, "bars"), LiquidityDrain())
    assert one.unknown_share == 0.5
    assert one.tier == "unknown"


def test_an_alarm_that_the_known_checks_raise_is_no_unknown_one(world: Market) -> None:
    loud = Condition(signal="basket-volatility", above=1e-9, lag=0.0)
    dead = (Condition(signal="drawdown", below=-0.1), Condition(signal="drop", below=-0.1))
    rule = Rule(trigger=Trigger(when=(loud, *dead)), tiers=(CASH,))
    result = asked(drained(world, "bars"), FreeRule(definition=rule))
    assert result.unknown_share == pytest.approx(2 / 3)
    assert (result.tier, result.exit_code) == ("cash", 30)


def test_the_command_ends_with_forty(call: Call, world: Market, tmp_path: Path) -> None:
    folder = ut.write_market(drained(world, "bars", "liquidations"), tmp_path / "market")
    words = ("today", "--market", folder, "--strategy", "liquidity-drain", "--asof", f"{pd.Timestamp(at(world, ROW))}Z")
    code, out, err = call(*words, "--json", "--html", tmp_path / "today.html")
    answer = json.loads(out)
    assert (code, err) == (40, "")
    assert (answer["tier"], answer["unknown"]) == ("unknown", ["BTC drawdown", "liquidation rank"])
    assert (answer["unknown_share"], answer["unknown_limit"]) == (1.0, 0.5)
    assert answer["lines"][0]["contribution"] is None
    code, out, _ = call(*words)
    assert code == 40
    assert "Unknown: no decision, 2 checks without a value" in out
    assert "fully invested" not in out


def test_a_tier_may_not_be_named_unknown() -> None:
    with pytest.raises(ValueError, match="may not be named `unknown`"):
        Rule(trigger=Trigger(when=(Condition(signal="drawdown", below=-0.1),)), tiers=(Tier(name="unknown", at=1.0),))


def test_a_score_that_is_unknown_explains_itself(world: Market) -> None:
    run = ut.backtest(LiquidityDrain(), drained(world, "bars", "liquidations"))
    explained = run.explain(world.sessions[ROW])
    assert explained.unknown == ("BTC drawdown", "liquidation rank")
    assert explained.sentence() == (
        f"{world.sessions[ROW].date()}: unknown, as the score is (BTC drawdown, liquidation rank without a value); the"
        " last state, calm, is held"
    )


# ---------------------------------------------------------------- an alarm that changes nothing


def falling(market: Market, *spans: tuple[int, int]) -> Market:
    """BTC at 100, and at 80 from the decision of one session until that of another."""
    bars = market.bars("BTC")
    prices = np.full(len(bars), 100.0)
    for first, last in spans:
        prices[(bars.known_at > at(market, first) - HOUR) & (bars.known_at <= at(market, last) - HOUR)] = 80.0
    return bars_by_hand(market, prices)


FALL = Condition(signal="drawdown", parameters={"window": 8760}, below=-0.15, lag=0.0, read="now", title="BTC fall")


def rule_of(trigger: Trigger, tier: Tier, **parts: object) -> FreeRule:
    return FreeRule(definition=Rule(trigger=trigger, tiers=(tier,), timing=Timing(lag=0.0), **parts))  # type: ignore[arg-type]


def test_a_tier_that_was_left_and_is_not_armed_says_so(world: Market) -> None:
    cash = CASH.model_copy(update={"max_stay": 48.0})
    result = asked(falling(world, (ROW - 10, ROW + 5)), rule_of(Trigger(when=(FALL,)), cash))
    assert result.tier == "calm"
    assert result.lines[0].state == "alarm"
    assert result.blocked.startswith("not armed: cash was left on 20")
    assert result.blocked.endswith("(longest stay over); the score must fall below 1 first")
    assert result.exit_conditions == ("the score must fall below 1 before cash can be entered again",)


def test_a_veto_says_so(world: Market) -> None:
    gate = ut.strategies.Gate(signal="basket-volatility", above=1e-9, title="the gate", scale=0.25)
    rule = rule_of(Trigger(when=(FALL,)), CASH, gates=(gate,))
    result = asked(falling(world, (ROW - 1, ROW + 5)), rule)
    assert result.blocked == "vetoed: the gate holds the score at 0.25, from 1; cash begins at 1"
    assert result.exit_conditions == ("the gate must end before cash can be entered",)
    assert not any("Held back" in note for note in result.notes)


def test_a_cool_down_says_so(world: Market) -> None:
    reentry = ut.strategies.Reentry(cool_down=400.0)
    rule = rule_of(Trigger(when=(FALL,)), CASH, reentry=reentry)
    market = falling(world, (ROW - 6, ROW - 4), (ROW, ROW + 5))
    result = asked(market, rule)
    back = (at(world, ROW) - at(world, ROW - 4)) / HOUR
    assert result.blocked == f"cooling down: no tier is entered for {400 - back:.0f} hours"
    assert result.exit_conditions[0] == f"no tier is entered for {400 - back:.0f} hours (cool-down)"


def test_too_low_a_score_says_so(world: Market) -> None:
    other = Condition(signal="drop", below=-0.9, lag=0.0, read="now", weight=3.0)
    rule = rule_of(Trigger(when=(FALL, other), combine="score"), Tier(name="cash", at=0.5, cash=0.5))
    result = asked(falling(world, (ROW - 1, ROW + 5)), rule)
    assert result.blocked == "too little: BTC fall at alarm, but the score of 0.25 is below 0.5, where cash begins"


def test_a_lag_says_so(world: Market) -> None:
    late = FALL.model_copy(update={"lag": 30.0, "read": "worst"})
    market = falling(world, (ROW, ROW + 5))
    result = asked(market, rule_of(Trigger(when=(late,)), CASH))
    coming = result.lines[0].coming
    assert coming
    assert result.exit_conditions == (
        f"BTC fall waits for its lag of 30 hours, until {coming[:10]} {coming[11:16]} UTC",
    )
    assert result.blocked == ""
    # By its last value it may be over by then: no decision can be named.
    last = asked(market, rule_of(Trigger(when=(late.model_copy(update={"read": "now"}),)), CASH))
    assert last.exit_conditions == ("BTC fall waits for its lag of 30 hours",)
    assert last.notes[0] == "BTC fall is at its alarm now; the rule reads it 30 hours later, if it still is."


def test_an_alarm_that_acts_has_nothing_to_say(world: Market) -> None:
    result = asked(falling(world, (ROW - 1, ROW + 5)), rule_of(Trigger(when=(FALL,)), CASH))
    assert (result.tier, result.blocked) == ("cash", "")


def test_a_feed_that_goes_on_without_values_is_unknown_and_as_old_as_its_last_one(world: Market) -> None:
    bars, cut = world.bars("BTC"), at(world, ROW) - 3 * DAY
    blank = {name: np.where(bars.known_at > cut, np.nan, values) for name, values in bars.columns.items()}
    line = asked(with_feed(world, bars, replace(bars, columns=blank)), LiquidityDrain()).lines[0]
    last = pd.Timestamp(bars.known_at[bars.known_at <= cut][-1])
    assert (line.name, line.state) == ("BTC drawdown", "unknown")
    assert line.missing == f"bars BTC has had no value since {last:%Y-%m-%dT%H:%M}Z"
    assert line.age_hours == pytest.approx(72.0, abs=1.0)


def test_an_alarm_beside_unknown_checks_says_so(world: Market) -> None:
    other = Condition(signal="liquidation-spike", above=0.9, lag=0.0)
    rule = rule_of(Trigger(when=(FALL, other), combine="all"), CASH)
    result = asked(drained(falling(world, (ROW - 1, ROW + 5)), "liquidations"), rule)
    assert (result.tier, result.unknown_share) == ("unknown", 0.5)
    assert result.blocked == "unknown: BTC fall at alarm, but 1 of 2 conditions have no value"


def test_a_frozen_feed_is_unknown_and_says_since_when(world: Market) -> None:
    bars, cut = world.bars("BTC"), at(world, ROW) - 4 * DAY
    last = np.flatnonzero(bars.known_at <= cut)[-1]
    stuck = {name: np.where(bars.known_at > cut, values[last], values) for name, values in bars.columns.items()}
    line = asked(with_feed(world, bars, replace(bars, columns=stuck)), LiquidityDrain()).lines[0]
    # Never "ok 0 %": from three days on the repeated rows have no value, and the alarm cannot be computed.
    assert (line.name, line.state) == ("BTC drawdown", "unknown")
    assert line.missing.startswith("bars BTC frozen since 2018-")
    assert line.missing.endswith(": it repeats its last row")
    assert line.age_hours > 48.0


def test_a_check_of_funding_has_an_age_and_says_what_it_lacks(world: Market) -> None:
    high = Condition(signal="funding", above=1e9, lag=0.0)
    rule = FreeRule(definition=Rule(trigger=Trigger(when=(FALL, high)), tiers=(CASH,)))
    settled = world.funding("BTC")
    last = settled.known_at[settled.known_at <= at(world, ROW)][-1] - settled.delay.timedelta
    assert asked(world, rule).lines[1].age_hours == pytest.approx((at(world, ROW) - last) / HOUR)
    assert asked(drained(world, "funding"), rule).lines[1].missing.startswith("funding BTC ended 2018-")
    without = replace(world, feeds=tuple(feed for feed in world.feeds if feed.kind != "funding"))
    assert asked(without, rule).lines[1].missing == "no funding BTC"
