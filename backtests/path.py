"""One path through the kernel, with what it bought, sold and paid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from undertow.backtests.costs import Costs
from undertow.backtests.kernel import walk_nb
from undertow.backtests.orders import CLOSED, DEFERRED, ENDED, OPEN_AT_END, REASONS
from undertow.backtests.tape import Tape
from undertow.market.clock import FloatArray, IntArray
from undertow.strategies.plan import PROPORTIONAL, Plan


@dataclass(frozen=True, eq=False)
class Path:
    """What the kernel made of one set of a plan: values (T,), order amounts (T, N), why, and counts."""

    tape: Tape
    costs: Costs
    capital: float
    values: FloatArray
    before: FloatArray
    amounts: FloatArray
    sweeps: FloatArray
    reasons: IntArray
    counts: IntArray

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
        shares[shares < 1e-12 * np.abs(self.amounts).max(axis=0, initial=1.0)] = 0.0
        held: FloatArray = shares * self.tape.close / self.values[:, None]
        return held

    @property
    def cash_share(self) -> FloatArray:
        """Share of cash in the value at the close (T,), with rounding noise taken off."""
        share = 1.0 - self.weights.sum(axis=1)
        return np.where(np.abs(share) > 1e-12, share, 0.0)

    def orders(self, cash: str | None) -> pd.DataFrame:
        """One row an order: session, symbol, side, shares, price, value, costs, reason; cash sweeps come last."""
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
        return orders.sort_values("session", kind="stable", ignore_index=True)

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


def walk(tape: Tape, plan: Plan, which: int, costs: Costs, capital: float) -> Path:
    """Walk set number `which` of a plan over the tape."""
    score = int(plan.decision.score_of_set[which])
    order = selling_order(plan.decision.scores[score]) if score >= 0 else np.zeros((len(tape.sessions), 0), np.int64)
    outcome = walk_nb(
        tape.fill,
        tape.mark,
        tape.close,
        tape.end_price,
        np.ascontiguousarray(plan.base),
        plan.renewed,
        np.ascontiguousarray(plan.decision.exposure[:, which]),
        order,
        np.ascontiguousarray(tape.cash_fill),
        np.ascontiguousarray(tape.cash_close),
        float(capital),
        costs.fee,
        costs.slippage,
    )
    return Path(tape, costs, capital, *outcome)


def selling_order(score: FloatArray) -> IntArray:
    """The names (T, N) in the order in which they are sold, from their scores (T, N).

    A session on which every score is minus infinity has none: its order begins with -1, for proportional.
    """
    # Highest score first; NaN last; ties in the order of the symbols, so that equal input gives equal orders.
    ranked = np.where(np.isnan(score), np.inf, -score)
    order = np.ascontiguousarray(np.argsort(ranked, axis=1, kind="stable"))
    order[np.isneginf(score).all(axis=1), :1] = PROPORTIONAL
    return order
