"""Attribution of the difference to buy-and-hold, in parts that sum exactly."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.path import AccountPath, walk_plan
from undertow.backtests.kernel.prices import PriceGrid
from undertow.market import FloatArray
from undertow.strategies import PROPORTIONAL, Decision, Plan

PARTS = ("timing", "re_entry_delay", "selection", "destination", "cash_yield", "costs")


@dataclass(frozen=True)
class Attribution:
    """Final values of buy-and-hold and run, and their difference by cause, in USD.

    A part is the change of final value when its cause is added to those before it, so the sum of the parts is exactly
    `run - hold`; in another order the parts would have other sizes.

    Args:
        hold: final value of buy-and-hold.
        run: final value of the run.
        timing: absence from stocks as the rule had it, sold in proportion, over at once when the return began.
        re_entry_delay: return in steps instead of at once.
        selection: sales in the rule's order, and stops, instead of in proportion.
        destination: basket and hedge, after its borrow cost, instead of cash.
        cash_yield: return of cash, beyond that of buy-and-hold.
        costs: fees and slippage, beyond those of buy-and-hold.
    """

    hold: float
    run: float
    timing: float
    re_entry_delay: float
    selection: float
    destination: float
    cash_yield: float
    costs: float

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {value:+,.0f}" for name, value in self.parts.items())
        return f"<Attribution of {self.run - self.hold:+,.0f} USD to buy-and-hold: {parts}>"

    @property
    def parts(self) -> dict[str, float]:
        """The parts by name, in their order."""
        return {name: value for name, value in asdict(self).items() if name in PARTS}


def attribution(grid: PriceGrid, plan: Plan, run: AccountPath, hold: AccountPath) -> Attribution:
    """The attribution of the difference between two accounts, by six more walks.

    Args:
        grid: prices of the sessions of the run.
        plan: plan whose set 0 is the run.
        run: account of the strategy.
        hold: account of the same basket without the rule.
    """
    free, idle = replace(run.costs, fee_bps=0.0, slippage_bps=0.0), _without_yield(grid)
    ruled = during_set(plan.decision, 0)
    plain = replace(ruled, score_of_set=np.array([PROPORTIONAL]), scores=(), stop=None, stop_wait=None)
    plain = replace(plain, rotation=_zeros(ruled.rotation), hedge=_zeros(ruled.hedge))
    at_once = replace(plain, exposure=returned_at_once(ruled.exposure[:, 0])[:, None])
    selected = replace(ruled, rotation=plain.rotation, hedge=plain.hedge)
    invested = replace(plain, exposure=np.ones_like(ruled.exposure))

    def value(decision: Decision, prices: PriceGrid, costs: Costs) -> float:
        return float(walk_plan(prices, replace(plan, decision=decision), 0, costs, run.capital).values[-1])

    values = [value(decision, idle, free) for decision in (invested, at_once, plain, selected, ruled)]
    values += [value(ruled, grid, free), float(run.values[-1])]
    steps = np.diff(values)
    last_hold, free_hold = float(hold.values[-1]), value(invested, grid, free)
    # The rule causes neither the yield of uninvested cash in buy-and-hold nor the costs of buy-and-hold.
    steps[-2] -= free_hold - values[0]
    steps[-1] -= last_hold - free_hold
    return Attribution(last_hold, values[-1], *map(float, steps))


def returned_at_once(exposure: FloatArray) -> FloatArray:
    """The exposure (T,) with consecutive rises moved to the first of them."""
    out = exposure.copy()
    for row in range(len(out) - 2, 0, -1):
        if exposure[row - 1] < exposure[row] < exposure[row + 1]:
            out[row] = out[row + 1]
    return out


def during_set(decision: Decision, number: int) -> Decision:
    """One set of a decision, by its position."""
    columns = slice(number, number + 1)
    return replace(
        decision,
        exposure=decision.exposure[:, columns],
        stale=decision.stale[:, columns],
        score_of_set=decision.score_of_set[columns],
        flags={},
        rotation=None if decision.rotation is None else decision.rotation[:, columns],
        hedge=None if decision.hedge is None else decision.hedge[:, columns],
        stop=None if decision.stop is None else decision.stop[columns],
        stop_wait=None if decision.stop_wait is None else decision.stop_wait[columns],
    )


def _without_yield(grid: PriceGrid) -> PriceGrid:
    flat = np.ones(len(grid.sessions))
    return replace(grid, cash_fill=flat, cash_close=flat)


def _zeros(values: FloatArray | None) -> FloatArray | None:
    return None if values is None else np.zeros_like(values)
