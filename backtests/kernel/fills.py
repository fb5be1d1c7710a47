"""How orders are filled, compiled: sales first, then purchases within the cash."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from undertow.backtests.kernel.records import Columns, Holdings, Rates
from undertow.backtests.kernel.state import DUST
from undertow.market import FloatArray


class Purchase(NamedTuple):
    """Purchases of some columns, the cash that they cost and the cash to keep.

    Args:
        first: first column.
        end: the column behind the last one.
        cost: cost of all purchases, USD.
        keep: cash to keep, USD.
    """

    first: int
    end: int
    cost: float
    keep: float


@njit(cache=True)
def execute_nb(
    trades: FloatArray,
    fill: FloatArray,
    holdings: Holdings,
    cash: float,
    keep: float,
    rates: Rates,
    columns: Columns,
) -> tuple[float, int]:
    """Fill orders that have a price; the others wait.

    Returns the cash and how many orders began to wait. All sales first. Then the short position is bought back from any
    cash; then the basket and last the stocks, both from the cash above `keep`, scaled pro rata where that is too
    little.

    Args:
        trades: shares to trade (C,), negative for a sale.
        fill: price at the fill (C,), NaN where nothing can be filled.
        holdings: positions and waiting orders, changed in place.
        cash: cash before the trades, USD.
        keep: cash to keep, USD.
        rates: rates of trading.
        columns: where the stocks end and the symbol sold short is.
    """
    deferred = 0
    cost = basket_cost = short_cost = 0.0
    for name in range(len(trades)):
        if trades[name] == 0.0:
            continue
        if np.isnan(fill[name]):
            holdings.waiting[name] = trades[name]
            deferred += 1
        elif trades[name] < 0.0:
            # A sale of all but rounding is a sale of all: no dust stays behind.
            sells_all = name < columns.short and -trades[name] >= holdings.shares[name] * (1.0 - DUST)
            sold = holdings.shares[name] if sells_all else -trades[name]
            holdings.traded[name] -= sold
            holdings.shares[name] -= sold
            cash += sold * fill[name] * rates.sell
        elif name < columns.stocks:
            cost += trades[name] * fill[name] * rates.buy
        elif name < columns.short:
            basket_cost += trades[name] * fill[name] * rates.buy
        else:
            short_cost += trades[name] * fill[name] * rates.buy
    buy_back = Purchase(columns.short, len(trades), short_cost, 0.0)
    basket = Purchase(columns.stocks, columns.short, basket_cost, keep)
    stocks = Purchase(0, columns.stocks, cost, keep)
    cash = _buy_nb(trades, fill, holdings, cash, rates.buy, buy_back)
    cash = _buy_nb(trades, fill, holdings, cash, rates.buy, basket)
    return _buy_nb(trades, fill, holdings, cash, rates.buy, stocks), deferred


@njit(cache=True)
def _buy_nb(
    trades: FloatArray, fill: FloatArray, holdings: Holdings, cash: float, buy_rate: float, purchase: Purchase
) -> float:
    spare = cash - purchase.keep
    # What is left of rounding buys nothing.
    if purchase.cost <= 0.0 or spare <= DUST * (cash + purchase.cost):
        return cash
    # Pro rata where the cash is short, so that weights stay in proportion.
    scale = min(1.0, spare / purchase.cost)
    for name in range(purchase.first, purchase.end):
        if trades[name] > 0.0 and not np.isnan(fill[name]):
            bought = trades[name] * scale
            # As of a sale: a short position that is bought back but for rounding is bought back.
            if holdings.shares[name] < 0.0 and abs(bought + holdings.shares[name]) <= -DUST * holdings.shares[name]:
                bought = -holdings.shares[name]
            holdings.traded[name] += bought
            holdings.shares[name] += bought
            cash -= bought * fill[name] * buy_rate
    return cash
