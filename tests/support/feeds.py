"""Feeds of a market by what they hold."""

from __future__ import annotations

from undertow.market import Feed, Market


def macro_feed(market: Market, series: str) -> Feed:
    """The macro feed with a series: a market may have several, which are known at different times."""
    (feed,) = (feed for feed in market.feeds_of("macro") if series in feed.columns)
    return feed
