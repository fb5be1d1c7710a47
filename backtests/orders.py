"""How orders are made and filled: the parts that the order kernel is put together from.

Compiled code in another file is cached there: after a change here, `make clean` renews what was built on it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.market.clock import BoolArray, FloatArray, IntArray

# Why an order was sent.
NONE, RENEWAL, DE_RISK, RE_ENTRY, WAITED, ENDED = 0, 1, 2, 3, 4, 5
REASONS = ("", "rebalance", "de-risk", "re-entry", "deferred", "price end")

# Orders below this share of the value are rounding, not orders.
DUST = 1e-12

# Positions in the counts of a path.
DEFERRED, CLOSED, OPEN_AT_END = 0, 1, 2

# Positions in the sums of a path.
TURNOVER, PAID = 0, 1


@njit(cache=True)
def take_in_order_nb(amounts: FloatArray, order: IntArray, needed: float, taken: FloatArray) -> None:
    """Write into `taken` what makes up `needed`, whole amounts in the given order, the last one in part."""
    for place in range(len(order)):
        name = order[place]
        taken[name] = min(amounts[name], needed)
        needed -= taken[name]
        if needed <= 0.0:
            return


@njit(cache=True)
def take_nb(amounts: FloatArray, order: IntArray, needed: float) -> FloatArray:
    """How much of each amount (N,) is taken to make up `needed`: in proportion, or in order where one is given."""
    taken = np.zeros_like(amounts)
    total = amounts.sum()
    if needed <= 0.0 or total <= 0.0:
        return taken
    if needed >= total:
        return amounts.copy()
    if len(order) == 0 or order[0] < 0:
        taken[:] = amounts * (needed / total)
        return taken
    take_in_order_nb(amounts, order, needed, taken)
    return taken


@njit(cache=True)
def wanted_nb(
    reason: int,
    shares: FloatArray,
    mark: FloatArray,
    base: FloatArray,
    units: FloatArray,
    order: IntArray,
    cash: float,
    keep: float,
    sell_rate: float,
    buy_rate: float,
) -> FloatArray:
    """The shares to trade (N,) so that `keep` is left in cash; `cash` is what is there, `units` the drifted base."""
    held = shares * mark
    value = cash + held.sum()
    if reason == RENEWAL:
        goal = base * value
        goal = goal - take_nb(goal, order, keep - max(0.0, value - goal.sum()))
        return np.where(goal > 0.0, goal / mark - shares, -shares)
    if reason == DE_RISK:
        return -np.minimum(shares, take_nb(held, order, (keep - cash) / sell_rate) / mark)
    drifted = units * mark
    total = drifted.sum()
    if total <= 0.0 or cash <= keep:
        return np.zeros_like(shares)
    lacking = np.maximum(0.0, drifted / total * value - held)
    wanted: FloatArray = lacking / lacking.sum() * ((cash - keep) / buy_rate) / mark
    return wanted


@njit(cache=True)
def still_there_nb(weights: FloatArray, gone: BoolArray) -> FloatArray:
    """Weights (N,) without the names whose prices have ended, summing to what they summed to."""
    kept = np.where(gone, 0.0, weights)
    total = kept.sum()
    return kept * (weights.sum() / total) if total > 0.0 else kept


@njit(cache=True)
def close_ended_nb(
    price: FloatArray,
    shares: FloatArray,
    units: FloatArray,
    waiting: FloatArray,
    gone: BoolArray,
    traded: FloatArray,
    cash: float,
) -> float:
    """Turn the names that have ended into cash at `price`, which is NaN for all others; returns the cash."""
    for name in range(len(price)):
        if not np.isnan(price[name]):
            gone[name] = True
            units[name] = waiting[name] = 0.0
            if shares[name] > 0.0:
                cash += shares[name] * price[name]
                traded[name] = -shares[name]
                shares[name] = 0.0
    return cash


@njit(cache=True)
def execute_nb(
    wanted: FloatArray,
    fill: FloatArray,
    shares: FloatArray,
    waiting: FloatArray,
    traded: FloatArray,
    cash: float,
    keep: float,
    sell_rate: float,
    buy_rate: float,
) -> tuple[float, int]:
    """Fill what has a price, sells first, buys within `cash - keep`; the rest waits. Returns cash and new waits."""
    deferred = 0
    cost = 0.0
    for name in range(len(wanted)):
        if wanted[name] == 0.0:
            continue
        if np.isnan(fill[name]):
            waiting[name] = wanted[name]
            deferred += 1
        elif wanted[name] < 0.0:
            # A sale of all but rounding is a sale of all: no dust stays behind.
            sold = shares[name] if -wanted[name] >= shares[name] * (1.0 - DUST) else -wanted[name]
            traded[name] -= sold
            shares[name] -= sold
            cash += sold * fill[name] * sell_rate
        else:
            cost += wanted[name] * fill[name] * buy_rate
    if cost <= 0.0:
        return cash, deferred
    scale = min(1.0, max(0.0, cash - keep) / cost)
    for name in range(len(wanted)):
        if wanted[name] > 0.0 and not np.isnan(fill[name]):
            bought = wanted[name] * scale
            traded[name] += bought
            shares[name] += bought
            cash -= bought * fill[name] * buy_rate
    return cash, deferred


@njit(cache=True)
def due_nb(waiting: FloatArray, fill: FloatArray) -> bool:
    """Whether any waiting order finds a price."""
    return bool(np.any((waiting != 0.0) & ~np.isnan(fill)))


@njit(cache=True)
def worth_nb(shares: FloatArray, price: FloatArray) -> float:
    """Shares times price, without a temporary array."""
    total = 0.0
    for name in range(len(shares)):
        total += shares[name] * price[name]
    return total


@njit(cache=True)
def tally_nb(
    traded: FloatArray, ended: BoolArray, fill: FloatArray, fee: float, slippage: float
) -> tuple[float, float]:
    """Money traded at fill prices, and the fees and slippage paid on it; closing a name that has ended is no trade."""
    money = paid = 0.0
    for name in range(len(traded)):
        if traded[name] != 0.0 and not ended[name]:
            value = abs(traded[name]) * fill[name]
            side = 1.0 + slippage if traded[name] > 0.0 else 1.0 - slippage
            money += value
            paid += value * (slippage + fee * side)
    return money, paid


@njit(cache=True)
def reason_nb(renewed: int, exposure: float, level: float) -> int:
    """Why anything is traded on a session: a renewal before a change of exposure."""
    if renewed >= 0:
        return RENEWAL
    if exposure == level:
        return NONE
    return DE_RISK if exposure < level else RE_ENTRY


@njit(cache=True)
def act_nb(
    reason: int,
    weights: FloatArray,
    fill: FloatArray,
    mark: FloatArray,
    order: IntArray,
    shares: FloatArray,
    units: FloatArray,
    waiting: FloatArray,
    traded: FloatArray,
    cash: float,
    keep: float,
    sell_rate: float,
    buy_rate: float,
) -> tuple[float, int]:
    """Trade one session for `reason`, changing shares, units, waiting and traded; returns cash and new waits."""
    if reason == WAITED:
        wanted = np.where(np.isnan(fill), 0.0, waiting)
        waiting[:] = np.where(np.isnan(fill), waiting, 0.0)
        return execute_nb(wanted, fill, shares, waiting, traded, cash, 0.0, sell_rate, buy_rate)
    if reason == RENEWAL:
        units[:] = weights / mark
    waiting[:] = 0.0
    value = cash + worth_nb(shares, mark)
    wanted = wanted_nb(reason, shares, mark, weights, units, order, cash, keep, sell_rate, buy_rate)
    wanted[np.abs(wanted * mark) <= DUST * value] = 0.0
    return execute_nb(wanted, fill, shares, waiting, traded, cash, keep, sell_rate, buy_rate)
