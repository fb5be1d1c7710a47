"""Timing or absence: what a rule gains by when it is away, apart from how much it is away and what trading costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.backtests.kernel.state import DE_RISK, HEDGE, RE_ENTRY, REASONS, ROTATE, STOP, WAITED
from undertow.backtests.runs.run import Run
from undertow.evidence.difference import Difference, difference
from undertow.market.clock import BoolArray, FloatArray, IntArray
from undertow.strategies.weights import rebalance_rows

_RULE = [REASONS[each] for each in (DE_RISK, RE_ENTRY, STOP, ROTATE, HEDGE)]


@dataclass(frozen=True)
class Timing:
    """A run before the costs of its rule, less a mix of its basket and cash that is as much in stocks on every session.

    What is left is when the rule is away, and of what: the order in which it sells, and where the money goes. `share`
    is the part of the mix in stocks: what the run has there on average, net of what is sold short. A proportional rule
    that is away at random has a timing of zero, however much it is away and whatever stocks earn; what it lost to
    them, and to costs, is the rest of its difference to buy-and-hold. Returns are simple ones, a year the mean session
    times 252: those of a share that varies compound to less than those of a constant one, whatever the rule knows.
    """

    apart: Difference
    share: float

    def sentence(self) -> str:
        """One honest sentence for a report."""
        return self.apart.annual_return.sentence(
            "Its timing and choice of names, before the costs of its own orders and against a mix of basket and cash"
            f" that is {self.share:.0%} in stocks on every session",
            self.apart.kind,
        )


def timing(run: Run, *, seed: int = 0, resamples: int = 1000, level: float = 0.95) -> Timing:
    """What the timing of a run's rule was worth, annual simple return, with its interval; see `Timing`, `difference`.

    The costs of orders that renew the basket stay in both, whatever else they serve: buy-and-hold pays them too. An
    order that had to wait for a price is the rule's or a renewal's, whichever acted last. Arguments and errors as in
    `difference`.
    """
    own, hold, cash, share = (_column(run, name) for name in ("return", "hold_return", "cash_return", "cash_share"))
    held = 1.0 - float(share.mean())
    before = _column(run, "value") / (1.0 + own)
    gross = own + _rule_costs(run) / before
    mix = held * hold + (1.0 - held) * cash
    return Timing(difference(gross, mix, seed=seed, resamples=resamples, level=level, compounded=False), held)


def _rule_costs(run: Run) -> FloatArray:
    """Costs in USD of the orders that the rule gave, session by session (T,)."""
    sessions = run.series.index
    at = sessions.searchsorted(run.orders["session"])
    reason = run.orders["reason"].to_numpy(dtype=object)
    given = np.isin(reason, _RULE)
    given |= (reason == REASONS[WAITED]) & _rule_acted_last(run, at[given])[at]
    costs = np.zeros(len(sessions))
    np.add.at(costs, at[given], run.orders["costs"].to_numpy(dtype=np.float64)[given])
    return costs


def _rule_acted_last(run: Run, given: IntArray) -> BoolArray:
    """Whether the rule gave orders after the last renewal (T,); on a session that renews, the renewal did."""
    acted = np.diff(run.exposure.to_numpy(dtype=np.float64), prepend=1.0) != 0.0
    acted[given] = True
    renewed = np.zeros(len(acted), dtype=np.bool_)
    renewed[rebalance_rows(pd.DatetimeIndex(run.series.index), run.recipe.rebalance)] = True
    rows = np.arange(len(acted))
    latest: BoolArray = np.maximum.accumulate(np.where(acted & ~renewed, rows, -1)) > np.maximum.accumulate(
        np.where(renewed, rows, -1)
    )
    return latest


def _column(run: Run, name: str) -> FloatArray:
    return run.series[name].to_numpy(dtype=np.float64)
