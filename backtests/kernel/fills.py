"""How orders are filled, compiled: sales first, then what the cash allows.

Columns are stocks, then the names of the basket, then the one that is sold short; `stocks` is where the first end and
`short` where the short one stands, which is behind the last column where there is none.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.state import DUST, Holdings
from undertow.market import FloatArray


@njit(cache=True)
def execute_nb(
    wanted: FloatArray,
    fill: FloatArray,
    account: Holdings,
    cash: float,
    keep: float,
    sell_rate: float,
    buy_rate: float,
    stocks: int,
    short: int,
) -> tuple[float, int]:
    """Fill what has a price; the rest waits. Returns the cash and how many orders began to wait.

    All sales first. Then the short position is bought back from any cash; then the basket and last the stocks, each
    from what the cash exceeds `keep` by, scaled pro rata where that is too little.
    """
    deferred = 0
    cost = basket_cost = short_cost = 0.0
    for name in range(len(wanted)):
        if wanted[name] == 0.0:
            continue
        if np.isnan(fill[name]):
            account.waiting[name] = wanted[name]
            deferred += 1
        elif wanted[name] < 0.0:
            # A sale of all but rounding is a sale of all: no dust stays behind.
            whole = name < short and -wanted[name] >= account.shares[name] * (1.0 - DUST)
            sold = account.shares[name] if whole else -wanted[name]
            account.traded[name] -= sold
            account.shares[name] -= sold
            cash += sold * fill[name] * sell_rate
        elif name < stocks:
            cost += wanted[name] * fill[name] * buy_rate
        elif name < short:
            basket_cost += wanted[name] * fill[name] * buy_rate
        else:
            short_cost += wanted[name] * fill[name] * buy_rate
    cash = _buy_nb(wanted, fill, account, short, len(wanted), cash, 0.0, short_cost, buy_rate)
    cash = _buy_nb(wanted, fill, account, stocks, short, cash, keep, basket_cost, buy_rate)
    return _buy_nb(wanted, fill, account, 0, stocks, cash, keep, cost, buy_rate), deferred


@njit(cache=True)
def _buy_nb(
    wanted: FloatArray,
    fill: FloatArray,
    account: Holdings,
    first: int,
    end: int,
    cash: float,
    keep: float,
    cost: float,
    buy_rate: float,
) -> float:
    # What is left of rounding buys nothing.
    if cost <= 0.0 or cash - keep <= DUST * (cash + cost):
        return cash
    # Pro rata where the cash is short, so that weights stay in proportion.
    scale = min(1.0, (cash - keep) / cost)
    for name in range(first, end):
        if wanted[name] > 0.0 and not np.isnan(fill[name]):
            bought = wanted[name] * scale
            account.traded[name] += bought
            account.shares[name] += bought
            cash -= bought * fill[name] * buy_rate
    return cash
