"""Orders of one path at one session, without basket, hedge and stop.

A second implementation of the plain case of `kernel/`, for the segment walk of a sweep; tests hold the two equal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.records import Rates
from undertow.backtests.kernel.state import DE_RISK, DUST, REBALANCE, WAITED
from undertow.backtests.segments.records import SegmentAccount, SessionNames
from undertow.backtests.segments.reductions import dot, dot_four, gaps_of
from undertow.market import FloatArray, IntArray


@njit(cache=True)
def holdings_worth_nb(shares: FloatArray, price: FloatArray) -> float:
    """Shares times price, summed in lanes."""
    worth: float = dot(shares, price)
    return worth


@njit(cache=True)
def gaps_nb(held: FloatArray, units: FloatArray, mark: FloatArray, goal: float, dust: float) -> tuple[float, float]:
    """Money to buy and to sell so that `goal` base portfolios are held.

    Args:
        held: shares held (N,).
        units: shares of the base portfolio (N,) for one unit of money.
        mark: last known prices (N,).
        goal: value of the base portfolios to hold, USD.
        dust: gaps up to this are ignored, USD.
    """
    short, over = gaps_of(held, units, mark, goal, dust)
    return short, over


@njit(cache=True)
def close_gaps_nb(
    held: FloatArray, units: FloatArray, mark: FloatArray, goal: float, dust: float, filled: float
) -> None:
    """Sell down to `goal` base portfolios, and buy the share `filled` of the gaps.

    Args:
        held: shares held (N,), changed in place.
        units: shares of the base portfolio (N,) for one unit of money.
        mark: last known prices (N,).
        goal: value of the base portfolios to hold, USD.
        dust: gaps up to this are ignored, USD.
        filled: share of the purchases that the cash allows.
    """
    for name in range(len(held)):
        target = goal * units[name]
        gap = (target - held[name]) * mark[name]
        bought = held[name] + (target - held[name]) * filled
        after = target if gap < -dust else held[name]
        held[name] = bought if gap > dust else after


@njit(cache=True)
def line_nb(held: FloatArray, close: FloatArray, line: FloatArray) -> None:
    """Value of the holdings (N,) at each session of `close` (L, N) into `line` (L,)."""
    rows = len(close)
    by_four = rows - rows % 4
    # Four sessions at a time: the holdings are read once for all of them.
    for row in range(0, by_four, 4):
        values = dot_four(held, close[row], close[row + 1], close[row + 2], close[row + 3])
        line[row], line[row + 1], line[row + 2], line[row + 3] = values
    for row in range(by_four, rows):
        line[row] = dot(held, close[row])


@njit(cache=True)
def sum_nb(amounts: FloatArray) -> float:
    """Sum of all amounts."""
    total = 0.0
    for name in range(len(amounts)):
        total += amounts[name]
    return total


@njit(cache=True)
def scale_nb(amounts: FloatArray, by: float) -> None:
    """Multiply in place."""
    for name in range(len(amounts)):
        amounts[name] *= by


@njit(cache=True)
def deduct_nb(amounts: FloatArray, order: IntArray, needed: float) -> None:
    """Deduct `needed` from the amounts in place: in proportion, or by `order`."""
    total = sum_nb(amounts)
    if needed <= 0.0 or total <= 0.0:
        return
    if needed >= total or len(order) == 0 or order[0] < 0:
        scale_nb(amounts, max(0.0, 1.0 - needed / total))
        return
    for rank in range(len(order)):
        part = min(amounts[order[rank]], needed)
        amounts[order[rank]] -= part
        needed -= part
        if needed <= 0.0:
            return


@njit(cache=True)
def lower_goals_nb(goals: FloatArray, held: FloatArray, mark: FloatArray, order: IntArray, needed: float) -> None:
    """Lower the goals where sales down to them do not bring in the needed cash.

    Nothing is bought then.

    Args:
        goals: money to hold in each name (N,), USD, changed in place.
        held: shares held (N,).
        mark: last known prices (N,).
        order: selling order (N,), or (0,) for proportional.
        needed: cash to raise, USD.
    """
    for name in range(len(goals)):
        needed -= max(0.0, held[name] * mark[name] - goals[name])
    if needed > 0.0:
        for name in range(len(goals)):
            goals[name] = min(goals[name], held[name] * mark[name])
        deduct_nb(goals, order, needed)


@njit(cache=True)
def size_trades_nb(
    reason: int, names: SessionNames, held: FloatArray, cash: float, keep: float, rates: Rates, trades: FloatArray
) -> None:
    """Write into `trades` the shares to trade (N,) so that `keep` is left in cash.

    Args:
        reason: why the session trades.
        names: the names of the session.
        held: shares held (N,).
        cash: cash before the trades, USD.
        keep: cash to keep, USD.
        rates: rates of trading.
        trades: shares to trade (N,), negative for a sale.
    """
    weights, units, mark = names.weights, names.units, names.mark
    value = cash + holdings_worth_nb(held, mark)
    total = holdings_worth_nb(units, mark)
    for name in range(len(held)):
        if reason == REBALANCE:
            trades[name] = weights[name] * value
        elif reason == DE_RISK:
            trades[name] = held[name] * mark[name]
        else:
            lacking = units[name] * mark[name] * (value / total) - held[name] * mark[name] if total > 0.0 else 0.0
            trades[name] = max(0.0, lacking)
    if reason == REBALANCE:
        deduct_nb(trades, names.order, keep / value * sum_nb(trades))
        lower_goals_nb(trades, held, mark, names.order, (keep - cash) / rates.sell)
    elif reason == DE_RISK:
        deduct_nb(trades, names.order, (keep - cash) / rates.sell)
    else:
        lacking = sum_nb(trades)
        scale_nb(trades, (cash - keep) / rates.buy / lacking if lacking > 0.0 and cash > keep else 0.0)
    for name in range(len(held)):
        # On a re-entry this is the money to buy for, else the money to hold.
        shares = trades[name] / mark[name] - (held[name] if reason in (REBALANCE, DE_RISK) else 0.0)
        if reason == DE_RISK:
            shares = min(0.0, max(shares, -held[name]))
        trades[name] = shares if abs(shares * mark[name]) > DUST * value else 0.0


@njit(cache=True)
def fill_trades_nb(
    trades: FloatArray,
    fill: FloatArray,
    held: FloatArray,
    waiting: FloatArray,
    cash: float,
    keep: float,
    rates: Rates,
) -> tuple[float, float, float, int]:
    """Fill orders that have a price, sales first, purchases within `cash - keep`.

    Returns the cash, the money sold and bought for, and how many orders began to wait.

    Args:
        trades: shares to trade (N,); those without a price are set to 0.
        fill: price at the fill (N,), NaN where nothing can be filled.
        held: shares held (N,), changed in place.
        waiting: waiting orders (N,), changed in place.
        cash: cash before the trades, USD.
        keep: cash to keep, USD.
        rates: rates of trading.
    """
    deferred = 0
    sold = cost = 0.0
    for name in range(len(trades)):
        if trades[name] == 0.0:
            continue
        if np.isnan(fill[name]):
            waiting[name] = trades[name]
            trades[name] = 0.0
            deferred += 1
        elif trades[name] < 0.0:
            shares = held[name] if -trades[name] >= held[name] * (1.0 - DUST) else -trades[name]
            held[name] -= shares
            sold += shares * fill[name]
        else:
            cost += trades[name] * fill[name]
    cash += sold * rates.sell
    # What is left of rounding buys nothing.
    if cost <= 0.0 or cash - keep <= DUST * (cash + cost):
        return cash, sold, 0.0, deferred
    scale = min(1.0, (cash - keep) / (cost * rates.buy))
    for name in range(len(trades)):
        if trades[name] > 0.0:
            held[name] += trades[name] * scale
    return cash - cost * scale * rates.buy, sold, cost * scale, deferred


@njit(cache=True)
def trade_names_nb(
    reason: int,
    names: SessionNames,
    account: SegmentAccount,
    cash: float,
    keep: float,
    rates: Rates,
    trades: FloatArray,
) -> tuple[float, float, float, int]:
    """Trade one session for `reason`, name by name. Returns as `fill_trades_nb`.

    Args:
        reason: why the session trades.
        names: the names of the session.
        account: the account.
        cash: cash before the trades, USD.
        keep: cash to keep, USD; waiting orders may spend all of it.
        rates: rates of trading.
        trades: shares to trade (N,), written anew.
    """
    held, waiting, fill = account.held, account.waiting, names.fill
    if reason == WAITED:
        for name in range(len(held)):
            trades[name] = 0.0
            if not np.isnan(fill[name]):
                trades[name], waiting[name] = waiting[name], 0.0
        keep = 0.0
    else:
        scale_nb(waiting, 0.0)
        size_trades_nb(reason, names, held, cash, keep, rates, trades)
    return fill_trades_nb(trades, fill, held, waiting, cash, keep, rates)
