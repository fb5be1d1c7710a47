"""Every set of a plan over the same prices, in parallel: the core of a sweep."""

from __future__ import annotations

import numpy as np

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.path import basket_weights, lot_orders, rates_of, selling_order, stop_settings
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.kernel.records import SetOptions, SetPlans
from undertow.backtests.kernel.walk import walk_many_nb
from undertow.market import FloatArray, IntArray
from undertow.strategies import Decision, Plan


def walk_all(grid: PriceGrid, plan: Plan, costs: Costs, capital: float) -> tuple[FloatArray, FloatArray, IntArray]:
    """Walk every set of a plan.

    Returns values at the close (P, T), sums (P, 3) and counts (P, 6) over the sessions; `state.py` names the positions
    in sums and counts. Each row equals `walk_plan` with that set.

    Args:
        grid: prices of the run, with the columns of the plan's sleeves.
        plan: what every set holds.
        costs: costs of trading.
        capital: starting capital, USD.
    """
    decision = plan.decision
    base = np.ascontiguousarray(plan.base)
    scores = decision.score_of_set.astype(np.int64)
    sets = SetPlans(_by_set(decision.exposure, decision), _orders(decision, grid), scores)
    options = _options(grid, plan, costs)
    results: tuple[FloatArray, FloatArray, IntArray] = walk_many_nb(
        grid.arrays, base, plan.rebalanced, sets, rates_of(costs), options, float(capital)
    )
    return results


def _options(grid: PriceGrid, plan: Plan, costs: Costs) -> SetOptions:
    decision = plan.decision
    has_sleeves = grid.stocks < len(grid.symbols)
    stop, wait = stop_settings(decision)
    return SetOptions(
        basket_weights(grid, plan),
        _by_set(decision.rotation, decision) if has_sleeves else np.zeros((0, 0)),
        _by_set(decision.hedge, decision) if has_sleeves else np.zeros((0, 0)),
        grid.known,
        stop,
        wait,
        lot_orders(decision, costs),
    )


def _by_set(values: FloatArray | None, decision: Decision) -> FloatArray:
    shape = decision.exposure.shape
    return np.ascontiguousarray(np.zeros((shape[1], shape[0])) if values is None else values.T)


def _orders(decision: Decision, grid: PriceGrid) -> IntArray:
    if not decision.scores:
        return np.zeros((0, len(grid.sessions), grid.stocks), dtype=np.int64)
    return np.ascontiguousarray(np.stack([selling_order(score) for score in decision.scores]))
