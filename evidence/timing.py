"""Timing: what a rule gains by when it is out of stocks, not by how much it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.backtests.kernel import DE_RISK, HEDGE, RE_ENTRY, REASONS, ROTATE, STOP, WAITED
from undertow.backtests.runs import Run
from undertow.evidence.difference import Difference, difference
from undertow.market import BoolArray, FloatArray, IntArray
from undertow.strategies import rebalance_rows

_RULE_REASONS = [REASONS[code] for code in (DE_RISK, RE_ENTRY, STOP, ROTATE, HEDGE)]


@dataclass(frozen=True)
class TimingEffect:
    """A run before its rule's costs, less a mix of basket and cash of equal exposure.

    The mix has the same share in stocks on every session. The difference is the effect of when the rule is out of
    stocks, and of which: the order in which it sells, and where the money goes. A proportional rule that is out at
    random has a timing effect of zero, however much it is out and whatever stocks earn; what it lost by being out, and
    to costs, is the remainder of its difference from buy-and-hold. Returns are simple, annualised as the mean session
    times those of a year: returns of a share that varies compound to less than those of a constant one, whatever the
    rule knows.

    Args:
        difference: annual simple return of the run less that of the mix, with its interval
        share: share of the mix in stocks: the run's average, net of what is sold short
    """

    difference: Difference
    share: float

    def __repr__(self) -> str:
        return f"TimingEffect({self.difference.annual_return.summary()} a year, {self.share:.0%} in stocks)"

    def sentence(self) -> str:
        """One honest sentence for a report."""
        return self.difference.annual_return.sentence(
            "Its timing and choice of names, before the costs of its own orders and against a mix of basket and cash"
            f" that is {self.share:.0%} in stocks on every session",
            self.difference.kind,
        )


def timing(run: Run, *, seed: int = 0, resamples: int = 1000, level: float = 0.95) -> TimingEffect:
    """What the timing of a run's rule was worth a year; see `TimingEffect`.

    The costs of rebalances stay in both, whatever else their orders serve: buy-and-hold pays them too. An order that
    had to wait for a price belongs to the rule or to a rebalance, whichever acted last.

    Args:
        run: the run
        seed: seed of the bootstrap, 0 or more
        resamples: number of resamples
        level: coverage of the interval, in (0, 1)

    Raises as `difference` does.
    """
    returns, hold, cash, share = (_column(run, name) for name in ("return", "hold_return", "cash_return", "cash_share"))
    in_stocks = 1.0 - float(share.mean())
    before = _column(run, "value") / (1.0 + returns)
    gross = returns + rule_costs(run) / before
    # Where the cash symbol has no price, the account's cash earned nothing, and so does that of the mix.
    cash = np.where(np.isnan(cash), 0.0, cash)
    mix = in_stocks * hold + (1.0 - in_stocks) * cash
    effect = difference(
        gross,
        mix,
        seed=seed,
        resamples=resamples,
        level=level,
        compounded=False,
        sessions_a_year=run.recipe.sessions_a_year,
    )
    return TimingEffect(effect, in_stocks)


def rule_costs(run: Run) -> FloatArray:
    """Costs (T,) in USD of the rule's orders, session by session."""
    sessions = run.series.index
    rows = sessions.searchsorted(run.orders["session"])
    reason = run.orders["reason"].to_numpy(dtype=object)
    by_rule = np.isin(reason, _RULE_REASONS)
    by_rule |= (reason == REASONS[WAITED]) & _rule_acted_last(run, rows[by_rule])[rows]
    costs = np.zeros(len(sessions))
    np.add.at(costs, rows[by_rule], run.orders["costs"].to_numpy(dtype=np.float64)[by_rule])
    return costs


def _rule_acted_last(run: Run, rule_rows: IntArray) -> BoolArray:
    """Whether the rule acted after the last rebalance (T,), on a later session."""
    acted = np.diff(run.exposure.to_numpy(dtype=np.float64), prepend=1.0) != 0.0
    acted[rule_rows] = True
    rebalanced = np.zeros(len(acted), dtype=np.bool_)
    rebalanced[rebalance_rows(pd.DatetimeIndex(run.series.index), run.recipe.rebalance)] = True
    rows = np.arange(len(acted))
    latest: BoolArray = np.maximum.accumulate(np.where(acted & ~rebalanced, rows, -1)) > np.maximum.accumulate(
        np.where(rebalanced, rows, -1)
    )
    return latest


def _column(run: Run, name: str) -> FloatArray:
    return run.series[name].to_numpy(dtype=np.float64)
