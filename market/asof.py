"""A market as it stands at one instant, with the session that is decided next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from undertow.market.calendar import Calendar, Decisions, Fill, decisions, load_calendar
from undertow.market.clock import FloatArray, InstantArray, instants
from undertow.market.errors import DataError, ParameterError
from undertow.market.market import Market
from undertow.market.prices import PRICE_FIELDS, Prices

# No exchange is closed for longer.
_LONGEST_CLOSURE = pd.Timedelta(days=28)


def instant_of(text: str | pd.Timestamp) -> np.datetime64:
    """An instant from text with a zone, such as 2024-08-04T15:00Z, or from "now".

    Raises `ParameterError` on anything else.
    """
    problem = ParameterError(
        f"`asof` must be an instant with a zone such as 2024-08-04T15:00Z, or now; got {str(text)!r}"
    )
    if text == "now":
        return np.datetime64(instants(pd.DatetimeIndex([pd.Timestamp.now("UTC").floor("min")]))[0])
    try:
        stamp = pd.Timestamp(text)
    except ValueError:
        raise problem from None
    if pd.isna(stamp) or stamp.tz is None:
        raise problem
    try:
        return np.datetime64(instants(pd.DatetimeIndex([stamp]))[0])
    except pd.errors.OutOfBoundsDatetime:
        raise problem from None


def last_known(market: Market) -> np.datetime64:
    """The last instant at which a price or a crypto feed's row became known.

    Macro series are left out: they are published days later.
    """
    ends = [feed.known_at[-1] for feed in market.feeds if len(feed) and not feed.interval.sessions]
    return np.datetime64(max([market.calendar.closes[-1], *ends]))


def market_at(market: Market, instant: np.datetime64, fill: Fill = "open") -> tuple[Market, Decisions]:
    """The market as known at `instant`, and its decisions up to the next fill.

    The last session is the one that is filled next; its prices are missing but for those known at `instant`. It is
    decided at `instant` itself, or at its own decision instant where that has passed: between decision and fill the
    orders are still those that a backtest decided. Raises `DataError` where no session closed before `instant`.
    """
    if not (market.calendar.closes <= instant).any():
        raise DataError(
            f"market {market.name!r}: no session had closed by {pd.Timestamp(instant):%Y-%m-%dT%H:%MZ}; it starts on"
            f" {market.sessions[0].date()}"
        )
    schedule = _extended(market.calendar, instant)
    calendar = _first(schedule, int(np.searchsorted(decisions(schedule, fill).filled_at, instant, side="right")))
    plain = decisions(calendar, fill)
    at = np.minimum(plain.at, instant)
    return _known(market, calendar, instant), Decisions(plain.sessions, at, plain.filled_at, fill)


def market_ahead(market: Market, instant: np.datetime64, hours: float, fill: Fill = "open") -> tuple[Market, Decisions]:
    """The market as known at `instant`, with decisions up to one `hours` later.

    For the effect of a lag: the sessions to come have no prices.

    Args:
        market: the market.
        instant: what became known later is removed, UTC.
        hours: the last decision is the first one at least this much later.
        fill: "open" or "close".
    """
    later = instant + np.timedelta64(round(hours * 3600), "s")
    schedule = _extended(market.calendar, later)
    calendar = _first(schedule, int(np.searchsorted(decisions(schedule, fill).at, later, side="left")))
    return _known(market, calendar, instant), decisions(calendar, fill)


def _known(market: Market, calendar: Calendar, instant: np.datetime64) -> Market:
    feeds = (feed.keep(feed.known_at <= instant) for feed in market.feeds)
    return replace(
        market,
        prices=_known_prices(market.prices, calendar, instant),
        feeds=tuple(feed for feed in feeds if len(feed)),
        truth=None,
    )


def _extended(calendar: Calendar, instant: np.datetime64) -> Calendar:
    """The sessions of the market, and the exchange's schedule after `instant`."""
    end = max(calendar.sessions[-1], pd.Timestamp(instant).normalize() + _LONGEST_CLOSURE)
    return load_calendar(calendar.name, calendar.sessions[0], end)


def _first(calendar: Calendar, last: int) -> Calendar:
    return calendar.slice(calendar.sessions[0], calendar.sessions[last])


def _known_prices(prices: Prices, calendar: Calendar, instant: np.datetime64) -> Prices:
    rows = min(len(calendar.sessions), len(prices.sessions))

    def panel(field: str) -> FloatArray:
        known_at: InstantArray = calendar.opens if field == "open" else calendar.closes
        out = np.full((len(calendar.sessions), len(prices.symbols)), np.nan)
        out[:rows] = getattr(prices, field)[:rows]
        out[known_at > instant] = np.nan
        return out

    return Prices(calendar, prices.symbols, **{field: panel(field) for field in PRICE_FIELDS})
