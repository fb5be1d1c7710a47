"""The order kernel in plain numpy: slower, written another way, and held equal to the compiled one by tests."""

from __future__ import annotations

import numpy as np

from undertow.backtests.kernel.state import (
    CASH,
    CLOSED,
    DE_RISK,
    DEFERRED,
    DUST,
    ENDED,
    HEDGE,
    HIFO,
    NO_LOTS,
    NONE,
    OPEN_AT_END,
    PAID,
    RE_ENTRY,
    RENEWAL,
    ROTATE,
    STOP,
    STOPPED,
    TURNOVER,
    WAITED,
    KernelOptions,
)
from undertow.market import BoolArray, FloatArray, IntArray


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


def still_there_np(weights: FloatArray, gone: BoolArray) -> FloatArray:
    """Weights without the names that have ended, summing to what they summed to."""
    kept = np.where(gone, 0.0, weights)
    return kept * weights.sum() / kept.sum() if kept.sum() > 0 else kept


class _Cash:
    """What the stocks are sized by: the value, the cash there will be, the cash to keep, the shares free to trade."""

    def __init__(self, value: float, there: float, keep: float, free: FloatArray) -> None:
        self.value, self.there, self.keep, self.free = value, there, keep, free


class _Account:
    """Shares, cash, waiting orders, stops and lots while the path is walked."""

    def __init__(self, columns: int, stocks: int, short: int, cash: float, fee: float, slippage: float) -> None:
        self.shares, self.waiting = np.zeros(columns), np.zeros(columns)
        self.gone = np.zeros(columns, dtype=bool)
        self.units, self.parked = np.zeros(stocks), 0.0
        self.peak, self.stopped = np.zeros(stocks), np.full(stocks, -1)
        self.lots: list[list[tuple[float, float]]] = [[] for _ in range(stocks)]
        self.cash, self.stocks, self.short = cash, stocks, short
        self.sell_rate, self.buy_rate = (1 - slippage) * (1 - fee), (1 + slippage) * (1 + fee)

    def end(self, price: FloatArray) -> FloatArray:
        """Close the names that have ended; returns what was sold (C,), a short bought back as a negative number."""
        ended = np.isfinite(price)
        sold = np.where(ended, np.maximum(self.shares, 0.0), 0.0)
        self.cash += float((sold * np.where(ended, price, 0.0)).sum())
        for column in np.flatnonzero(ended & (self.shares < 0)):
            sold[column] = max(self.shares[column], -self.cash / price[column])
            self.cash += sold[column] * price[column]
        self.shares = self.shares - sold
        self.units[ended[: self.stocks]] = 0.0
        self.waiting[ended] = 0.0
        self.gone |= ended
        return sold

    def stop(self, known: FloatArray, mark: FloatArray, row: int, rules: KernelOptions) -> int:
        held = self.shares[: self.stocks] > 0
        self.peak[~held] = 0.0
        seen = held & (self.stopped < 0) & np.isfinite(known)
        self.peak = np.where(seen, np.fmax(self.peak, known), self.peak)
        hit = seen & (known <= self.peak * (1.0 - rules.stop))
        self.stopped[hit] = row
        self.parked += float((self.units * mark[: self.stocks])[hit].sum())
        self.units[hit] = 0.0
        return int(hit.sum())

    def stop_sales(self) -> FloatArray:
        held = self.shares[: self.stocks]
        return np.where((self.stopped >= 0) & (held > 0), -held, 0.0)

    def take_weights(self, weights: FloatArray, mark: FloatArray, row: int, rules: KernelOptions) -> FloatArray:
        """New base weights, those of stopped names parked in cash."""
        weights = still_there_np(weights, self.gone[: self.stocks])
        blocked = np.zeros(self.stocks, dtype=bool)
        if rules.stop > 0:
            self.stopped[(self.stopped >= 0) & (row - self.stopped >= max(1, rules.wait))] = -1
            blocked = self.stopped >= 0
        self.parked = float(weights[blocked].sum())
        weights = np.where(blocked, 0.0, weights)
        self.units = weights / mark[: self.stocks]
        return weights

    def least_taxed(self, mark: FloatArray, free: FloatArray) -> IntArray:
        gain = np.zeros(self.stocks)
        for name in np.flatnonzero(free > 0):
            cost = sum(shares * price for price, shares in self.lots[name])
            gain[name] = np.round(1e9 * (1 - cost / (free[name] * mark[name] * self.sell_rate)))
        return np.argsort(gain, kind="stable")

    def book_lots(self, traded: FloatArray, price: FloatArray, way: int) -> FloatArray:
        """Open and consume lots at `price` after costs (N,); returns the gain of each sale (N,)."""
        gains = np.zeros(self.stocks)
        for name in np.flatnonzero(traded):
            lots = self.lots[name]
            if traded[name] > 0:
                lots.append((price[name], traded[name]))
                continue
            queue = sorted(lots, reverse=True) if way == HIFO else list(lots)
            left, cost = -traded[name], 0.0
            while queue and left > 0:
                paid, shares = queue.pop(0)
                taken = min(left, shares)
                cost, left = cost + taken * paid, left - taken
                if shares > taken:
                    queue.insert(0, (paid, shares - taken))
            self.lots[name] = queue if self.shares[name] > 0 else []
            gains[name] = -traded[name] * price[name] - cost
        return gains

    def to_base(
        self, weights: FloatArray, mark: FloatArray, order: IntArray, exposure: float, plan: _Cash
    ) -> FloatArray:
        """Orders of a rebalance."""
        goal = weights * plan.value
        goal = goal - take_np(goal, order, (1 - exposure) * goal.sum())
        held = plan.free * mark
        proceeds = np.clip(held - goal, 0, None).sum() * self.sell_rate
        if plan.there + proceeds < plan.keep:
            goal = np.minimum(goal, held)
            goal = goal - take_np(goal, order, (plan.keep - plan.there - proceeds) / self.sell_rate)
        return np.where(goal > 0, goal / mark - plan.free, -plan.free)

    def raise_cash(self, mark: FloatArray, order: IntArray, plan: _Cash) -> FloatArray:
        taken = take_np(plan.free * mark, order, (plan.keep - plan.there) / self.sell_rate)
        return -np.minimum(plan.free, taken / mark)

    def put_back(self, mark: FloatArray, plan: _Cash) -> FloatArray:
        drifted = self.units * mark
        whole = drifted.sum() + self.parked
        if drifted.sum() <= 0 or plan.there <= plan.keep:
            return np.zeros_like(mark)
        money, held = (plan.there - plan.keep) / self.buy_rate, plan.free * mark
        full = max(plan.value, (held.sum() + money) * whole / drifted.sum())
        lacking = np.maximum(0.0, drifted / whole * full - held)
        wanted: FloatArray = lacking / lacking.sum() * money / mark
        return wanted

    def execute(self, wanted: FloatArray, fill: FloatArray, keep: float) -> FloatArray:
        """Fill what has a price, sells first, buys pro rata within the cash; returns signed shares (C,)."""
        there = np.isfinite(fill)
        self.waiting = np.where(~there & (wanted != 0), wanted, self.waiting)
        price = np.where(there, fill, 0.0)
        sales = np.maximum(-wanted, 0.0)
        whole = (sales >= self.shares * (1 - DUST)) & (np.arange(len(fill)) < self.short)
        sold = np.where(there, np.where(whole, self.shares, sales) * (wanted < 0), 0.0)
        self.cash += float((sold * price).sum()) * self.sell_rate
        buys = np.where(there, np.maximum(wanted, 0.0), 0.0)
        for first, end, floor in (
            (self.short, len(fill), 0.0),
            (self.stocks, self.short, keep),
            (0, self.stocks, keep),
        ):
            part = slice(first, end)
            cost = float((buys[part] * price[part]).sum()) * self.buy_rate
            if cost > 0:
                room = self.cash - floor
                scale = min(1.0, room / cost) if room > DUST * (self.cash + cost) else 0.0
                buys[part], self.cash = buys[part] * scale, self.cash - cost * scale
        self.shares = self.shares - sold + buys
        return buys - sold

    def size(
        self,
        reason: int,
        turned: bool,
        shorted: bool,
        row: int,
        weights: FloatArray,
        within: FloatArray,
        mark: FloatArray,
        order: IntArray,
        exposure: float,
        rules: KernelOptions,
    ) -> tuple[FloatArray, float]:
        """The orders of an action (C,), and the cash that they are to leave."""
        value = self.cash + float((self.shares * mark).sum())
        wanted, stock_mark = np.zeros(len(mark)), mark[: self.stocks]
        if reason == RENEWAL:
            weights = self.take_weights(weights, mark, row, rules)
        wanted[: self.stocks] = self.stop_sales()
        free = self.shares[: self.stocks] + wanted[: self.stocks]
        drifted = float((self.units * stock_mark).sum())
        invested = exposure * drifted / (drifted + self.parked) if self.parked > 0 else exposure
        target = 1 - invested
        if len(mark) > self.stocks:
            within = still_there_np(within, self.gone[self.stocks : self.short])
            part = slice(self.stocks, self.short)
            if turned or reason == RENEWAL:
                wanted[part] = within * rules.rotation[row] * value / mark[part] - self.shares[part]
            hedge = 0.0
            if self.short < len(mark) and not self.gone[self.short]:
                hedge = rules.hedge[row]
                if shorted or reason == RENEWAL:
                    wanted[self.short] = -hedge * value / mark[self.short] - self.shares[self.short]
            target = max(0.0, target - rules.rotation[row] * within.sum() + hedge)
        if rules.lots != NO_LOTS:
            order = self.least_taxed(mark, free)
        rates = np.where(wanted < 0, self.sell_rate, self.buy_rate)
        plan = _Cash(value, self.cash - float((wanted * mark * rates).sum()), target * value, free)
        if reason == RENEWAL:
            wanted[: self.stocks] += self.to_base(weights, stock_mark, order, exposure, plan)
        elif plan.keep > plan.there and (turned or shorted or reason == DE_RISK):
            wanted[: self.stocks] += self.raise_cash(stock_mark, order, plan)
        elif plan.keep < plan.there and (turned or shorted or reason == RE_ENTRY):
            wanted[: self.stocks] += self.put_back(stock_mark, plan)
        return np.where(np.abs(wanted * mark) <= DUST * value, 0.0, wanted), plan.keep


def _reason(renewing: bool, exposure: float, level: float, turned: bool, shorted: bool) -> int:
    if renewing:
        return RENEWAL
    if exposure != level:
        return DE_RISK if exposure < level else RE_ENTRY
    return ROTATE if turned else HEDGE if shorted else NONE


def _why(reason: int, turned: bool, shorted: bool, row: int, traded: FloatArray, account: _Account) -> IntArray:
    columns = np.arange(len(traded))
    stopped = np.zeros(len(traded), dtype=bool)
    stopped[: account.stocks] = account.stopped == row
    out = np.full(len(traded), WAITED if reason == STOP else reason)
    out[stopped] = STOP
    apart = reason in (DE_RISK, RE_ENTRY, ROTATE, HEDGE)
    if turned or apart:
        out[(columns >= account.stocks) & (columns < account.short)] = ROTATE
    if shorted or apart:
        out[account.short :] = HEDGE
    return np.where(traded != 0, out, NONE)


def walk_np(
    fill: FloatArray,
    mark: FloatArray,
    close: FloatArray,
    end_price: FloatArray,
    base: FloatArray,
    rebalanced: IntArray,
    exposure: FloatArray,
    order: IntArray,
    cash_fill: FloatArray,
    cash_close: FloatArray,
    capital: float,
    fee: float,
    slippage: float,
    rules: KernelOptions,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray, IntArray, FloatArray, FloatArray]:
    """As `walk_nb`."""
    rows, columns = fill.shape
    stocks = base.shape[1]
    account = _Account(columns, stocks, stocks + rules.basket.shape[1], capital, fee, slippage)
    values, before, sweeps = np.empty(rows), np.empty(rows), np.zeros(rows)
    amounts, reasons = np.zeros((rows, columns)), np.zeros((rows, columns), dtype=np.int64)
    gains = np.zeros((rows, stocks) if rules.lots != NO_LOTS else (0, 0))
    counts, sums = np.zeros(4, dtype=np.int64), np.zeros(3)
    cash_units, level, rebalance, rotated, hedged = 0.0, 1.0, 0, 0.0, 0.0
    for row in range(rows):
        there = np.isfinite(fill[row])
        account.cash = cash_units * cash_fill[row] if row else capital
        ended = account.end(end_price[row])
        counts[CLOSED] += int((ended != 0).sum())
        found = account.stop(rules.known[row], mark[row], row, rules) if rules.stop > 0 else 0
        counts[STOPPED] += found
        before[row] = account.cash + (account.shares * mark[row]).sum()
        rebalance = rebalanced[row] if rebalanced[row] >= 0 else rebalance
        turned = columns > stocks and bool(rules.rotation[row] != rotated)
        shorted = columns > stocks and bool(rules.hedge[row] != hedged)
        if columns > stocks:
            rotated, hedged = rules.rotation[row], rules.hedge[row]
        reason = _reason(rebalanced[row] >= 0, exposure[row], level, turned, shorted)
        level = exposure[row]
        keep, wanted = 0.0, np.zeros(columns)
        if reason != NONE:
            within = rules.basket[rebalance] if columns > stocks else np.zeros(0)
            turned_now = turned or bool((account.waiting[stocks : account.short] != 0).any())
            shorted_now = shorted or bool((account.waiting[account.short :] != 0).any())
            wanted, keep = account.size(
                reason,
                turned_now,
                shorted_now,
                row,
                base[rebalance],
                within,
                mark[row],
                order[row],
                exposure[row],
                rules,
            )
            account.waiting[:] = 0.0
            counts[DEFERRED] += int(((wanted != 0) & ~there).sum())
        elif found or (account.waiting[there] != 0).any():
            reason = STOP if found else WAITED
            wanted = np.where(there, account.waiting, 0.0)
            account.waiting = account.waiting - wanted
            if found:
                forced = account.stop_sales()
                wanted[:stocks] = np.where(forced != 0, forced, wanted[:stocks])
                counts[DEFERRED] += int(((wanted != 0) & ~there).sum())
        traded = account.execute(wanted, fill[row], keep)
        price = np.where(there, fill[row], 0.0)
        rates = np.where(traded < 0, account.sell_rate, account.buy_rate)
        sums[TURNOVER] += 0.5 * (np.abs(traded) * price).sum() / before[row]
        sums[PAID] += (np.abs(traded * price * (rates - 1))).sum()
        reasons[row] = np.where(ended != 0, ENDED, _why(reason, turned, shorted, row, traded, account))
        amounts[row] = traded - ended
        if rules.lots != NO_LOTS:
            paid = np.where(ended > 0, np.nan_to_num(end_price[row]), price * rates)[:stocks]
            gains[row] = account.book_lots(amounts[row, :stocks], paid, rules.lots)
        if row == 0 or amounts[row].any():
            sweeps[row] = max(0.0, account.cash) / cash_fill[row] - cash_units
            cash_units += sweeps[row]
        values[row] = cash_units * cash_close[row] + (account.shares * close[row]).sum()
        sums[CASH] += cash_units * cash_close[row] / values[row]
    counts[OPEN_AT_END] = int((account.waiting != 0).sum())
    return values, before, amounts, sweeps, reasons, counts, sums, gains
