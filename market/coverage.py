"""What a market covers: spans, gaps, stale feeds, names without prices, fills that could not be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from undertow.market.clock import HOUR, BoolArray
from undertow.market.feeds import Feed
from undertow.market.market import Market
from undertow.market.prices import Prices
from undertow.market.universe import Universe

EXTREME = 0.5
_EXTREMES_LISTED = 10
_NAMES_SHOWN = 12


@dataclass(frozen=True)
class RegimeCoverage:
    """One venue regime of a feed: its first and last day and its rows."""

    name: str
    first: str
    last: str
    rows: int


@dataclass(frozen=True)
class FeedCoverage:
    """One feed: `first` and `last` are stamps in UTC, blanks count values without a number.

    `longest_gap_hours` is the longest time without a row: beyond the interval, for a feed that has one. `age_hours` is
    how long the last row known by the last session's close had then been known; `stale` where that is beyond its
    tolerance.
    """

    kind: str
    asset: str
    path: str
    interval: str
    delay: str
    first: str
    last: str
    rows: int
    missing_intervals: int
    longest_gap_hours: float
    blanks: int
    repeated_rows: int
    age_hours: float
    stale: bool
    regimes: tuple[RegimeCoverage, ...]


@dataclass(frozen=True)
class UniverseCoverage:
    """One universe: a member is alive on a session where it belongs and has a close.

    `missing_opens` counts the sessions of living members that `fill="open"` cannot fill.
    """

    name: str
    symbols: int
    priced: int
    without_prices: tuple[str, ...]
    alive_at_start: int
    alive_at_end: int
    alive_min: int
    alive_median: float
    alive_max: int
    missing_opens: int


@dataclass(frozen=True)
class PriceCoverage:
    """All prices: names by what they lack, and counts of (session, name) cells.

    `gap_cells` are sessions without a close inside a listing, `outside_range` rows whose open or close lies outside
    [low, high] (a vendor's quirk, no error), `extreme_moves` the largest one-session returns beyond ±50 % as (symbol,
    session, return).
    """

    symbols: int
    rows: int
    without_close: tuple[str, ...]
    listed_late: tuple[str, ...]
    ended_early: tuple[str, ...]
    close_only: tuple[str, ...]
    gap_names: tuple[str, ...]
    gap_cells: int
    missing_opens: int
    zero_volume: int
    outside_range: int
    extreme_count: int
    extreme_moves: tuple[tuple[str, str, float], ...]
    empty_sessions: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """What `undertow market check` prints: plain text and numbers only."""

    name: str
    fingerprint: str
    calendar: str
    first_session: str
    last_session: str
    sessions: int
    benchmark: str | None
    cash: str | None
    feeds: tuple[FeedCoverage, ...]
    universes: tuple[UniverseCoverage, ...]
    prices: PriceCoverage

    def as_dict(self) -> dict[str, Any]:
        """Nested dictionaries, ready for JSON."""
        return asdict(self)


def coverage(market: Market) -> Coverage:
    """Count what `market` has and lacks, without changing or refusing anything."""
    return Coverage(
        name=market.name,
        fingerprint=market.fingerprint,
        calendar=market.calendar.name,
        first_session=_day(market.sessions[0]),
        last_session=_day(market.sessions[-1]),
        sessions=len(market.sessions),
        benchmark=market.benchmark,
        cash=market.cash,
        feeds=tuple(_feed(feed, market.calendar.closes[-1]) for feed in market.feeds),
        universes=tuple(_universe(market.universes[name], market.prices) for name in sorted(market.universes)),
        prices=_prices(market.prices),
    )


def _day(instant: pd.Timestamp | np.datetime64) -> str:
    return pd.Timestamp(instant).strftime("%Y-%m-%d")


def _feed(feed: Feed, end: np.datetime64) -> FeedCoverage:
    known = max(int(np.searchsorted(feed.known_at, end, side="right")) - 1, 0)
    age = end - feed.known_at[known]
    return FeedCoverage(
        kind=feed.kind,
        asset=feed.asset,
        path=feed.path,
        interval=str(feed.interval),
        delay=str(feed.delay),
        first=np.datetime_as_string(feed.times[0], unit="m"),
        last=np.datetime_as_string(feed.times[-1], unit="m"),
        rows=len(feed),
        missing_intervals=feed.missing_intervals,
        longest_gap_hours=_longest_gap(feed),
        blanks=sum(int(np.isnan(values).sum()) for values in feed.columns.values()),
        repeated_rows=feed.repeated_rows,
        age_hours=round(float(age / HOUR), 2),
        stale=bool(age > feed.tolerance),
        regimes=_regimes(feed),
    )


def _longest_gap(feed: Feed) -> float:
    if len(feed) < 2:
        return 0.0
    return round(float((np.diff(feed.times).max() - feed.interval.timedelta) / HOUR), 2)


def _regimes(feed: Feed) -> tuple[RegimeCoverage, ...]:
    numbers, starts, counts = np.unique(feed.regimes, return_index=True, return_counts=True)
    return tuple(
        RegimeCoverage(
            feed.regime_names[number], _day(feed.times[start]), _day(feed.times[start + rows - 1]), int(rows)
        )
        for number, start, rows in zip(numbers, starts, counts, strict=True)
        if feed.regime_names[number]
    )


def _universe(universe: Universe, prices: Prices) -> UniverseCoverage:
    priced = tuple(symbol for symbol in universe.symbols if symbol in prices)
    columns = prices.columns_of(priced)
    living = universe.members(prices.sessions, priced) & np.isfinite(prices.close[:, columns])
    alive = living.sum(axis=1)
    return UniverseCoverage(
        name=universe.name,
        symbols=len(universe.symbols),
        priced=len(priced),
        without_prices=tuple(symbol for symbol in universe.symbols if symbol not in prices),
        alive_at_start=int(alive[0]),
        alive_at_end=int(alive[-1]),
        alive_min=int(alive.min()),
        alive_median=float(np.median(alive)),
        alive_max=int(alive.max()),
        missing_opens=int((living & np.isnan(prices.open[:, columns])).sum()),
    )


def _prices(prices: Prices) -> PriceCoverage:
    closed = np.isfinite(prices.close)
    ever: BoolArray = np.any(closed, axis=0)
    opened = np.isfinite(prices.open)
    row = np.arange(len(closed))[:, None]
    gaps = ~closed & (row > prices.first_rows) & (row < prices.last_rows)
    empty: BoolArray = ~np.any(closed | opened, axis=1)
    count, moves = _extremes(prices)
    return PriceCoverage(
        symbols=len(prices.symbols),
        rows=int(closed.sum()),
        without_close=_names(prices, ~ever),
        listed_late=_names(prices, ever & (prices.first_rows > 0)),
        ended_early=_names(prices, prices.ended),
        close_only=_names(prices, ever & ~np.any(opened, axis=0)),
        gap_names=_names(prices, np.any(gaps, axis=0)),
        gap_cells=int(gaps.sum()),
        missing_opens=int((closed & ~opened).sum()),
        zero_volume=int((prices.volume == 0).sum()),
        outside_range=int(_outside_range(prices).sum()),
        extreme_count=count,
        extreme_moves=moves,
        empty_sessions=tuple(_day(session) for session in prices.sessions[empty]),
    )


def _names(prices: Prices, chosen: BoolArray) -> tuple[str, ...]:
    return tuple(prices.symbols[column] for column in np.flatnonzero(chosen))


def _outside_range(prices: Prices) -> BoolArray:
    above = np.fmax(prices.open, prices.close) > prices.high
    below = np.fmin(prices.open, prices.close) < prices.low
    return np.asarray(above | below, dtype=np.bool_)


def _extremes(prices: Prices) -> tuple[int, tuple[tuple[str, str, float], ...]]:
    returns = prices.close[1:] / prices.close[:-1] - 1.0
    rows, columns = np.nonzero(np.abs(returns) > EXTREME)
    sizes = returns[rows, columns]
    order = np.argsort(-np.abs(sizes), kind="stable")[:_EXTREMES_LISTED]
    moves = (
        (prices.symbols[columns[each]], _day(prices.sessions[rows[each] + 1]), round(float(sizes[each]), 4))
        for each in order
    )
    return len(sizes), tuple(moves)


def render(report: Coverage) -> RenderableType:
    """The tables that `undertow market check` prints."""
    parts = [_overview(report), _feed_table(report), _regime_table(report), _universe_table(report)]
    parts += [_price_table(report.prices), _move_table(report.prices)]
    return Group(*(part for part in parts if part.row_count))


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    # Text throughout: square brackets in a plain string would be read as markup.
    table = Table(title=Text(title), title_justify="left", show_header=any(columns))
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 or not any(columns) else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    return table


def _overview(report: Coverage) -> Table:
    span = f"{report.first_session} to {report.last_session}, {report.sessions:,} on {report.calendar}"
    rows = [("fingerprint", report.fingerprint), ("sessions", span)]
    rows += [("benchmark", report.benchmark or "none"), ("cash", report.cash or "none: cash earns nothing")]
    return _table(report.name, ("", ""), rows)


def _feed_table(report: Coverage) -> Table:
    columns = ("feed", "interval", "delay", "first", "last", "rows", "missing", "longest gap", "repeats", "age at end")
    rows = [
        (
            f"{feed.kind} {feed.asset}".strip(),
            feed.interval,
            feed.delay,
            feed.first[:10],
            feed.last[:10],
            feed.rows,
            feed.missing_intervals,
            f"{feed.longest_gap_hours:g} h",
            feed.repeated_rows,
            f"{feed.age_hours:g} h" + (", stale" if feed.stale else ""),
        )
        for feed in report.feeds
    ]
    return _table("Feeds", columns, rows)


def _regime_table(report: Coverage) -> Table:
    rows = [
        (f"{feed.kind} {feed.asset} {feed.interval}", regime.name, regime.first, regime.last, regime.rows)
        for feed in report.feeds
        for regime in feed.regimes
    ]
    return _table(
        "Venue regimes: levels are not comparable across them", ("feed", "regime", "first", "last", "rows"), rows
    )


def _universe_table(report: Coverage) -> Table:
    columns = (
        "universe",
        "symbols",
        "priced",
        "alive first",
        "last",
        "min",
        "median",
        "max",
        "missing opens",
        "no prices",
    )
    rows = [
        (
            each.name,
            each.symbols,
            each.priced,
            each.alive_at_start,
            each.alive_at_end,
            each.alive_min,
            f"{each.alive_median:g}",
            each.alive_max,
            each.missing_opens,
            _some(each.without_prices),
        )
        for each in report.universes
    ]
    return _table("Universes", columns, rows)


def _price_table(prices: PriceCoverage) -> Table:
    gaps = f"{prices.gap_cells:,} sessions in {_some(prices.gap_names)}" if prices.gap_cells else "none"
    rows = [
        ("symbols", prices.symbols),
        ("rows with a close", prices.rows),
        ("without any close", _some(prices.without_close)),
        ("listed after the first session", _some(prices.listed_late)),
        ("ended before the last session", _some(prices.ended_early)),
        ("close only", _some(prices.close_only)),
        ("gaps inside a listing", gaps),
        ("rows without an open", prices.missing_opens),
        ("rows with zero volume", prices.zero_volume),
        ("open or close outside [low, high]", prices.outside_range),
        (f"moves beyond ±{EXTREME:.0%} in a session", prices.extreme_count),
        ("sessions without any row", _some(prices.empty_sessions)),
    ]
    return _table("Prices", ("", ""), rows)


def _move_table(prices: PriceCoverage) -> Table:
    rows = [(symbol, session, f"{size:+.1%}") for symbol, session, size in prices.extreme_moves]
    return _table("Largest one-session moves", ("symbol", "session", "return"), rows)


def _some(names: Sequence[str]) -> str:
    if not names:
        return "none"
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return f"{len(names):,}: {', '.join(names[:_NAMES_SHOWN])}{more}"
