"""The market: everything that a run may use.

Each number carries the instant at which it was known.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from undertow.market.calendar import Calendar
from undertow.market.errors import DataError, UnknownNameError
from undertow.market.feeds import Feed
from undertow.market.prices import PRICE_FIELDS, Prices
from undertow.market.truth import Truth
from undertow.market.universe import Universe

FEED_KINDS = ("bars", "liquidations", "open_interest", "funding", "macro")


@dataclass(frozen=True, eq=False)
class Market:
    """One market: crypto feeds, macro series, equity prices, universes, calendar.

    Args:
        name: name for reports.
        prices: equity prices on every session.
        feeds: sorted by kind, asset and interval, finest first.
        universes: universes by name.
        benchmark: symbol of the benchmark, or None.
        cash: symbol whose return raised cash earns; None: cash earns nothing.
        truth: what a simulated market knows about itself; None for a real one.
        path: the folder that it was loaded from, as the user named it.
        notes: what looked wrong while it was loaded, with what to do.
    """

    name: str
    prices: Prices
    feeds: tuple[Feed, ...]
    universes: Mapping[str, Universe]
    benchmark: str | None = None
    cash: str | None = None
    truth: Truth | None = None
    path: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.prices.universes is not self.universes:
            object.__setattr__(self, "prices", self.prices.of_universes(self.universes))

    @classmethod
    def from_frames(cls, prices: Any, **tables: Any) -> Market:
        """A market from tables in memory; the arguments are those of `market_from_frames`.

        >>> import pandas as pd
        >>> days = pd.bdate_range("2024-03-04", "2024-03-08")
        >>> Market.from_frames({"close": pd.DataFrame({"AAPL": 170.0, "QQQ": 440.0}, index=days)}).benchmark
        'QQQ'
        """
        # What a table is lies above this module.
        found: Market = importlib.import_module("undertow.market.imports").market_from_frames(prices, **tables)
        return found

    def __repr__(self) -> str:
        span = f"{self.sessions[0].date()} to {self.sessions[-1].date()}"
        return f"<Market {self.name!r}: {len(self.prices.symbols)} symbols, {span}, {len(self.feeds)} feeds>"

    @property
    def calendar(self) -> Calendar:
        """The exchange calendar over the sessions of the prices."""
        return self.prices.calendar

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Every session from the first price to the last."""
        return self.prices.sessions

    def feeds_of(self, kind: str, asset: str = "") -> tuple[Feed, ...]:
        """The feeds of a kind and asset, finest interval first.

        Empty where the market has none.
        """
        return tuple(feed for feed in self.feeds if feed.kind == kind and asset in ("", feed.asset))

    def feed(self, kind: str, asset: str = "") -> Feed:
        """The finest feed of a kind and asset.

        Raises `DataError` where the market has none.
        """
        feeds = self.feeds_of(kind, asset)
        if not feeds:
            available = ", ".join(sorted({f"{feed.kind} {feed.asset}".strip() for feed in self.feeds})) or "none"
            raise DataError(
                f"market {self.name!r} has no feed of kind {kind!r} for {asset or 'any asset'}; it has: {available}"
            )
        return feeds[0]

    def bars(self, asset: str = "BTC") -> Feed:
        """Crypto bars of `asset`.

        Open, high, low, close (USD) and volume (units of the asset).
        """
        return self.feed("bars", asset)

    def liquidations(self, asset: str = "BTC") -> Feed:
        """Forced closes of `asset`, the finest feed: long_usd and short_usd per interval."""
        return self.feed("liquidations", asset)

    def open_interest(self, asset: str = "BTC") -> Feed:
        """Open interest of `asset` in USD."""
        return self.feed("open_interest", asset)

    def funding(self, asset: str = "BTC") -> Feed:
        """Funding rate of `asset`, decimal per period."""
        return self.feed("funding", asset)

    def macro(self, series: str) -> pd.Series:
        """One macro series (percent), by its stamp."""
        for feed in self.feeds_of("macro"):
            if series in feed.columns:
                return feed.frame[series]
        raise UnknownNameError("macro series", series, (name for f in self.feeds_of("macro") for name in f.columns))

    def universe(self, name: str) -> Universe:
        """The universe `name`; raises `UnknownNameError` with the nearest."""
        if name not in self.universes:
            raise UnknownNameError("universe", name, self.universes)
        return self.universes[name]

    def until(self, session: pd.Timestamp | str) -> Market:
        """The market as it was known at the close of `session`: every later row is gone."""
        rows = int(self.sessions.searchsorted(pd.Timestamp(session), "right"))
        if rows == 0:
            raise DataError(f"market {self.name!r} starts on {self.sessions[0].date()}, after {session}")
        cutoff = self.calendar.closes[rows - 1]
        feeds = (feed.keep(feed.known_at <= cutoff) for feed in self.feeds)
        return replace(
            self,
            prices=self.prices.select(slice(0, rows)),
            feeds=tuple(feed for feed in feeds if len(feed)),
            truth=None,
        )

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that change with any number, stamp or setting.

        Not with the folder of the market.
        """
        digest = hashlib.blake2b(digest_size=16)

        def add(*parts: object) -> None:
            for part in parts:
                raw = np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode()
                digest.update(len(raw).to_bytes(8, "little"))
                digest.update(raw)

        add(self.calendar.name, self.benchmark, self.cash, self.prices.symbols)
        add(np.asarray(self.sessions, dtype="datetime64[ns]"), *(getattr(self.prices, name) for name in PRICE_FIELDS))
        for feed in self.feeds:
            add(feed.kind, feed.asset, str(feed.interval), str(feed.delay), feed.times, feed.regimes, feed.regime_names)
            add(*(part for name in sorted(feed.columns) for part in (name, feed.columns[name])))
            if feed.hours is not None:
                add("exchange hours")
            if feed.stale_after is not None:
                add("tolerance", feed.stale_after)
        for name in sorted(self.universes):
            spans = self.universes[name].spans
            add(name, *(str(value) for column in ("symbol", "start", "end") for value in spans[column]))
        return digest.hexdigest()


def sort_feeds(feeds: list[Feed]) -> tuple[Feed, ...]:
    """Feeds in their settled order: kind, asset, finest interval first."""
    return tuple(sorted(feeds, key=lambda f: (f.kind, f.asset, f.interval.sessions, f.interval.minutes, f.path)))
