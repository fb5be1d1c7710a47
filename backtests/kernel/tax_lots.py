"""Lots inside the kernel, compiled: what each holding cost, and whose sale is taxed least.

A lot is what one order bought, at its price with slippage and fee. `lots.py` derives the same from a run's orders.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from undertow.backtests.kernel.state import HIFO
from undertow.market import FloatArray, IntArray


class Lots(NamedTuple):
    """Open lots (N, K), those of a name from `first` up to `end`; `cost` (N,) is what they cost together."""

    shares: FloatArray
    price: FloatArray
    first: IntArray
    end: IntArray
    cost: FloatArray


@njit(cache=True)
def open_lots_nb(names: int, most: int) -> Lots:
    """No lots yet, with room for `most` purchases a name."""
    return Lots(
        np.empty((names, most)),
        np.empty((names, most)),
        np.zeros(names, dtype=np.int64),
        np.zeros(names, dtype=np.int64),
        np.zeros(names),
    )


@njit(cache=True)
def buy_lot_nb(lots: Lots, name: int, shares: float, price: float, way: int) -> None:
    """Add a lot: behind the others for "fifo", in its place among the sorted prices for "hifo"."""
    place = lots.end[name]
    if way == HIFO:
        while place > lots.first[name] and lots.price[name, place - 1] > price:
            lots.price[name, place] = lots.price[name, place - 1]
            lots.shares[name, place] = lots.shares[name, place - 1]
            place -= 1
    lots.price[name, place] = price
    lots.shares[name, place] = shares
    lots.end[name] += 1
    lots.cost[name] += shares * price


@njit(cache=True)
def sell_lots_nb(lots: Lots, name: int, shares: float, left: float, way: int) -> float:
    """Take `shares` out of a name's lots, of which `left` stay held; returns what they had cost."""
    if left == 0.0:
        cost = float(lots.cost[name])
        lots.first[name] = lots.end[name] = 0
        lots.cost[name] = 0.0
        return cost
    cost = 0.0
    while shares > 0.0 and lots.end[name] > lots.first[name]:
        place = lots.end[name] - 1 if way == HIFO else lots.first[name]
        taken = min(shares, float(lots.shares[name, place]))
        cost += taken * float(lots.price[name, place])
        shares -= taken
        lots.shares[name, place] -= taken
        if lots.shares[name, place] > 0.0:
            break
        if way == HIFO:
            lots.end[name] -= 1
        else:
            lots.first[name] += 1
    lots.cost[name] -= cost
    return cost


@njit(cache=True)
def book_lots_nb(
    lots: Lots,
    traded: FloatArray,
    shares: FloatArray,
    fill: FloatArray,
    end_price: FloatArray,
    sell_rate: float,
    buy_rate: float,
    way: int,
    gains: FloatArray,
) -> None:
    """Book a session's trades of stocks; the gain of each sale after costs goes into `gains`, (1, N) or (0, N)."""
    for name in range(len(lots.cost)):
        if traded[name] > 0.0:
            buy_lot_nb(lots, name, traded[name], fill[name] * buy_rate, way)
        elif traded[name] < 0.0:
            price = fill[name] * sell_rate if np.isnan(end_price[name]) else end_price[name]
            cost = sell_lots_nb(lots, name, -traded[name], shares[name], way)
            if len(gains) > 0:
                gains[0, name] = -traded[name] * price - cost


@njit(cache=True)
def least_tax_order_nb(lots: Lots, shares: FloatArray, mark: FloatArray, sell_rate: float) -> IntArray:
    """The names (N,) by the gain on a whole sale a dollar that it raises, the smallest first; 0 for what is not held.

    The tax rate is one for all, so that this is the order of the tax. Ties in the order of the symbols.
    """
    gain = np.zeros(len(lots.cost))
    for name in range(len(gain)):
        if shares[name] > 0.0:
            # Rounded, so that names that tie do tie.
            gain[name] = round(1e9 * (1.0 - lots.cost[name] / (shares[name] * mark[name] * sell_rate)))
    return np.argsort(gain, kind="mergesort")
