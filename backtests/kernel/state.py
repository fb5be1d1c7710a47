"""Constants of the order kernel, and compiled steps that its parts share.

Compiled code in another file is cached there: after a change here, `make clean` recompiles what was built on it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.records import Endings, Holdings, KernelOptions, Rates
from undertow.market import BoolArray, FloatArray, IntArray

# Why an order was sent.
NONE, REBALANCE, DE_RISK, RE_ENTRY, WAITED, ENDED, STOP, ROTATE, HEDGE, MARGIN = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
REASONS = ("", "rebalance", "de-risk", "re-entry", "deferred", "price end", "stop", "rotation", "hedge", "margin call")

# Orders below this share of the value are rounding, not orders.
DUST = 1e-12

# Positions in the counts of a path; the segment walk has the first four. Names closed whose prices had ended, and
# names closed in a gap of their prices, are counted apart.
DEFERRED, CLOSED, OPEN_AT_END, GAPS, STOPPED, MARGIN_CALLS = 0, 1, 2, 3, 4, 5
COUNTS = 6
# The counts that every figure of a set shows, in the order of the table of a sweep.
COUNTED = {
    "deferred_fills": DEFERRED,
    "price_ends_closed": CLOSED,
    "gap_ends_closed": GAPS,
    "margin_calls": MARGIN_CALLS,
    "orders_open_at_end": OPEN_AT_END,
}

# The short position of a path: within its margin, called and to be closed, closed until the plan sells short anew.
COVERED, CALLED, BARRED = 0, 1, 2

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
def endings_nb(fill: FloatArray, end_price: FloatArray) -> Endings:
    """The sessions on which names are closed for want of a price, or trade again."""
    rows, last = np.zeros(len(fill), dtype=np.bool_), np.full(fill.shape[1], -1)
    gone = np.zeros(fill.shape[1], dtype=np.bool_)
    for row in range(len(fill)):
        for name in range(fill.shape[1]):
            if not np.isnan(fill[row, name]):
                last[name] = row
            if not np.isnan(end_price[row, name]):
                rows[row] = gone[name] = True
            elif gone[name] and last[name] == row:
                rows[row], gone[name] = True, False
    return Endings(rows, last)


@njit(cache=True)
def count_ended_nb(closed: FloatArray, last: IntArray, row: int, counts: IntArray) -> None:
    """Count the names closed for want of a price: ended, or in a gap.

    Args:
        closed: shares closed (C,), signed.
        last: the last session on which each name has a price to fill at (C,).
        row: the session.
        counts: counts of the path, changed in place.
    """
    for name in range(len(closed)):
        if closed[name] != 0.0:
            counts[GAPS if last[name] > row else CLOSED] += 1


@njit(cache=True)
def close_ended_nb(fill: FloatArray, end_price: FloatArray, holdings: Holdings, cash: float) -> float:
    """Turn the names with an end price into cash; returns the cash, USD.

    A name that was closed so and has a price to fill at again is gone no longer.

    Args:
        fill: price at the fill (C,), NaN where nothing can be filled.
        end_price: price at which a name is closed for want of a price (C,), NaN for all others.
        holdings: positions and waiting orders, changed in place.
        cash: cash before, USD.
    """
    for name in range(len(end_price)):
        price = end_price[name]
        if np.isnan(price):
            holdings.gone[name] = holdings.gone[name] and np.isnan(fill[name])
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
    """Shares times price, without a temporary array.

    Four sums side by side, since an addition waits for the one before it.
    """
    first = second = third = fourth = 0.0
    whole = len(shares) - len(shares) % 4
    for name in range(0, whole, 4):
        first += shares[name] * price[name]
        second += shares[name + 1] * price[name + 1]
        third += shares[name + 2] * price[name + 2]
        fourth += shares[name + 3] * price[name + 3]
    for name in range(whole, len(shares)):
        first += shares[name] * price[name]
    return (first + second) + (third + fourth)


@njit(cache=True)
def margin_nb(margin: int, shares: float, price: float, value: float, maintenance: float, counts: IntArray) -> int:
    """The state of the short position after a close; a new margin call is counted.

    Args:
        margin: its state before, `COVERED`, `CALLED` or `BARRED`.
        shares: shares held, below 0 for a short position.
        price: price of a share, USD.
        value: value of the account, USD.
        maintenance: least value of the account as a share of the short position.
        counts: counts of the path, changed in place.
    """
    if margin == CALLED:
        return CALLED if shares < 0.0 else BARRED
    if margin == COVERED and shares < 0.0 and value < -maintenance * shares * price:
        counts[MARGIN_CALLS] += 1
        return CALLED
    return margin


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
