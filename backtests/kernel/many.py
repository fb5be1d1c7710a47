"""Every set of a plan over one tape, in parallel: what a sweep is made of."""

from __future__ import annotations

import numpy as np

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.path import lots_kept, selling_order, stops_of, within_of
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.kernel.walk import walk_many_nb
from undertow.market import FloatArray, IntArray
from undertow.strategies import Decision, Plan


def walk_all(tape: PriceGrid, plan: Plan, costs: Costs, capital: float) -> tuple[FloatArray, FloatArray, IntArray]:
    """Walk every set of a plan: values at the close (P, T), sums (P, 3) and counts (P, 4) over the sessions.

    Positions in sums and counts are named in `orders.py`. Each row equals `walk` with that set.
    """
    decision = plan.decision
    legs = tape.stocks < len(tape.symbols)
    stop, wait = stops_of(decision)
    found: tuple[FloatArray, FloatArray, IntArray] = walk_many_nb(
        tape.fill,
        tape.mark,
        tape.close,
        tape.end_price,
        np.ascontiguousarray(plan.base),
        plan.rebalanced,
        _by_set(decision.exposure, decision),
        _orders(decision, tape),
        decision.score_of_set.astype(np.int64),
        tape.cash_fill,
        tape.cash_close,
        float(capital),
        costs.fee,
        costs.slippage,
        within_of(tape, plan),
        _by_set(decision.rotation, decision) if legs else np.zeros((0, 0)),
        _by_set(decision.hedge, decision) if legs else np.zeros((0, 0)),
        tape.known,
        stop,
        wait,
        lots_kept(decision, costs),
    )
    return found


def _by_set(values: FloatArray | None, decision: Decision) -> FloatArray:
    shape = decision.exposure.shape
    return np.ascontiguousarray(np.zeros((shape[1], shape[0])) if values is None else values.T)


def _orders(decision: Decision, tape: PriceGrid) -> IntArray:
    if not decision.scores:
        return np.zeros((0, len(tape.sessions), tape.stocks), dtype=np.int64)
    return np.ascontiguousarray(np.stack([selling_order(score) for score in decision.scores]))
