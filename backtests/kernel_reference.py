"""The order kernel in plain numpy: slower, written another way, and held equal to the compiled one by tests."""

from __future__ import annotations

import numpy as np

from undertow.backtests.orders import (
    CLOSED,
    DE_RISK,
    DEFERRED,
    DUST,
    ENDED,
    NONE,
    OPEN_AT_END,
    RE_ENTRY,
    RENEWAL,
    WAITED,
)
from undertow.market.clock import FloatArray, IntArray


def take_np(amounts: FloatArray, order: IntArray, needed: float) -> FloatArray:
    """How much of each amount makes up `needed`: in proportion, or by the running total in the given order."""
    total = float(amounts.sum())
    if needed <= 0 or total <= 0:
        return np.zeros_like(amounts)
    if needed >= total:
        return amounts.copy()
    if not len(order) or order[0] < 0:
        return amounts * needed / total
    taken = np.zeros_like(amounts)
    before = np.concatenate(([0.0], np.cumsum(amounts[order])[:-1]))
    taken[order] = np.clip(needed - before, 0.0, amounts[order])
    return taken


class _Account:
    """Shares, cash and waiting orders while the path is walked."""

    def __init__(self, names: int, cash: float, rates: tuple[float, float]) -> None:
        self.shares, self.units, self.waiting = np.zeros(names), np.zeros(names), np.zeros(names)
        self.gone = np.zeros(names, dtype=bool)
        self.cash = cash
        self.sell_rate, self.buy_rate = rates

    def end(self, price: FloatArray) -> FloatArray:
        """Close the names that have ended; returns what was sold (N,)."""
        ended = np.isfinite(price)
        sold = np.where(ended, self.shares, 0.0)
        self.cash += float((sold * np.where(ended, price, 0.0)).sum())
        self.shares = self.shares - sold
        self.units[ended] = self.waiting[ended] = 0.0
        self.gone |= ended
        return sold

    def renew(self, weights: FloatArray, mark: FloatArray, order: IntArray, keep: float) -> FloatArray:
        kept = np.where(self.gone, 0.0, weights)
        weights = kept * weights.sum() / kept.sum() if kept.sum() > 0 else kept
        self.units = weights / mark
        value = self.cash + (self.shares * mark).sum()
        goal = weights * value
        goal = goal - take_np(goal, order, keep - max(0.0, value - goal.sum()))
        return np.where(goal > 0, goal / mark - self.shares, -self.shares)

    def raise_cash(self, mark: FloatArray, order: IntArray, keep: float) -> FloatArray:
        taken = take_np(self.shares * mark, order, (keep - self.cash) / self.sell_rate)
        return -np.minimum(self.shares, taken / mark)

    def put_back(self, mark: FloatArray, keep: float) -> FloatArray:
        drifted = self.units * mark
        if drifted.sum() <= 0 or self.cash <= keep:
            return np.zeros_like(mark)
        held = self.shares * mark
        lacking = np.maximum(0.0, drifted / drifted.sum() * (self.cash + held.sum()) - held)
        wanted: FloatArray = lacking / lacking.sum() * (self.cash - keep) / self.buy_rate / mark
        return wanted

    def execute(self, wanted: FloatArray, fill: FloatArray, keep: float) -> FloatArray:
        """Fill what has a price, sells first, buys pro rata within the cash; returns signed shares (N,)."""
        there = np.isfinite(fill)
        self.waiting = np.where(~there & (wanted != 0), wanted, self.waiting)
        price = np.where(there, fill, 0.0)
        sales = np.maximum(-wanted, 0.0)
        sold = np.where(there, np.where(sales >= self.shares * (1 - DUST), self.shares, sales) * (wanted < 0), 0.0)
        self.cash += float((sold * price).sum()) * self.sell_rate
        buys = np.where(there, np.maximum(wanted, 0.0), 0.0)
        cost = float((buys * price).sum()) * self.buy_rate
        if cost > 0:
            scale = min(1.0, max(0.0, self.cash - keep) / cost)
            buys, self.cash = buys * scale, self.cash - cost * scale
        self.shares = self.shares - sold + buys
        return buys - sold


def walk_np(
    fill: FloatArray,
    mark: FloatArray,
    close: FloatArray,
    end_price: FloatArray,
    base: FloatArray,
    renewed: IntArray,
    exposure: FloatArray,
    order: IntArray,
    cash_fill: FloatArray,
    cash_close: FloatArray,
    capital: float,
    fee: float,
    slippage: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray, IntArray]:
    """As `walk_nb`."""
    rows, names = fill.shape
    account = _Account(names, capital, ((1 - slippage) * (1 - fee), (1 + slippage) * (1 + fee)))
    values, before, sweeps = np.empty(rows), np.empty(rows), np.zeros(rows)
    amounts, reasons = np.zeros((rows, names)), np.zeros((rows, names), dtype=np.int64)
    counts = np.zeros(3, dtype=np.int64)
    cash_units, level = 0.0, 1.0
    for row in range(rows):
        account.cash = cash_units * cash_fill[row] if row else capital
        ended = account.end(end_price[row])
        counts[CLOSED] += int((ended > 0).sum())
        before[row] = account.cash + (account.shares * mark[row]).sum()
        keep = (1 - exposure[row]) * before[row]
        reason, wanted = NONE, np.zeros(names)
        if renewed[row] >= 0:
            reason, wanted = RENEWAL, account.renew(base[renewed[row]], mark[row], order[row], keep)
        elif exposure[row] < level:
            reason, wanted = DE_RISK, account.raise_cash(mark[row], order[row], keep)
        elif exposure[row] > level:
            reason, wanted = RE_ENTRY, account.put_back(mark[row], keep)
        wanted = np.where(np.abs(wanted * mark[row]) <= DUST * before[row], 0.0, wanted)
        level = exposure[row]
        if reason != NONE:
            account.waiting[:] = 0.0
            counts[DEFERRED] += int(((wanted != 0) & ~np.isfinite(fill[row])).sum())
        elif (account.waiting[np.isfinite(fill[row])] != 0).any():
            reason, keep = WAITED, 0.0
            wanted = np.where(np.isfinite(fill[row]), account.waiting, 0.0)
            account.waiting = account.waiting - wanted
        traded = account.execute(wanted, fill[row], keep)
        reasons[row] = np.where(traded != 0, reason, np.where(ended > 0, ENDED, NONE))
        amounts[row] = traded - ended
        if row == 0 or amounts[row].any():
            sweeps[row] = max(0.0, account.cash) / cash_fill[row] - cash_units
            cash_units += sweeps[row]
        values[row] = cash_units * cash_close[row] + (account.shares * close[row]).sum()
    counts[OPEN_AT_END] = int((account.waiting != 0).sum())
    return values, before, amounts, sweeps, reasons, counts
