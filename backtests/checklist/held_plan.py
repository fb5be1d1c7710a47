"""The orders of a real portfolio: what it sells, what is left, what comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from undertow.backtests.account import Account
from undertow.backtests.checklist.sales import Position, closed_lots, sized_sales
from undertow.backtests.kernel.path import rates_of
from undertow.backtests.kernel.prices import read_panel
from undertow.market import GAP_SESSIONS, HeldPortfolio, Market, did_you_mean, safe_text
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Decision

_WASH_DAYS = 30


@dataclass(frozen=True)
class SoldLot:
    """The part of a lot that an order sells.

    Args:
        shares: shares sold of it.
        cost: what one share had cost, USD; NaN where it is unknown.
        acquired: day of the purchase, YYYY-MM-DD; empty where it is unknown.
        gain: proceeds after fee and slippage less the cost, USD; NaN where that is unknown.
        held_days: calendar days from the purchase to the session of the order, None where the day is unknown.
    """

    shares: float
    cost: float
    acquired: str
    gain: float
    held_days: int | None


@dataclass(frozen=True)
class HeldOrder:
    """An order of a real portfolio, at the last known price.

    Args:
        symbol: the name.
        side: "sell" or "buy".
        shares: number of shares.
        price: last known price, USD.
        value: shares times price, USD.
        cash: what it brings in or, negative, costs, after fee and slippage, USD.
        gain: gain of the lots whose cost is known, USD; NaN where none is, and for a purchase.
        lots: the lots that it sells.
    """

    symbol: str
    side: str
    shares: float
    price: float
    value: float
    cash: float
    gain: float
    lots: tuple[SoldLot, ...]


@dataclass(frozen=True)
class HeldPosition:
    """A name after the orders.

    Args:
        symbol: the name.
        before: shares held before.
        shares: shares held after.
        price: last known price, USD; NaN where there is none.
        value: value after, USD; NaN without a price.
        weight: share of the total value after; NaN without a price.
        untouched: why no order may touch it; empty for a name of the universe.
    """

    symbol: str
    before: float
    shares: float
    price: float
    value: float
    weight: float
    untouched: str


@dataclass(frozen=True)
class HeldPlan:
    """The orders of what is really held at the next fill. Money is in USD, shares of value are decimals.

    Args:
        file: the file of the holdings.
        fractional: whether parts of shares are traded.
        value: value before, of cash and of every name with a price.
        cash: cash before, with what is held of the market's cash symbol.
        in_basket: value held of the names of the rule's basket that are not stocks of the universe.
        out_of_stocks: amount that the rule has out of stocks.
        to_raise: what cash and basket lack of it.
        orders: the orders, sales before purchases, each largest first.
        raised: what the sales bring in, after fee and slippage.
        short_of: what they lack of `to_raise`, 0 where all is raised.
        costs: fee and slippage of the orders.
        gains: realised gains.
        losses: realised losses, 0 or less.
        tax: gains less losses at the account's tax rate, 0 for a loss; NaN where the cost of any lot sold is unknown.
        tax_rate: the rate, decimal.
        lots: order in which the lots of a name are sold.
        positions: every name after the orders, in the order of the file.
        cash_after: cash after.
        value_after: value after.
        comes_back: amount that goes back into stocks when the rule is calm again.
        returns: conditions of the return, as `exit_conditions`.
        notes: remarks.
    """

    file: str
    fractional: bool
    value: float
    cash: float
    in_basket: float
    out_of_stocks: float
    to_raise: float
    orders: tuple[HeldOrder, ...]
    raised: float
    short_of: float
    costs: float
    gains: float
    losses: float
    tax: float
    tax_rate: float
    lots: str
    positions: tuple[HeldPosition, ...]
    cash_after: float
    value_after: float
    comes_back: float
    returns: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Priced:
    """What is held, by what an order may do with it."""

    stocks: tuple[Position, ...]
    prices: dict[str, float]
    untouched: dict[str, str]
    cash: float
    in_basket: float
    outside: float

    @property
    def value(self) -> float:
        """Cash and every name with a price, USD."""
        return self.cash + self.in_basket + self.outside + sum(position.value for position in self.stocks)


def plan_holdings(
    portfolio: HeldPortfolio,
    table: DecisionTable,
    decision: Decision,
    account: Account,
    *,
    fractional: bool = False,
    returns: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> HeldPlan:
    """The orders that bring a real portfolio to the exposure of the next fill.

    Stocks are the names of the universe; cash, the market's cash symbol and the names of the rule's basket are out of
    stocks. What the rule has out of stocks is a share of the whole value, names outside the universe included, which no
    order touches. What is lacking is sold by the rule's source of cash; where the rule returns to stocks, cash above it
    buys what is held, in proportion.

    Args:
        portfolio: what is held.
        table: decisions up to the coming session; its market is what is known.
        decision: decision of one parameter set.
        account: costs, order of lots and tax rate.
        fractional: whether parts of shares are traded.
        returns: conditions of the return to stocks.
        notes: remarks that come first.
    """
    priced = _price(portfolio, table, decision)
    exposure, before = float(decision.exposure[-1, 0]), float(decision.exposure[max(-2, -len(table)), 0])
    out_of_stocks = (1.0 - exposure) * priced.value
    to_raise = max(0.0, out_of_stocks - priced.cash - priced.in_basket)
    sold = sized_sales(priced.stocks, decision, account.costs, to_raise, fractional=fractional)
    day = table.decisions.sessions[-1].to_datetime64()
    orders = [
        _sale(position, float(shares), account, day)
        for position, shares in zip(priced.stocks, sold, strict=True)
        if shares > 0.0
    ]
    if exposure > before:
        spare = min(priced.cash + priced.in_basket - out_of_stocks, (exposure - before) * priced.value, priced.cash)
        orders += _purchases(priced.stocks, spare, account, fractional=fractional)
    orders.sort(key=lambda order: (order.side == "buy", -order.value, order.symbol))
    raised = sum((order.cash for order in orders if order.side == "sell"), 0.0)
    spent = sum(order.value - order.cash if order.side == "sell" else -order.cash - order.value for order in orders)
    gains = [lot.gain for order in orders for lot in order.lots]
    cash_after = priced.cash + sum(order.cash for order in orders)
    plan = HeldPlan(
        file=portfolio.name,
        fractional=fractional,
        value=priced.value,
        cash=priced.cash,
        in_basket=priced.in_basket,
        out_of_stocks=out_of_stocks,
        to_raise=to_raise,
        orders=tuple(orders),
        raised=raised,
        short_of=_above_rounding(to_raise - raised, priced.value),
        costs=spent,
        gains=sum((gain for gain in gains if gain > 0.0), 0.0),
        losses=sum((gain for gain in gains if gain < 0.0), 0.0),
        tax=float(np.maximum(0.0, np.sum(gains))) * account.costs.tax_rate,
        tax_rate=account.costs.tax_rate,
        lots=account.costs.lots,
        positions=(),
        cash_after=cash_after,
        value_after=priced.value - spent,
        comes_back=max(0.0, min(cash_after, (_resting(decision) - exposure) * (priced.value - spent))),
        returns=returns,
        notes=(),
    )
    notes = *notes, *_notes(priced, plan, table, decision)
    return replace(plan, positions=_positions(portfolio, priced, plan), notes=notes)


def _above_rounding(amount: float, value: float) -> float:
    return amount if amount > 1e-9 * value else 0.0


def _resting(decision: Decision) -> float:
    """The exposure of the rule in calm."""
    if decision.resting is None:
        return 1.0
    return float(decision.resting[0] if decision.resting.ndim == 1 else decision.resting[-1, 0])


def _price(portfolio: HeldPortfolio, table: DecisionTable, decision: Decision) -> _Priced:
    """Sort what is held into stocks, cash, basket and names that stay untouched."""
    market = table.market
    prices = _last_prices(market, portfolio.symbols, at_open=table.decisions.fill == "open")
    columns = {symbol: column for column, symbol in enumerate(table.symbols) if table.alive[-1, column]}
    basket = _basket_names(table, decision)
    stocks, untouched = [], {}
    cash, in_basket, outside = portfolio.cash, 0.0, 0.0
    for symbol in portfolio.symbols:
        lots = portfolio.lots_of(symbol)
        position = Position(symbol, lots, prices.get(symbol, np.nan), columns.get(symbol, -1))
        if symbol not in prices:
            untouched[symbol] = _no_price(market, symbol)
        elif symbol in columns:
            stocks.append(position)
        elif symbol == market.cash:
            cash, untouched[symbol] = cash + position.value, "the market's cash symbol, counted as cash"
        elif symbol in basket:
            in_basket += position.value
            untouched[symbol] = f"in the basket {decision.basket}, counted as out of stocks"
        else:
            outside, untouched[symbol] = outside + position.value, f"outside universe {table.universe.name}"
    ordered = tuple(sorted(stocks, key=lambda position: position.column))
    return _Priced(ordered, prices, untouched, cash, in_basket, outside)


def _last_prices(market: Market, symbols: tuple[str, ...], *, at_open: bool) -> dict[str, float]:
    """The last known price of each name that has one in the week before."""
    listed = [symbol for symbol in symbols if symbol in market.prices]
    columns = market.prices.columns_of(listed)
    ages = market.prices.ages(columns)[-1]
    mark = read_panel(market, columns, at_open, 0.0).mark[-1]
    fresh = (ages >= 0) & (ages < GAP_SESSIONS)
    return {symbol: float(price) for symbol, price, known in zip(listed, mark, fresh, strict=True) if known}


def _no_price(market: Market, symbol: str) -> str:
    if symbol not in market.prices:
        suggestion = did_you_mean(symbol, market.prices.symbols)
        return f"no price in the market{suggestion}".rstrip("?")
    row = int(market.prices.last_rows[market.prices.columns_of([symbol])[0]])
    return "no price yet" if row < 0 else f"no price since {market.sessions[row].date()}"


def _basket_names(table: DecisionTable, decision: Decision) -> frozenset[str]:
    if decision.rotation is None or not decision.basket:
        return frozenset()
    return frozenset(DecisionTable(table.market, decision.basket, table.decisions.fill, table.decisions).symbols)


def _sale(position: Position, shares: float, account: Account, day: np.datetime64) -> HeldOrder:
    price, sell = position.price, rates_of(account.costs).sell
    lots = tuple(
        SoldLot(
            shares=part,
            cost=lot.cost,
            acquired="" if np.isnat(lot.acquired) else str(lot.acquired.astype("datetime64[D]")),
            gain=part * (price * sell - lot.cost),
            held_days=None if np.isnat(lot.acquired) else int((day - lot.acquired) / np.timedelta64(1, "D")),
        )
        for lot, part in closed_lots(position.lots, shares, account.costs.lots)
    )
    known = [lot.gain for lot in lots if not np.isnan(lot.gain)]
    value = shares * price
    gain = sum(known) if known else np.nan
    return HeldOrder(position.symbol, "sell", shares, price, value, cash=value * sell, gain=gain, lots=lots)


def _purchases(positions: tuple[Position, ...], money: float, account: Account, *, fractional: bool) -> list[HeldOrder]:
    """Purchases of what is held, in proportion, for no more than `money`."""
    total = sum(position.value for position in positions)
    if total <= 0.0 or money <= 0.0:
        return []
    buy, orders = rates_of(account.costs).buy, []
    for position in positions:
        shares = money * position.value / total / buy / position.price
        shares = shares if fractional else float(np.floor(shares + 1e-9))
        value = shares * position.price
        if shares > 0.0:
            cost = value * buy
            orders.append(
                HeldOrder(position.symbol, "buy", shares, position.price, value, cash=-cost, gain=np.nan, lots=())
            )
    return orders


def _positions(portfolio: HeldPortfolio, priced: _Priced, plan: HeldPlan) -> tuple[HeldPosition, ...]:
    traded = {order.symbol: order.shares if order.side == "buy" else -order.shares for order in plan.orders}
    positions = []
    for symbol in portfolio.symbols:
        before, price = float(sum(lot.shares for lot in portfolio.lots_of(symbol))), priced.prices.get(symbol, np.nan)
        shares = before + traded.get(symbol, 0.0)
        value, untouched = shares * price, priced.untouched.get(symbol, "")
        weight = value / plan.value_after if plan.value_after > 0.0 else np.nan
        positions.append(HeldPosition(symbol, before, shares, price, value, weight, untouched))
    return tuple(positions)


def _notes(priced: _Priced, plan: HeldPlan, table: DecisionTable, decision: Decision) -> tuple[str, ...]:
    notes = [f"{safe_text(symbol)} is not touched: {reason}." for symbol, reason in priced.untouched.items()]
    if plan.short_of:
        notes.append(f"{plan.short_of:,.2f} USD cannot be raised: every share of the universe's names is sold.")
    unknown = [order.symbol for order in plan.orders if any(np.isnan(lot.gain) for lot in order.lots)]
    if unknown:
        notes.append(f"The tax is unknown: no cost for shares sold of {', '.join(map(safe_text, unknown))}.")
    washed = [position.symbol for position in priced.stocks if _is_washed(position, plan, table)]
    if washed:
        notes.append(
            f"Sold at a loss with shares bought in the {_WASH_DAYS} days before that stay:"
            f" {', '.join(map(safe_text, washed))}; US tax defers such losses."
        )
    for share, text in (
        (decision.rotation, f"to be held in {decision.basket}"),
        (decision.hedge, f"to be sold short of {decision.hedge_symbol or table.market.benchmark}"),
    ):
        if share is not None and share[-1, 0] > 0.0:
            notes.append(f"{share[-1, 0] * plan.value:,.2f} USD are {text}: not part of these orders.")
    return tuple(notes)


def _is_washed(position: Position, plan: HeldPlan, table: DecisionTable) -> bool:
    """Whether a sale at a loss leaves shares that were bought in the month before."""
    order = next((order for order in plan.orders if order.symbol == position.symbol and order.side == "sell"), None)
    if order is None or not any(lot.gain < 0.0 for lot in order.lots):
        return False
    since = table.decisions.sessions[-1].to_datetime64() - np.timedelta64(_WASH_DAYS, "D")
    sold = {lot for lot, part in closed_lots(position.lots, order.shares, plan.lots) if part >= lot.shares}
    return any(lot not in sold and not np.isnat(lot.acquired) and lot.acquired >= since for lot in position.lots)
