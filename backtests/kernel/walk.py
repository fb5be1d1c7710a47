"""The order kernel: the exact orders that raise the cash required by a plan.

One path at a time, compiled. `reference.py` is the same in plain numpy; tests hold the two equal.

Execution. Orders are sized in money at the session's fill prices and executed sales first, then purchases; purchases
are scaled pro rata when cash is short, so weights stay in proportion. The cash target is
`1 - exposure - rotation + hedge` of the value before costs, and is met exactly: costs are borne by the stocks. Between
actions nothing trades and weights drift.
 * Rebalance: every name is traded to its base weight, less what the cash target takes from it.
 * Exposure down: cash is raised from the holdings, in proportion or from the highest score first, whole names at a
 time; or from the holding whose sale is taxed least, by its lots.
 * Exposure up: cash is put back in proportion to what each name lacks against its drifted base weight.
 * Basket and hedge are traded to their share when it changes and at rebalances; the stocks make up the remaining cash
 target. The proceeds of the hedge stay in cash; only the cash of the account is spent on buying it back.
 * Stop: a name that closed too far below its highest close since it was bought is sold whole. Its base weight is parked
 in cash, out of the exposure's reach, until a rebalance buys it again.
 * A missing fill price fills nothing: the order waits, in shares, for the next price or the next action, which sizes
 stocks anew and orders the basket or the hedge again where they wait.
 * A name that has had no price for too long (`prices.py`) is closed at its last close less the haircut, without costs.
 It may be bought again once it has a price to fill at.
 * Margin: where the account is worth less at a close than the maintenance margin of its short position, that is bought
 back at the next fill, with stocks sold for what cash lacks, and sold short again at the next rebalance or change of
 the hedge. An account that is worth 0 or less has ended: its value stays.
Raised cash is held as units of the cash symbol, which are traded without costs.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from undertow.backtests.kernel.records import (
    NO_LOTS,
    Action,
    Columns,
    Endings,
    Funds,
    Holdings,
    KernelOptions,
    PathPlan,
    PathRecord,
    PriceArrays,
    Rates,
    SessionInputs,
    SetOptions,
    SetPlans,
)
from undertow.backtests.kernel.session import label_orders_nb, trade_session_nb
from undertow.backtests.kernel.sizing import trigger_stops_nb
from undertow.backtests.kernel.state import (
    BARRED,
    CALLED,
    CASH,
    COUNTS,
    COVERED,
    DEFERRED,
    DUST,
    MARGIN,
    NONE,
    OPEN_AT_END,
    PAID,
    STOPPED,
    TURNOVER,
    any_nb,
    changed_nb,
    close_ended_nb,
    count_actions_nb,
    count_ended_nb,
    endings_nb,
    idle_reason_nb,
    margin_nb,
    reason_nb,
    tally_nb,
    worth_nb,
)
from undertow.backtests.kernel.tax_lots import book_lots_nb, open_lots_nb
from undertow.market import FloatArray, IntArray


@njit(cache=True)
def _walk_nb(
    prices: PriceArrays,
    plan: PathPlan,
    rates: Rates,
    options: KernelOptions,
    endings: Endings,
    capital: float,
    record: PathRecord,
) -> None:
    # With amounts (0, 0) only values, counts and sums are written.
    fill, mark, close, end_price, cash_fill, cash_close = prices
    base, rebalanced, exposure, order = plan
    values, before, amounts, cash_trades, reasons, counts, sums, gains = record
    rows, columns = fill.shape
    stocks = base.shape[1]
    parts = Columns(stocks, stocks + options.basket.shape[1])
    recording = len(amounts) > 0
    holdings = _no_holdings_nb(columns, stocks)
    lots = open_lots_nb(stocks if options.lots != NO_LOTS else 0, count_actions_nb(rebalanced, exposure, options))
    cash_units, level, pending, rebalance, parked, resting = 0.0, 1.0, False, 0, 0.0, 0.0
    margin, short = COVERED, min(parts.short, columns - 1)
    for row in range(rows):
        rebalance = rebalanced[row] if rebalanced[row] >= 0 else rebalance
        turned = columns > stocks and changed_nb(options.rotation, row)
        shorted = columns > stocks and changed_nb(options.hedge, row)
        reason = reason_nb(rebalanced[row] >= 0, exposure[row], level, turned, shorted)
        level = exposure[row]
        cash = cash_units * cash_fill[row] if row > 0 else capital
        if endings.rows[row]:
            cash = close_ended_nb(fill[row], end_price[row], holdings, cash)
            count_ended_nb(holdings.traded, endings.last, row, counts)
        margin = COVERED if margin == BARRED and (rebalanced[row] >= 0 or shorted) else margin
        called = margin == CALLED and not np.isnan(fill[row, short])
        shorted, reason = shorted or called, MARGIN if called and reason == NONE else reason
        hits = 0
        # Guarded, since a call that hands over the holdings costs more than all else on an idle session.
        if options.stop > 0.0:
            hits, newly_parked = trigger_stops_nb(options.known, mark, holdings, row, options.stop)
            counts[STOPPED] += hits
            parked += newly_parked
        if reason == NONE and (pending or hits > 0):
            reason = idle_reason_nb(hits, pending, holdings.waiting, fill[row])
        acting = reason != NONE or endings.rows[row]
        if acting or recording or holdings.shares[short] < 0.0:
            value = cash + worth_nb(holdings.shares, mark[row])
            if value <= 0.0:
                _end_account_nb(row, value, values, before)
                break
        if acting:
            ended = holdings.traded != 0.0
            action = Action(row, reason, turned, shorted, level, rebalance, margin != COVERED)
            funds = Funds(cash, value, parked)
            inputs = SessionInputs(fill[row], mark[row], base[rebalance], order[row])
            cash, deferred, parked = trade_session_nb(action, inputs, rates, options, holdings, lots, funds)
            counts[DEFERRED] += deferred
            pending = any_nb(holdings.waiting)
            money, paid = tally_nb(holdings.traded, ended, fill[row], rates)
            sums[TURNOVER] += 0.5 * money / value
            sums[PAID] += paid
            book_lots_nb(lots, holdings, fill[row], end_price[row], rates, options.lots, gains[row : row + 1])
        if recording:
            before[row] = value
        if row == 0 or (acting and any_nb(holdings.traded)):
            swept = max(0.0, cash) / cash_fill[row] - cash_units
            cash_units += swept
            if recording:
                cash_trades[row] = swept if abs(swept) * cash_fill[row] > DUST * value else 0.0
                amounts[row] = holdings.traded
                action = Action(row, reason, turned, shorted, level, rebalance, margin != COVERED)
                label_orders_nb(action, parts, ended, holdings, reasons[row])
            holdings.traded[:] = 0.0
        in_cash = cash_units * cash_close[row]
        values[row] = in_cash + worth_nb(holdings.shares, close[row])
        if values[row] <= 0.0:
            _end_account_nb(row + 1, values[row], values, before)
            break
        margin = margin_nb(margin, holdings.shares[short], close[row, short], values[row], rates.maintenance, counts)
        resting += in_cash / values[row] if in_cash > DUST * values[row] else 0.0
    sums[CASH] = resting
    counts[OPEN_AT_END] = np.count_nonzero(holdings.waiting)


@njit(cache=True)
def _end_account_nb(row: int, value: float, values: FloatArray, before: FloatArray) -> None:
    # An account that is worth nothing does not go on.
    values[row:] = value
    before[row:] = value


@njit(cache=True)
def _no_holdings_nb(columns: int, stocks: int) -> Holdings:
    return Holdings(
        np.zeros(columns),
        np.zeros(columns),
        np.zeros(columns),
        np.zeros(columns),
        np.zeros(columns, dtype=np.bool_),
        np.zeros(stocks),
        np.full(stocks, -1),
    )


@njit(cache=True)
def walk_nb(
    prices: PriceArrays, plan: PathPlan, rates: Rates, options: KernelOptions, capital: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray, IntArray, FloatArray, FloatArray]:
    """Walk one path over T sessions.

    The C columns are N stocks, the names of the basket and the symbol sold short. Session t uses its own prices and the
    plan's row t alone. Returns the fields of `PathRecord`.

    Args:
        prices: prices of the run, as in `PriceGrid`.
        plan: base weights, rebalances, exposure and selling order.
        rates: rates of trading.
        options: sleeves, stop and lots.
        capital: starting capital, USD.
    """
    rows, columns = prices.fill.shape
    gains = np.zeros((rows, plan.base.shape[1]) if options.lots != NO_LOTS else (0, 0))
    record = PathRecord(
        values=np.empty(rows),
        before=np.empty(rows),
        amounts=np.zeros((rows, columns)),
        cash_trades=np.zeros(rows),
        reasons=np.zeros((rows, columns), dtype=np.int64),
        counts=np.zeros(COUNTS, dtype=np.int64),
        sums=np.zeros(3),
        gains=gains,
    )
    _walk_nb(prices, plan, rates, options, endings_nb(prices.fill, prices.end_price), capital, record)
    # A plain tuple: a record costs more to hand back to Python.
    values, before, amounts, cash_trades, reasons, counts, sums, _ = record
    return values, before, amounts, cash_trades, reasons, counts, sums, gains


@njit(cache=True, parallel=True)
def walk_many_nb(
    prices: PriceArrays,
    base: FloatArray,
    rebalanced: IntArray,
    sets: SetPlans,
    rates: Rates,
    options: SetOptions,
    capital: float,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Walk P paths in parallel over the same prices: as `walk_nb`, without orders.

    Returns values at the close (P, T), sums over the sessions (P, 3) and counts (P, 6). The result of a path does not
    depend on the number of threads or on the other paths.

    Args:
        prices: prices of the run, as in `PriceGrid`.
        base: base weights (R, N), a row a rebalance.
        rebalanced: row of `base` that takes effect on a session (T,), -1 for none.
        sets: exposure and selling order of each path.
        rates: rates of trading.
        options: sleeves, stop and lots of each path.
        capital: starting capital, USD.
    """
    paths, rows = sets.exposure.shape
    values, sums, counts = np.empty((paths, rows)), np.zeros((paths, 3)), np.zeros((paths, COUNTS), dtype=np.int64)
    # Taken apart: numba does not know the names of records inside a parallel loop.
    ending, last = endings_nb(prices.fill, prices.end_price)
    no_values, no_amounts, no_order = np.zeros(0), np.zeros((0, 0)), np.zeros((rows, 0), dtype=np.int64)
    no_reasons = np.zeros((0, 0), dtype=np.int64)
    for number in prange(paths):
        score = sets.score_of_set[number]
        path_options = KernelOptions(
            options.basket,
            options.rotation[number] if len(options.rotation) > 0 else no_values,
            options.hedge[number] if len(options.hedge) > 0 else no_values,
            options.known,
            options.stop[number],
            options.wait[number],
            options.lots[number],
        )
        plan = PathPlan(base, rebalanced, sets.exposure[number], sets.orders[score] if score >= 0 else no_order)
        record = PathRecord(
            values=values[number],
            before=no_values,
            amounts=no_amounts,
            cash_trades=no_values,
            reasons=no_reasons,
            counts=counts[number],
            sums=sums[number],
            gains=no_amounts,
        )
        _walk_nb(prices, plan, rates, path_options, Endings(ending, last), capital, record)
    return values, sums, counts
