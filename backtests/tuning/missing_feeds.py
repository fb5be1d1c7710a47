"""What a strategy reads and a market does not have: a search of it is a search among equals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from undertow.market.calendar import Fill
from undertow.market.market import Market
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.decided import decided
from undertow.strategies.strategy import Strategy


def missing_feeds(
    strategy: type[Strategy], market: Market, universe: str, fill: Fill, fixed: Mapping[str, Any]
) -> dict[str, str]:
    """Why a signal has no value at all, by its name, as a run counts it; at the defaults and what is fixed."""
    table = DecisionTable(market, universe, fill)
    decided(strategy, table, strategy.stack([strategy.create(fixed)]))
    return dict(sorted(table.absent.items()))
