"""Realised gains, losses and tax of any run, from its orders alone: lot by lot, by "hifo" or "fifo".

Nothing here touches the account: a tax is stated, never deducted. Prices are adjusted for dividends, so that a dividend
counts as part of the gain; what the cash symbol earns is interest, and is left out; so are the calendar's shades of
long-term and short-term gains and of wash sales.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.costs import Costs

SALES = ("session", "symbol", "side", "shares", "proceeds", "basis", "gain", "tax", "held_days", "reason")
# Shares below this part of an order are rounding.
_ROUNDING = 1e-9


@dataclass
class _Lot:
    session: pd.Timestamp
    shares: float
    price: float


def realised(orders: pd.DataFrame, costs: Costs) -> pd.DataFrame:
    """One row for each order that closes a position, in part or whole: sales, and a short bought back.

    `orders` as in `Run.orders`. `basis` is what the closed lots had cost and `proceeds` what they brought, both after
    fee and slippage, in USD; `gain` is their difference, `tax` the gain times `costs.tax_rate`, negative for a loss;
    `held_days` the calendar days the lots were held, weighted by shares. `costs.lots` says which lots a sale closes:
    "hifo" those on which the least is gained, "fifo" the oldest.
    """
    open_lots: dict[str, list[_Lot]] = {}
    trades: list[Any] = orders[orders["reason"] != "cash sweep"].to_dict(orient="records")
    rows = [row for order in trades for row in _book(order, open_lots.setdefault(order["symbol"], []), costs)]
    return pd.DataFrame(rows, columns=list(SALES)).astype({"session": "datetime64[ns]"})


def _book(order: dict[str, Any], lots: list[_Lot], costs: Costs) -> Iterator[tuple[Any, ...]]:
    """Close lots of the other side with an order, and open one with what is left of it."""
    sign = 1.0 if order["side"] == "buy" else -1.0
    price = (order["value"] + sign * order["costs"]) / order["shares"]
    closed, basis, days = _close(lots, sign, order["shares"], order["session"], costs.lots)
    if order["shares"] - closed > _ROUNDING * order["shares"]:
        lots.append(_Lot(order["session"], sign * (order["shares"] - closed), price))
    if closed > 0.0:
        got, paid = (closed * price, basis) if sign < 0.0 else (basis, closed * price)
        told = (order["session"], order["symbol"], order["side"], closed, got, paid)
        yield (*told, got - paid, (got - paid) * costs.tax_rate, days / closed, order["reason"])


def _close(lots: list[_Lot], sign: float, shares: float, session: pd.Timestamp, way: str) -> tuple[float, float, float]:
    """Take up to `shares` from the lots of the other side; how many, what they had cost or brought, and share-days."""
    closed = basis = days = 0.0
    for lot in sorted(lots, key=lambda lot: sign * lot.price) if way == "hifo" else list(lots):
        if lot.shares * sign >= 0.0 or shares - closed <= _ROUNDING * shares:
            continue
        taken = min(shares - closed, abs(lot.shares))
        closed, basis = closed + taken, basis + taken * lot.price
        days += taken * (session - lot.session).days
        lot.shares += sign * taken
        if abs(lot.shares) <= _ROUNDING * shares:
            lots.remove(lot)
    return closed, basis, days


def by_year(sales: pd.DataFrame, tax_rate: float) -> pd.DataFrame:
    """Gains, losses, their net and the tax by calendar year: a year's net loss is carried to later years' gains."""
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
    """Gains, losses, net and tax over a whole run in USD, the loss left to carry on, and by which rule."""
    years = by_year(sales, costs.tax_rate)
    totals = {name: float(years[name].sum()) for name in ("gains", "losses", "net", "tax")}
    left = float(years["net"].sum() - years["taxed"].sum())
    return {**totals, "loss_carried": min(0.0, left), "rate": costs.tax_rate, "lots": costs.lots}


def tax_of(orders: Callable[[], pd.DataFrame], costs: Costs) -> dict[str, Any]:
    """`tax_summary` of the orders that a call gives, made when it is asked for."""
    return tax_summary(realised(orders(), costs), costs)


def tax_sentence(own: Mapping[str, Any], hold: Mapping[str, Any] | None, apart: float) -> str:
    """What the tax of a run comes to beside that of buy-and-hold; `apart` is its final value less buy-and-hold's, USD.

    `own` and `hold` as from `tax_summary`; `hold` is None where it is not known.
    """
    stated = "Tax is stated, never taken from the account, and gains still held at the end are not taxed."
    owed = f"At {rate_text(own)} on realised gains, lots sold by {own['lots']}, the run owes {own['tax']:,.0f} USD"
    if hold is None:
        return f"{owed}; what buy-and-hold owes was not kept with it. {stated}"
    if dict(own) == dict(hold) and apart == 0.0:
        return f"{owed}, as buy-and-hold does. {stated}"
    more = own["tax"] - hold["tax"]
    before, after = _beside(apart, "above", "below"), _beside(apart - more, "above", "below")
    return (
        f"{owed}, {_beside(more, 'more', 'less')} than buy-and-hold, which owes {hold['tax']:,.0f}. The run ends"
        f" {before} buy-and-hold before tax and {after} it with the tax of each taken off its final value. {stated}"
    )


def rate_text(tax: Mapping[str, Any]) -> str:
    """The rate of a tax, as `20%`."""
    return f"{100.0 * tax['rate']:.4g}%"


def _beside(usd: float, up: str, down: str) -> str:
    return f"{abs(usd):,.0f} USD {down if round(usd) < 0 else up}"
