"""Hourly bars of a stock index that keeps exchange hours, for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from undertow.market import Feed, Market, Span, load_calendar
from undertow.market.calendar import exchange_hours
from undertow.market.market import sort_feeds

HOUR = np.timedelta64(3_600_000_000_000, "ns")


def index_bars(market: Market, symbol: str = "QQQ", seed: int = 1) -> Feed:
    """A random walk on the hours of the market's exchange, from its first session to its last."""
    calendar = market.calendar
    wide = load_calendar(calendar.name, calendar.sessions[0], calendar.sessions[-1] + np.timedelta64(30, "D"))
    grid = exchange_hours(wide, wide.opens[0] + HOUR / 2, Span(60.0), Span(), 7 * HOUR)
    rows = grid.starts < calendar.closes[-1]
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.004, int(rows.sum()))))
    columns = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close, "volume": close * 0.0 + 1e6}
    return Feed(
        "bars",
        symbol,
        f"bars/{symbol}.parquet",
        Span(60.0),
        Span(),
        grid.starts[rows],
        grid.known_at[rows],
        columns,
        np.zeros(int(rows.sum()), dtype=np.int64),
        hours=grid,
    )


def with_index(market: Market, symbol: str = "QQQ") -> Market:
    """The market with hourly bars of an index."""
    return replace(market, feeds=sort_feeds([*market.feeds, index_bars(market, symbol)]))
