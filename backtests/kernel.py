"""The order kernel: walks a plan and emits the exact order amounts that raise the cash asked for.

One path at a time, compiled. `kernel_reference` is the same in plain numpy; tests hold the two equal.

Execution. Orders are sized in money at the session's fill prices and executed sells first, then buys; buys are scaled
pro rata when cash is short, so weights stay in proportion. The cash target is `1 - exposure` of the value before
costs, and is met exactly: costs are borne by the stocks. Between actions nothing trades and weights drift.
 * Renewal: every name is traded to its base weight, less what the cash target takes from it.
 * Exposure down: cash is raised from the holdings, in proportion or from the highest score first, whole names at a
 time.
 * Exposure up: cash is put back in proportion to what each name lacks against its drifted base weight.
 * A missing fill price fills nothing: the order waits, in shares, for the next price or the next action.
 * A name whose prices have ended is closed on the session after, at its last close less the haircut, without costs.
Raised cash is held as units of the cash symbol, which are swept without costs.
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


@njit(cache=True)
def _take_in_order(amounts: FloatArray, order: IntArray, needed: float, taken: FloatArray) -> None:
    for place in range(len(order)):
        name = order[place]
        taken[name] = min(amounts[name], needed)
        needed -= taken[name]
        if needed <= 0.0:
            return


@njit(cache=True)
def _take(amounts: FloatArray, order: IntArray, needed: float) -> FloatArray:
    """How much of each amount (N,) is taken to make up `needed`: in proportion, or in order where one is given."""
    taken = np.zeros_like(amounts)
    total = amounts.sum()
    if needed <= 0.0 or total <= 0.0:
        return taken
    if needed >= total:
        return amounts.copy()
    if len(order) == 0:
        taken[:] = amounts * (needed / total)
        return taken
    _take_in_order(amounts, order, needed, taken)
    return taken


@njit(cache=True)
def _wanted(
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
        goal = goal - _take(goal, order, keep - max(0.0, value - goal.sum()))
        return np.where(goal > 0.0, goal / mark - shares, -shares)
    if reason == DE_RISK:
        return -np.minimum(shares, _take(held, order, (keep - cash) / sell_rate) / mark)
    drifted = units * mark
    total = drifted.sum()
    if total <= 0.0 or cash <= keep:
        return np.zeros_like(shares)
    lacking = np.maximum(0.0, drifted / total * value - held)
    wanted: FloatArray = lacking / lacking.sum() * ((cash - keep) / buy_rate) / mark
    return wanted


@njit(cache=True)
def _still_there(weights: FloatArray, gone: BoolArray) -> FloatArray:
    """Weights (N,) without the names whose prices have ended, summing to what they summed to."""
    kept = np.where(gone, 0.0, weights)
    total = kept.sum()
    return kept * (weights.sum() / total) if total > 0.0 else kept


@njit(cache=True)
def _close_ended(
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
def _execute(
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
def _due(waiting: FloatArray, fill: FloatArray) -> bool:
    return bool(np.any((waiting != 0.0) & ~np.isnan(fill)))


@njit(cache=True)
def walk_nb(
    fill: FloatArray,
    mark: FloatArray,
    close: FloatArray,
    end_price: FloatArray,
    base: FloatArray,
    renewed: IntArray,
    exposure: FloatArray,
    order: IntArray,
    cash_fill: FloatArray,
    cash_close: FloatArray,
    capital: float,
    fee: float,
    slippage: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray, IntArray]:
    """Walk one path over T sessions and N names.

    Prices (T, N): `fill`, NaN where nothing can be filled; `mark` and `close`, the last known price at the fill and
    at the close, any positive number before a name is listed; `end_price`, not NaN on the one session on which a name
    that has ended is closed. `base` (R, N) and `renewed` (T,) as in `Plan`; `exposure` (T,); `order` (T, N) name
    numbers, first sold first, or (T, 0) for proportional; the price of the cash symbol at fill and close (T,). Fee
    and slippage are decimal.

    Returns value at the close and at the fill before trading (T,), order amounts in shares (T, N), amounts of the
    cash symbol (T,), reasons (T, N) and counts (3,).
    """
    rows, names = fill.shape
    sell_rate = (1.0 - slippage) * (1.0 - fee)
    buy_rate = (1.0 + slippage) * (1.0 + fee)
    values, before = np.empty(rows), np.empty(rows)
    amounts, sweeps = np.zeros((rows, names)), np.zeros(rows)
    reasons, counts = np.zeros((rows, names), dtype=np.int64), np.zeros(3, dtype=np.int64)
    shares, units, waiting = np.zeros(names), np.zeros(names), np.zeros(names)
    gone = np.zeros(names, dtype=np.bool_)
    cash_units, level = 0.0, 1.0
    for row in range(rows):
        cash = cash_units * cash_fill[row] if row > 0 else capital
        traded = amounts[row]
        cash = _close_ended(end_price[row], shares, units, waiting, gone, traded, cash)
        counts[CLOSED] += np.count_nonzero(traded)
        reasons[row][traded != 0.0] = ENDED
        value = cash + (shares * mark[row]).sum()
        before[row] = value
        keep = (1.0 - exposure[row]) * value
        reason = NONE
        if renewed[row] >= 0:
            reason = RENEWAL
            weights = _still_there(base[renewed[row]], gone)
            units[:] = weights / mark[row]
        elif exposure[row] != level:
            reason = DE_RISK if exposure[row] < level else RE_ENTRY
            weights = base[0]
        level = exposure[row]
        if reason != NONE:
            waiting[:] = 0.0
            wanted = _wanted(reason, shares, mark[row], weights, units, order[row], cash, keep, sell_rate, buy_rate)
            wanted[np.abs(wanted * mark[row]) <= DUST * value] = 0.0
            cash, deferred = _execute(wanted, fill[row], shares, waiting, traded, cash, keep, sell_rate, buy_rate)
            counts[DEFERRED] += deferred
        elif _due(waiting, fill[row]):
            reason = WAITED
            wanted = np.where(np.isnan(fill[row]), 0.0, waiting)
            waiting[:] = np.where(np.isnan(fill[row]), waiting, 0.0)
            cash, _ = _execute(wanted, fill[row], shares, waiting, traded, cash, 0.0, sell_rate, buy_rate)
        reasons[row][(traded != 0.0) & (reasons[row] == NONE)] = reason
        if row == 0 or traded.any():
            sweeps[row] = max(0.0, cash) / cash_fill[row] - cash_units
            cash_units += sweeps[row]
        values[row] = cash_units * cash_close[row] + (shares * close[row]).sum()
    counts[OPEN_AT_END] = np.count_nonzero(waiting)
    return values, before, amounts, sweeps, reasons, counts
