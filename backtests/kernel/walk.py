"""The order kernel: walks a plan and emits the exact order amounts that raise the cash asked for.

One path at a time, compiled. `kernel_reference` is the same in plain numpy; tests hold the two equal.

Execution. Orders are sized in money at the session's fill prices and executed sells first, then buys; buys are scaled
pro rata when cash is short, so weights stay in proportion. The cash target is `1 - exposure - rotation + hedge` of the
value before costs, and is met exactly: costs are borne by the stocks. Between actions nothing trades and weights drift.
 * Renewal: every name is traded to its base weight, less what the cash target takes from it.
 * Exposure down: cash is raised from the holdings, in proportion or from the highest score first, whole names at a
 time; or from the holding whose sale is taxed least, by its lots.
 * Exposure up: cash is put back in proportion to what each name lacks against its drifted base weight.
 * Basket and hedge are traded to their share when it changes and at rebalances; the stocks make up the rest of the cash
 target. The proceeds of the hedge stay in cash; only what is there is spent on buying it back.
 * Stop: a name that closed too far below its highest close since it was bought is sold whole. Its base weight is parked
 in cash, out of the exposure's reach, until a rebalance buys it again.
 * A missing fill price fills nothing: the order waits, in shares, for the next price or the next action, which sizes
 stocks anew and asks again for the basket or the hedge that waits.
 * A name whose prices have ended is closed on the session after, at its last close less the haircut, without costs.
Raised cash is held as units of the cash symbol, which are swept without costs.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from undertow.backtests.kernel.session import label_orders_nb, trade_session_nb
from undertow.backtests.kernel.sizing import trigger_stops_nb
from undertow.backtests.kernel.state import (
    CASH,
    CLOSED,
    DEFERRED,
    DUST,
    NO_LOTS,
    NONE,
    OPEN_AT_END,
    PAID,
    STOPPED,
    TURNOVER,
    Holdings,
    KernelOptions,
    actions_nb,
    any_nb,
    changed_nb,
    close_ended_nb,
    idle_reason_nb,
    reason_nb,
    tally_nb,
    worth_nb,
)
from undertow.backtests.kernel.tax_lots import book_lots_nb, open_lots_nb
from undertow.market import BoolArray, FloatArray, IntArray


@njit(cache=True)
def _walk(
    fill: FloatArray,
    mark: FloatArray,
    close: FloatArray,
    end_price: FloatArray,
    ending: BoolArray,
    base: FloatArray,
    rebalanced: IntArray,
    exposure: FloatArray,
    order: IntArray,
    cash_fill: FloatArray,
    cash_close: FloatArray,
    capital: float,
    fee: float,
    slippage: float,
    rules: KernelOptions,
    values: FloatArray,
    before: FloatArray,
    amounts: FloatArray,
    sweeps: FloatArray,
    reasons: IntArray,
    gains: FloatArray,
    counts: IntArray,
    sums: FloatArray,
) -> None:
    """Walk one path into the arrays given; `amounts` (0, 0) leaves orders, sweeps, reasons and `before` unwritten."""
    rows, columns = fill.shape
    stocks = base.shape[1]
    short = stocks + rules.basket.shape[1]
    recording = len(amounts) > 0
    sell_rate = (1.0 - slippage) * (1.0 - fee)
    buy_rate = (1.0 + slippage) * (1.0 + fee)
    account = Holdings(
        np.zeros(columns),
        np.zeros(columns),
        np.zeros(columns),
        np.zeros(columns),
        np.zeros(columns, dtype=np.bool_),
        np.zeros(stocks),
        np.full(stocks, -1),
    )
    lots = open_lots_nb(stocks if rules.lots != NO_LOTS else 0, actions_nb(rebalanced, exposure, rules))
    cash_units, level, pending, rebalance, parked, resting = 0.0, 1.0, False, 0, 0.0, 0.0
    for row in range(rows):
        rebalance = rebalanced[row] if rebalanced[row] >= 0 else rebalance
        turned = shorted = False
        if columns > stocks:
            turned, shorted = changed_nb(rules.rotation, row), changed_nb(rules.hedge, row)
        reason = reason_nb(rebalanced[row], exposure[row], level, turned, shorted)
        level = exposure[row]
        cash = cash_units * cash_fill[row] if row > 0 else capital
        if ending[row]:
            cash = close_ended_nb(end_price[row], account, cash)
            counts[CLOSED] += np.count_nonzero(account.traded)
        found = 0
        # Guarded, since a call that hands over the account costs more than all else on an idle session.
        if rules.stop > 0.0:
            found, more = trigger_stops_nb(rules.known, mark, account, row, rules.stop)
            counts[STOPPED] += found
            parked += more
        if reason == NONE and (pending or found > 0):
            reason = idle_reason_nb(found, pending, account.waiting, fill[row])
        acting = reason != NONE or ending[row]
        if acting or recording:
            value = cash + worth_nb(account.shares, mark[row])
        if acting:
            ended = account.traded != 0.0
            cash, deferred, parked = trade_session_nb(
                row,
                reason,
                turned,
                shorted,
                rebalance,
                parked,
                fill[row],
                mark[row],
                base,
                exposure[row],
                order[row],
                cash,
                value,
                sell_rate,
                buy_rate,
                rules,
                account,
                lots,
            )
            counts[DEFERRED] += deferred
            pending = any_nb(account.waiting)
            money, paid = tally_nb(account.traded, ended, fill[row], fee, slippage)
            sums[TURNOVER] += 0.5 * money / value
            sums[PAID] += paid
            book_lots_nb(
                lots,
                account.traded,
                account.shares,
                fill[row],
                end_price[row],
                sell_rate,
                buy_rate,
                rules.lots,
                gains[row : row + 1],
            )
        if recording:
            before[row] = value
        if row == 0 or (acting and any_nb(account.traded)):
            swept = max(0.0, cash) / cash_fill[row] - cash_units
            cash_units += swept
            if recording:
                sweeps[row] = swept
                amounts[row] = account.traded
                label_orders_nb(reason, turned, shorted, row, stocks, short, ended, account, reasons[row])
            account.traded[:] = 0.0
        in_cash = cash_units * cash_close[row]
        values[row] = in_cash + worth_nb(account.shares, close[row])
        if in_cash > DUST * values[row]:
            resting += in_cash / values[row]
    sums[CASH] = resting
    counts[OPEN_AT_END] = np.count_nonzero(account.waiting)


@njit(cache=True)
def walk_nb(
    fill: FloatArray,
    mark: FloatArray,
    close: FloatArray,
    end_price: FloatArray,
    base: FloatArray,
    rebalanced: IntArray,
    exposure: FloatArray,
    order: IntArray,
    cash_fill: FloatArray,
    cash_close: FloatArray,
    capital: float,
    fee: float,
    slippage: float,
    rules: KernelOptions,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray, IntArray, FloatArray, FloatArray]:
    """Walk one path over T sessions and C columns: N stocks, the names of the basket, the hedge.

    Prices (T, C): `fill`, NaN where nothing can be filled; `mark` and `close`, the last known price at the fill and
    at the close, any positive number before a name is listed; `end_price`, not NaN on the one session on which a name
    that has ended is closed. `base` (R, N) and `rebalanced` (T,) as in `Plan`; `exposure` (T,); `order` (T, N) name
    numbers, first sold first, or (T, 0) for proportional; the price of the cash symbol at fill and close (T,). Fee
    and slippage are decimal.

    Returns value at the close and at the fill before trading (T,), order amounts in shares (T, C), amounts of the
    cash symbol (T,), reasons (T, C), counts (4,), sums (3,), and the gain of each sale of stocks (T, N) where lots are
    kept, else (0, 0).
    """
    rows, columns = fill.shape
    values, before, sweeps = np.empty(rows), np.empty(rows), np.zeros(rows)
    amounts, reasons = np.zeros((rows, columns)), np.zeros((rows, columns), dtype=np.int64)
    gains = np.zeros((rows, base.shape[1]) if rules.lots != NO_LOTS else (0, 0))
    counts, sums = np.zeros(4, dtype=np.int64), np.zeros(3)
    _walk(
        fill,
        mark,
        close,
        end_price,
        ending_rows(end_price),
        base,
        rebalanced,
        exposure,
        order,
        cash_fill,
        cash_close,
        capital,
        fee,
        slippage,
        rules,
        values,
        before,
        amounts,
        sweeps,
        reasons,
        gains,
        counts,
        sums,
    )
    return values, before, amounts, sweeps, reasons, counts, sums, gains


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
    rebalanced: IntArray,
    exposure: FloatArray,
    orders: IntArray,
    which: IntArray,
    cash_fill: FloatArray,
    cash_close: FloatArray,
    capital: float,
    fee: float,
    slippage: float,
    basket: FloatArray,
    rotation: FloatArray,
    hedge: FloatArray,
    known: FloatArray,
    stop: FloatArray,
    wait: IntArray,
    lots: IntArray,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Walk P paths in parallel over the same prices: as `walk_nb`, without orders.

    `exposure`, `rotation` and `hedge` are (P, T), the last two of no length where no column is theirs; `orders`
    (K, T, N) the distinct selling orders and `which` (P,) the one that a set uses, negative for none; `stop`, `wait`
    and `lots` are (P,), the rest as in `KernelOptions`. Returns values at the close (P, T), sums over the sessions (P,
    3) and counts (P, 4). The result of a path does not depend on the number of threads or on the other paths.
    """
    sets, rows = exposure.shape
    values, sums, counts = np.empty((sets, rows)), np.zeros((sets, 3)), np.zeros((sets, 4), dtype=np.int64)
    ending = ending_rows(end_price)
    nothing, nowhere, plain = np.zeros(0), np.zeros((0, 0)), np.zeros((rows, 0), dtype=np.int64)
    no_reasons = np.zeros((0, 0), dtype=np.int64)
    for number in prange(sets):
        order = orders[which[number]] if which[number] >= 0 else plain
        rules = KernelOptions(
            basket,
            rotation[number] if len(rotation) > 0 else nothing,
            hedge[number] if len(hedge) > 0 else nothing,
            known,
            stop[number],
            wait[number],
            lots[number],
        )
        _walk(
            fill,
            mark,
            close,
            end_price,
            ending,
            base,
            rebalanced,
            exposure[number],
            order,
            cash_fill,
            cash_close,
            capital,
            fee,
            slippage,
            rules,
            values[number],
            nothing,
            nowhere,
            nothing,
            no_reasons,
            nowhere,
            counts[number],
            sums[number],
        )
    return values, sums, counts
