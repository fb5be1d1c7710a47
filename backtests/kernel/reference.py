"""The order kernel in plain numpy; tests hold it equal to the compiled one."""

from __future__ import annotations

import numpy as np

from undertow.backtests.kernel.records import (
    HIFO,
    NO_LOTS,
    Action,
    KernelOptions,
    PathPlan,
    PathRecord,
    PriceArrays,
    Rates,
)
from undertow.backtests.kernel.state import (
    CASH,
    CLOSED,
    COUNTS,
    DE_RISK,
    DEFERRED,
    DUST,
    ENDED,
    GAPS,
    HEDGE,
    MARGIN,
    MARGIN_CALLS,
    NONE,
    OPEN_AT_END,
    PAID,
    RE_ENTRY,
    REBALANCE,
    ROTATE,
    STOP,
    STOPPED,
    TURNOVER,
    WAITED,
)
from undertow.market import BoolArray, FloatArray, IntArray


def take_np(amounts: FloatArray, order: IntArray, needed: float) -> FloatArray:
    """Parts of the amounts that sum to `needed`: in proportion, or by `order`."""
    total = float(amounts.sum())
    if needed <= 0 or total <= 0:
        return np.zeros_like(amounts)
    if needed >= total:
        return amounts.copy()
    if not len(order) or order[0] < 0:
        return amounts * needed / total
    parts = np.zeros_like(amounts)
    before = np.concatenate(([0.0], np.cumsum(amounts[order])[:-1]))
    parts[order] = np.clip(needed - before, 0.0, amounts[order])
    return parts


def surviving_weights_np(weights: FloatArray, gone: BoolArray) -> FloatArray:
    """Weights without the names that have ended, scaled to the same sum."""
    surviving = np.where(gone, 0.0, weights)
    return surviving * weights.sum() / surviving.sum() if surviving.sum() > 0 else surviving


class _Target:
    """Account value, cash after all other trades, cash to keep, shares free to trade."""

    def __init__(self, value: float, cash: float, keep: float, free: FloatArray) -> None:
        self.value, self.cash, self.keep, self.free = value, cash, keep, free


class _Account:
    """Shares, cash, waiting orders, stops and lots while the path is walked."""

    def __init__(self, columns: int, stocks: int, cash: float, rates: Rates, options: KernelOptions) -> None:
        self.shares, self.waiting = np.zeros(columns), np.zeros(columns)
        self.gone = np.zeros(columns, dtype=bool)
        self.units, self.parked = np.zeros(stocks), 0.0
        self.peak, self.stopped = np.zeros(stocks), np.full(stocks, -1)
        self.lots: list[list[tuple[float, float]]] = [[] for _ in range(stocks)]
        self.cash, self.stocks, self.short = cash, stocks, stocks + options.basket.shape[1]
        self.options = options
        self.sell_rate = (1 - rates.slippage) * (1 - rates.fee)
        self.buy_rate = (1 + rates.slippage) * (1 + rates.fee)

    def end(self, price: FloatArray, priced: BoolArray) -> FloatArray:
        """Close the names with an end price; returns the shares sold (C,), signed."""
        ended = np.isfinite(price)
        self.gone &= ~priced
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

    def sleeves_wait(self) -> tuple[bool, bool]:
        """Whether an order of the basket, and one of the symbol sold short, waits."""
        basket, short = self.waiting[self.stocks : self.short], self.waiting[self.short :]
        return bool((basket != 0).any()), bool((short != 0).any())

    def stop(self, known: FloatArray, mark: FloatArray, row: int) -> int:
        """Stop names that have fallen too far; returns how many."""
        held = self.shares[: self.stocks] > 0
        self.peak[~held] = 0.0
        seen = held & (self.stopped < 0) & np.isfinite(known)
        self.peak = np.where(seen, np.fmax(self.peak, known), self.peak)
        hit = seen & (known <= self.peak * (1.0 - self.options.stop))
        self.stopped[hit] = row
        self.parked += float((self.units * mark[: self.stocks])[hit].sum())
        self.units[hit] = 0.0
        return int(hit.sum())

    def stop_sales(self) -> FloatArray:
        """The orders that sell the stopped names still held (N,)."""
        held = self.shares[: self.stocks]
        return np.where((self.stopped >= 0) & (held > 0), -held, 0.0)

    def take_weights(self, weights: FloatArray, mark: FloatArray, row: int) -> FloatArray:
        """New base weights, those of stopped names parked in cash."""
        weights = surviving_weights_np(weights, self.gone[: self.stocks])
        blocked = np.zeros(self.stocks, dtype=bool)
        if self.options.stop > 0:
            self.stopped[(self.stopped >= 0) & (row - self.stopped >= max(1, self.options.wait))] = -1
            blocked = self.stopped >= 0
        self.parked = float(weights[blocked].sum())
        weights = np.where(blocked, 0.0, weights)
        self.units = weights / mark[: self.stocks]
        return weights

    def least_taxed(self, mark: FloatArray, free: FloatArray) -> IntArray:
        """The names in the order of the gain on a sale, the smallest first."""
        gain = np.zeros(self.stocks)
        for name in np.flatnonzero(free > 0):
            cost = sum(shares * price for price, shares in self.lots[name])
            gain[name] = np.round(1e9 * (1 - cost / (free[name] * mark[name] * self.sell_rate)))
        return np.argsort(gain, kind="stable")

    def book_lots(self, traded: FloatArray, price: FloatArray) -> FloatArray:
        """Open and consume lots at `price` after costs (N,); returns the gains (N,)."""
        gains = np.zeros(self.stocks)
        for name in np.flatnonzero(traded):
            lots = self.lots[name]
            if traded[name] > 0:
                lots.append((price[name], traded[name]))
                continue
            queue = sorted(lots, reverse=True) if self.options.lots == HIFO else list(lots)
            remaining, cost = -traded[name], 0.0
            while queue and remaining > 0:
                paid, shares = queue.pop(0)
                sold = min(remaining, shares)
                cost, remaining = cost + sold * paid, remaining - sold
                if shares > sold:
                    queue.insert(0, (paid, shares - sold))
            self.lots[name] = queue if self.shares[name] > 0 else []
            gains[name] = -traded[name] * price[name] - cost
        return gains

    def to_base(
        self, weights: FloatArray, mark: FloatArray, order: IntArray, exposure: float, target: _Target
    ) -> FloatArray:
        """Orders of a rebalance."""
        goal = weights * target.value
        goal = goal - take_np(goal, order, (1 - exposure) * goal.sum())
        held = target.free * mark
        proceeds = np.clip(held - goal, 0, None).sum() * self.sell_rate
        if target.cash + proceeds < target.keep:
            goal = np.minimum(goal, held)
            goal = goal - take_np(goal, order, (target.keep - target.cash - proceeds) / self.sell_rate)
        return np.where(goal > 0, goal / mark - target.free, -target.free)

    def raise_cash(self, mark: FloatArray, order: IntArray, target: _Target) -> FloatArray:
        """Orders that sell until the target's cash is there."""
        sold = take_np(target.free * mark, order, (target.keep - target.cash) / self.sell_rate)
        return -np.minimum(target.free, sold / mark)

    def put_back(self, mark: FloatArray, target: _Target) -> FloatArray:
        """Orders that fill the holdings up towards the drifted base weights."""
        drifted = self.units * mark
        total = drifted.sum() + self.parked
        if drifted.sum() <= 0 or target.cash <= target.keep:
            return np.zeros_like(mark)
        money, held = (target.cash - target.keep) / self.buy_rate, target.free * mark
        full = max(target.value, (held.sum() + money) * total / drifted.sum())
        lacking = np.maximum(0.0, drifted / total * full - held)
        purchases: FloatArray = lacking / lacking.sum() * money / mark
        return purchases

    def execute(self, trades: FloatArray, fill: FloatArray, keep: float) -> FloatArray:
        """Fill orders that have a price, sales first; returns signed shares (C,)."""
        priced = np.isfinite(fill)
        self.waiting = np.where(~priced & (trades != 0), trades, self.waiting)
        price = np.where(priced, fill, 0.0)
        sales = np.maximum(-trades, 0.0)
        sells_all = (sales >= self.shares * (1 - DUST)) & (np.arange(len(fill)) < self.short)
        sold = np.where(priced, np.where(sells_all, self.shares, sales) * (trades < 0), 0.0)
        self.cash += float((sold * price).sum()) * self.sell_rate
        buys = np.where(priced, np.maximum(trades, 0.0), 0.0)
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
        covered = (self.shares < 0) & (np.abs(buys + self.shares) <= -DUST * self.shares)
        buys = np.where(covered, -self.shares, buys)
        self.shares = self.shares - sold + buys
        return buys - sold

    def size(self, action: Action, plan: PathPlan, mark: FloatArray) -> tuple[FloatArray, float]:
        """The orders of an action (C,), and the cash that they are to leave."""
        row, reason, turned, shorted, exposure, rebalance, _ = action
        value = self.cash + float((self.shares * mark).sum())
        trades, stock_mark = np.zeros(len(mark)), mark[: self.stocks]
        weights, order = plan.base[rebalance], plan.order[row]
        if reason == REBALANCE:
            weights = self.take_weights(weights, mark, row)
        trades[: self.stocks] = self.stop_sales()
        free = self.shares[: self.stocks] + trades[: self.stocks]
        drifted = float((self.units * stock_mark).sum())
        invested = exposure * drifted / (drifted + self.parked) if self.parked > 0 else exposure
        share = 1 - invested
        if len(mark) > self.stocks:
            rotation, hedge = self.size_sleeves(action, mark, value, trades)
            share = max(0.0, share - rotation + hedge)
        if self.options.lots != NO_LOTS:
            order = self.least_taxed(mark, free)
        rates = np.where(trades < 0, self.sell_rate, self.buy_rate)
        target = _Target(value, self.cash - float((trades * mark * rates).sum()), share * value, free)
        if reason == REBALANCE:
            trades[: self.stocks] += self.to_base(weights, stock_mark, order, exposure, target)
        elif target.keep > target.cash and (turned or shorted or reason in (DE_RISK, MARGIN)):
            trades[: self.stocks] += self.raise_cash(stock_mark, order, target)
        elif target.keep < target.cash and (turned or shorted or reason == RE_ENTRY) and reason != MARGIN:
            trades[: self.stocks] += self.put_back(stock_mark, target)
        return np.where(np.abs(trades * mark) <= DUST * value, 0.0, trades), target.keep

    def size_sleeves(self, action: Action, mark: FloatArray, value: float, trades: FloatArray) -> tuple[float, float]:
        """Write the orders of basket and hedge; returns their shares of the value."""
        options, part = self.options, slice(self.stocks, self.short)
        within = surviving_weights_np(options.basket[action.rebalance], self.gone[part])
        if action.turned or action.reason == REBALANCE:
            trades[part] = within * options.rotation[action.row] * value / mark[part] - self.shares[part]
        hedge = 0.0
        if self.short < len(mark) and not self.gone[self.short]:
            hedge = 0.0 if action.barred else float(options.hedge[action.row])
            if action.shorted or action.reason == REBALANCE:
                trades[self.short] = -hedge * value / mark[self.short] - self.shares[self.short]
        return float(options.rotation[action.row] * within.sum()), hedge


def _reason(rebalanced: bool, exposure: float, level: float, turned: bool, shorted: bool) -> int:
    if rebalanced:
        return REBALANCE
    if exposure != level:
        return DE_RISK if exposure < level else RE_ENTRY
    return ROTATE if turned else HEDGE if shorted else NONE


def _labels(action: Action, traded: FloatArray, account: _Account) -> IntArray:
    columns = np.arange(len(traded))
    stopped = np.zeros(len(traded), dtype=bool)
    stopped[: account.stocks] = account.stopped == action.row
    labels = np.full(len(traded), WAITED if action.reason == STOP else action.reason)
    labels[stopped] = STOP
    separate = action.reason in (DE_RISK, RE_ENTRY, ROTATE, HEDGE, MARGIN)
    if action.turned or separate:
        labels[(columns >= account.stocks) & (columns < account.short)] = ROTATE
    if action.barred:
        labels[account.short :] = MARGIN
    elif action.shorted or separate:
        labels[account.short :] = HEDGE
    return np.where(traded != 0, labels, NONE)


def _count_ended(counts: IntArray, closed: BoolArray, later: FloatArray) -> None:
    """Count the names closed for want of a price, those that trade again apart."""
    resumes = np.isfinite(later).any(axis=0)
    counts[CLOSED] += int((closed & ~resumes).sum())
    counts[GAPS] += int((closed & resumes).sum())


def walk_np(prices: PriceArrays, plan: PathPlan, rates: Rates, options: KernelOptions, capital: float) -> PathRecord:
    """Walk one path, as `walk_nb`.

    Args:
        prices: prices of the run, as in `PriceGrid`.
        plan: base weights, rebalances, exposure and selling order.
        rates: rates of trading.
        options: sleeves, stop and lots.
        capital: starting capital, USD.
    """
    fill, mark, rebalanced = prices.fill, prices.mark, plan.rebalanced
    (rows, columns), stocks = fill.shape, plan.base.shape[1]
    account = _Account(columns, stocks, capital, rates, options)
    values, before, cash_trades = np.empty(rows), np.empty(rows), np.zeros(rows)
    amounts, reasons = np.zeros((rows, columns)), np.zeros((rows, columns), dtype=np.int64)
    gains = np.zeros((rows, stocks) if options.lots != NO_LOTS else (0, 0))
    counts, sums = np.zeros(COUNTS, dtype=np.int64), np.zeros(3)
    cash_units, level, rebalance, rotated, hedged = 0.0, 1.0, 0, 0.0, 0.0
    called = barred = False
    for row in range(rows):
        priced = np.isfinite(fill[row])
        account.cash = cash_units * prices.cash_fill[row] if row else capital
        ended = account.end(prices.end_price[row], priced)
        _count_ended(counts, ended != 0, fill[row + 1 :])
        hits = account.stop(options.known[row], mark[row], row) if options.stop > 0 else 0
        counts[STOPPED] += hits
        before[row] = account.cash + (account.shares * mark[row]).sum()
        if before[row] <= 0:
            values[row:] = before[row:] = before[row]
            break
        rebalance = int(rebalanced[row]) if rebalanced[row] >= 0 else rebalance
        turned = columns > stocks and bool(options.rotation[row] != rotated)
        shorted = columns > stocks and bool(options.hedge[row] != hedged)
        if columns > stocks:
            rotated, hedged = options.rotation[row], options.hedge[row]
        reason = _reason(bool(rebalanced[row] >= 0), plan.exposure[row], level, turned, shorted)
        barred = called or (barred and rebalanced[row] < 0 and not shorted)
        closing = called and bool(priced[account.short])
        shorted, reason = shorted or closing, MARGIN if closing and reason == NONE else reason
        level, keep, trades = plan.exposure[row], 0.0, np.zeros(columns)
        if reason != NONE:
            basket_waits, short_waits = account.sleeves_wait()
            action = Action(row, reason, turned or basket_waits, shorted or short_waits, level, rebalance, barred)
            trades, keep = account.size(action, plan, mark[row])
            account.waiting[:] = 0.0
            counts[DEFERRED] += int(((trades != 0) & ~priced).sum())
        elif hits or (account.waiting[priced] != 0).any():
            reason = STOP if hits else WAITED
            trades = np.where(priced, account.waiting, 0.0)
            account.waiting = account.waiting - trades
            if hits:
                forced = account.stop_sales()
                trades[:stocks] = np.where(forced != 0, forced, trades[:stocks])
                counts[DEFERRED] += int(((trades != 0) & ~priced).sum())
        traded = account.execute(trades, fill[row], keep)
        price = np.where(priced, fill[row], 0.0)
        unit_costs = np.where(traded < 0, account.sell_rate, account.buy_rate)
        sums[TURNOVER] += 0.5 * (np.abs(traded) * price).sum() / before[row]
        sums[PAID] += (np.abs(traded * price * (unit_costs - 1))).sum()
        labels = _labels(Action(row, reason, turned, shorted, level, rebalance, barred), traded, account)
        reasons[row] = np.where(ended != 0, ENDED, labels)
        amounts[row] = traded - ended
        if options.lots != NO_LOTS:
            paid = np.where(ended > 0, np.nan_to_num(prices.end_price[row]), price * unit_costs)[:stocks]
            gains[row] = account.book_lots(amounts[row, :stocks], paid)
        if row == 0 or amounts[row].any():
            swept = max(0.0, account.cash) / prices.cash_fill[row] - cash_units
            cash_units += swept
            cash_trades[row] = swept if abs(swept) * prices.cash_fill[row] > DUST * before[row] else 0.0
        values[row] = cash_units * prices.cash_close[row] + (account.shares * prices.close[row]).sum()
        if values[row] <= 0:
            values[row:] = before[row + 1 :] = values[row]
            break
        owed = -float((np.minimum(account.shares, 0.0) * prices.close[row]).sum())
        below = bool(values[row] < rates.maintenance * owed) and not barred
        counts[MARGIN_CALLS] += below
        called = below or (called and owed > 0)
        sums[CASH] += cash_units * prices.cash_close[row] / values[row]
    counts[OPEN_AT_END] = int((account.waiting != 0).sum())
    return PathRecord(
        values=values,
        before=before,
        amounts=amounts,
        cash_trades=cash_trades,
        reasons=reasons,
        counts=counts,
        sums=sums,
        gains=gains,
    )
