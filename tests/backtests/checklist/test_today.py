"""What a rule says now is what the backtest decided, and nothing later is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from undertow.backtests import backtest
from undertow.backtests.checklist.similar import similar
from undertow.backtests.checklist.today import Today, today
from undertow.backtests.runs.run import Run
from undertow.market import DataError, Market, ParameterError, simulate_market
from undertow.market.asof import instant_of, last_known, market_at
from undertow.market.calendar import Fill, decisions
from undertow.market.prices import PRICE_FIELDS
from undertow.strategies import (
    BuyAndHold,
    Condition,
    DefensiveRotation,
    DipBuyer,
    FreeRule,
    HedgeOverlay,
    LiquidityDrain,
    RiskTiers,
    Rule,
    RuleStrategy,
    Tier,
    Timing,
    Trigger,
)
from undertow.strategies.reasons.reasons import Reasons
from undertow.strategies.rules.evaluate import ladder_of
from undertow.strategies.rules.tier_state import Machine, States
from undertow.tearsheets.checklist.page import headline, similar_states_sentence, write_today

DAYS = np.timedelta64(4, "D")


@pytest.fixture(scope="module")
def world() -> Market:
    return simulate_market(seed=11, years=2.5, names=8)


def moment(market: Market, row: int, fill: Fill = "open") -> pd.Timestamp:
    return pd.Timestamp(decisions(market.calendar, fill).at[row], tz="UTC")


def check_rows(rule: RuleStrategy, market: Market, rows: list[int], fill: Fill = "open") -> None:
    run = backtest(rule, market, fill=fill)
    tiers, exposure = run.tiers, run.exposure
    assert tiers is not None
    assert run.reasons is not None
    for row in rows:
        result = today(rule, market, asof=moment(market, row, fill), fill=fill)
        assert result.session == str(market.sessions[row].date())
        assert (result.tier_held, result.exposure) == (tiers.iloc[row], exposure.iloc[row])
        assert result.tier == ("unknown" if is_blind(result, rule.rule().ladder[1].at) else result.tier_held)
        assert result.score == pytest.approx(run.reasons.score[row], abs=0, nan_ok=True)
        assert result.tier_before == (tiers.iloc[row - 1] if row else "calm")
        _same_orders(result, run, row)


def is_blind(result: Today, first: float) -> bool:
    """More than half of the weight is unknown and the rest below the first tier, or the score is unknown."""
    return bool(np.isnan(result.score) or (result.unknown_share > 0.5 and result.score < first))


def _same_orders(result: Today, run: Run, row: int) -> None:
    """What was traded then: the same names, at what the prices were before they were known."""
    traded = run.orders[(run.orders["session"] == run.series.index[row]) & (run.orders["reason"] != "cash sweep")]
    before = run.series["value"].iloc[row - 1]
    expected = {(order.symbol, order.side): order.value / before for order in traded.itertuples()}
    planned = {(order.symbol, order.side): order.share for order in result.orders}
    # Prices move from the last close to the fill: what hardly needs an order may then need none, or one the other way.
    large = [key for key in {*expected, *planned} if max(expected.get(key, 0.0), planned.get(key, 0.0)) > 0.02]
    for key in large:
        assert planned.get(key, 0.0) == pytest.approx(expected.get(key, 0.0), abs=0.02), (key, row)


def test_fifty_past_sessions_equal_the_backtest(world: Market) -> None:
    rows = np.random.default_rng(5).choice(np.arange(2, len(world.sessions)), 50, replace=False)
    check_rows(RiskTiers(), world, rows[:30].tolist())
    check_rows(LiquidityDrain(), world, rows[30:40].tolist())
    check_rows(RiskTiers(), world, rows[40:].tolist(), fill="close")


@pytest.mark.parametrize(
    "rule", [LiquidityDrain(source="least-tax"), HedgeOverlay(), DefensiveRotation(), RiskTiers(source="beta")]
)
def test_the_orders_are_those_of_the_backtest(world: Market, rule: RuleStrategy) -> None:
    run = backtest(rule, world)
    assert run.reasons is not None
    acted = [row for row in run.reasons.changes().tolist() if row > 30]
    for row in (*acted[:2], acted[-1]):
        result = today(rule, world, asof=moment(world, row))
        sold = sum(order.share for order in result.sales)
        if rule.rule().source == "least-tax":
            # Which lots lose most is known at the fill alone; how much is sold is known before.
            fills = run.orders[(run.orders["session"] == run.series.index[row]) & (run.orders["side"] == "sell")]
            share = fills.loc[fills["reason"] != "cash sweep", "value"].sum() / run.series["value"].iloc[row - 1]
            assert sold == pytest.approx(share, abs=0.02)
        else:
            _same_orders(result, run, row)
        sleeves, reasons = ({getattr(order, name) for order in result.orders} for name in ("sleeve", "reason"))
        assert sold > 0.0 or result.exposure >= result.before
        assert ("short" in sleeves) == (result.hedge != result.hedge_before) or "rebalance" in reasons
    untraded = next(row for row in range(acted[0] + 1, len(world.sessions)) if not _traded(run, row))
    assert today(rule, world, asof=moment(world, untraded)).orders == ()


def _traded(run: Run, row: int) -> bool:
    orders = run.orders[run.orders["reason"] != "cash sweep"]
    return bool((orders["session"] == run.series.index[row]).any())


def test_a_market_that_lags_is_named_and_one_that_ended_refused(world: Market) -> None:
    end = pd.Timestamp(world.calendar.closes[-1], tz="UTC")
    late = today(RiskTiers(), world, asof=end + pd.Timedelta(days=4))
    assert any(note.startswith(f"Prices end on {world.sessions[-1].date()}: ") for note in late.notes)
    with pytest.raises(DataError, match=r"sessions had closed since by .*; update it"):
        today(RiskTiers(), world, asof=end + pd.Timedelta(days=30))


def test_of_more_than_twelve_conditions_the_loudest_are_shown(world: Market) -> None:
    quiet = tuple(Condition(signal="drawdown", parameters={"window": 48 + n}, below=-0.99) for n in range(13))
    loud = Condition(signal="drawdown", parameters={"window": 720}, below=-0.001, title="the loud one")
    rule = Rule(trigger=Trigger(when=(*quiet, loud)), tiers=(Tier(name="cash", at=1.0, cash=0.5),))
    result = today(FreeRule(definition=rule), world, asof=moment(world, 300))
    assert (len(result.lines), result.hidden) == (12, 2)
    assert result.lines[-1].name == "the loud one"
    assert result.lines[-1].state == "alarm"


def test_real_past_sessions_equal_the_backtest(real_market: Market) -> None:
    days = ("2020-03-12", "2021-05-20", "2022-06-14", "2024-08-05")
    check_rows(RiskTiers(), real_market, [int(real_market.sessions.searchsorted(pd.Timestamp(day))) for day in days])


def test_between_two_decisions_the_coming_session_is_decided_from_what_is_known(world: Market) -> None:
    row = 300
    evening = pd.Timestamp(world.calendar.closes[row - 1], tz="UTC") + pd.Timedelta(hours=2)
    result = today(RiskTiers(), world, asof=evening)
    assert result.session == str(world.sessions[row].date())
    assert result.decided_at == f"{evening:%Y-%m-%dT%H:%M}Z"
    known, decided = market_at(world, instant_of(evening))
    assert all((feed.known_at <= decided.at[-1]).all() for feed in known.feeds)
    assert np.isnan(known.prices.close[-1]).all()
    assert np.isfinite(known.prices.close[-2]).any()


def test_during_a_session_its_open_is_known_and_its_close_is_not(world: Market) -> None:
    noon = pd.Timestamp(world.calendar.opens[200], tz="UTC") + pd.Timedelta(hours=2)
    known, decided = market_at(world, instant_of(noon), "close")
    assert decided.sessions[-1] == world.sessions[200]
    assert np.isfinite(known.prices.open[-1]).any()
    assert np.isnan(known.prices.close[-1]).all()
    # With fills at the open that session is decided already; the next one has no open yet.
    known, decided = market_at(world, instant_of(noon), "open")
    assert decided.sessions[-1] == world.sessions[201]
    assert np.isfinite(known.prices.open[-2]).any()
    assert np.isnan(known.prices.open[-1]).all()


@pytest.mark.parametrize("fill", ["open", "close"])
def test_between_decision_and_fill_the_decision_stands(world: Market, fill: Fill) -> None:
    rule = LiquidityDrain()
    run = backtest(rule, world, fill=fill)
    row = next(row for row in range(100, len(world.sessions)) if run.exposure.iloc[row] < run.exposure.iloc[row - 1])
    decided = today(rule, world, asof=moment(world, row, fill), fill=fill)
    assert decided.action == "reduce"
    assert decided.orders
    filled = pd.Timestamp(decisions(world.calendar, fill).filled_at[row], tz="UTC")
    late = today(rule, world, asof=filled - pd.Timedelta(minutes=1), fill=fill)
    assert (late.session, late.decided_at, late.action) == (decided.session, decided.decided_at, "reduce")
    assert [(order.symbol, order.reason) for order in late.orders] == [
        (order.symbol, order.reason) for order in decided.orders
    ]
    # At the fill it is too late for them: the next session is asked about, with an account that has sent them.
    after = today(rule, world, asof=filled, fill=fill)
    assert after.session == str(world.sessions[row + 1].date())
    assert after.before == decided.exposure


def test_in_the_middle_of_a_session_no_name_has_ended(world: Market) -> None:
    rule = LiquidityDrain(lag=12)
    run = backtest(rule, world)
    reductions = 0
    for row in np.flatnonzero(np.diff(run.exposure) < 0)[5:18] + 1:
        noon = pd.Timestamp(world.calendar.opens[row - 1], tz="UTC") + pd.Timedelta(hours=6)
        result = today(rule, world, asof=noon)
        assert result.session == str(world.sessions[row].date())
        if result.exposure < result.before:
            reductions += 1
            assert sum(order.share for order in result.sales) == pytest.approx(
                result.before - result.exposure, abs=0.04
            )
            assert not any("still held" in note for note in result.notes)
    assert reductions >= 3


@pytest.mark.parametrize("fields", [("open",), PRICE_FIELDS])
def test_a_name_without_its_last_price_is_still_there(world: Market, fields: tuple[str, ...]) -> None:
    rule = LiquidityDrain(source="proportional")
    run = backtest(rule, world)
    row = next(row for row in range(100, len(world.sessions)) if run.exposure.iloc[row] < run.exposure.iloc[row - 1])
    complete = today(rule, world, asof=moment(world, row))
    symbol = complete.sales[0].symbol
    column = world.prices.columns_of([symbol])[0]

    def without(sessions: int) -> Today:
        panels = {name: getattr(world.prices, name).copy() for name in fields}
        for panel in panels.values():
            panel[row - sessions : row, column] = np.nan
        return today(rule, replace(world, prices=replace(world.prices, **panels)), asof=moment(world, row))

    result = without(1)
    assert {order.symbol for order in result.orders} == {order.symbol for order in complete.orders}
    assert sum(order.share for order in result.sales) == pytest.approx(
        sum(order.share for order in complete.sales), abs=1e-3
    )
    notes = [note for note in result.notes if symbol in note]
    if fields == PRICE_FIELDS:
        note_text = (
            f"{symbol} has no price on {world.sessions[row - 1].date()}, the last session: it counts as still held."
        )
        assert notes == [note_text]
        # After a week without any it has ended, as it would have in a backtest.
        assert symbol not in {order.symbol for order in without(5).orders}
    else:
        assert notes == []


def test_nothing_later_is_seen(world: Market) -> None:
    asof = moment(world, 320)
    short = world.until(world.sessions[320])
    assert today(RiskTiers(), world, asof=asof) == today(RiskTiers(), short, asof=asof)


def test_without_an_instant_it_is_the_last_one_that_the_market_knows(world: Market) -> None:
    result = today(RiskTiers(), world)
    assert result.asof == f"{pd.Timestamp(last_known(world)):%Y-%m-%dT%H:%M}Z"
    assert pd.Timestamp(result.session) > world.sessions[-1]


def test_the_data_age_is_that_of_the_oldest_input(world: Market) -> None:
    asof = moment(world, 320)
    lines = {line.name: line for line in today(RiskTiers(), world, asof=asof).lines}
    close = pd.Timestamp(world.calendar.closes[319], tz="UTC")
    assert lines["lead of growth"].age_hours == pytest.approx((asof - close) / pd.Timedelta(hours=1))
    assert lines["BTC drawdown"].age_hours == pytest.approx(0.0)
    bare = replace(world, feeds=world.feeds_of("bars"))
    lines = {line.name: line for line in today(RiskTiers(), bare, asof=asof).lines}
    assert lines["VIX above its median"].state == "unknown"
    assert np.isnan(lines["VIX above its median"].age_hours)


def held_back(rule: RuleStrategy, market: Market, rows: range, fill: Fill) -> int:
    """How often an alarm was announced; each comes at the decision that was said, and none comes unannounced."""
    lines = {row: today(rule, market, asof=moment(market, row, fill), fill=fill).lines[0] for row in rows}
    announced = 0
    for row, line in lines.items():
        lag = pd.Timedelta(hours=line.lag_hours)
        known = [
            later for later in rows if later > row and moment(market, later, fill) - lag <= moment(market, row, fill)
        ]
        first = next((later for later in known if lines[later].state == "alarm"), None)
        if line.state == "alarm":
            assert not line.coming
        elif line.coming:
            announced += 1
            then = next(later for later in rows if moment(market, later, fill) >= pd.Timestamp(line.coming))
            assert moment(market, then, fill) == pd.Timestamp(line.coming)
            assert lines[then].state == "alarm"
            assert all(lines[later].state != "alarm" for later in range(row, then))
        else:
            assert first is None
    return announced


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("read", ["worst", "now"])
def test_an_alarm_that_the_lag_holds_back_is_announced_for_the_decision_it_comes_at(
    world: Market, fill: Fill, read: Any
) -> None:
    fall = Condition(signal="drawdown", parameters={"window": 72}, below=-0.08, read=read)
    rule = Rule(name="own", trigger=Trigger(when=(fall,)), tiers=(Tier(name="cash", at=1.0, cash=0.4),))
    late = rule.model_copy(update={"timing": Timing(lag=50)})
    assert held_back(FreeRule(definition=late), world, range(200, 290), fill) > 2


def test_what_is_known_now_stands_beside_what_the_lag_lets_through(world: Market) -> None:
    rule = LiquidityDrain(trigger="drawdown", lag=30)
    close, known = world.bars().columns["close"], world.bars().known_at
    notes = []
    for row in range(250, 330):
        result = today(rule, world, asof=moment(world, row))
        window = close[known <= instant_of(moment(world, row))][-rule.window :]
        assert result.lines[0].now == pytest.approx(window[-1] / window.max() - 1.0)
        assert result.lines[0].lag_hours == 30
        assert bool(result.notes) == bool(result.lines[0].coming)
        notes += [result.notes[0]] if result.notes else []
    assert all("its lag of 30 hours delays it until the decision of 20" in note for note in notes)
    assert notes


def test_exit_codes_follow_the_tiers(world: Market) -> None:
    seen = {
        result.tier: result.exit_code
        for result in (today(RiskTiers(), world, asof=moment(world, row)) for row in _last_rows(world))
    }
    assert seen.items() <= {"calm": 0, "watch": 10, "reduce": 20, "cash": 30}.items()
    assert len(seen) >= 3
    # A tier of another name: a reserve in cash counts as reduced.
    resting = today(DipBuyer(), world, asof=moment(world, 5))
    assert (resting.tier, resting.exit_code) == ("calm", 0)


def _last_rows(world: Market) -> list[int]:
    tiers = backtest(RiskTiers(), world).tiers
    assert tiers is not None
    return [
        int(np.flatnonzero(tiers == tier)[-1]) for tier in ("calm", "watch", "reduce", "cash") if (tiers == tier).any()
    ]


def test_at_most_twelve_lines(world: Market) -> None:
    result = today(RiskTiers(), world)
    assert len(result.lines) == 12
    assert result.hidden == 0
    assert sum(line.contribution for line in result.lines) == pytest.approx(result.score)


def test_similar_states_are_those_with_the_same_severities_and_known_futures() -> None:
    level = np.cumprod(1.0 + np.array([0.0, 0.01, 0.02, -0.03, 0.01, 0.05, 0.02, 0.01, 0.0, 0.0]))
    severity = np.array([[1.0, 0.0], [0.0, 0.0]] * 5)
    nothing = np.zeros(10)
    rule, numbers = RiskTiers().rule(), nothing.astype(int)
    states = States.of(Machine(ladder_of([rule])), nothing, nothing, nothing, level)
    parts = (severity, severity, nothing, nothing, nothing, numbers, numbers, np.zeros((10, 1)), states, severity > 2)
    drivers = Reasons(rule, pd.DatetimeIndex([]), *parts)
    result = similar(drivers, level, nothing, 8, horizon=2)
    # Rows 0, 2, 4 and 6 are alike and over by row 8.
    after = [level[row + 2] / level[row] - 1.0 for row in (0, 2, 4, 6)]
    assert (result.count, result.median) == (4, pytest.approx(np.median(after)))
    every = [level[row + 2] / level[row] - 1.0 for row in range(7)]
    assert result.all_median == pytest.approx(np.median(every))
    assert similar(drivers, level, nothing, 1, horizon=2).count == 0
    assert similar_states_sentence(similar(drivers, level, nothing, 1, horizon=2)).startswith(
        "No past state is similar"
    )
    # Sessions without a basket are no returns of 0: what spans one does not count.
    missing = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0])
    fewer = similar(drivers, level, missing, 8, horizon=2)
    assert fewer.all_median == pytest.approx(np.median(every[2:]))


@pytest.mark.parametrize("bad", ["2024-08-04", "2024-08-04T15:00", "noon", ""])
def test_an_instant_needs_a_zone(world: Market, bad: str) -> None:
    with pytest.raises(ParameterError, match="`asof` must be an instant with a zone"):
        today(RiskTiers(), world, asof=bad)


def test_refusals(world: Market) -> None:
    with pytest.raises(ParameterError, match="`buy-and-hold` is not rule-based"):
        today(BuyAndHold(), world)
    with pytest.raises(DataError, match="no session had closed by"):
        today(RiskTiers(), world, asof="1999-01-01T00:00Z")


def test_the_page_says_it_all(world: Market, tmp_path: Path) -> None:
    row = _last_rows(world)[-1]
    result = today(RiskTiers(), world, asof=moment(world, row))
    text = write_today(result, tmp_path / "today.html").read_text(encoding="utf-8")
    assert headline(result) in text
    assert all(line.name in text for line in result.lines)
    assert all(sale.symbol in text for sale in result.sales[:5])
    assert "<script" not in text
    with pytest.raises(ParameterError, match=r"ends in \.html"):
        write_today(result, tmp_path / "today.txt")


def without(market: Market, *kinds: str, since: pd.Timestamp | None = None) -> Market:
    """A market that lacks some kinds of feed, altogether or from an instant on."""
    feeds = []
    for feed in market.feeds:
        if feed.kind not in kinds:
            feeds.append(feed)
        elif since is not None:
            feeds.append(feed.keep(feed.known_at < np.datetime64(since.tz_localize(None))))
    return replace(market, feeds=tuple(feeds))


def test_checks_without_a_value_and_fallbacks_are_named(world: Market) -> None:
    asof = moment(world, 400)
    result = today(RiskTiers(), without(world, "bars", "open_interest", "liquidations"), asof=asof)
    unknown = next(note for note in result.notes if "checks are unknown" in note)
    assert unknown.startswith("6 of 12 checks are unknown, 50% of the weight: BTC drawdown (no bars BTC); liquidation")
    # Half of the weight is that of Bitcoin: without it the rule sees nothing of what it is about.
    assert (result.tier, result.exit_code) == ("unknown", 40)
    assert next(line for line in result.lines if line.name == "correlation with BTC").state == "unknown"
    assert not any(line.fallback for line in result.lines)
    proxy = today(RiskTiers(), without(world, "liquidations"), asof=asof)
    assert "Fallback signals, where a check has no data: liquidation-proxy for liquidation rank." in proxy.notes
    assert not any("are unknown" in note or "Fallback" in note for note in today(RiskTiers(), world, asof=asof).notes)


def test_a_market_with_nothing_to_tell_is_no_calm_one(world: Market) -> None:
    asof = moment(world, 400)
    with pytest.raises(DataError, match=r"no data for the rule at .*: BTC drawdown: no bars BTC; liquidation rank: no"):
        today(LiquidityDrain(), without(world, "bars", "liquidations"), asof=asof)
    late = Rule(
        trigger=Trigger(when=(Condition(signal="drawdown", parameters={"window": 720}, below=-0.2),)),
        tiers=(Tier(name="cash", at=1.0, cash=0.5),),
    )
    since = asof - pd.Timedelta(days=20)
    ended = today(LiquidityDrain(), without(world, "bars", "liquidations", since=since), asof=asof)
    assert (ended.tier, ended.tier_held, ended.exit_code, ended.unknown_share) == ("unknown", "calm", 40, 1.0)
    assert f"BTC drawdown (bars BTC ended {since:%Y-%m-%dT}" in next(
        note for note in ended.notes if "unknown, " in note
    )
    # What merely has too little history yet, or a hole, is held, as in a backtest.
    hole = [
        feed if feed.kind != "bars" else feed.keep((feed.known_at < cut - DAYS) | (feed.known_at > cut + DAYS))
        for feed in world.feeds
        for cut in [np.datetime64(asof.tz_localize(None))]
    ]
    assert today(FreeRule(definition=late), replace(world, feeds=tuple(hole)), asof=asof).stale
    assert today(FreeRule(definition=late), world, asof=moment(world, 2)).tier == "calm"


def test_now_is_an_instant(world: Market) -> None:
    assert abs(instant_of("now") - np.datetime64("now")) < np.timedelta64(3, "m")
    with pytest.raises(DataError, match="sessions had closed since by"):
        today(RiskTiers(), world, asof="now")


def test_an_input_that_may_be_left_out_is_no_want_of_data(world: Market) -> None:
    rule = Rule(
        trigger=Trigger(when=(Condition(signal="regime", above=1),)), tiers=(Tier(name="cash", at=1.0, cash=0.5),)
    )
    result = today(FreeRule(definition=rule), without(world, "macro"), asof=moment(world, 20))
    assert (result.tier, result.tier_held, result.lines[0].state) == ("unknown", "calm", "unknown")


def test_a_universe_that_is_never_filled_has_no_orders(world: Market) -> None:
    opens = np.full_like(world.prices.open, np.nan)
    result = today(RiskTiers(), replace(world, prices=replace(world.prices, open=opens)), asof=moment(world, 300))
    assert result.orders == ()
