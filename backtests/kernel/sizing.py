"""How orders are sized, compiled: stops first, then the sleeves, then the stocks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from undertow.backtests.kernel.records import Holdings, Rates
from undertow.backtests.kernel.state import DE_RISK, DUST, MARGIN, RE_ENTRY, REBALANCE, surviving_weights_nb, take_nb
from undertow.market import BoolArray, FloatArray, IntArray


class Stocks(NamedTuple):
    """The stocks (N,) of a session.

    `shares` free to trade, last known prices `mark`, base `weights`, drifted base `units` and selling `order`.
    """

    shares: FloatArray
    mark: FloatArray
    weights: FloatArray
    units: FloatArray
    order: IntArray


class CashTarget(NamedTuple):
    """The cash that the trades of stocks have to leave.

    Args:
        value: value of the account, USD.
        cash: cash once all but the stocks has traded, USD.
        keep: cash to keep, USD.
        exposure: share of the value in stocks.
        parked: base weight of stopped names, parked in cash.
    """

    value: float
    cash: float
    keep: float
    exposure: float
    parked: float


@njit(cache=True)
def rebalance_nb(weights: FloatArray, mark: FloatArray, holdings: Holdings, row: int, stop: float, wait: int) -> float:
    """Take new base weights; returns the weight of stopped names, parked in cash.

    Args:
        weights: new base weights (N,); those of stopped names are set to 0 in place.
        mark: last known prices (C,).
        holdings: the base units and the stops, changed in place.
        row: the session.
        stop: decimal fall, 0 for none.
        wait: sessions before a stopped name can be bought again.
    """
    parked = 0.0
    if stop > 0.0:
        for name in range(len(weights)):
            if holdings.stopped[name] < 0:
                continue
            if row - holdings.stopped[name] >= max(1, wait):
                holdings.stopped[name] = -1
            else:
                parked += weights[name]
                weights[name] = 0.0
    holdings.units[: len(weights)] = weights / mark[: len(weights)]
    return parked


@njit(cache=True)
def trigger_stops_nb(
    known: FloatArray, mark: FloatArray, holdings: Holdings, row: int, stop: float
) -> tuple[int, float]:
    """Stop the names that have fallen by `stop` or more since they were bought.

    The fall is from the highest known close since then to the last one. Returns how many, and their drifted base
    weight, which is parked in cash until a rebalance.

    Args:
        known: last close known at each decision (T, N), NaN where there is none.
        mark: last known price at each fill (T, C).
        holdings: peaks, stops and base units, changed in place.
        row: the session.
        stop: decimal fall.
    """
    hits, parked = 0, 0.0
    for name in range(known.shape[1]):
        if holdings.shares[name] <= 0.0:
            holdings.peak[name] = 0.0
        elif holdings.stopped[name] < 0 and not np.isnan(known[row, name]):
            holdings.peak[name] = max(holdings.peak[name], known[row, name])
            if known[row, name] <= holdings.peak[name] * (1.0 - stop):
                holdings.stopped[name] = row
                parked += holdings.units[name] * mark[row, name]
                holdings.units[name] = 0.0
                hits += 1
    return hits, parked


@njit(cache=True)
def sell_stopped_nb(holdings: Holdings, stocks: int, trades: FloatArray) -> None:
    """Order the sale of every stopped name that is still held."""
    for name in range(stocks):
        if holdings.stopped[name] >= 0 and holdings.shares[name] > 0.0:
            trades[name] = -holdings.shares[name]


@njit(cache=True)
def size_basket_nb(
    weights: FloatArray, money: float, mark: FloatArray, holdings: Holdings, first: int, trades: FloatArray
) -> None:
    """Order `money` of the basket at `weights` (M,), whose columns start at `first`.

    Args:
        weights: weights within the basket (M,).
        money: value of the basket, USD.
        mark: last known prices (C,).
        holdings: the positions.
        first: the basket's first column.
        trades: shares to trade (C,), written in place.
    """
    for member in range(len(weights)):
        name = first + member
        goal = weights[member] * money
        trades[name] = goal / mark[name] - holdings.shares[name] if goal > 0.0 else -holdings.shares[name]


@njit(cache=True)
def cash_flow_nb(trades: FloatArray, mark: FloatArray, rates: Rates) -> float:
    """The cash that orders bring at the marks, less what they cost."""
    flow = 0.0
    for name in range(len(trades)):
        flow -= trades[name] * mark[name] * (rates.sell if trades[name] < 0.0 else rates.buy)
    return flow


@njit(cache=True)
def basket_weights_nb(basket: FloatArray, rebalance: int, gone: BoolArray, stocks: int) -> FloatArray:
    """The weights (M,) within the basket since the last rebalance.

    Names whose prices have ended have no weight.

    Args:
        basket: weights within the basket (R, M), a row a rebalance.
        rebalance: row of the last rebalance.
        gone: the columns (C,) whose prices have ended.
        stocks: number of stocks.
    """
    return surviving_weights_nb(basket[rebalance], gone[stocks : stocks + basket.shape[1]])


@njit(cache=True)
def size_stocks_nb(reason: int, both_ways: bool, stocks: Stocks, target: CashTarget, rates: Rates) -> FloatArray:
    """The shares of stocks to trade (N,) so that the cash of the target is kept.

    Args:
        reason: why the session trades.
        both_ways: sell or buy as the cash requires; else less exposure only sells and more only buys.
        stocks: the stocks of the session.
        target: the account's value, its cash and the cash to keep.
        rates: rates of trading.
    """
    cash, keep = target.cash, target.keep
    if reason == REBALANCE:
        goal = stocks.weights * target.value
        if target.exposure < 1.0:
            goal -= take_nb(goal, stocks.order, (1.0 - target.exposure) * goal.sum())
        return _trades_to_goal_nb(goal, stocks, cash, keep, rates.sell)
    held = stocks.shares * stocks.mark
    if keep > cash and (both_ways or reason in (DE_RISK, MARGIN)):
        sold = take_nb(held, stocks.order, (keep - cash) / rates.sell) / stocks.mark
        return -np.minimum(stocks.shares, sold)
    if cash > keep and (both_ways or reason == RE_ENTRY):
        drifted = stocks.units * stocks.mark
        return _purchases_nb(drifted, held, target.parked, target.value, (cash - keep) / rates.buy) / stocks.mark
    return np.zeros_like(stocks.shares)


@njit(cache=True)
def _trades_to_goal_nb(goal: FloatArray, stocks: Stocks, cash: float, keep: float, sell_rate: float) -> FloatArray:
    shares, mark = stocks.shares, stocks.mark
    proceeds = 0.0
    for name in range(len(goal)):
        proceeds += max(0.0, shares[name] * mark[name] - goal[name])
    short_of = keep - cash - proceeds * sell_rate
    if short_of > 0.0:
        # Sales down to the goals do not bring the cash in: nothing is bought, and more is sold.
        goal = np.minimum(goal, shares * mark)
        goal = goal - take_nb(goal, stocks.order, short_of / sell_rate)
    for name in range(len(goal)):
        goal[name] = goal[name] / mark[name] - shares[name] if goal[name] > 0.0 else -shares[name]
    return goal


@njit(cache=True)
def _purchases_nb(drifted: FloatArray, held: FloatArray, parked: float, value: float, money: float) -> FloatArray:
    """Money (N,) that fills the holdings up towards the drifted base weights."""
    total = drifted.sum()
    if total <= 0.0:
        return np.zeros_like(drifted)
    share = total / (total + parked)
    # Proceeds of a hedge can fill the stocks beyond the value.
    full = max(value, (held.sum() + money) / share)
    lacking = np.maximum(0.0, drifted / (total + parked) * full - held)
    purchases: FloatArray = lacking / lacking.sum() * money
    return purchases


@njit(cache=True)
def drop_dust_nb(trades: FloatArray, mark: FloatArray, value: float) -> None:
    """Remove orders that are rounding."""
    for name in range(len(trades)):
        if abs(trades[name] * mark[name]) <= DUST * value:
            trades[name] = 0.0
