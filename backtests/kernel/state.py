"""How orders are made and filled: the parts that the order kernel is put together from.

Compiled code in another file is cached there: after a change here, `make clean` renews what was built on it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from undertow.market import BoolArray, FloatArray, IntArray

# Why an order was sent.
NONE, RENEWAL, DE_RISK, RE_ENTRY, WAITED, ENDED, STOP, ROTATE, HEDGE = 0, 1, 2, 3, 4, 5, 6, 7, 8
REASONS = ("", "rebalance", "de-risk", "re-entry", "deferred", "price end", "stop", "rotation", "hedge")

# Orders below this share of the value are rounding, not orders.
DUST = 1e-12

# Positions in the counts of a path.
DEFERRED, CLOSED, OPEN_AT_END, STOPPED = 0, 1, 2, 3

# Positions in the sums of a path.
TURNOVER, PAID, CASH = 0, 1, 2

# In what order lots are sold where a path keeps them.
NO_LOTS, HIFO, FIFO = 0, 1, 2


class KernelOptions(NamedTuple):
    """What a path uses beside its stocks; arrays without length where it does not.

    `basket` (R, M) are the weights within the basket, a row a rebalance; `rotation` and `hedge` (T,) shares of the
    capital; `known` (T, N) the last close known at each decision, NaN where there is none; `stop` a decimal fall, 0 for
    none; `wait` sessions; `lots` is `NO_LOTS`, or how lots are sold where cash is raised where the least tax is due.
    """

    basket: FloatArray
    rotation: FloatArray
    hedge: FloatArray
    known: FloatArray
    stop: float
    wait: int
    lots: int


class Holdings(NamedTuple):
    """What is held and waits while a path is walked, an entry a column; `stopped` is the session of a stop, or -1."""

    shares: FloatArray
    units: FloatArray
    waiting: FloatArray
    traded: FloatArray
    gone: BoolArray
    peak: FloatArray
    stopped: IntArray


def default_options() -> KernelOptions:
    """The rules of a path that holds stocks and cash alone."""
    return KernelOptions(np.zeros((0, 0)), np.zeros(0), np.zeros(0), np.zeros((0, 0)), 0.0, 0, NO_LOTS)


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
def still_there_nb(weights: FloatArray, gone: BoolArray) -> FloatArray:
    """Weights (N,) without the names whose prices have ended, summing to what they summed to."""
    kept = weights.copy()
    if not gone.any():
        return kept
    kept[gone] = 0.0
    total = kept.sum()
    return kept * (weights.sum() / total) if total > 0.0 else kept


@njit(cache=True)
def close_ended_nb(price: FloatArray, account: Holdings, cash: float) -> float:
    """Turn the names that have ended into cash at `price`, which is NaN for all others; returns the cash."""
    for name in range(len(price)):
        if np.isnan(price[name]):
            continue
        account.gone[name] = True
        account.units[name] = account.waiting[name] = 0.0
        # A short position is bought back with the cash that is there, and never with more.
        closed = max(account.shares[name], -cash / price[name]) if price[name] > 0.0 else account.shares[name]
        if closed != 0.0:
            cash += closed * price[name]
            account.traded[name] = -closed
            account.shares[name] -= closed
    return cash


@njit(cache=True)
def any_nb(amounts: FloatArray) -> bool:
    """Whether any amount is not 0, without a temporary array."""
    for amount in amounts:  # noqa: SIM110 (what any() would need, numba does not know)
        if amount != 0.0:
            return True
    return False


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
def reason_nb(rebalanced: int, exposure: float, level: float, turned: bool, shorted: bool) -> int:
    """Why anything is traded on a session: a rebalance before a change of exposure, and that before one of a leg."""
    if rebalanced >= 0:
        return RENEWAL
    if exposure != level:
        return DE_RISK if exposure < level else RE_ENTRY
    if turned:
        return ROTATE
    return HEDGE if shorted else NONE


@njit(cache=True)
def changed_nb(share: FloatArray, row: int) -> bool:
    """Whether a leg's share of the capital (T,) changes on a session; before the first it is 0."""
    return bool(len(share) > 0 and share[row] != (share[row - 1] if row > 0 else 0.0))


@njit(cache=True)
def actions_nb(rebalanced: IntArray, exposure: FloatArray, rules: KernelOptions) -> int:
    """How many sessions have a target of their own, and so the most orders to buy that a name can be sent."""
    found = 0
    for row in range(len(rebalanced)):
        moved = exposure[row] != (exposure[row - 1] if row > 0 else 1.0)
        if rebalanced[row] >= 0 or moved or changed_nb(rules.rotation, row) or changed_nb(rules.hedge, row):
            found += 1
    return found


@njit(cache=True)
def idle_reason_nb(found: int, pending: bool, waiting: FloatArray, fill: FloatArray) -> int:
    """Why anything is traded on a session without a target of its own: a stop, or an order that finds a price."""
    if found > 0:
        return STOP
    return WAITED if pending and due_nb(waiting, fill) else NONE
