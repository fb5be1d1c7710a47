"""Feeds that a strategy reads and a market lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from undertow.market import Fill, Market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Strategy, decided


def missing_feeds(
    strategy: type[Strategy], market: Market, universe: str, fill: Fill, fixed: Mapping[str, Any]
) -> dict[str, str]:
    """The reasons why signals have no value at all, by signal.

    With parameters at their defaults or fixed.

    Args:
        strategy: class of the strategy.
        market: market of the search.
        universe: name of a universe or a screen.
        fill: "open" or "close".
        fixed: values by parameter.
    """
    table = DecisionTable(market, universe, fill)
    decided(strategy, table, strategy.stack([strategy.create(fixed)]))
    return dict(sorted(table.absent.items()))
