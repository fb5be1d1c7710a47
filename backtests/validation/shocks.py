"""Shock events of a strategy as a split keeps them whole: from the shock to the end of what it sets off."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.backtests.validation.events import Events
from undertow.market.calendar import Fill
from undertow.market.clock import IntArray
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.signals.decisions.table import DecisionTable, shared_table
from undertow.strategies.decided import decided, shocks_of
from undertow.strategies.strategy import Strategy

# Parameters, in hours, whose sum is how long after a shock a position may still be away.
_HORIZON = ("lag", "max_hold")
_FALLBACK_HOURS = 120.0


def shock_events(
    strategy: Strategy, market: Market, sessions: pd.DatetimeIndex, *, universe: str = "growth", fill: Fill = "open"
) -> Events:
    """The shocks of `strategy` within `sessions`: first session, and length up to shock + lag + max_hold hours.

    Five days where the strategy has neither parameter; longer where the strategy, with the parameters given, is away
    longer: an event lasts until the episode that it set off is over. A choice that tuning makes may be away for
    longer still. Raises `ParameterError` where it names no shock there.
    """
    table = shared_table(market, universe, fill)
    shocks = shocks_of(strategy, table)
    shocks = np.unique(shocks[~np.isnat(shocks)])
    at = table.decisions.at
    begin = np.searchsorted(at, shocks)
    end = np.searchsorted(at, shocks + np.timedelta64(round(horizon_hours(strategy) * 60), "m"), side="right")
    first, last = (int(market.sessions.searchsorted(sessions[place])) for place in (0, -1))
    inside = (begin >= first) & (begin <= last)
    if not inside.any():
        raise ParameterError(
            f"`{strategy.name()}` names no shock from {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}, so there are"
            " no events to keep whole; leave `events` out"
        )
    lengths = np.maximum(_over(strategy, table, end) - begin, 1)[inside]
    return Events([int(row) for row in begin[inside] - first], [int(each) for each in lengths])


def _over(strategy: Strategy, table: DecisionTable, end: IntArray) -> IntArray:
    """The rows `end` (K,), moved on to the end of the episode that the strategy is in there."""
    kind = type(strategy)
    found = decided(kind, table, kind.stack([strategy]))
    acting = found.acting[:, 0]
    if found.above is None:
        # Without tiers, rest is the most that it ever holds.
        net = found.exposure[:, 0] - (0.0 if found.hedge is None else found.hedge[:, 0])
        acting = net < net.max()
    calm = np.append(np.flatnonzero(~acting), len(acting))
    last = np.minimum(end, len(acting) - 1)
    over: IntArray = np.where(acting[last], calm[np.searchsorted(calm, last)], end)
    return over


def horizon_hours(strategy: Strategy) -> float:
    """How long after a shock the strategy may still be out of the market, in hours."""
    given = strategy.parameters
    found = [float(given[name]) for name in _HORIZON if name in given]
    return sum(found) if found else _FALLBACK_HOURS
