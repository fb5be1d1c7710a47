"""Coarser bars: by hand, and never before they have closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from undertow.market import Feed, ParameterError, simulate_market
from undertow.market.clock import Span
from undertow.market.coarser import coarsen
from undertow.market.market import sort_feeds
from undertow.signals import Drawdown, RealizedVolatility
from undertow.signals.decisions.table import DecisionTable

HOURS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])


def hourly(hours: np.ndarray = HOURS) -> Feed:
    times = np.datetime64("2024-01-01", "ns") + hours * np.timedelta64(1, "h")
    value = 10.0 + hours
    columns = {"open": value, "high": value + 5, "low": value - 5, "close": value + 1, "volume": np.ones(len(hours))}
    known = times + np.timedelta64(1, "h")
    return Feed("bars", "BTC", "x", Span(60.0), Span(), times, known, columns, np.zeros(len(hours), np.int64))


def test_four_hour_bars_by_hand() -> None:
    bars = coarsen(hourly(), 4)
    assert [str(time)[11:13] for time in bars.times] == ["00", "04"]  # the bar of 08:00 has not closed
    assert bars["open"].tolist() == [10, 14]
    assert bars["high"].tolist() == [18, 22]
    assert bars["low"].tolist() == [5, 9]
    assert bars["close"].tolist() == [14, 18]
    assert bars["volume"].tolist() == [4, 4]
    assert [str(time)[11:13] for time in bars.known_at] == ["04", "08"]


def test_a_bar_of_which_less_than_half_is_there_is_left_out() -> None:
    bars = coarsen(hourly(np.array([0, 1, 2, 3, 7, 8, 9, 10, 11])), 4)
    assert [str(time)[11:13] for time in bars.times] == ["00", "08"]


@pytest.mark.parametrize(("hours", "rows"), [(1.5, 9), (0.5, 3)])
def test_hours_that_are_not_whole_are_exact(hours: float, rows: int) -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(36) * np.timedelta64(10, "m")
    value = np.arange(36.0)
    fine = Feed("bars", "BTC", "x", Span(10.0), Span(), times, times, {"volume": value}, np.zeros(36, np.int64))
    bars = coarsen(fine, hours)
    assert bars.times.tolist() == times[::rows].tolist()
    assert (bars.known_at - bars.times == np.timedelta64(round(hours * 60), "m")).all()
    assert bars["volume"].tolist() == value.reshape(-1, rows).sum(axis=1).tolist()


@pytest.mark.parametrize("end", range(1, 11))
def test_closed_bars_do_not_change_when_more_hours_arrive(end: int) -> None:
    part, full = coarsen(hourly(HOURS[:end]), 4), coarsen(hourly(), 4)
    assert len(part) == end // 4
    for name in part.columns:
        np.testing.assert_array_equal(part[name], full[name][: len(part)])


def test_hours_that_do_not_fit_are_refused() -> None:
    for hours in (5, 0.5, 48):
        with pytest.raises(ParameterError, match="`interval_hours` must divide 24"):
            coarsen(hourly(), hours)


def test_a_signal_on_daily_bars_sees_only_closed_days(tiny_market: object) -> None:
    table = DecisionTable(tiny_market, "growth")  # type: ignore[arg-type]
    daily = table.signal(Drawdown, {"window": 48}, interval_hours=24)
    hourly_values = table.signal(Drawdown, {"window": 48})
    assert daily.shape == hourly_values.shape
    assert np.isfinite(daily).any()


def test_coarse_bars_are_not_taken_for_a_feed_that_is_as_coarse() -> None:
    market = simulate_market(seed=7, years=1.5, names=5)
    bars = market.bars("BTC")
    cut = bars.times[len(bars) // 2].astype("datetime64[D]").astype("datetime64[ns]")
    days = coarsen(bars, 24)
    daily, hourly = days.keep(days.times < cut), bars.keep(bars.times >= cut)
    other_feeds = [feed for feed in market.feeds if (feed.kind, feed.asset) != ("bars", "BTC")]

    def drawdown(*feeds: Feed) -> np.ndarray:
        table = DecisionTable(replace(market, feeds=sort_feeds([*other_feeds, *feeds])), "growth")
        return table.signal(Drawdown, {"window": 480}, interval_hours=24)[:, 0]

    early = DecisionTable(market, "growth").decisions.at < cut
    alone, combined = drawdown(daily), drawdown(daily, hourly)
    assert np.isfinite(combined[~early]).any()
    np.testing.assert_array_equal(combined[early], alone[early])


def test_a_year_has_as_many_rows_as_the_feed_has() -> None:
    table = DecisionTable(simulate_market(seed=7, years=1, names=5), "growth")
    hourly, daily = (
        table.signal(RealizedVolatility, {"window": 720}, interval_hours=hours)[:, 0] for hours in (0.0, 24.0)
    )
    known = np.isfinite(hourly) & np.isfinite(daily)
    assert known.sum() > 100
    # The same thirty days: what is left is that of jumps within a day, and of bars by the clock.
    assert np.median(daily[known] / hourly[known]) == pytest.approx(1.0, abs=0.2)
    bars = coarsen(table.market.bars("BTC"), 24)
    by_hand = np.std(np.diff(np.log(bars["close"]))[-30:], ddof=1) * np.sqrt(365)
    assert table.series(RealizedVolatility, bars, {"window": 720})[0][-1] == pytest.approx(by_hand, rel=1e-9)
