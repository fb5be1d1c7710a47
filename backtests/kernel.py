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
from numba import njit, prange

from undertow.backtests.orders import (
    CLOSED,
    DEFERRED,
    ENDED,
    NONE,
    OPEN_AT_END,
    PAID,
    TURNOVER,
    WAITED,
    act_nb,
    close_ended_nb,
    due_nb,
    reason_nb,
    still_there_nb,
    tally_nb,
    worth_nb,
)
from undertow.market.clock import BoolArray, FloatArray, IntArray


@njit(cache=True)
def _walk(
    fill: FloatArray,
    mark: FloatArray,
    close: FloatArray,
    end_price: FloatArray,
    ending: BoolArray,
    base: FloatArray,
    renewed: IntArray,
    exposure: FloatArray,
    order: IntArray,
    cash_fill: FloatArray,
    cash_close: FloatArray,
    capital: float,
    fee: float,
    slippage: float,
    values: FloatArray,
    before: FloatArray,
    amounts: FloatArray,
    sweeps: FloatArray,
    reasons: IntArray,
    counts: IntArray,
    sums: FloatArray,
) -> None:
    """Walk one path into the arrays given; `amounts` (0, 0) leaves orders, sweeps, reasons and `before` unwritten."""
    rows, names = fill.shape
    recording = len(amounts) > 0
    sell_rate = (1.0 - slippage) * (1.0 - fee)
    buy_rate = (1.0 + slippage) * (1.0 + fee)
    shares, units, waiting, traded = np.zeros(names), np.zeros(names), np.zeros(names), np.zeros(names)
    gone = np.zeros(names, dtype=np.bool_)
    cash_units, level, pending = 0.0, 1.0, False
    for row in range(rows):
        reason = reason_nb(renewed[row], exposure[row], level)
        level = exposure[row]
        if reason == NONE and pending and due_nb(waiting, fill[row]):
            reason = WAITED
        acting = reason != NONE or ending[row]
        if acting or recording:
            cash = cash_units * cash_fill[row] if row > 0 else capital
        if acting:
            traded[:] = 0.0
            if ending[row]:
                cash = close_ended_nb(end_price[row], shares, units, waiting, gone, traded, cash)
                counts[CLOSED] += np.count_nonzero(traded)
            ended = traded != 0.0
            value = cash + worth_nb(shares, mark[row])
            keep = (1.0 - exposure[row]) * value
            if reason != NONE:
                weights = still_there_nb(base[max(renewed[row], 0)], gone)
                cash, deferred = act_nb(
                    reason,
                    weights,
                    fill[row],
                    mark[row],
                    order[row],
                    shares,
                    units,
                    waiting,
                    traded,
                    cash,
                    keep,
                    sell_rate,
                    buy_rate,
                )
                counts[DEFERRED] += deferred
            pending = bool(np.any(waiting != 0.0))
            money, paid = tally_nb(traded, ended, fill[row], fee, slippage)
            sums[TURNOVER] += 0.5 * money / value
            sums[PAID] += paid
        elif recording:
            value = cash + worth_nb(shares, mark[row])
        if recording:
            before[row] = value
        if row == 0 or (acting and np.any(traded != 0.0)):
            swept = max(0.0, cash) / cash_fill[row] - cash_units
            cash_units += swept
            if recording:
                sweeps[row] = swept
                amounts[row] = traded
                reasons[row] = np.where(ended, ENDED, np.where(traded != 0.0, reason, NONE))
        values[row] = cash_units * cash_close[row] + worth_nb(shares, close[row])
    counts[OPEN_AT_END] = np.count_nonzero(waiting)


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
    values, before, sweeps = np.empty(rows), np.empty(rows), np.zeros(rows)
    amounts, reasons = np.zeros((rows, names)), np.zeros((rows, names), dtype=np.int64)
    counts, sums = np.zeros(3, dtype=np.int64), np.zeros(2)
    _walk(
        fill,
        mark,
        close,
        end_price,
        ending_rows(end_price),
        base,
        renewed,
        exposure,
        order,
        cash_fill,
        cash_close,
        capital,
        fee,
        slippage,
        values,
        before,
        amounts,
        sweeps,
        reasons,
        counts,
        sums,
    )
    return values, before, amounts, sweeps, reasons, counts


@njit(cache=True)
def ending_rows(end_price: FloatArray) -> BoolArray:
    """The sessions (T,) on which some name is closed because its prices have ended."""
    out = np.zeros(len(end_price), dtype=np.bool_)
    for row in range(len(end_price)):
        out[row] = not np.all(np.isnan(end_price[row]))
    return out


@njit(cache=True, parallel=True)
def walk_many_nb(
    fill: FloatArray,
    mark: FloatArray,
    close: FloatArray,
    end_price: FloatArray,
    base: FloatArray,
    renewed: IntArray,
    exposure: FloatArray,
    orders: IntArray,
    which: IntArray,
    cash_fill: FloatArray,
    cash_close: FloatArray,
    capital: float,
    fee: float,
    slippage: float,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Walk P paths in parallel over the same prices: as `walk_nb`, without orders.

    `exposure` is (P, T); `orders` (K, T, N) the distinct selling orders and `which` (P,) the one that a set uses, -1
    for proportional. Returns values at the close (P, T), turnover and costs summed over the sessions (P, 2), counts
    (P, 3). The result of a path does not depend on the number of threads or on the other paths.
    """
    sets, rows = exposure.shape
    values, sums, counts = np.empty((sets, rows)), np.zeros((sets, 2)), np.zeros((sets, 3), dtype=np.int64)
    ending = ending_rows(end_price)
    nothing, nowhere, plain = np.zeros(0), np.zeros((0, 0)), np.zeros((rows, 0), dtype=np.int64)
    no_reasons = np.zeros((0, 0), dtype=np.int64)
    for number in prange(sets):
        order = orders[which[number]] if which[number] >= 0 else plain
        _walk(
            fill,
            mark,
            close,
            end_price,
            ending,
            base,
            renewed,
            exposure[number],
            order,
            cash_fill,
            cash_close,
            capital,
            fee,
            slippage,
            values[number],
            nothing,
            nowhere,
            nothing,
            no_reasons,
            counts[number],
            sums[number],
        )
    return values, sums, counts
