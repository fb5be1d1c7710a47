"""Two walks of the sets of a plan: segment by segment, and by the order kernel."""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

import numpy as np

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.many import walk_all
from undertow.backtests.kernel.path import rates_of, selling_order
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.kernel.records import SetPlans
from undertow.backtests.metrics import carried_returns
from undertow.backtests.segments.cut import cut_segments
from undertow.backtests.segments.follow import reference_nb
from undertow.backtests.segments.metrics import metrics_many_nb
from undertow.backtests.segments.paths import walk_segments_nb
from undertow.market import SESSIONS_A_YEAR, FloatArray, IntArray
from undertow.strategies import Decision, Plan

# Not every threading layer of numba may be entered by two threads at once.
_KERNEL_LOCK = Lock()


class WalkedSets(NamedTuple):
    """Figures of P accounts.

    `metrics` (P, M) in the order of `METRIC_NAMES`; `values` at the close (P, T), USD, where kept, else (P, 0);
    `sums` (P, 3) and `counts` (P, 6) over the sessions, whose positions `kernel/state.py` names.
    """

    metrics: FloatArray
    values: FloatArray
    sums: FloatArray
    counts: IntArray


def by_segments(
    grid: PriceGrid,
    plan: Plan,
    costs: Costs,
    capital: float,
    *,
    year: int = SESSIONS_A_YEAR,
    cash: FloatArray | None = None,
    keep: bool = False,
) -> WalkedSets:
    """Walk sets that hold nothing but stocks and cash, without stops or tax lots.

    Args:
        grid: prices of the run's sessions.
        plan: decisions of the sets and the base weights.
        costs: costs of trading.
        capital: starting capital, USD.
        year: sessions of a year.
        cash: session returns of cash (T,), NaN where it has no price; by default those of the grid.
        keep: whether the values at every close are kept.
    """
    segments = cut_segments(grid, plan.base, plan.rebalanced)
    rates = rates_of(costs)
    reference = reference_nb(segments, rates, capital)
    exposure = np.ascontiguousarray(plan.decision.exposure.T)
    orders = _orders(plan.decision, segments.names, plan.base.shape)
    cash_returns = carried_returns(grid.cash_returns if cash is None else cash)
    sets = SetPlans(exposure, orders, plan.decision.score_of_set.astype(np.int64))
    with _KERNEL_LOCK:
        walked = walk_segments_nb(segments, reference, sets, rates, capital, cash_returns, float(year), keep)
    return WalkedSets(*walked)


def by_kernel(
    grid: PriceGrid,
    plan: Plan,
    costs: Costs,
    capital: float,
    *,
    year: int = SESSIONS_A_YEAR,
    cash: FloatArray | None = None,
    keep: bool = False,
) -> WalkedSets:
    """Walk any sets by the order kernel, session by session and name by name.

    Figures and values of an account that is worth 0 or less at any close are NaN.

    Args:
        grid: prices of the run's sessions.
        plan: decisions of the sets and the base weights.
        costs: costs of trading.
        capital: starting capital, USD.
        year: sessions of a year.
        cash: session returns of cash (T,), NaN where it has no price; by default those of the grid.
        keep: whether the values at every close are kept.
    """
    cash_returns = carried_returns(grid.cash_returns if cash is None else cash)
    with _KERNEL_LOCK:
        values, sums, counts = walk_all(grid, plan, costs, capital)
        metrics = metrics_many_nb(values, capital, cash_returns, float(year))
    ruined = (values <= 0.0).any(axis=1)
    metrics[ruined], sums[ruined] = np.nan, np.nan
    values[ruined] = np.nan
    return WalkedSets(metrics, values if keep else values[:, :0], sums, counts)


def _orders(decision: Decision, names: IntArray, shape: tuple[int, ...]) -> IntArray:
    """Selling orders (K, T, N) of the names in the base alone, numbered as in `names`."""
    rows = len(decision.exposure)
    if not decision.scores:
        return np.zeros((0, rows, len(names)), dtype=np.int64)
    position = np.full(shape[1], -1, dtype=np.int64)
    position[names] = np.arange(len(names))
    orders = np.stack([selling_order(score) for score in decision.scores])
    selling = np.full((len(orders), rows, len(names)), -1, dtype=np.int64)
    # A session without any score has no order: its marker is not the number of a name.
    ordered = orders[:, :, 0] >= 0
    numbered = position[orders[ordered]]
    selling[ordered] = numbered[numbered >= 0].reshape(-1, len(names))
    return selling
