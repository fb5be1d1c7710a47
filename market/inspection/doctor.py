"""Everything that is probably wrong in a market that loads, the gravest first."""

from __future__ import annotations

from undertow.market.inspection.doubt import GRAVITY, Doubt
from undertow.market.inspection.feed_doubts import feed_doubts
from undertow.market.inspection.price_doubts import price_doubts
from undertow.market.market import Market


def market_doubts(market: Market) -> tuple[Doubt, ...]:
    """What is probably wrong in the prices and feeds of a market, the gravest first.

    Nothing is changed or refused: a doubt has its first case and the line of repair. What is an error would give wrong
    figures, a warning may be true of the world. Blanks are no doubts; they are counted by `market_coverage`.

    Args:
        market: the market.
    """
    doubts = [*price_doubts(market), *feed_doubts(market)]
    return tuple(sorted(doubts, key=lambda doubt: GRAVITY.index(doubt.severity)))
