"""One session of the order kernel, compiled: what is traded for a reason, and why each order was sent."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.fills import execute_nb
from undertow.backtests.kernel.sizing import (
    basket_weights_nb,
    drop_dust_nb,
    flow_nb,
    rebalance_nb,
    want_basket_nb,
    want_stops_nb,
    wanted_nb,
)
from undertow.backtests.kernel.state import (
    ENDED,
    HEDGE,
    NO_LOTS,
    NONE,
    RENEWAL,
    ROTATE,
    STOP,
    WAITED,
    Holdings,
    KernelOptions,
    any_nb,
    still_there_nb,
    worth_nb,
)
from undertow.backtests.kernel.tax_lots import Lots, least_tax_order_nb
from undertow.market import BoolArray, FloatArray, IntArray


@njit(cache=True)
def trade_session_nb(
    row: int,
    reason: int,
    turned: bool,
    shorted: bool,
    rebalance: int,
    parked: float,
    fill: FloatArray,
    mark: FloatArray,
    base: FloatArray,
    exposure: float,
    order: IntArray,
    cash: float,
    value: float,
    sell_rate: float,
    buy_rate: float,
    rules: KernelOptions,
    account: Holdings,
    lots: Lots,
) -> tuple[float, int, float]:
    """Trade one session for `reason`, if there is one; returns cash, new waits and what is parked."""
    if reason == NONE:
        return cash, 0, parked
    stocks = base.shape[1]
    short = stocks + rules.basket.shape[1]
    if reason in (WAITED, STOP):
        wanted = np.where(np.isnan(fill), 0.0, account.waiting)
        account.waiting[:] = np.where(np.isnan(fill), account.waiting, 0.0)
        if reason == STOP:
            want_stops_nb(account, stocks, wanted)
        cash, deferred = execute_nb(wanted, fill, account, cash, 0.0, sell_rate, buy_rate, stocks, short)
        return cash, deferred, parked
    # A leg that still waits for a price is asked for again, at its share of today: its order would be lost else.
    turned, shorted = turned or any_nb(account.waiting[stocks:short]), shorted or any_nb(account.waiting[short:])
    account.waiting[:] = 0.0
    wanted = np.zeros(len(fill))
    free = account.shares[:stocks]
    weights = base[rebalance]
    if reason == RENEWAL:
        weights = still_there_nb(weights, account.gone[:stocks])
        parked = rebalance_nb(weights, mark, account, row, rules.stop, rules.wait)
    if rules.stop > 0.0:
        want_stops_nb(account, stocks, wanted)
        free = free + wanted[:stocks]
    invested = exposure
    if parked > 0.0:
        invested *= 1.0 - parked / (parked + worth_nb(account.units[:stocks], mark))
    target = 1.0 - invested
    if len(fill) > stocks:
        within = basket_weights_nb(rules.basket, rebalance, account.gone, stocks)
        rotation = rules.rotation[row] * within.sum()
        if reason == RENEWAL or turned:
            want_basket_nb(within, rotation * value, mark, account, stocks, wanted)
        hedge = rules.hedge[row] if short < len(fill) and not account.gone[short] else 0.0
        if short < len(fill) and not account.gone[short] and (reason == RENEWAL or shorted):
            wanted[short] = -hedge * value / mark[short] - account.shares[short]
        target = max(0.0, target - rotation + hedge)
    if rules.lots != NO_LOTS and (target > 0.0 or len(fill) > stocks):
        order = least_tax_order_nb(lots, free, mark, sell_rate)
    wanted[:stocks] += wanted_nb(
        reason,
        turned or shorted,
        free,
        mark[:stocks],
        weights,
        account.units[:stocks],
        parked,
        order,
        value,
        exposure,
        cash + flow_nb(wanted, mark, sell_rate, buy_rate),
        target * value,
        sell_rate,
        buy_rate,
    )
    drop_dust_nb(wanted, mark, value)
    cash, deferred = execute_nb(wanted, fill, account, cash, target * value, sell_rate, buy_rate, stocks, short)
    return cash, deferred, parked


@njit(cache=True)
def label_orders_nb(
    reason: int,
    turned: bool,
    shorted: bool,
    row: int,
    stocks: int,
    short: int,
    ended: BoolArray,
    account: Holdings,
    out: IntArray,
) -> None:
    """Write the reason of each order of a session into `out` (C,)."""
    plain = WAITED if reason == STOP else reason
    # Whatever else acts, a leg is traded for its own sake: its share changed, or it is asked for again.
    apart = plain != RENEWAL and plain != WAITED
    for name in range(len(out)):
        if account.traded[name] == 0.0:
            continue
        out[name] = plain
        if ended[name]:
            out[name] = ENDED
        elif name >= short and (shorted or apart):
            out[name] = HEDGE
        elif stocks <= name < short and (turned or apart):
            out[name] = ROTATE
        elif name < stocks and account.stopped[name] == row:
            out[name] = STOP
