"""The orders of the session that comes: the account is walked up to it, and priced at what was last known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.path import walk_plan
from undertow.backtests.kernel.prices import PriceGrid, read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves, decision_for_rows, plan_for_rows
from undertow.backtests.kernel.state import REASONS
from undertow.signals.decisions.table import ALIVE_SESSIONS, DecisionTable
from undertow.strategies.plan import Decision
from undertow.strategies.weights import base_weights

_CAPITAL = 1_000_000.0  # USD: shares of capital do not depend on it


@dataclass(frozen=True)
class Order:
    """An order as a share of the account's value before it; `leg` is stocks, basket or short, `reason` as in a run."""

    symbol: str
    side: str
    share: float
    leg: str
    reason: str


def coming_orders(
    table: DecisionTable, decision: Decision, weighting: str, rebalance: str, costs: Costs
) -> tuple[Order, ...]:
    """What an account that has followed `decision` since the first session sends on the table's last one.

    The account is that of a backtest, lots, stops and rebalances included; the last session, whose prices nobody knows
    yet, is priced at the last known closes, for every name that had a price in the week before: which of those that
    lack one have ended is known later. Largest first within sales and purchases, sales before purchases.
    """
    rows = slice(0, len(table))
    base, rebalanced = base_weights(table, rows, weighting, rebalance)
    plan = plan_for_rows(table, decision_for_rows(decision, rows), rows, base, rebalanced)
    tape = quoted(add_sleeves(read_price_grid(table, rows, costs.haircut), table, rows, decision, costs))
    path = walk_plan(tape, plan, 0, costs, _CAPITAL)
    amounts, fill = path.amounts[-1], tape.fill[-1]
    sent = np.flatnonzero((amounts != 0.0) & np.isfinite(fill))
    orders = [
        Order(
            symbol=tape.symbols[name],
            side="buy" if amounts[name] > 0 else "sell",
            share=float(abs(amounts[name]) * fill[name] / path.before[-1]),
            leg="stocks" if name < tape.stocks else "short" if tape.short and name == len(fill) - 1 else "basket",
            reason=REASONS[path.reasons[-1, name]],
        )
        for name in sent
    ]
    return tuple(sorted(orders, key=lambda each: (each.side == "buy", -each.share)))


def quoted(tape: PriceGrid) -> PriceGrid:
    """The tape with every session after the last one that was filled priced at the last known prices.

    Those are the session that comes, closed ones that the market lacks, one that is decided and not yet filled: what
    was decided for them counts as sent. They are priced for the names that traded in the week before; those have not
    ended, whatever they lack: the market merely stops there, in the middle of a session too.
    """
    filled = np.isfinite(tape.fill)
    if not filled.any():
        return tape
    last = int(np.flatnonzero(filled.any(axis=1))[-1])
    week = max(0, last + 1 - ALIVE_SESSIONS)
    trading = filled[week : last + 1].any(axis=0)
    fill, end_price = tape.fill.copy(), tape.end_price.copy()
    fill[last + 1 :] = np.where(trading, tape.mark[last + 1 :], np.nan)
    end_price[week:, trading] = np.nan
    return replace(tape, fill=fill, end_price=end_price)
