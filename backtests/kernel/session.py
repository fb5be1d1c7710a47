"""One session of the order kernel, compiled: its trades and their reasons."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.fills import execute_nb
from undertow.backtests.kernel.records import (
    NO_LOTS,
    Action,
    Columns,
    Funds,
    Holdings,
    KernelOptions,
    Rates,
    SessionInputs,
)
from undertow.backtests.kernel.sizing import (
    CashTarget,
    Stocks,
    basket_weights_nb,
    cash_flow_nb,
    drop_dust_nb,
    rebalance_nb,
    sell_stopped_nb,
    size_basket_nb,
    size_stocks_nb,
)
from undertow.backtests.kernel.state import (
    ENDED,
    HEDGE,
    MARGIN,
    NONE,
    REBALANCE,
    ROTATE,
    STOP,
    WAITED,
    any_nb,
    surviving_weights_nb,
    worth_nb,
)
from undertow.backtests.kernel.tax_lots import Lots, least_tax_order_nb
from undertow.market import BoolArray, IntArray


@njit(cache=True)
def trade_session_nb(
    action: Action,
    inputs: SessionInputs,
    rates: Rates,
    options: KernelOptions,
    holdings: Holdings,
    lots: Lots,
    funds: Funds,
) -> tuple[float, int, float]:
    """Trade one session.

    Returns the cash, how many orders began to wait, and the base weight that is parked.

    Args:
        action: why the session trades; nothing is traded where the reason is `NONE`.
        inputs: prices, base weights and selling order of the session.
        rates: rates of trading.
        options: sleeves, stop and lots of the path.
        holdings: positions, waiting orders and stops, changed in place.
        lots: open lots; empty where the path records none.
        funds: cash and value before trading, USD, and the parked base weight.
    """
    row, reason, turned, shorted, exposure, rebalance, barred = action
    cash, value, parked = funds
    if reason == NONE:
        return cash, 0, parked
    fill, mark, weights, order = inputs
    stocks = len(weights)
    short = stocks + options.basket.shape[1]
    columns = Columns(stocks, short)
    if reason in (WAITED, STOP):
        trades = np.where(np.isnan(fill), 0.0, holdings.waiting)
        holdings.waiting[:] = np.where(np.isnan(fill), holdings.waiting, 0.0)
        if reason == STOP:
            sell_stopped_nb(holdings, stocks, trades)
        cash, deferred = execute_nb(trades, fill, holdings, cash, 0.0, rates, columns)
        return cash, deferred, parked
    # A sleeve that still waits for a price is ordered again, at its share of today: its order would be lost else.
    turned, shorted = turned or any_nb(holdings.waiting[stocks:short]), shorted or any_nb(holdings.waiting[short:])
    holdings.waiting[:] = 0.0
    trades = np.zeros(len(fill))
    free = holdings.shares[:stocks]
    if reason == REBALANCE:
        weights = surviving_weights_nb(weights, holdings.gone[:stocks])
        parked = rebalance_nb(weights, mark, holdings, row, options.stop, options.wait)
    if options.stop > 0.0:
        sell_stopped_nb(holdings, stocks, trades)
        free = free + trades[:stocks]
    invested = exposure
    if parked > 0.0:
        invested *= 1.0 - parked / (parked + worth_nb(holdings.units[:stocks], mark))
    share = 1.0 - invested
    if len(fill) > stocks:
        within = basket_weights_nb(options.basket, rebalance, holdings.gone, stocks)
        rotation = options.rotation[row] * within.sum()
        if reason == REBALANCE or turned:
            size_basket_nb(within, rotation * value, mark, holdings, stocks, trades)
        hedge = options.hedge[row] if short < len(fill) and not holdings.gone[short] and not barred else 0.0
        if short < len(fill) and not holdings.gone[short] and (reason == REBALANCE or shorted):
            trades[short] = -hedge * value / mark[short] - holdings.shares[short]
        share = max(0.0, share - rotation + hedge)
    if options.lots != NO_LOTS and (share > 0.0 or len(fill) > stocks):
        order = least_tax_order_nb(lots, free, mark, rates.sell)
    positions = Stocks(free, mark[:stocks], weights, holdings.units[:stocks], order)
    keep = share * value
    target = CashTarget(value, cash + cash_flow_nb(trades, mark, rates), keep, exposure, parked)
    # A margin call raises the cash that it takes and buys nothing else.
    both_ways = (turned or shorted) and reason != MARGIN
    trades[:stocks] += size_stocks_nb(reason, both_ways, positions, target, rates)
    drop_dust_nb(trades, mark, value)
    cash, deferred = execute_nb(trades, fill, holdings, cash, keep, rates, columns)
    return cash, deferred, parked


@njit(cache=True)
def label_orders_nb(action: Action, columns: Columns, ended: BoolArray, holdings: Holdings, reasons: IntArray) -> None:
    """Write the reason of each order of a session.

    Args:
        action: why the session trades.
        columns: where the stocks end and the symbol sold short is.
        ended: the columns (C,) closed because their prices have ended.
        holdings: what was traded, and the sessions of the stops.
        reasons: reasons (C,), written in place.
    """
    main = WAITED if action.reason == STOP else action.reason
    # A sleeve trades for a reason of its own, whatever else the session does.
    separate = main != REBALANCE and main != WAITED
    for name in range(len(reasons)):
        if holdings.traded[name] == 0.0:
            continue
        reasons[name] = main
        if ended[name]:
            reasons[name] = ENDED
        elif name >= columns.short and action.barred:
            reasons[name] = MARGIN
        elif name >= columns.short and (action.shorted or separate):
            reasons[name] = HEDGE
        elif columns.stocks <= name < columns.short and (action.turned or separate):
            reasons[name] = ROTATE
        elif name < columns.stocks and holdings.stopped[name] == action.row:
            reasons[name] = STOP
