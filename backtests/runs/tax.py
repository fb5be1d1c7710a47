"""Realised gains, losses and tax of a run, lot by lot from its orders.

The tax is reported, never deducted from the account. Prices are adjusted for dividends, so a dividend counts as part of
the gain. The interest of the cash symbol is excluded, and long-term gains are not distinguished.

Wash sales, where `Costs.wash_sales` is set (26 U.S. Code 1091, Treas. Reg. 1.1091-1 and 1.1091-2): a loss is not
deducted as far as shares of the name are bought within 30 calendar days before or after the sale. It is added to the
cost of these shares, one for one, the earliest bought first, and each share replaces one sold share at most. Losses are
taken in the order of their sales, those of one sale in the order in which its lots were bought. Shares bought before
the sale count where they are still held and are of a lot that the sale leaves alone. A position sold short is treated
alike, with the sides exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from undertow.backtests.costs import Costs

SALES = (
    "session",
    "symbol",
    "side",
    "shares",
    "proceeds",
    "basis",
    "gain",
    "tax",
    "held_days",
    "reason",
    "bought_back",
    "deferred",
)
WASH_DAYS = 30  # calendar days before and after the sale
# Shares below this part of an order are rounding.
_ROUNDING = 1e-9


# Nanoseconds of a calendar day. Sessions are counted in whole numbers: a run has tens of thousands of orders.
_DAY = 86_400_000_000_000


class _Order(NamedTuple):
    """One order; `session` in nanoseconds."""

    session: int
    symbol: str
    side: str
    shares: float
    value: float
    costs: float
    reason: str


@dataclass(slots=True)
class _Lot:
    session: int
    shares: float
    price: float
    # Whether its shares replace others, sold at a loss.
    replaces: bool = False


@dataclass(slots=True)
class _Loss:
    """A loss of one sale on the shares of one lot, as far as no shares replace it yet."""

    sale: dict[str, Any]
    bought: int
    shares: float
    a_share: float


@dataclass(slots=True)
class _Position:
    """The open lots of a name, and its losses of the last 30 days."""

    lots: list[_Lot] = field(default_factory=list)
    losses: list[_Loss] = field(default_factory=list)


def realised(orders: pd.DataFrame, costs: Costs) -> pd.DataFrame:
    """One row for each order that closes a position, wholly or in part.

    Such orders are sales, and purchases that cover a short. `orders` as in `Run.orders`. `basis` is the cost of the
    closed lots and `proceeds` their sale, both after fee and slippage, in USD; `gain` is the difference, `tax` the gain
    times `costs.tax_rate`, negative for a loss; `held_days` the calendar days the lots were held, weighted by shares. A
    sale closes the lots with the highest price first for `costs.lots` "hifo", the oldest first for "fifo".

    `bought_back` is the loss of the sale where its name is bought within 30 days before or after it, else 0.
    `deferred` is the part of the loss that is not deducted, 0 without `costs.wash_sales`; `gain` is then without it.
    """
    positions: dict[str, _Position] = {}
    sales: list[dict[str, Any]] = []
    for order in _trades(orders):
        position = positions.get(order.symbol)
        if position is None:
            position = positions[order.symbol] = _Position()
        _book(order, position, costs, sales)
    for sale in sales:
        sale["gain"] += sale["deferred"]
        sale["tax"] = sale["gain"] * costs.tax_rate
        sale["bought_back"] = sale["loss"] if sale["bought_back"] else 0.0
    return pd.DataFrame(sales, columns=list(SALES)).astype({"session": "datetime64[ns]"})


def _trades(orders: pd.DataFrame) -> Iterator[_Order]:
    trades = orders[orders["reason"] != "cash sweep"]
    sessions = trades["session"].to_numpy(dtype="datetime64[ns]").astype(np.int64)
    return map(_Order, sessions.tolist(), *(trades[name].tolist() for name in _Order._fields[1:]))


def _book(order: _Order, position: _Position, costs: Costs, sales: list[dict[str, Any]]) -> None:
    """Close lots of the other side with an order, and open one with the rest."""
    sign = 1.0 if order.side == "buy" else -1.0
    session, lots = order.session, position.lots
    price = (order.value + sign * order.costs) / order.shares
    closed, basis, days, parts = _close(lots, sign, order.shares, session, costs.lots)
    if position.losses:
        position.losses = [loss for loss in position.losses if _days(loss.sale["session"], session) <= WASH_DAYS]
    if order.shares - closed > _ROUNDING * order.shares:
        lot = _Lot(session, sign * (order.shares - closed), price)
        lots.append(lot)
        for loss in position.losses:
            loss.sale["bought_back"] = True
            if costs.wash_sales:
                _replace(loss, lot, lots)
    if closed <= 0.0:
        return
    proceeds, cost = (closed * price, basis) if sign < 0.0 else (basis, closed * price)
    gain = proceeds - cost
    sale: dict[str, Any] = {
        "session": session,
        "symbol": order.symbol,
        "side": order.side,
        "reason": order.reason,
        "shares": closed,
        "proceeds": proceeds,
        "basis": cost,
        "gain": gain,
        "held_days": days / closed,
        "loss": max(0.0, -gain),
        "bought_back": False,
        "deferred": 0.0,
    }
    sales.append(sale)
    left = {bought for bought, _, _ in parts}
    recent = [
        lot
        for lot in lots
        if 0 <= _days(lot.session, session) <= WASH_DAYS and lot.session not in left and lot.shares * sign < 0.0
    ]
    sale["bought_back"] = sale["loss"] > 0.0 and bool(recent)
    for bought, shares, paid in sorted(parts, key=lambda part: part[0]):
        # Below 0 for a loss, whichever side is closed.
        if (paid - price) * sign < 0.0:
            loss = _Loss(sale, bought, shares, (price - paid) * sign)
            position.losses.append(loss)
            for lot in sorted(recent, key=lambda lot: lot.session) if costs.wash_sales else ():
                _replace(loss, lot, lots)


def _days(before: int, after: int) -> int:
    """Calendar days between two sessions in nanoseconds."""
    return (after - before) // _DAY


def _replace(loss: _Loss, lot: _Lot, lots: list[_Lot]) -> None:
    """Defer a loss into the shares of a lot that do not replace others yet."""
    shares = min(loss.shares, abs(lot.shares))
    if lot.replaces or shares <= _ROUNDING * abs(lot.shares):
        return
    sign = 1.0 if lot.shares > 0.0 else -1.0
    loss.sale["deferred"] += shares * loss.a_share
    loss.shares -= shares
    # The cost of shares held rises by the loss, the proceeds of shares sold short fall by it.
    lots.append(_Lot(lot.session, sign * shares, lot.price + sign * loss.a_share, replaces=True))
    lot.shares -= sign * shares
    if abs(lot.shares) <= _ROUNDING * shares:
        lots.remove(lot)
        lot.shares = 0.0


def _close(
    lots: list[_Lot], sign: float, shares: float, session: int, order: str
) -> tuple[float, float, float, list[tuple[int, float, float]]]:
    """Shares closed of the other side's lots, their cost or proceeds, and share-days.

    Then what was closed, lot by lot: session, shares and price.
    """
    closed = basis = days = 0.0
    parts: list[tuple[int, float, float]] = []
    others = [lot for lot in lots if lot.shares * sign < 0.0]
    others.sort(key=(lambda lot: sign * lot.price) if order == "hifo" else (lambda lot: lot.session))
    for lot in others:
        if shares - closed <= _ROUNDING * shares:
            break
        part = min(shares - closed, abs(lot.shares))
        closed, basis = closed + part, basis + part * lot.price
        days += part * _days(lot.session, session)
        lot.shares += sign * part
        parts.append((lot.session, part, lot.price))
        if abs(lot.shares) <= _ROUNDING * shares:
            lots.remove(lot)
    return closed, basis, days, parts


def by_year(sales: pd.DataFrame, tax_rate: float) -> pd.DataFrame:
    """Gains, losses, their net and the tax by calendar year.

    The net loss of a year is carried to the gains of later years.
    """
    years = sales["session"].dt.year
    gains, losses = (
        sales["gain"].clip(lower=0.0).groupby(years).sum(),
        sales["gain"].clip(upper=0.0).groupby(years).sum(),
    )
    table = pd.DataFrame({"gains": gains, "losses": losses, "net": gains + losses}).rename_axis("year")
    carried, taxed = 0.0, []
    for net in table["net"]:
        taxed.append(max(0.0, net + carried))
        carried = min(0.0, net + carried)
    return table.assign(taxed=taxed, tax=np.array(taxed) * tax_rate)


def tax_summary(sales: pd.DataFrame, costs: Costs) -> dict[str, Any]:
    """Gains, losses, net, tax and carried loss of all sales in USD, rate and lots.

    `bought_back` is the share of losses whose name is bought within 30 days before or after the sale, None without any
    loss, and `deferred` the losses that are not deducted for it, USD, 0 without `wash_sales`.
    """
    years = by_year(sales, costs.tax_rate)
    totals = {name: float(years[name].sum()) for name in ("gains", "losses", "net", "tax")}
    carried = float(years["net"].sum() - years["taxed"].sum())
    lost = float((sales["deferred"] - sales["gain"]).clip(lower=0.0).sum())
    return {
        **totals,
        "loss_carried": min(0.0, carried),
        "rate": costs.tax_rate,
        "lots": costs.lots,
        "bought_back": float(sales["bought_back"].sum()) / lost if lost > 0.0 else None,
        "deferred": float(sales["deferred"].sum()),
        "wash_sales": costs.wash_sales,
    }


def tax_of(orders: Callable[[], pd.DataFrame], costs: Costs) -> dict[str, Any]:
    """`tax_summary` of orders that are computed when they are needed."""
    return tax_summary(realised(orders(), costs), costs)


def tax_sentence(tax: Mapping[str, Any], hold_tax: Mapping[str, Any] | None, difference: float) -> str:
    """The tax of a run beside that of buy-and-hold, as text.

    `tax` and `hold_tax` as from `tax_summary`, `hold_tax` None where it is unknown; `difference` is the final value of
    the run less that of buy-and-hold, USD.
    """
    reported = "The tax is reported only, never deducted, and gains still held at the end are not taxed."
    washed = wash_sentence(tax)
    reported = f"{washed} {reported}" if washed else reported
    owed = f"At {rate_text(tax)} on realised gains, lots sold by {tax['lots']}, the run owes {tax['tax']:,.0f} USD"
    if hold_tax is None:
        return f"{owed}; the tax of buy-and-hold was not saved with the run. {reported}"
    if dict(tax) == dict(hold_tax) and difference == 0.0:
        return f"{owed}, as buy-and-hold does. {reported}"
    excess = tax["tax"] - hold_tax["tax"]
    before, after = _compared(difference, "above", "below"), _compared(difference - excess, "above", "below")
    return (
        f"{owed}, {_compared(excess, 'more', 'less')} than buy-and-hold, which owes {hold_tax['tax']:,.0f}. The run"
        f" ends {before} buy-and-hold before tax and {after} it with each tax deducted from its final value. {reported}"
    )


def wash_sentence(tax: Mapping[str, Any]) -> str:
    """The losses whose names were bought back, as text; empty without any."""
    share = tax.get("bought_back")
    if not share:
        return ""
    bought = f"{share:.0%} of the losses are of names bought within {WASH_DAYS} days before or after the sale"
    if tax["wash_sales"]:
        return f"{bought}: {tax['deferred']:,.0f} USD of them are deferred as wash sales."
    return f"{bought}: they are deducted all the same; US tax defers them, as `wash_sales` does."


def rate_text(tax: Mapping[str, Any]) -> str:
    """The rate of a tax, as `20%`."""
    return f"{100.0 * tax['rate']:.4g}%"


def _compared(usd: float, up: str, down: str) -> str:
    return f"{abs(usd):,.0f} USD {down if round(usd) < 0 else up}"
