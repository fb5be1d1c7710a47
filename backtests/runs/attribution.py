"""Where the difference to buy-and-hold came from, in parts that sum exactly."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.path import AccountPath, walk_plan
from undertow.backtests.kernel.prices import PriceGrid
from undertow.market.clock import FloatArray
from undertow.strategies.plan import PROPORTIONAL, Decision, Plan

PARTS = ("timing", "re_entry_delay", "selection", "destination", "cash_yield", "costs")


@dataclass(frozen=True)
class Attribution:
    """The final value of buy-and-hold and of the run in USD, and what lies between them.

    `timing`: being out of stocks when the rule was, in proportion, back at once when the return began.
    `re_entry_delay`: coming back in steps instead. `selection`: selling in the rule's order, and stops, instead of in
    proportion. `destination`: the basket and the hedge (after its borrow cost) instead of cash. `cash_yield`: what cash
    earned, `costs`: fees and slippage, both beyond those of buy-and-hold. Each is the change of final value when it is
    added to those before it, so their sum is exactly `run - hold`; in another order the parts would have other sizes.
    """

    hold: float
    run: float
    timing: float
    re_entry_delay: float
    selection: float
    destination: float
    cash_yield: float
    costs: float

    @property
    def parts(self) -> dict[str, float]:
        """The parts by name, in their order."""
        return {name: value for name, value in asdict(self).items() if name in PARTS}


def attribution(tape: PriceGrid, plan: Plan, run: AccountPath, hold: AccountPath) -> Attribution:
    """The attribution from `hold` to `run`, which is set 0 of `plan`; six more walks over the same tape."""
    free, idle = replace(run.costs, fee_bps=0.0, slippage_bps=0.0), _idle(tape)
    own = during_set(plan.decision, 0)
    plain = replace(own, score_of_set=np.array([PROPORTIONAL]), scores=(), stop=None, stop_wait=None)
    plain = replace(plain, rotation=_zeros(own.rotation), hedge=_zeros(own.hedge))
    at_once = replace(plain, exposure=returned_at_once(own.exposure[:, 0])[:, None])
    kept = replace(own, rotation=plain.rotation, hedge=plain.hedge)
    invested = replace(plain, exposure=np.ones_like(own.exposure))

    def value(decision: Decision, over: PriceGrid, costs: Costs) -> float:
        return float(walk_plan(over, replace(plan, decision=decision), 0, costs, run.capital).values[-1])

    values = [value(each, idle, free) for each in (invested, at_once, plain, kept, own)]
    values += [value(own, tape, free), float(run.values[-1])]
    steps = np.diff(values)
    last_hold, free_hold = float(hold.values[-1]), value(invested, tape, free)
    # What buy-and-hold earns on stray cash, and what it pays, are no doing of the rule.
    steps[-2] -= free_hold - values[0]
    steps[-1] -= last_hold - free_hold
    return Attribution(last_hold, values[-1], *map(float, steps))


def returned_at_once(exposure: FloatArray) -> FloatArray:
    """The exposure (T,) with every stretch of rises on end made in its first session."""
    out = exposure.copy()
    for row in range(len(out) - 2, 0, -1):
        if exposure[row - 1] < exposure[row] < exposure[row + 1]:
            out[row] = out[row + 1]
    return out


def during_set(decision: Decision, which: int) -> Decision:
    """One set of a decision."""
    one = slice(which, which + 1)
    return replace(
        decision,
        exposure=decision.exposure[:, one],
        stale=decision.stale[:, one],
        score_of_set=decision.score_of_set[one],
        flags={},
        rotation=None if decision.rotation is None else decision.rotation[:, one],
        hedge=None if decision.hedge is None else decision.hedge[:, one],
        stop=None if decision.stop is None else decision.stop[one],
        stop_wait=None if decision.stop_wait is None else decision.stop_wait[one],
    )


def _idle(tape: PriceGrid) -> PriceGrid:
    flat = np.ones(len(tape.sessions))
    return replace(tape, cash_fill=flat, cash_close=flat)


def _zeros(values: FloatArray | None) -> FloatArray | None:
    return None if values is None else np.zeros_like(values)
