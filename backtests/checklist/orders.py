"""The orders of the coming session, at the last known prices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from undertow.backtests.account import Account
from undertow.backtests.kernel.path import walk_plan
from undertow.backtests.kernel.prices import PriceGrid, read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves, decision_for_rows, plan_for_rows
from undertow.backtests.kernel.state import REASONS
from undertow.market import ParameterError
from undertow.signals.decisions import ALIVE_SESSIONS, DecisionTable
from undertow.strategies import Decision, base_weights

_CAPITAL = 1_000_000.0  # USD: shares of capital do not depend on it


@dataclass(frozen=True)
class Order:
    """An order of the coming session.

    Args:
        symbol: name that is traded.
        side: "buy" or "sell".
        share: value of the order as a share of the account's value before it.
        sleeve: "stocks", "basket" or "short".
        reason: reason as in the orders of a run.
    """

    symbol: str
    side: str
    share: float
    sleeve: str
    reason: str


def coming_orders(table: DecisionTable, decision: Decision, account: Account) -> tuple[Order, ...]:
    """The orders of an account on the last session of a decision.

    The account has followed the decision since the first session. It is that of a backtest, with its lots, stops and
    rebalances. The last session, whose prices are unknown yet, is priced at the last known closes, for every name with
    a price in the week before: whether a name without a price has ended is known later. Sales before purchases, each
    largest first. With stated weights the account begins with them.
    """
    rows = slice(_first_row(table, account), len(table))
    base, rebalanced = base_weights(table, rows, *account.basket)
    plan, costs = plan_for_rows(table, decision_for_rows(decision, rows), rows, base, rebalanced), account.costs
    grid = quoted(add_sleeves(read_price_grid(table, rows, costs.haircut), table, rows, decision, costs))
    path = walk_plan(grid, plan, 0, costs, _CAPITAL)
    amounts, fill = path.amounts[-1], grid.fill[-1]
    sent = np.flatnonzero((amounts != 0.0) & np.isfinite(fill))
    orders = [
        Order(
            symbol=grid.symbols[name],
            side="buy" if amounts[name] > 0 else "sell",
            share=float(abs(amounts[name]) * fill[name] / path.before[-1]),
            sleeve="stocks" if name < grid.stocks else "short" if grid.short and name == len(fill) - 1 else "basket",
            reason=REASONS[path.reasons[-1, name]],
        )
        for name in sent
    ]
    return tuple(sorted(orders, key=lambda order: (order.side == "buy", -order.share)))


def _first_row(table: DecisionTable, account: Account) -> int:
    """The first session of the account: the first one, or that of the first weights."""
    weights = account.weight_table
    if weights is None:
        return 0
    known = np.flatnonzero(weights.sets_at(table.decisions.sessions) >= 0)
    if not len(known):
        raise ParameterError(f"`weights` begin on {weights.first}, after the session that is decided")
    return int(known[0])


def quoted(grid: PriceGrid) -> PriceGrid:
    """The prices, with the last known ones on every session after the last fill.

    These sessions are the coming session, closed ones that the market lacks, and one that is decided and not yet
    filled, whose orders count as sent. They are priced for the names that traded in the week before, which have not
    ended: the market merely stops there, perhaps in the middle of a session.
    """
    filled = np.isfinite(grid.fill)
    if not filled.any():
        return grid
    last = int(np.flatnonzero(filled.any(axis=1))[-1])
    week = max(0, last + 1 - ALIVE_SESSIONS)
    trading = filled[week : last + 1].any(axis=0)
    fill, end_price = grid.fill.copy(), grid.end_price.copy()
    fill[last + 1 :] = np.where(trading, grid.mark[last + 1 :], np.nan)
    end_price[week:, trading] = np.nan
    return replace(grid, fill=fill, end_price=end_price)
