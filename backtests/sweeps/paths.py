"""Two ways to walk every set of a plan, with one kind of result: segment by segment, and the order kernel."""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

import numpy as np

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.many import walk_all
from undertow.backtests.kernel.path import rates_of, selling_order
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.kernel.records import SetPlans
from undertow.backtests.kernel.state import CASH, CLOSED, DEFERRED, OPEN_AT_END, PAID, TURNOVER
from undertow.backtests.segments.cut import cut_segments
from undertow.backtests.segments.follow import reference_nb
from undertow.backtests.segments.metrics import metrics_many_nb
from undertow.backtests.segments.paths import walk_segments_nb
from undertow.market.clock import FloatArray, IntArray
from undertow.strategies.plan import Decision, Plan

# Not every threading layer of numba bears being entered by two threads at once.
_ONE_AT_A_TIME = Lock()


class WalkedSets(NamedTuple):
    """What P paths came to.

    `metrics` (P, M) in the order of `METRIC_NAMES`; `values` at the close (P, T) where they are kept, else
    (P, 0); `sums` (P, 3) turnover, costs paid, share of cash summed over the sessions; `counts` (P, 3) deferred fills,
    names closed, orders open at the end.
    """

    metrics: FloatArray
    values: FloatArray
    sums: FloatArray
    counts: IntArray


def by_segments(tape: PriceGrid, plan: Plan, costs: Costs, capital: float, *, keep: bool = False) -> WalkedSets:
    """Walk sets that hold nothing but stocks and cash, without stops or tax lots."""
    segments = cut_segments(tape, plan.base, plan.rebalanced)
    rates = rates_of(costs)
    reference = reference_nb(segments, rates, capital)
    exposure = np.ascontiguousarray(plan.decision.exposure.T)
    orders = _orders(plan.decision, segments.names, plan.base.shape)
    sets = SetPlans(exposure, orders, plan.decision.score_of_set.astype(np.int64))
    with _ONE_AT_A_TIME:
        found = walk_segments_nb(segments, reference, sets, rates, capital, tape.cash_returns, keep)
    return WalkedSets(*found)


def by_kernel(tape: PriceGrid, plan: Plan, costs: Costs, capital: float, *, keep: bool = False) -> WalkedSets:
    """Walk any sets by the order kernel, session by session and name by name.

    An account that comes to nothing or less has no figures and no values: NaN.
    """
    with _ONE_AT_A_TIME:
        values, sums, counts = walk_all(tape, plan, costs, capital)
        metrics = metrics_many_nb(values, capital, tape.cash_returns)
    broke = (values <= 0.0).any(axis=1)
    metrics[broke], sums[broke] = np.nan, np.nan
    values[broke] = np.nan
    places = [TURNOVER, PAID, CASH], [DEFERRED, CLOSED, OPEN_AT_END]
    return WalkedSets(metrics, values if keep else values[:, :0], sums[:, places[0]], counts[:, places[1]])


def _orders(decision: Decision, names: IntArray, shape: tuple[int, ...]) -> IntArray:
    """Selling orders (K, T, N) of the names in the base alone, numbered as in `names`."""
    rows = len(decision.exposure)
    if not decision.scores:
        return np.zeros((0, rows, len(names)), dtype=np.int64)
    place = np.full(shape[1], -1, dtype=np.int64)
    place[names] = np.arange(len(names))
    orders = np.stack([selling_order(score) for score in decision.scores])
    found = np.full((len(orders), rows, len(names)), -1, dtype=np.int64)
    # A session without any score has no order: its marker is no name.
    ordered = orders[:, :, 0] >= 0
    numbered = place[orders[ordered]]
    found[ordered] = numbered[numbered >= 0].reshape(-1, len(names))
    return found
