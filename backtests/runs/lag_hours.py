"""How many hours later: from the shock to the fill, as the episodes of a rule have it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.backtests.kernel.sleeves import decision_for_rows, drop_unpriced_hedge
from undertow.market.clock import HOUR, FloatArray
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.decided import decided, shocks_of
from undertow.strategies.strategy import Strategy


@dataclass(frozen=True)
class LagHours:
    """Hours from the shock, the instant at which the trigger became known, to the fill, over some episodes.

    A parameter `lag` says how old a shock must be at a decision. Decisions come once a session, so that the fill is
    later, by nights and weekends: this is what the rule does, and what compares with a lag found in the market.
    `median`, `low` and `high` (the quartiles) are over the `episodes` that have a shock.
    """

    median: float
    low: float
    high: float
    episodes: int

    def sentence(self) -> str:
        """`From the shock to the fill: 39 h in the median, half of 23 episodes within 35 to 45 h.`"""
        if self.episodes == 1:
            return f"From the shock to the fill: {self.median:.0f} h, in one episode."
        half = f"half of {self.episodes:,} episodes within {self.low:.0f} to {self.high:.0f} h"
        return f"From the shock to the fill: {self.median:.0f} h in the median, {half}."


def summarised(hours: FloatArray) -> LagHours | None:
    """What the hours of some episodes (E,) come to, NaN where one has no shock; None where none has."""
    known = hours[np.isfinite(hours)]
    if not len(known):
        return None
    low, median, high = (float(each) for each in np.percentile(known, (25, 50, 75)))
    return LagHours(median, low, high, len(known))


def lag_hours(strategy: Strategy, table: DecisionTable, rows: slice) -> LagHours | None:
    """What `Run.lag_hours` of a backtest over these sessions is, without its account."""
    kind = type(strategy)
    acting = drop_unpriced_hedge(
        table, decision_for_rows(decided(kind, table, kind.stack([strategy])), rows), rows
    ).acting[:, 0]
    starts = np.flatnonzero(acting & ~np.concatenate(([False], acting[:-1])))
    shocks, filled = shocks_of(strategy, table)[rows][starts], table.decisions.filled_at[rows][starts]
    named = ~np.isnat(shocks)
    return summarised(np.asarray((filled[named] - shocks[named]) / HOUR, dtype=np.float64))
