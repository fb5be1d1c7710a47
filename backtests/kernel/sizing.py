"""How orders are sized, compiled: what has to go, the basket and the hedge, and the stocks that make up the rest."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.state import DE_RISK, DUST, RE_ENTRY, RENEWAL, Holdings, still_there_nb, take_nb
from undertow.market import BoolArray, FloatArray, IntArray


@njit(cache=True)
def rebalance_nb(weights: FloatArray, mark: FloatArray, account: Holdings, row: int, stop: float, wait: int) -> float:
    """Take new base weights (N,), less those of stopped names; returns the weight that is parked in cash for them."""
    parked = 0.0
    if stop > 0.0:
        for name in range(len(weights)):
            if account.stopped[name] < 0:
                continue
            if row - account.stopped[name] >= max(1, wait):
                account.stopped[name] = -1
            else:
                parked += weights[name]
                weights[name] = 0.0
    account.units[: len(weights)] = weights / mark[: len(weights)]
    return parked


@njit(cache=True)
def trigger_stops_nb(
    known: FloatArray, mark: FloatArray, account: Holdings, row: int, stop: float
) -> tuple[int, float]:
    """Mark the names whose last known close is `stop` or more below the highest since they were bought.

    Returns how many, and their drifted base weight, which is parked in cash until a rebalance.
    """
    found, parked = 0, 0.0
    for name in range(known.shape[1]):
        if account.shares[name] <= 0.0:
            account.peak[name] = 0.0
        elif account.stopped[name] < 0 and not np.isnan(known[row, name]):
            account.peak[name] = max(account.peak[name], known[row, name])
            if known[row, name] <= account.peak[name] * (1.0 - stop):
                account.stopped[name] = row
                parked += account.units[name] * mark[row, name]
                account.units[name] = 0.0
                found += 1
    return found, parked


@njit(cache=True)
def want_stops_nb(account: Holdings, stocks: int, wanted: FloatArray) -> None:
    """Want every stopped name that is still held sold whole."""
    for name in range(stocks):
        if account.stopped[name] >= 0 and account.shares[name] > 0.0:
            wanted[name] = -account.shares[name]


@njit(cache=True)
def want_basket_nb(
    weights: FloatArray, money: float, mark: FloatArray, account: Holdings, first: int, wanted: FloatArray
) -> None:
    """Want `money` in the basket at `weights` (M,), whose columns start at `first`."""
    for place in range(len(weights)):
        name = first + place
        goal = weights[place] * money
        wanted[name] = goal / mark[name] - account.shares[name] if goal > 0.0 else -account.shares[name]


@njit(cache=True)
def flow_nb(wanted: FloatArray, mark: FloatArray, sell_rate: float, buy_rate: float) -> float:
    """The cash that orders bring at the marks, less what they cost."""
    flow = 0.0
    for name in range(len(wanted)):
        flow -= wanted[name] * mark[name] * (sell_rate if wanted[name] < 0.0 else buy_rate)
    return flow


@njit(cache=True)
def basket_weights_nb(basket: FloatArray, rebalance: int, gone: BoolArray, stocks: int) -> FloatArray:
    """The weights (M,) within the basket since the last rebalance, over the names whose prices have not ended."""
    return still_there_nb(basket[rebalance], gone[stocks : stocks + basket.shape[1]])


@njit(cache=True)
def wanted_nb(
    reason: int,
    both_ways: bool,
    shares: FloatArray,
    mark: FloatArray,
    weights: FloatArray,
    units: FloatArray,
    parked: float,
    order: IntArray,
    value: float,
    exposure: float,
    cash: float,
    keep: float,
    sell_rate: float,
    buy_rate: float,
) -> FloatArray:
    """The shares of stocks to trade (N,) so that `keep` is left in cash.

    `cash` is what is there once everything else has traded, `units` the drifted base, `parked` the part of it that
    stays in cash, `value` the account's. Without `both_ways` less exposure only sells and more only buys.
    """
    if reason == RENEWAL:
        goal = weights * value
        if exposure < 1.0:
            goal -= take_nb(goal, order, (1.0 - exposure) * goal.sum())
        return _to_goal_nb(goal, shares, mark, order, cash, keep, sell_rate)
    held = shares * mark
    if keep > cash and (both_ways or reason == DE_RISK):
        return -np.minimum(shares, take_nb(held, order, (keep - cash) / sell_rate) / mark)
    if cash > keep and (both_ways or reason == RE_ENTRY):
        return _put_back_nb(units * mark, held, parked, value, (cash - keep) / buy_rate) / mark
    return np.zeros_like(shares)


@njit(cache=True)
def _to_goal_nb(
    goal: FloatArray,
    shares: FloatArray,
    mark: FloatArray,
    order: IntArray,
    cash: float,
    keep: float,
    sell_rate: float,
) -> FloatArray:
    proceeds = 0.0
    for name in range(len(goal)):
        proceeds += max(0.0, shares[name] * mark[name] - goal[name])
    short_of = keep - cash - proceeds * sell_rate
    if short_of > 0.0:
        # Sales down to the goals do not bring the cash in: nothing is bought, and more is sold.
        goal = np.minimum(goal, shares * mark)
        goal = goal - take_nb(goal, order, short_of / sell_rate)
    for name in range(len(goal)):
        goal[name] = goal[name] / mark[name] - shares[name] if goal[name] > 0.0 else -shares[name]
    return goal


@njit(cache=True)
def _put_back_nb(drifted: FloatArray, held: FloatArray, parked: float, value: float, money: float) -> FloatArray:
    total = drifted.sum()
    if total <= 0.0:
        return np.zeros_like(drifted)
    share = total / (total + parked)
    # Proceeds of a hedge can fill the stocks beyond the value.
    full = max(value, (held.sum() + money) / share)
    lacking = np.maximum(0.0, drifted / (total + parked) * full - held)
    put: FloatArray = lacking / lacking.sum() * money
    return put


@njit(cache=True)
def drop_dust_nb(wanted: FloatArray, mark: FloatArray, value: float) -> None:
    """Take away orders that are rounding."""
    for name in range(len(wanted)):
        if abs(wanted[name] * mark[name]) <= DUST * value:
            wanted[name] = 0.0
