"""One path through the kernel, with what it bought, sold and paid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.kernel.state import (
    CLOSED,
    DEFERRED,
    ENDED,
    FIFO,
    HIFO,
    NO_LOTS,
    OPEN_AT_END,
    REASONS,
    STOPPED,
    KernelOptions,
)
from undertow.backtests.kernel.walk import walk_nb
from undertow.market import DataError, FloatArray, IntArray, ParameterError, settlement_sessions
from undertow.strategies import LEAST_TAX, PROPORTIONAL, Decision, Plan


@dataclass(frozen=True, eq=False)
class AccountPath:
    """What the kernel made of one set of a plan: values (T,), order amounts (T, C), why, and counts.

    `gains` (T, N) are the realised gains of the sales of stocks where the least tax decided what was sold.
    """

    tape: PriceGrid
    costs: Costs
    capital: float
    values: FloatArray
    before: FloatArray
    amounts: FloatArray
    sweeps: FloatArray
    reasons: IntArray
    counts: IntArray
    sums: FloatArray
    gains: FloatArray

    @property
    def returns(self) -> FloatArray:
        """Session returns (T,): close to close, the first from the capital."""
        growth: FloatArray = self.values / np.concatenate(([self.capital], self.values[:-1])) - 1.0
        return growth

    @property
    def deferred(self) -> int:
        """Orders that found no price on their session and had to wait."""
        return int(self.counts[DEFERRED])

    @property
    def closed(self) -> int:
        """Positions closed because their prices had ended."""
        return int(self.counts[CLOSED])

    @property
    def open_at_end(self) -> int:
        """Orders still waiting for a price when the run ended."""
        return int(self.counts[OPEN_AT_END])

    @property
    def stopped(self) -> int:
        """Positions that a stop sold, or tried to."""
        return int(self.counts[STOPPED])

    @cached_property
    def cash_before(self) -> FloatArray:
        """Cash at the fill before anything is traded (T,)."""
        units = np.concatenate(([0.0], np.cumsum(self.sweeps)[:-1]))
        cash = units * self.tape.cash_fill
        cash[0] = self.capital
        return np.where(np.abs(cash) > 1e-12 * self.capital, cash, 0.0)

    @cached_property
    def traded(self) -> FloatArray:
        """Money traded (T, N) at fill prices before costs, unsigned; closing a name that has ended is not a trade."""
        price = np.where(np.isfinite(self.tape.fill), self.tape.fill, 0.0)
        return np.where(self.reasons == ENDED, 0.0, np.abs(self.amounts) * price)

    @cached_property
    def paid(self) -> FloatArray:
        """Fees and slippage (T, N) in money."""
        fee, slippage = self.costs.fee, self.costs.slippage
        side = np.where(self.amounts > 0, 1.0 + slippage, 1.0 - slippage)
        return self.traded * (slippage + fee * side)

    @cached_property
    def weights(self) -> FloatArray:
        """Share of each name in the value at the close (T, N)."""
        shares = np.cumsum(self.amounts, axis=0)
        # A position sold in several parts leaves rounding dust in the running sum.
        shares[np.abs(shares) < 1e-12 * np.abs(self.amounts).max(axis=0, initial=1.0)] = 0.0
        held: FloatArray = shares * self.tape.close / self.values[:, None]
        return held

    @property
    def cash_share(self) -> FloatArray:
        """Share of cash in the value at the close (T,), with rounding noise taken off."""
        share = 1.0 - self.weights.sum(axis=1)
        return np.where(np.abs(share) > 1e-12, share, 0.0)

    def orders(self, cash: str | None, calendar: str) -> pd.DataFrame:
        """One row an order: session, symbol, side, shares, price, value, costs, reason, settles; cash sweeps last.

        The price of a symbol sold short carries the cost of borrowing since the first session.
        """
        rows, names = np.nonzero(self.amounts)
        ended = self.reasons[rows, names] == ENDED
        price = np.where(ended, self.tape.end_price[rows, names], self.tape.fill[rows, names])
        amounts = self.amounts[rows, names]
        table = {
            "session": self.tape.sessions[rows],
            "symbol": np.array(self.tape.symbols, dtype=object)[names],
            "side": np.where(amounts > 0, "buy", "sell"),
            "shares": np.abs(amounts),
            "price": price,
            "value": np.abs(amounts) * price,
            "costs": self.paid[rows, names],
            "reason": np.array(REASONS, dtype=object)[self.reasons[rows, names]],
        }
        orders = pd.DataFrame(table)
        if cash is not None:
            orders = pd.concat([orders, self._sweeps(cash)], ignore_index=True)
        orders = orders.sort_values("session", kind="stable", ignore_index=True)
        return orders.assign(settles=settlement_sessions(pd.DatetimeIndex(orders["session"]), calendar))

    def _sweeps(self, cash: str) -> pd.DataFrame:
        rows = np.flatnonzero(self.sweeps)
        amounts, price = self.sweeps[rows], self.tape.cash_fill[rows]
        return pd.DataFrame(
            {
                "session": self.tape.sessions[rows],
                "symbol": cash,
                "side": np.where(amounts > 0, "buy", "sell"),
                "shares": np.abs(amounts),
                "price": price,
                "value": np.abs(amounts) * price,
                "costs": 0.0,
                "reason": "cash sweep",
            }
        )


def walk(tape: PriceGrid, plan: Plan, which: int, costs: Costs, capital: float) -> AccountPath:
    """Walk set number `which` of a plan over the tape.

    Raises `DataError` where the account comes to nothing or less, which what is sold short can bring about.
    """
    decision = plan.decision
    score = int(decision.score_of_set[which])
    order = selling_order(decision.scores[score]) if score >= 0 else np.zeros((len(tape.sessions), 0), np.int64)
    outcome = walk_nb(
        tape.fill,
        tape.mark,
        tape.close,
        tape.end_price,
        np.ascontiguousarray(plan.base),
        plan.rebalanced,
        np.ascontiguousarray(decision.exposure[:, which]),
        order,
        tape.cash_fill,
        tape.cash_close,
        float(capital),
        costs.fee,
        costs.slippage,
        _rules(tape, plan, which, costs),
    )
    found = AccountPath(tape, costs, capital, *outcome)
    broke = np.flatnonzero(found.values <= 0.0)
    if len(broke):
        raise DataError(
            f"the account is worth {found.values[broke[0]]:,.0f} USD on {tape.sessions[broke[0]].date()}: what is sold"
            " short costs more than all that it holds; hedge less, or renew more often with `rebalance`"
        )
    return found


def _rules(tape: PriceGrid, plan: Plan, which: int, costs: Costs) -> KernelOptions:
    decision = plan.decision
    stop, wait = stops_of(decision)
    legs = tape.stocks < len(tape.symbols)

    def of_set(values: FloatArray | None) -> FloatArray:
        if not legs:
            return np.zeros(0)
        return np.zeros(len(tape.sessions)) if values is None else np.ascontiguousarray(values[:, which])

    return KernelOptions(
        within_of(tape, plan),
        of_set(decision.rotation),
        of_set(decision.hedge),
        tape.known,
        float(stop[which]),
        int(wait[which]),
        int(lots_kept(decision, costs)[which]),
    )


def within_of(tape: PriceGrid, plan: Plan) -> FloatArray:
    """The weights within the basket (R, M); raises `ParameterError` where the tape lacks what the plan needs."""
    decision = plan.decision
    lacking = {
        "basket": decision.rotation is not None and not tape.members,
        "hedge": decision.hedge is not None and not tape.short,
        "stop": decision.stop is not None and bool((decision.stop > 0.0).any()) and not len(tape.known),
    }
    for leg, missing in lacking.items():
        if missing:
            raise ParameterError(f"the tape has nothing for the plan's {leg}; pass it through `with_legs`")
    return np.ascontiguousarray(plan.within) if tape.members else np.zeros((len(plan.base), 0))


def stops_of(decision: Decision) -> tuple[FloatArray, IntArray]:
    """Stop (P,), 0 for none, and how many sessions to wait (P,)."""
    sets = decision.exposure.shape[1]
    stop = np.zeros(sets) if decision.stop is None else decision.stop.astype(np.float64)
    return stop, np.zeros(sets, np.int64) if decision.stop_wait is None else decision.stop_wait.astype(np.int64)


def lots_kept(decision: Decision, costs: Costs) -> IntArray:
    """Whether each set (P,) keeps lots, and in what order it sells them."""
    way = HIFO if costs.lots == "hifo" else FIFO
    return np.where(decision.score_of_set == LEAST_TAX, way, NO_LOTS).astype(np.int64)


def selling_order(score: FloatArray) -> IntArray:
    """The names (T, N) in the order in which they are sold, from their scores (T, N).

    A session on which every score is minus infinity has none: its order begins with -1, for proportional.
    """
    # Highest score first; NaN last; ties in the order of the symbols, so that equal input gives equal orders.
    ranked = np.where(np.isnan(score), np.inf, -score)
    order = np.ascontiguousarray(np.argsort(ranked, axis=1, kind="stable"))
    order[np.isneginf(score).all(axis=1), :1] = PROPORTIONAL
    return order
