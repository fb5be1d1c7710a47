"""One path through the kernel, with what it bought, sold and paid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.kernel.records import FIFO, HIFO, NO_LOTS, KernelOptions, PathPlan, Rates, make_rates
from undertow.backtests.kernel.state import (
    CLOSED,
    DEFERRED,
    ENDED,
    GAPS,
    MARGIN_CALLS,
    OPEN_AT_END,
    REASONS,
    STOPPED,
)
from undertow.backtests.kernel.walk import walk_nb
from undertow.market import DataError, FloatArray, IntArray, ParameterError, settlement_sessions
from undertow.strategies import LEAST_TAX, PROPORTIONAL, Decision, Plan


@dataclass(frozen=True, eq=False)
class AccountPath:
    """One set of a plan as the kernel walked it: values, orders, costs and counts.

    Args:
        grid: the prices.
        costs: the costs of trading.
        capital: starting capital, USD.
        values: value at the close (T,), USD.
        before: value at the fill before trading (T,), USD.
        amounts: shares bought or, negative, sold (T, C).
        cash_trades: units of the cash symbol bought or sold (T,).
        reasons: reason of each order (T, C), a position in `REASONS`.
        counts: events by position, which `state.py` names.
        sums: turnover, costs paid and share of cash, summed over the sessions.
        gains: realised gains of sales of stocks (T, N), USD, where the least tax decided what was sold; else (0, 0).
    """

    grid: PriceGrid
    costs: Costs
    capital: float
    values: FloatArray
    before: FloatArray
    amounts: FloatArray
    cash_trades: FloatArray
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
    def closed_in_gaps(self) -> int:
        """Positions closed in a gap of prices, after which the name traded again."""
        return int(self.counts[GAPS])

    @property
    def margin_calls(self) -> int:
        """Margin calls on the short position."""
        return int(self.counts[MARGIN_CALLS])

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
        units = np.concatenate(([0.0], np.cumsum(self.cash_trades)[:-1]))
        cash = units * self.grid.cash_fill
        cash[0] = self.capital
        return np.where(np.abs(cash) > 1e-12 * self.capital, cash, 0.0)

    @cached_property
    def traded(self) -> FloatArray:
        """Money traded (T, C) at fill prices before costs, unsigned, USD.

        Closing a name that has ended is not a trade.
        """
        price = np.where(np.isfinite(self.grid.fill), self.grid.fill, 0.0)
        return np.where(self.reasons == ENDED, 0.0, np.abs(self.amounts) * price)

    @cached_property
    def paid(self) -> FloatArray:
        """Fees and slippage (T, C), USD."""
        fee, slippage = self.costs.fee, self.costs.slippage
        side = np.where(self.amounts > 0, 1.0 + slippage, 1.0 - slippage)
        return self.traded * (slippage + fee * side)

    @cached_property
    def weights(self) -> FloatArray:
        """Share of each column in the value at the close (T, C)."""
        shares = np.cumsum(self.amounts, axis=0)
        # A position sold in several parts leaves rounding dust in the running sum.
        shares[np.abs(shares) < 1e-12 * np.abs(self.amounts).max(axis=0, initial=1.0)] = 0.0
        held: FloatArray = shares * self.grid.close / self.values[:, None]
        return held

    @property
    def cash_share(self) -> FloatArray:
        """Share of cash in the value at the close (T,), with rounding noise taken off."""
        share = 1.0 - self.weights.sum(axis=1)
        return np.where(np.abs(share) > 1e-12, share, 0.0)

    def orders(self, cash: str | None, calendar: str) -> pd.DataFrame:
        """One row an order; within a session, trades of the cash symbol come last.

        Columns: session, symbol, side, shares, price, value, costs, reason, settles. The price of a symbol sold short
        carries the cost of borrowing since the first session.
        """
        rows, names = np.nonzero(self.amounts)
        ended = self.reasons[rows, names] == ENDED
        price = np.where(ended, self.grid.end_price[rows, names], self.grid.fill[rows, names])
        amounts = self.amounts[rows, names]
        table = {
            "session": self.grid.sessions[rows],
            "symbol": np.array(self.grid.symbols, dtype=object)[names],
            "side": np.where(amounts > 0, "buy", "sell"),
            "shares": np.abs(amounts),
            "price": price,
            "value": np.abs(amounts) * price,
            "costs": self.paid[rows, names],
            "reason": np.array(REASONS, dtype=object)[self.reasons[rows, names]],
        }
        orders = pd.DataFrame(table)
        if cash is not None:
            orders = pd.concat([orders, self._cash_orders(cash)], ignore_index=True)
        orders = orders.sort_values("session", kind="stable", ignore_index=True)
        return orders.assign(settles=settlement_sessions(pd.DatetimeIndex(orders["session"]), calendar))

    def _cash_orders(self, cash: str) -> pd.DataFrame:
        rows = np.flatnonzero(self.cash_trades)
        amounts, price = self.cash_trades[rows], self.grid.cash_fill[rows]
        return pd.DataFrame(
            {
                "session": self.grid.sessions[rows],
                "symbol": cash,
                "side": np.where(amounts > 0, "buy", "sell"),
                "shares": np.abs(amounts),
                "price": price,
                "value": np.abs(amounts) * price,
                "costs": 0.0,
                "reason": "cash sweep",
            }
        )


def walk_plan(grid: PriceGrid, plan: Plan, number: int, costs: Costs, capital: float) -> AccountPath:
    """Walk one set of a plan.

    Raises `DataError` where the account is worth nothing or less, which a short position can bring about.

    Args:
        grid: prices of the run, with the columns of the plan's sleeves.
        plan: what every set of the plan holds.
        number: position of the set.
        costs: costs of trading.
        capital: starting capital, USD.
    """
    record = walk_nb(
        grid.arrays, path_plan(plan, number), rates_of(costs), _options(grid, plan, number, costs), float(capital)
    )
    path = AccountPath(grid, costs, capital, *record)
    broke = np.flatnonzero(path.values <= 0.0)
    if len(broke):
        raise DataError(
            f"the account is worth {path.values[broke[0]]:,.0f} USD on {grid.sessions[broke[0]].date()}: the short"
            " position costs more than all that it holds; hedge less, or rebalance more often with `rebalance`"
        )
    return path


def rates_of(costs: Costs) -> Rates:
    """The decimal rates of some costs, with the maintenance margin."""
    return make_rates(costs.fee, costs.slippage, costs.maintenance)


def path_plan(plan: Plan, number: int) -> PathPlan:
    """What set `number` of a plan holds, as the compiled kernels take it."""
    decision = plan.decision
    score = int(decision.score_of_set[number])
    order = selling_order(decision.scores[score]) if score >= 0 else np.zeros((len(plan.rebalanced), 0), np.int64)
    exposure = np.ascontiguousarray(decision.exposure[:, number])
    return PathPlan(np.ascontiguousarray(plan.base), plan.rebalanced, exposure, order)


def _options(grid: PriceGrid, plan: Plan, number: int, costs: Costs) -> KernelOptions:
    decision = plan.decision
    stop, wait = stop_settings(decision)
    has_sleeves = grid.stocks < len(grid.symbols)

    def share(values: FloatArray | None) -> FloatArray:
        if not has_sleeves:
            return np.zeros(0)
        return np.zeros(len(grid.sessions)) if values is None else np.ascontiguousarray(values[:, number])

    return KernelOptions(
        basket_weights(grid, plan),
        share(decision.rotation),
        share(decision.hedge),
        grid.known,
        float(stop[number]),
        int(wait[number]),
        int(lot_orders(decision, costs)[number]),
    )


def basket_weights(grid: PriceGrid, plan: Plan) -> FloatArray:
    """The weights within the basket (R, M).

    Raises `ParameterError` where the price grid lacks a sleeve of the plan.
    """
    decision = plan.decision
    lacking = {
        "basket": decision.rotation is not None and not grid.members,
        "hedge": decision.hedge is not None and not grid.short,
        "stop": decision.stop is not None and bool((decision.stop > 0.0).any()) and not len(grid.known),
    }
    for sleeve, missing in lacking.items():
        if missing:
            raise ParameterError(f"the price grid has nothing for the plan's {sleeve}; pass it through `add_sleeves`")
    return np.ascontiguousarray(plan.within) if grid.members else np.zeros((len(plan.base), 0))


def stop_settings(decision: Decision) -> tuple[FloatArray, IntArray]:
    """Stop (P,), a decimal fall or 0 for none, and sessions to wait after it (P,)."""
    sets = decision.exposure.shape[1]
    stop = np.zeros(sets) if decision.stop is None else decision.stop.astype(np.float64)
    return stop, np.zeros(sets, np.int64) if decision.stop_wait is None else decision.stop_wait.astype(np.int64)


def lot_orders(decision: Decision, costs: Costs) -> IntArray:
    """The order in which each set (P,) sells its lots, or `NO_LOTS`."""
    lot_order = HIFO if costs.lots == "hifo" else FIFO
    return np.where(decision.score_of_set == LEAST_TAX, lot_order, NO_LOTS).astype(np.int64)


def selling_order(score: FloatArray) -> IntArray:
    """The names (T, N) in the order in which they are sold, from their scores (T, N).

    A session on which every score is minus infinity has none: its order begins with -1, for proportional.
    """
    # Highest score first; NaN last; ties in the order of the symbols, so that equal input gives equal orders.
    ranked = np.where(np.isnan(score), np.inf, -score)
    order = np.ascontiguousarray(np.argsort(ranked, axis=1, kind="stable"))
    order[np.isneginf(score).all(axis=1), :1] = PROPORTIONAL
    return order
