"""Faults planted in real data are found by name, and the data as it is has none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from undertow.backtests import backtest
from undertow.market import Doubt, Feed, Market, Span, Universe, market_doubts
from undertow.market.calendar import exchange_hours
from undertow.market.market import sort_feeds
from undertow.strategies import DrawdownDeRisk

FIELDS = ("open", "high", "low", "close", "volume")
Panels = dict[str, Any]
Fault = Callable[[Market], Market]


def with_prices(market: Market, change: Callable[[Panels, Any], None], *symbols: str) -> Market:
    """The market after `change(panels, columns)` of copies of its prices."""
    panels = {name: getattr(market.prices, name).copy() for name in FIELDS}
    change(panels, market.prices.columns_of(symbols))
    return replace(market, prices=replace(market.prices, **panels))


def with_feed(market: Market, kind: str, change: Callable[[Feed], Feed], asset: str = "BTC") -> Market:
    target = market.feeds_of(kind, asset)[-1]
    return replace(market, feeds=tuple(change(feed) if feed is target else feed for feed in market.feeds))


def columns(feed: Feed, **changed: Any) -> Feed:
    return replace(feed, columns={**feed.columns, **changed}, frozen={})


def at(market: Market, day: str) -> int:
    return int(market.sessions.get_indexer([pd.Timestamp(day)])[0])


def partial_last(market: Market) -> Market:
    def change(panels: Panels, _: Any) -> None:
        for panel in panels.values():
            panel[-1, ::3] = np.nan

    return with_prices(market, change)


def empty_session(market: Market) -> Market:
    def change(panels: Panels, _: Any) -> None:
        for panel in panels.values():
            panel[at(market, "2022-06-10")] = np.nan

    return with_prices(market, change)


def raw_split(market: Market) -> Market:
    """NVDA before its split of ten for one on 2024-06-10 as it was quoted then."""

    def change(panels: Panels, places: Any) -> None:
        end = at(market, "2024-06-10")
        for name in ("open", "high", "low", "close"):
            panels[name][:end, places] *= 10.0
        panels["volume"][:end, places] /= 10.0

    return with_prices(market, change, "NVDA")


def pence(market: Market) -> Market:
    def change(panels: Panels, places: Any) -> None:
        start = at(market, "2023-03-01")
        for name in ("open", "high", "low", "close"):
            panels[name][start : start + 5, places] *= 100.0

    return with_prices(market, change, "AMD")


def stands_still(market: Market) -> Market:
    def change(panels: Panels, places: Any) -> None:
        start = at(market, "2023-03-01")
        for panel in panels.values():
            panel[start : start + 15, places] = panel[start, places]

    return with_prices(market, change, "AMD")


def outside_range(market: Market) -> Market:
    def change(panels: Panels, places: Any) -> None:
        panels["open"][500:700, places] *= 1.2

    return with_prices(market, change, "AMD")


def a_session_late(market: Market) -> Market:
    def change(panels: Panels, places: Any) -> None:
        for panel in panels.values():
            panel[1:, places] = panel[:-1, places].copy()

    return with_prices(market, change, "AAPL")


def one_history(market: Market) -> Market:
    def change(panels: Panels, places: Any) -> None:
        for panel in panels.values():
            panel[:, places[0]] = panel[:, places[1]]

    return with_prices(market, change, "AMD", "NVDA")


def reused(market: Market) -> Market:
    def change(panels: Panels, places: Any) -> None:
        for panel in panels.values():
            panel[900:1100, places] = np.nan

    return with_prices(market, change, "AMD")


def flat_cash(market: Market) -> Market:
    def change(panels: Panels, places: Any) -> None:
        panels["close"][500:700, places] = panels["close"][500, places]

    return with_prices(market, change, "BIL")


def survivors(market: Market) -> Market:
    spans = pd.DataFrame({"symbol": ["AAPL", "AMD", "NVDA", "MSFT", "TSLA"], "start": pd.NaT, "end": pd.NaT})
    return replace(market, universes={"mine": Universe("mine", spans)})


def ends_early(market: Market) -> Market:
    return with_feed(market, "bars", lambda feed: feed.keep(feed.times < np.datetime64("2025-05-01")))


def five_hours_off(market: Market) -> Market:
    def change(feed: Feed) -> Feed:
        shift = np.timedelta64(5, "h")
        return replace(feed, times=feed.times + shift, known_at=feed.known_at + shift)

    return with_feed(market, "bars", change)


def wrong_tick(market: Market) -> Market:
    def change(feed: Feed) -> Feed:
        close = feed.columns["close"].copy()
        close[40_000] *= 10.0
        return columns(feed, close=close)

    return with_feed(market, "bars", change)


def zeros(market: Market) -> Market:
    def change(feed: Feed) -> Feed:
        cut = {name: values.copy() for name, values in feed.columns.items()}
        for values in cut.values():
            values[700:703] = 0.0
        return columns(feed, **cut)

    return with_feed(market, "liquidations", change)


def throttled(market: Market) -> Market:
    def change(feed: Feed) -> Feed:
        late = np.arange(len(feed)) >= 1_200
        return columns(feed, **{name: np.where(late, values / 8.0, values) for name, values in feed.columns.items()})

    return with_feed(market, "liquidations", change)


def coins(market: Market) -> Market:
    name = "open_interest_usd"
    return with_feed(market, "open_interest", lambda feed: columns(feed, **{name: feed.columns[name] / 60_000.0}))


def percent(market: Market) -> Market:
    return with_feed(market, "funding", lambda feed: columns(feed, funding_rate=feed.columns["funding_rate"] * 100.0))


FAULTS: dict[Fault, tuple[str, str]] = {
    partial_last: ("error", "partial last session"),
    empty_session: ("error", "sessions without any price"),
    raw_split: ("error", "a split that is not adjusted"),
    pence: ("error", "prices in another unit"),
    stands_still: ("error", "a price that stands still"),
    outside_range: ("error", "opens or closes outside the day's range"),
    a_session_late: ("error", "closes a session late"),
    one_history: ("error", "two symbols with one history"),
    reused: ("warning", "a symbol that may be another company"),
    flat_cash: ("error", "cash without a return"),
    survivors: ("warning", "a universe of survivors"),
    ends_early: ("warning", "a feed that ends early"),
    five_hours_off: ("error", "stamps some hours apart"),
    wrong_tick: ("error", "a bar of another price"),
    zeros: ("error", "zeros in the place of amounts"),
    throttled: ("warning", "a level that changes for good"),
    coins: ("error", "amounts that look like coins"),
    percent: ("error", "rates that look like percentages"),
}


@pytest.fixture(scope="module")
def as_it_is(real_market: Market) -> tuple[Doubt, ...]:
    return market_doubts(real_market)


def test_the_data_as_it_is_has_no_error(as_it_is: tuple[Doubt, ...]) -> None:
    assert not [doubt for doubt in as_it_is if doubt.severity == "error"]
    assert {doubt.kind for doubt in as_it_is} == {
        "a universe of survivors",
        "a feed that stands still",
        "a feed that ends early",
        "a level that changes for good",
    }


@pytest.mark.parametrize("fault", list(FAULTS), ids=lambda fault: str(fault.__name__))
def test_a_fault_is_found(real_market: Market, as_it_is: tuple[Doubt, ...], fault: Fault) -> None:
    new = [doubt for doubt in market_doubts(fault(real_market)) if doubt not in as_it_is]
    assert FAULTS[fault] in {(doubt.severity, doubt.kind) for doubt in new}
    assert all(doubt.example and doubt.repair and doubt.count for doubt in new)
    # One fault is not reported as many.
    assert len(new) <= 3, new


def test_a_run_repeats_the_errors_of_what_it_uses(real_market: Market) -> None:
    rule, span = DrawdownDeRisk(), {"start": "2023-01-03", "end": "2024-12-31"}
    run = backtest(rule, raw_split(real_market), universe="semis", **span)
    assert run.counts["data_findings"]["NVDA"].startswith("a split that is not adjusted: -89.9% on 2024-06-10")
    assert "NVDA" not in backtest(rule, raw_split(real_market), universe="software", **span).counts["data_findings"]
    assert not backtest(rule, real_market, universe="semis", **span).counts["data_findings"]


def test_bars_of_a_stock_show_a_coin_s_wrong_hours(real_market: Market, shared: Path) -> None:
    table = pd.read_parquet(shared / "data/us-hourly/QQQ.parquet")
    times = table["time"].dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    hours = exchange_hours(real_market.calendar, times[0], Span(60.0), Span(), np.timedelta64(7, "h"))
    inside = np.isin(times, hours.starts)
    names = ("open", "high", "low", "close", "volume")
    values = {name: table[name].to_numpy(dtype=np.float64)[inside] for name in names}
    known = hours.known_at[np.searchsorted(hours.starts, times[inside])]
    regimes = np.zeros(int(inside.sum()), dtype=np.int64)
    index = Feed("bars", "QQQ", "QQQ", Span(60.0), Span(), times[inside], known, values, regimes, hours=hours)
    # Without ETH the index alone can show it.
    coins = [feed for feed in real_market.feeds if (feed.kind, feed.asset) != ("bars", "ETH")]
    market = replace(real_market, feeds=tuple(sort_feeds([*coins, index])))
    kind = "stamps some hours apart"
    assert not [doubt for doubt in market_doubts(market) if doubt.kind == kind]
    (doubt,) = [doubt for doubt in market_doubts(five_hours_off(market)) if doubt.kind == kind]
    # The correlation of hours is that of numpy on the bars joined by hand, 0.24; five hours apart there is none.
    assert (doubt.count, doubt.where) == (5, "bars BTC 1h, bars QQQ 1h")
    assert "with QQQ 0.24 where BTC is read 5 hours later, -0.01 as stamped" in doubt.example
