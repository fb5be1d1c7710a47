"""Bars that keep exchange hours: known at the close, not aged by nights, counted in trading hours or on the clock."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.exchange_bars import HOUR, index_bars, with_index
from support.tiny import Folder
from undertow.market import (
    DataError,
    Feed,
    FloatArray,
    Market,
    Span,
    load_calendar,
    load_market,
    simulate_market,
    write_market,
)
from undertow.market.calendar import exchange_hours
from undertow.market.coarser import around_the_clock, coarsen
from undertow.signals import Drop, RealizedVolatility, RowsSinceLow
from undertow.signals.decisions import CountedHours, SignalSource
from undertow.signals.decisions.table import DecisionTable

THANKSGIVING = load_calendar("XNYS", pd.Timestamp("2024-11-25"), pd.Timestamp("2024-12-10"))


def at(text: str) -> np.datetime64:
    return np.datetime64(text, "ns")


@cache
def world() -> Market:
    return with_index(simulate_market(seed=5, years=1, names=5))


def test_the_bars_of_a_half_day_by_hand() -> None:
    grid = exchange_hours(THANKSGIVING, at("2024-11-25T15:00"), Span(60.0), Span(5.0), 7 * HOUR)
    half = grid.starts[(grid.starts >= at("2024-11-29")) & (grid.starts < at("2024-11-30"))]
    # 09:30 to 13:00 in New York: the bar of 09:00 begins before the open, that of 13:00 at the close.
    assert [str(start)[11:16] for start in half] == ["15:00", "16:00", "17:00"]
    assert not ((grid.starts >= at("2024-11-28")) & (grid.starts < at("2024-11-29"))).any()
    last = int(np.flatnonzero(grid.starts == at("2024-11-27T20:00"))[0])
    assert str(grid.known_at[last])[:16] == "2024-11-27T21:05"
    # 7 trading hours: 3.5 of Friday, 3.5 of Monday, from 14:30 UTC on.
    assert str(grid.expires[last])[:16] == "2024-12-02T18:05"


def test_a_bar_of_half_an_hour_ends_with_the_session() -> None:
    grid = exchange_hours(THANKSGIVING, at("2024-11-25T14:30"), Span(60.0), Span(), 7 * HOUR)
    day = (grid.starts >= at("2024-11-25")) & (grid.starts < at("2024-11-26"))
    assert [str(start)[11:16] for start in grid.starts[day]] == [f"{hour}:30" for hour in range(14, 21)]
    assert str(grid.known_at[day][-1])[:16] == "2024-11-25T21:00"
    assert grid.share == pytest.approx(7 * 252 / 8760)


def test_after_a_weekend_the_last_bar_is_not_stale() -> None:
    market = world()
    plain = replace(market, feeds=tuple(replace(feed, hours=None) for feed in market.feeds))
    values = DecisionTable(market, "growth").signal(Drop, {"horizon": 6}, asset="QQQ")[:, 0]
    assert np.isnan(values).sum() == 2  # the first session, and the one whose 6 hours reach before it
    assert np.isnan(DecisionTable(plain, "growth").signal(Drop, {"horizon": 6}, asset="QQQ")).mean() > 0.2


def on_clock(table: DecisionTable, horizon: float) -> FloatArray:
    return table.read(Drop, {"horizon": horizon}, SignalSource(asset="QQQ", hours="clock")).values


def test_hours_are_those_of_trading_or_of_the_clock() -> None:
    market = world()
    table, feed = DecisionTable(market, "growth"), market.bars("QQQ")
    monday = int(np.flatnonzero(market.sessions.day_of_week == 0)[20])
    known = feed.known_at <= table.decisions.at[monday]
    close = feed["close"][known]
    trading = table.signal(Drop, {"horizon": 24}, asset="QQQ")[monday, 0]
    assert trading == pytest.approx(close[-1] / close[-25] - 1.0)
    # A day before Monday's open is Sunday: nothing has moved.
    assert on_clock(table, 24)[monday, 0] == 0.0
    days = on_clock(table, 72)[monday, 0]
    friday = feed.known_at <= table.decisions.at[monday] - 72 * HOUR
    assert days == pytest.approx(close[-1] / feed["close"][friday][-1] - 1.0)


@pytest.mark.parametrize("hours", ["session", "clock"])
@pytest.mark.parametrize("interval", [0.0, 4.0, 24.0])
def test_the_future_changes_nothing(hours: CountedHours, interval: float) -> None:
    market, rows = world(), (60, 121, 190)
    source = SignalSource(asset="QQQ", hours=hours, interval_hours=interval)
    whole = DecisionTable(market, "growth").read(Drop, {"horizon": 48}, source).values
    assert np.isfinite(whole).mean() > 0.9
    for row in rows:
        cut = DecisionTable(market.until(market.sessions[row]), "growth")
        np.testing.assert_array_equal(cut.read(Drop, {"horizon": 48}, source).values, whole[: row + 1])


def test_coarse_bars_begin_and_end_with_the_session() -> None:
    feed = index_bars(simulate_market(seed=5, years=1, names=5))
    four, day = coarsen(feed, 4), coarsen(feed, 24)
    first = feed.hours.session[np.searchsorted(feed.hours.starts, feed.times)] == 0  # type: ignore[union-attr]
    close = feed["close"][first]
    assert four["close"][:2].tolist() == [close[3], close[-1]]
    assert day["close"][0] == close[-1]
    assert day.known_at[0] == feed.known_at[first][-1]
    # A bar of a day stands for the seven or six trading hours of a session, so a window of 24 h is four sessions.
    assert (day.row_hours, four.row_hours) == (len(close), len(close) / 2)
    assert (feed.bars(24), day.bars(24)) == (24, round(24 / len(close)))


def test_annual_figures_count_trading_hours() -> None:
    table = DecisionTable(world(), "growth")
    volatility = table.signal(RealizedVolatility, {"window": 500}, asset="QQQ")[-1, 0]
    assert volatility == pytest.approx(0.004 * np.sqrt(252 * 7), rel=0.1)
    assert np.nanmax(table.signal(RowsSinceLow, {"window": 100}, asset="QQQ")) < 100


def test_closed_hours_carry_the_last_close() -> None:
    feed = index_bars(simulate_market(seed=5, years=1, names=5))
    clock = around_the_clock(feed)
    assert clock.missing_intervals == 0
    assert clock.tolerance == 24 * HOUR
    carried = ~np.isin(clock.times, feed.times)
    assert (clock["volume"][carried] == 0.0).all()
    before = np.searchsorted(feed.times, clock.times[carried], side="right") - 1
    np.testing.assert_array_equal(clock["close"][carried], feed["close"][before])


def test_a_folder_keeps_the_hours(tmp_path: object) -> None:
    market = world()
    loaded = load_market(write_market(market, tmp_path / "market"))  # type: ignore[operator]
    assert loaded.bars("QQQ").hours is not None
    assert loaded.fingerprint == market.fingerprint


def bars_of(tiny: Folder, stamps: list[str], extra: str = 'hours = "session"', interval: str = "1h") -> None:
    tiny.write("qqq.csv", ["time,open,high,low,close,volume", *(f"{stamp}:00Z,10,11,9,10,5" for stamp in stamps)])
    entry = ["", "[[feed]]", 'path = "qqq.csv"', 'kind = "bars"', 'asset = "QQQ"', f'interval = "{interval}"', extra]
    tiny.write("market.toml", [*tiny.lines("market.toml"), *entry])


def test_rows_outside_the_hours_are_left_out_and_counted(tiny: Folder) -> None:
    bars_of(tiny, ["2024-11-18T15:00", "2024-11-18T16:00", "2024-11-18T22:00"])
    market = tiny.load()
    assert len(market.bars("QQQ")) == 2
    assert market.notes == (
        "qqq.csv: 1 row starts outside the hours of XNYS and is not used, the first at 2024-11-18T22:00 UTC.",
    )


@pytest.mark.parametrize(
    ("stamps", "extra", "message"),
    [
        (["2024-11-18T01:00", "2024-11-18T02:00"], 'hours = "session"', "2 of 2 rows start outside the hours of XNYS"),
        (
            ["2024-11-18T15:00"],
            'hours = "sessions"',
            "must be clock or session, got 'sessions', did you mean `session`",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(tiny: Folder, stamps: list[str], extra: str, message: str) -> None:
    bars_of(tiny, stamps, extra)
    with pytest.raises(DataError, match=message):
        tiny.load()


def test_only_bars_of_an_hour_or_less_keep_hours(tiny: Folder) -> None:
    before = tiny.lines("market.toml")
    bars_of(tiny, ["2024-11-18T15:00"], interval="4h")
    with pytest.raises(DataError, match="needs an `interval` of an hour or less, got 4h"):
        tiny.load()
    tiny.write("market.toml", before)
    tiny.replace("market.toml", 'kind = "liquidations"', 'kind = "liquidations"\nhours = "session"')
    with pytest.raises(DataError, match="is for bars of stocks, not for liquidations"):
        tiny.load()


def test_the_real_index_is_known_after_every_weekend(real_market: Market, shared: Path) -> None:
    file = shared / "data" / "us-hourly" / "QQQ.parquet"
    if not file.is_file():
        pytest.skip("real data is absent: shared/data/us-hourly is not beside the project")
    bars = pd.read_parquet(file)
    times = np.asarray(bars["time"].dt.tz_convert(None), dtype="datetime64[ns]")
    calendar = load_calendar("XNYS", real_market.sessions[0], real_market.sessions[-1] + pd.Timedelta(days=45))
    grid = exchange_hours(calendar, times[0], Span(60.0), Span(), 7 * HOUR)
    # Three bars of a half day; the one at its close, 13:00 in New York, is outside.
    inside = np.isin(times, grid.starts)
    assert (len(times), int((~inside).sum())) == (14_280, 18)
    columns = {name: bars[name].to_numpy(np.float64)[inside] for name in ("open", "high", "low", "close", "volume")}
    known_at = grid.known_at[np.searchsorted(grid.starts, times[inside])]
    regimes = np.zeros(int(inside.sum()), dtype=np.int64)
    feed = Feed("bars", "QQQ", "x", Span(60.0), Span(), times[inside], known_at, columns, regimes, hours=grid)
    unknown: list[int] = []
    mondays: list[float] = []
    for kept in (feed, replace(feed, hours=None)):
        table = DecisionTable(replace(real_market, feeds=(kept,)), "growth")
        values = table.signal(Drop, {"horizon": 1}, asset="QQQ")[:, 0]
        unknown.append(int(np.isnan(values).sum()))
        mondays.append(float(values[real_market.sessions.get_loc("2024-08-05")]))
    # The first session alone; without the hours every session after a weekend or a holiday.
    assert unknown == [1, 520]
    assert np.isfinite(mondays).tolist() == [True, False]
