"""Bars of a condition against the feeds of a market."""

from __future__ import annotations

from undertow.market import DataError, Market
from undertow.strategies.rules.parts import Condition


def check_interval_of(market: Market, condition: Condition, where: str) -> None:
    """Raise `DataError` where a condition names bars that no feed can make.

    They are shorter than the rows of every feed, or do not hold whole rows. A feed with longer rows beside a finer one
    is read by its own. A market without the feed is none of these: the signal then has no value, and says so.

    Args:
        market: the market
        condition: the condition
        where: file and key, for the message
    """
    minutes = condition.source.interval_hours * 60.0
    kind, _, asset = next(iter(condition.spec.inputs.values()))[0].partition(":")
    feeds = [feed for feed in market.feeds_of(kind, asset or condition.asset) if feed.interval.minutes]
    if not minutes or not feeds:
        return
    finer = [feed for feed in feeds if feed.interval.minutes <= minutes]
    if not finer:
        raise DataError(
            f"{where}: {condition.interval} is shorter than the rows of {feeds[0].label}; use {feeds[0].interval} or"
            " longer, or leave it out"
        )
    for feed in finer:
        if minutes % feed.interval.minutes:
            raise DataError(
                f"{where}: {condition.interval} does not hold whole rows of {feed.label}; use a multiple of"
                f" {feed.interval}"
            )
