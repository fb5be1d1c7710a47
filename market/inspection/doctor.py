"""Everything that is probably wrong in a market that loads, the gravest first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from undertow.market.clock import IntArray
from undertow.market.inspection.doubt import GRAVITY, Doubt
from undertow.market.inspection.feed_doubts import feed_doubts
from undertow.market.inspection.price_doubts import price_doubts
from undertow.market.market import Market

# Rows of feeds before a run that its signals may still read.
_WARM_UP = np.timedelta64(365, "D")


def market_doubts(market: Market) -> tuple[Doubt, ...]:
    """What is probably wrong in the prices and feeds of a market, the gravest first.

    Nothing is changed or refused: a doubt has its first case and the line of repair. What is an error would give wrong
    figures, a warning may be true of the world. Blanks are no doubts; they are counted by `market_coverage`.

    Args:
        market: the market.
    """
    doubts = [*price_doubts(market), *feed_doubts(market)]
    return tuple(sorted(doubts, key=lambda doubt: GRAVITY.index(doubt.severity)))


def error_findings(market: Market, rows: slice, columns: IntArray) -> dict[str, str]:
    """The doubts of severity error about what a run uses, one line a place.

    Args:
        market: the market.
        rows: sessions of the run.
        columns: columns of its names in the prices (N,).
    """
    calendar = market.calendar
    first, last = calendar.opens[rows][0] - _WARM_UP, calendar.closes[rows][-1]
    spans = ((feed, (feed.known_at >= first) & (feed.known_at <= last)) for feed in market.feeds)
    feeds = tuple(feed.keep(known) for feed, known in spans if known.any())
    used = replace(market, prices=market.prices.select(rows, columns), feeds=feeds, universes={}, benchmark=None)
    doubts = [doubt for doubt in market_doubts(used) if doubt.severity == "error"]
    return {doubt.where: f"{doubt.kind}: {doubt.example}; {doubt.repair}" for doubt in doubts}
