"""Constants of the order kernel, and compiled steps that its parts share.

Compiled code in another file is cached there: after a change here, `make clean` recompiles what was built on it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.records import Holdings, KernelOptions, Rates
from undertow.market import BoolArray, FloatArray, IntArray

# Why an order was sent.
NONE, REBALANCE, DE_RISK, RE_ENTRY, WAITED, ENDED, STOP, ROTATE, HEDGE = 0, 1, 2, 3, 4, 5, 6, 7, 8
REASONS = ("", "rebalance", "de-risk", "re-entry", "deferred", "price end", "stop", "rotation", "hedge")

# Orders below this share of the value are rounding, not orders.
DUST = 1e-12

# Positions in the counts of a path; the segment walk has the first three.
DEFERRED, CLOSED, OPEN_AT_END, STOPPED = 0, 1, 2, 3

# Positions in the sums of a path: turnover, costs paid, and the share of cash summed over the sessions.
TURNOVER, PAID, CASH = 0, 1, 2


@njit(cache=True)
def take_in_order_nb(amounts: FloatArray, order: IntArray, needed: float, parts: FloatArray) -> None:
    """Write the amounts that sum to `needed` into `parts`, the last one in part.

    Args:
        amounts: the amounts (N,).
        order: numbers of the amounts (N,), the first taken first.
        needed: the sum.
        parts: what is taken of each amount (N,), written in place.
    """
    for rank in range(len(order)):
        name = order[rank]
        parts[name] = min(amounts[name], needed)
        needed -= parts[name]
        if needed <= 0.0:
            return


@njit(cache=True)
def take_nb(amounts: FloatArray, order: IntArray, needed: float) -> FloatArray:
    """Parts of the amounts (N,) that sum to `needed`: in proportion, or by `order`."""
    parts = np.zeros_like(amounts)
    total = amounts.sum()
    if needed <= 0.0 or total <= 0.0:
        return parts
    if needed >= total:
        return amounts.copy()
    if len(order) == 0 or order[0] < 0:
        parts[:] = amounts * (needed / total)
        return parts
    take_in_order_nb(amounts, order, needed, parts)
    return parts


@njit(cache=True)
def surviving_weights_nb(weights: FloatArray, gone: BoolArray) -> FloatArray:
    """Weights (N,) without the names whose prices have ended, scaled to the same sum."""
    surviving = weights.copy()
    if not gone.any():
        return surviving
    surviving[gone] = 0.0
    total = surviving.sum()
    return surviving * (weights.sum() / total) if total > 0.0 else surviving


@njit(cache=True)
def close_ended_nb(end_price: FloatArray, holdings: Holdings, cash: float) -> float:
    """Turn the names with an end price into cash; returns the cash, USD."""
    for name in range(len(end_price)):
        price = end_price[name]
        if np.isnan(price):
            continue
        holdings.gone[name] = True
        holdings.units[name] = holdings.waiting[name] = 0.0
        # A short position is bought back with the cash of the account, and never with more.
        closed = max(holdings.shares[name], -cash / price) if price > 0.0 else holdings.shares[name]
        if closed != 0.0:
            cash += closed * price
            holdings.traded[name] = -closed
            holdings.shares[name] -= closed
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
    """Whether any waiting order has a price, without a temporary array."""
    for name in range(len(waiting)):  # noqa: SIM110 (what any() would need, numba does not know)
        if waiting[name] != 0.0 and not np.isnan(fill[name]):
            return True
    return False


@njit(cache=True)
def worth_nb(shares: FloatArray, price: FloatArray) -> float:
    """Shares times price, without a temporary array."""
    total = 0.0
    for name in range(len(shares)):
        total += shares[name] * price[name]
    return total


@njit(cache=True)
def tally_nb(traded: FloatArray, ended: BoolArray, fill: FloatArray, rates: Rates) -> tuple[float, float]:
    """Money traded at fill prices, and the fees and slippage paid on it, USD.

    Args:
        traded: shares traded (C,), signed.
        ended: names closed because their prices have ended (C,), which is not a trade.
        fill: price at the fill (C,).
        rates: rates of trading.
    """
    money = paid = 0.0
    for name in range(len(traded)):
        if traded[name] != 0.0 and not ended[name]:
            value = abs(traded[name]) * fill[name]
            side = 1.0 + rates.slippage if traded[name] > 0.0 else 1.0 - rates.slippage
            money += value
            paid += value * (rates.slippage + rates.fee * side)
    return money, paid


@njit(cache=True)
def reason_nb(rebalanced: bool, exposure: float, level: float, turned: bool, shorted: bool) -> int:
    """Why a session trades.

    Args:
        rebalanced: whether the session is that of a rebalance, which comes first.
        exposure: share of the value in stocks, whose change comes second.
        level: exposure on the session before.
        turned: whether the rotation changes.
        shorted: whether the hedge changes.
    """
    if rebalanced:
        return REBALANCE
    if exposure != level:
        return DE_RISK if exposure < level else RE_ENTRY
    if turned:
        return ROTATE
    return HEDGE if shorted else NONE


@njit(cache=True)
def changed_nb(share: FloatArray, row: int) -> bool:
    """Whether a sleeve's share (T,), 0 before the first session, changes on a session."""
    return bool(len(share) > 0 and share[row] != (share[row - 1] if row > 0 else 0.0))


@njit(cache=True)
def count_actions_nb(rebalanced: IntArray, exposure: FloatArray, options: KernelOptions) -> int:
    """Number of sessions with a new target: a name is bought at most as often."""
    count = 0
    for row in range(len(rebalanced)):
        moved = exposure[row] != (exposure[row - 1] if row > 0 else 1.0)
        if rebalanced[row] >= 0 or moved or changed_nb(options.rotation, row) or changed_nb(options.hedge, row):
            count += 1
    return count


@njit(cache=True)
def idle_reason_nb(hits: int, pending: bool, waiting: FloatArray, fill: FloatArray) -> int:
    """Why a session without a new target trades.

    Args:
        hits: how many names are stopped.
        pending: whether any order waits.
        waiting: waiting orders (C,).
        fill: price at the fill (C,).
    """
    if hits > 0:
        return STOP
    return WAITED if pending and due_nb(waiting, fill) else NONE
