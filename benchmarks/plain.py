"""The plain kernel that a sweep is measured against: every session, every name, one loop, paths in parallel.

It knows nothing but this task: proportional changes of exposure, a rebalance to equal weights, fills at the open, one
account. Value at each close, then final value, CAGR, annual Sharpe ratio and deepest drawdown of each path.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange


@njit(cache=True)
def trade_nb(shares: Any, price: Any, cash: float, share: float, cost: float) -> float:
    """Bring every name to an equal part of `share` of the account; sales first; returns the cash left."""
    names = len(shares)
    value = cash
    for name in range(names):
        value += shares[name] * price[name]
    goal = share * value / names
    lacking = 0.0
    for name in range(names):
        gap = goal - shares[name] * price[name]
        if gap < 0.0:
            shares[name] += gap / price[name]
            cash -= gap * (1.0 - cost)
        else:
            lacking += gap
    part = min(1.0, cash / (lacking * (1.0 + cost))) if lacking > 0.0 else 0.0
    for name in range(names):
        gap = goal - shares[name] * price[name]
        if gap > 0.0:
            shares[name] += gap * part / price[name]
    return cash - lacking * part * (1.0 + cost)


@njit(cache=True)
def figures_nb(values: Any, capital: float, out: Any) -> None:
    """Final value, CAGR, Sharpe ratio and drawdown of one path."""
    count = len(values)
    mean = squares = fall = 0.0
    last, high = capital, capital
    for row in range(count):
        change = values[row] / last - 1.0
        mean += change
        squares += change * change
        last, high = values[row], max(high, values[row])
        fall = min(fall, values[row] / high - 1.0)
    mean /= count
    spread = math.sqrt(max(0.0, (squares - count * mean * mean) / (count - 1)))
    out[0], out[1] = last, (last / capital) ** (252.0 / count) - 1.0
    out[2], out[3] = mean / spread * math.sqrt(252.0), fall


@njit(cache=True, parallel=True)
def plain_nb(opens: Any, close: Any, rebalance: Any, exposure: Any, capital: float, cost: float) -> Any:
    """Four figures (P, 4) of P exposure paths (P, T)."""
    paths, rows = exposure.shape
    names = close.shape[1]
    out = np.empty((paths, 4))
    for path in prange(paths):
        shares, values, cash, level = np.zeros(names), np.empty(rows), capital, 0.0
        for row in range(rows):
            if rebalance[row] or exposure[path, row] != level:
                level = exposure[path, row]
                cash = trade_nb(shares, opens[row], cash, level, cost)
            value = cash
            for name in range(names):
                value += shares[name] * close[row, name]
            values[row] = value
        figures_nb(values, capital, out[path])
    return out
