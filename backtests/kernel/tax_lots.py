"""Lots inside the kernel, compiled: cost of the holdings and tax of their sale.

A lot is what one order bought, at its price with slippage and fee. `runs/tax.py` derives the same from a run's orders.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from undertow.backtests.kernel.records import HIFO, Holdings, Rates
from undertow.market import FloatArray, IntArray


class Lots(NamedTuple):
    """Open lots (N, K).

    Those of a name lie from `first` (N,) to before `end` (N,); `cost` (N,) is their total cost, USD.
    """

    shares: FloatArray
    price: FloatArray
    first: IntArray
    end: IntArray
    cost: FloatArray


@njit(cache=True)
def open_lots_nb(names: int, room: int) -> Lots:
    """No lots yet, with room for `room` purchases a name."""
    return Lots(
        np.empty((names, room)),
        np.empty((names, room)),
        np.zeros(names, dtype=np.int64),
        np.zeros(names, dtype=np.int64),
        np.zeros(names),
    )


@njit(cache=True)
def buy_lot_nb(lots: Lots, name: int, shares: float, price: float, lot_order: int) -> None:
    """Add a lot: behind the earlier ones for "fifo", sorted by price for "hifo".

    Args:
        lots: the open lots, changed in place.
        name: number of the name.
        shares: shares bought.
        price: price with slippage and fee, USD.
        lot_order: `HIFO` or `FIFO`.
    """
    slot = lots.end[name]
    if lot_order == HIFO:
        while slot > lots.first[name] and lots.price[name, slot - 1] > price:
            lots.price[name, slot] = lots.price[name, slot - 1]
            lots.shares[name, slot] = lots.shares[name, slot - 1]
            slot -= 1
    lots.price[name, slot] = price
    lots.shares[name, slot] = shares
    lots.end[name] += 1
    lots.cost[name] += shares * price


@njit(cache=True)
def sell_lots_nb(lots: Lots, name: int, shares: float, remaining: float, lot_order: int) -> float:
    """Take `shares` out of a name's lots; returns what they had cost, USD.

    Args:
        lots: the open lots, changed in place.
        name: number of the name.
        shares: shares sold.
        remaining: shares that stay held; 0 closes every lot of the name.
        lot_order: `HIFO` or `FIFO`.
    """
    if remaining == 0.0:
        cost = float(lots.cost[name])
        lots.first[name] = lots.end[name] = 0
        lots.cost[name] = 0.0
        return cost
    cost = 0.0
    while shares > 0.0 and lots.end[name] > lots.first[name]:
        slot = lots.end[name] - 1 if lot_order == HIFO else lots.first[name]
        sold = min(shares, float(lots.shares[name, slot]))
        cost += sold * float(lots.price[name, slot])
        shares -= sold
        lots.shares[name, slot] -= sold
        if lots.shares[name, slot] > 0.0:
            break
        if lot_order == HIFO:
            lots.end[name] -= 1
        else:
            lots.first[name] += 1
    lots.cost[name] -= cost
    return cost


@njit(cache=True)
def book_lots_nb(
    lots: Lots,
    holdings: Holdings,
    fill: FloatArray,
    end_price: FloatArray,
    rates: Rates,
    lot_order: int,
    gains: FloatArray,
) -> None:
    """Book a session's trades of stocks and write the gain of each sale after costs.

    Args:
        lots: the open lots, changed in place.
        holdings: what was traded and what is held after it.
        fill: price at the fill (C,).
        end_price: price at which a name that has ended is closed (C,), NaN for all others.
        rates: rates of trading.
        lot_order: `HIFO` or `FIFO`.
        gains: gains of the session (1, N) in USD, or (0, N) where none are recorded.
    """
    for name in range(len(lots.cost)):
        traded = holdings.traded[name]
        if traded > 0.0:
            buy_lot_nb(lots, name, traded, fill[name] * rates.buy, lot_order)
        elif traded < 0.0:
            price = fill[name] * rates.sell if np.isnan(end_price[name]) else end_price[name]
            cost = sell_lots_nb(lots, name, -traded, holdings.shares[name], lot_order)
            if len(gains) > 0:
                gains[0, name] = -traded * price - cost


@njit(cache=True)
def least_tax_order_nb(lots: Lots, shares: FloatArray, mark: FloatArray, sell_rate: float) -> IntArray:
    """The names (N,) by gain per dollar raised, the smallest first.

    The gain is that of a sale of all shares, 0 where none are held. The tax rate is one for all, so that this is the
    order of the tax. Ties in the order of the symbols.

    Args:
        lots: the open lots.
        shares: shares free to sell (N,).
        mark: last known prices (C,).
        sell_rate: what a sale of value 1 brings in.
    """
    gain = np.zeros(len(lots.cost))
    for name in range(len(gain)):
        if shares[name] > 0.0:
            # Rounded, so that names that tie do tie.
            gain[name] = round(1e9 * (1.0 - lots.cost[name] / (shares[name] * mark[name] * sell_rate)))
    return np.argsort(gain, kind="mergesort")
