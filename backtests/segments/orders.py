"""Orders of one path at one session, made in place: what the order kernel does where no basket, hedge or stop is held.

A second implementation of the plain case of `kernel.py`, for the segment walk of a sweep; tests hold the two equal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.state import DE_RISK, DUST, RENEWAL, WAITED
from undertow.backtests.segments.reductions import dot, dot_four, gaps_of
from undertow.market import FloatArray, IntArray


@njit(cache=True)
def worth_nb(shares: FloatArray, price: FloatArray) -> float:
    """Shares times price."""
    worth: float = dot(shares, price)
    return worth


@njit(cache=True)
def gaps_nb(held: FloatArray, units: FloatArray, mark: FloatArray, goal: float, dust: float) -> tuple[float, float]:
    """Money to buy and to sell so that `goal` base portfolios are held; less than `dust` is left alone."""
    short, over = gaps_of(held, units, mark, goal, dust)
    return short, over


@njit(cache=True)
def close_gaps_nb(
    held: FloatArray, units: FloatArray, mark: FloatArray, goal: float, dust: float, filled: float
) -> None:
    """Sell down to `goal` base portfolios, and buy `filled` (share) of what is lacking."""
    for name in range(len(held)):
        wanted = goal * units[name]
        gap = (wanted - held[name]) * mark[name]
        bought = held[name] + (wanted - held[name]) * filled
        after = wanted if gap < -dust else held[name]
        held[name] = bought if gap > dust else after


@njit(cache=True)
def line_nb(held: FloatArray, close: FloatArray, line: FloatArray) -> None:
    """Value of the holdings (N,) at each session of `close` (L, N) into `line` (L,)."""
    rows = len(close)
    whole = rows - rows % 4
    # Four sessions at a time: what is held is read once for all of them.
    for row in range(0, whole, 4):
        found = dot_four(held, close[row], close[row + 1], close[row + 2], close[row + 3])
        line[row], line[row + 1], line[row + 2], line[row + 3] = found
    for row in range(whole, rows):
        line[row] = dot(held, close[row])


@njit(cache=True)
def sum_nb(amounts: FloatArray) -> float:
    """Sum of all amounts."""
    total = 0.0
    for name in range(len(amounts)):
        total += amounts[name]
    return total


@njit(cache=True)
def scale_nb(amounts: FloatArray, by: float) -> None:
    """Multiply in place."""
    for name in range(len(amounts)):
        amounts[name] *= by


@njit(cache=True)
def take_nb(amounts: FloatArray, order: IntArray, needed: float) -> None:
    """Leave in `amounts` what remains when `needed` is taken: in proportion, or in order where one is given."""
    total = sum_nb(amounts)
    if needed <= 0.0 or total <= 0.0:
        return
    if needed >= total or len(order) == 0 or order[0] < 0:
        scale_nb(amounts, max(0.0, 1.0 - needed / total))
        return
    for place in range(len(order)):
        taken = min(amounts[order[place]], needed)
        amounts[order[place]] -= taken
        needed -= taken
        if needed <= 0.0:
            return


@njit(cache=True)
def less_nb(goals: FloatArray, held: FloatArray, mark: FloatArray, order: IntArray, needed: float) -> None:
    """Lower the goals (N,) where sales down to them do not bring in what is needed: then nothing is bought."""
    for name in range(len(goals)):
        needed -= max(0.0, held[name] * mark[name] - goals[name])
    if needed > 0.0:
        for name in range(len(goals)):
            goals[name] = min(goals[name], held[name] * mark[name])
        take_nb(goals, order, needed)


@njit(cache=True)
def goals_nb(
    reason: int,
    weights: FloatArray,
    units: FloatArray,
    mark: FloatArray,
    order: IntArray,
    held: FloatArray,
    cash: float,
    keep: float,
    sell_rate: float,
    buy_rate: float,
    wanted: FloatArray,
) -> None:
    """Write into `wanted` the shares to trade (N,) so that `keep` is left in cash."""
    value = cash + worth_nb(held, mark)
    total = worth_nb(units, mark)
    for name in range(len(held)):
        if reason == RENEWAL:
            wanted[name] = weights[name] * value
        elif reason == DE_RISK:
            wanted[name] = held[name] * mark[name]
        else:
            lacking = units[name] * mark[name] * (value / total) - held[name] * mark[name] if total > 0.0 else 0.0
            wanted[name] = max(0.0, lacking)
    if reason == RENEWAL:
        take_nb(wanted, order, keep / value * sum_nb(wanted))
        less_nb(wanted, held, mark, order, (keep - cash) / sell_rate)
    elif reason == DE_RISK:
        take_nb(wanted, order, (keep - cash) / sell_rate)
    else:
        lacking = sum_nb(wanted)
        scale_nb(wanted, (cash - keep) / buy_rate / lacking if lacking > 0.0 and cash > keep else 0.0)
    for name in range(len(held)):
        # On a re-entry `wanted` is what to buy, else what to hold.
        shares = wanted[name] / mark[name] - (held[name] if reason in (RENEWAL, DE_RISK) else 0.0)
        if reason == DE_RISK:
            shares = min(0.0, max(shares, -held[name]))
        wanted[name] = shares if abs(shares * mark[name]) > DUST * value else 0.0


@njit(cache=True)
def fill_nb(
    wanted: FloatArray,
    fill: FloatArray,
    held: FloatArray,
    waiting: FloatArray,
    cash: float,
    keep: float,
    sell_rate: float,
    buy_rate: float,
) -> tuple[float, float, float, int]:
    """Fill what has a price, sells first, buys within `cash - keep`. Returns cash, sold, bought, new waits."""
    deferred = 0
    sold = cost = 0.0
    for name in range(len(wanted)):
        if wanted[name] == 0.0:
            continue
        if np.isnan(fill[name]):
            waiting[name] = wanted[name]
            wanted[name] = 0.0
            deferred += 1
        elif wanted[name] < 0.0:
            shares = held[name] if -wanted[name] >= held[name] * (1.0 - DUST) else -wanted[name]
            held[name] -= shares
            sold += shares * fill[name]
        else:
            cost += wanted[name] * fill[name]
    cash += sold * sell_rate
    # What is left of rounding buys nothing.
    if cost <= 0.0 or cash - keep <= DUST * (cash + cost):
        return cash, sold, 0.0, deferred
    scale = min(1.0, (cash - keep) / (cost * buy_rate))
    for name in range(len(wanted)):
        if wanted[name] > 0.0:
            held[name] += wanted[name] * scale
    return cash - cost * scale * buy_rate, sold, cost * scale, deferred


@njit(cache=True)
def act_nb(
    reason: int,
    weights: FloatArray,
    units: FloatArray,
    fill: FloatArray,
    mark: FloatArray,
    order: IntArray,
    held: FloatArray,
    waiting: FloatArray,
    wanted: FloatArray,
    cash: float,
    keep: float,
    sell_rate: float,
    buy_rate: float,
) -> tuple[float, float, float, int]:
    """Trade one session for `reason`, name by name. Returns cash, money sold, money bought and new waits."""
    if reason == WAITED:
        for name in range(len(held)):
            wanted[name] = 0.0
            if not np.isnan(fill[name]):
                wanted[name], waiting[name] = waiting[name], 0.0
        keep = 0.0
    else:
        scale_nb(waiting, 0.0)
        goals_nb(reason, weights, units, mark, order, held, cash, keep, sell_rate, buy_rate, wanted)
    return fill_nb(wanted, fill, held, waiting, cash, keep, sell_rate, buy_rate)
