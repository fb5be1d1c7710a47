"""Feeds and prices that stand still while the clock goes on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.backtests.checklist.instants import instant_text
from undertow.market import Feed, InstantArray, Market, load_calendar

# Prices of a session are expected within a day of its close.
_GRACE = np.timedelta64(24, "h")


def stopped_feeds(market: Market, instant: np.datetime64) -> dict[str, str]:
    """The feeds without a value for longer than their tolerance, and their last one.

    A feed is named by its path, and "prices" has stopped where a session that closed more than a day ago has none. The
    value is the instant (UTC) at which the last row with a value was known. A feed that repeats itself (frozen) has no
    values. Feeds that begin after `instant` are left out.

    Args:
        market: prices and feeds.
        instant: present instant, UTC.
    """
    stopped = {}
    for feed in market.feeds:
        known = _known_at(feed)
        known = known[known <= instant]
        if len(known) and instant - known[-1] > feed.tolerance:
            stopped[feed.path] = instant_text(known[-1])
    if (last := _last_priced(market, instant)) is not None:
        stopped["prices"] = instant_text(last)
    return stopped


def _known_at(feed: Feed) -> InstantArray:
    """The instants at which rows with a value were known.

    Those of all rows where none has one.
    """
    finite = np.zeros(len(feed), dtype=np.bool_)
    for values in feed.columns.values():
        finite |= np.isfinite(values)
    return feed.known_at[finite] if finite.any() else feed.known_at


def _last_priced(market: Market, instant: np.datetime64) -> np.datetime64 | None:
    """The close of the last session with prices, None where no later one is due."""
    priced = np.isfinite(market.prices.close).any(axis=1) & (market.calendar.closes <= instant)
    if not priced.any():
        return None
    close = market.calendar.closes[np.flatnonzero(priced)[-1]]
    end = max(pd.Timestamp(instant).normalize(), market.sessions[-1])
    closes = load_calendar(market.calendar.name, market.sessions[0], end).closes
    return close if ((closes > close) & (closes <= instant - _GRACE)).any() else None
