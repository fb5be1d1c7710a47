"""Hours from the shock to the fill, over the episodes of a rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.backtests.kernel.sleeves import decision_for_rows, drop_unpriced_hedge
from undertow.backtests.runs.episodes import acted_before, under_way
from undertow.market import HOUR, FloatArray
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Strategy, decided, shocks_of


@dataclass(frozen=True)
class LagHours:
    """Hours from the shock to the fill.

    The shock is the instant at which the trigger became known. A parameter `lag` is the least age of a shock at a
    decision. Decisions come once a session, so the fill is later by nights and weekends: these hours, not the
    parameter, compare with a lag measured in the market.

    Args:
        median: median over the episodes that have a shock.
        low: lower quartile.
        high: upper quartile.
        episodes: number of episodes that have a shock.
    """

    median: float
    low: float
    high: float
    episodes: int

    def sentence(self) -> str:
        """`From the shock to the fill: 39 h in the median, half of 23 episodes within …`"""
        if self.episodes == 1:
            return f"From the shock to the fill: {self.median:.0f} h, in one episode."
        half = f"half of {self.episodes:,} episodes within {self.low:.0f} to {self.high:.0f} h"
        return f"From the shock to the fill: {self.median:.0f} h in the median, {half}."


def summarize_lag(hours: FloatArray) -> LagHours | None:
    """Median and quartiles of the hours of episodes (E,); None where all are NaN."""
    known = hours[np.isfinite(hours)]
    if not len(known):
        return None
    low, median, high = map(float, np.percentile(known, (25, 50, 75)))
    return LagHours(median, low, high, len(known))


def lag_hours(strategy: Strategy, table: DecisionTable, rows: slice) -> LagHours | None:
    """`Run.lag_hours` of the sessions in `rows`, without walking an account."""
    strategy_class = type(strategy)
    whole = decided(strategy_class, table, strategy_class.stack([strategy]))
    decision = drop_unpriced_hedge(table, decision_for_rows(whole, rows), rows)
    acting, stocks = decision.acting, decision.exposure
    net = stocks if decision.hedge is None else stocks - decision.hedge
    starts = np.flatnonzero(acting[:, 0] & ~np.concatenate(([False], acting[:-1, 0])))
    starts = starts[int(under_way(acting, net, stocks, acted_before(whole, rows.start))[0]) :]
    shocks, filled = shocks_of(strategy, table)[rows][starts], table.decisions.filled_at[rows][starts]
    named = ~np.isnat(shocks)
    return summarize_lag(np.asarray((filled[named] - shocks[named]) / HOUR, dtype=np.float64))
