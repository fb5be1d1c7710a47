"""The coverage of a market, as counts.

Spans, gaps, stale feeds, names without prices, fills that could not be made.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.market.clock import HOUR, BoolArray, FloatArray
from undertow.market.feeds import Feed
from undertow.market.inspection.changes import is_extreme, price_changes
from undertow.market.inspection.doctor import market_doubts
from undertow.market.inspection.doubt import Doubt
from undertow.market.inspection.findings import FROZEN_PRICE_SESSIONS, feed_findings, market_findings
from undertow.market.market import Market
from undertow.market.prices import Prices
from undertow.market.universe import Universe

_EXTREMES_LISTED = 10


@dataclass(frozen=True)
class RegimeCoverage:
    """One venue regime of a feed: its first and last day and its rows."""

    name: str
    first: str
    last: str
    rows: int


@dataclass(frozen=True)
class FeedCoverage:
    """One feed.

    `first` and `last` are stamps in UTC, `blanks` counts missing values. `longest_gap_hours` is the longest time
    without a row: beyond the interval, for a feed that has one. `age_hours` is how long the last row known by the last
    session's close had then been known; `stale` where that is beyond its tolerance. `zero_rows` were put in where no
    row means that nothing happened; `frozen_rows` lost their value because they repeat what was before for too long,
    and `frozen` says that the last row is one of them. Of bars, `outside_range` counts
    rows whose open or close lies outside [low, high], and `extreme_moves` are the largest returns from one close to the
    next beyond ±45 % as (stamp, return), `extreme_count` of them in all: wrong ticks, more often than not.
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
    zero_rows: int
    frozen_rows: int
    frozen: bool
    age_hours: float
    stale: bool
    regimes: tuple[RegimeCoverage, ...]
    outside_range: int
    extreme_count: int
    extreme_moves: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class UniverseCoverage:
    """One universe.

    A member is alive on a session where it belongs and has a close. `missing_opens` counts the sessions of living
    members that `fill="open"` cannot fill.
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
    [low, high] (a vendor's quirk, no error), `extreme_moves` the largest moves beyond ±45 % from the last close as
    (symbol, session, return). `without_last_session` are names with a close on the session before the last one with
    prices, but not on it; `frozen_names` repeat whole bars, volume included, on more than five sessions in a row.
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
    without_last_session: tuple[str, ...]
    frozen_names: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """The report of `undertow market check`: plain text and numbers only."""

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
    findings: dict[str, str]
    doubts: tuple[Doubt, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Nested dictionaries, ready for JSON."""
        return {**asdict(self), "doubts": [doubt.as_dict() for doubt in self.doubts]}


def market_coverage(market: Market) -> Coverage:
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
        findings=market_findings(market) | feed_findings(market),
        doubts=market_doubts(market),
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
        zero_rows=feed.zero_rows,
        frozen_rows=int(feed.frozen_rows.sum()),
        frozen=bool(feed.frozen_rows[known]),
        age_hours=round(float(age / HOUR), 2),
        stale=bool(end > feed.expires_at(int(known))),
        regimes=_regimes(feed),
        **_bars(feed),
    )


def _bars(feed: Feed) -> dict[str, Any]:
    if feed.kind != "bars":
        return {"outside_range": 0, "extreme_count": 0, "extreme_moves": ()}
    close = feed["close"]
    returns = close[1:] / close[:-1] - 1.0
    rows = np.flatnonzero(is_extreme(returns))
    largest = rows[np.argsort(-np.abs(returns[rows]), kind="stable")[:_EXTREMES_LISTED]]
    return {
        "outside_range": int(_outside_range(feed["open"], feed["high"], feed["low"], close).sum()),
        "extreme_count": len(rows),
        "extreme_moves": tuple(
            (np.datetime_as_string(feed.times[row + 1], unit="m"), round(float(returns[row]), 4)) for row in largest
        ),
    }


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
        outside_range=int(_outside_range(prices.open, prices.high, prices.low, prices.close).sum()),
        extreme_count=count,
        extreme_moves=moves,
        empty_sessions=tuple(_day(session) for session in prices.sessions[empty]),
        without_last_session=_names(prices, _without_last(closed)),
        frozen_names=_names(prices, _frozen_names(prices)),
    )


def _without_last(closed: BoolArray) -> BoolArray:
    priced = np.flatnonzero(closed.any(axis=1))
    if len(priced) < 2:
        return np.zeros(closed.shape[1], dtype=np.bool_)
    return np.asarray(closed[priced[-2]] & ~closed[priced[-1]], dtype=np.bool_)


def _frozen_names(prices: Prices) -> BoolArray:
    repeats = (prices.volume[1:] == prices.volume[:-1]) & (prices.volume[1:] > 0.0)
    for field in ("open", "high", "low", "close"):
        values = getattr(prices, field)
        repeats &= values[1:] == values[:-1]
    # A run of n repeats has n of them in each of its windows of n rows.
    totals = np.cumsum(np.concatenate((np.zeros((1, repeats.shape[1]), np.int64), repeats)), axis=0)
    needed = FROZEN_PRICE_SESSIONS
    if len(totals) <= needed:
        return np.zeros(repeats.shape[1], dtype=np.bool_)
    return np.asarray(np.any(totals[needed:] - totals[:-needed] == needed, axis=0), dtype=np.bool_)


def _names(prices: Prices, chosen: BoolArray) -> tuple[str, ...]:
    return tuple(prices.symbols[column] for column in np.flatnonzero(chosen))


def _outside_range(opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> BoolArray:
    above = np.fmax(opened, close) > high
    below = np.fmin(opened, close) < low
    return np.asarray(above | below, dtype=np.bool_)


def _extremes(prices: Prices) -> tuple[int, tuple[tuple[str, str, float], ...]]:
    changes = price_changes(prices.close)
    rows, columns = np.nonzero(is_extreme(changes))
    sizes = changes[rows, columns]
    order = np.argsort(-np.abs(sizes), kind="stable")[:_EXTREMES_LISTED]
    moves = (
        (prices.symbols[columns[move]], _day(prices.sessions[rows[move]]), round(float(sizes[move]), 4))
        for move in order
    )
    return len(sizes), tuple(moves)
