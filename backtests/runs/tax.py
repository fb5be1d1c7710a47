"""Realised gains, losses and tax of a run, lot by lot from its orders.

The tax is reported, never deducted from the account. Prices are adjusted for dividends, so a dividend counts as part of
the gain. The interest of the cash symbol is excluded, and long-term gains and wash sales are not distinguished.
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
    """One row for each order that closes a position, wholly or in part.

    Such orders are sales, and purchases that cover a short. `orders` as in `Run.orders`. `basis` is the cost of the
    closed lots and `proceeds` their sale, both after fee and slippage, in USD; `gain` is the difference, `tax` the gain
    times `costs.tax_rate`, negative for a loss; `held_days` the calendar days the lots were held, weighted by shares. A
    sale closes the lots with the highest price first for `costs.lots` "hifo", the oldest first for "fifo".
    """
    open_lots: dict[str, list[_Lot]] = {}
    trades: list[Any] = orders[orders["reason"] != "cash sweep"].to_dict(orient="records")
    rows = [row for order in trades for row in _book(order, open_lots.setdefault(order["symbol"], []), costs)]
    return pd.DataFrame(rows, columns=list(SALES)).astype({"session": "datetime64[ns]"})


def _book(order: dict[str, Any], lots: list[_Lot], costs: Costs) -> Iterator[tuple[Any, ...]]:
    """Close lots of the other side with an order, and open one with the rest."""
    sign = 1.0 if order["side"] == "buy" else -1.0
    price = (order["value"] + sign * order["costs"]) / order["shares"]
    closed, basis, days = _close(lots, sign, order["shares"], order["session"], costs.lots)
    if order["shares"] - closed > _ROUNDING * order["shares"]:
        lots.append(_Lot(order["session"], sign * (order["shares"] - closed), price))
    if closed > 0.0:
        proceeds, cost = (closed * price, basis) if sign < 0.0 else (basis, closed * price)
        sale = (order["session"], order["symbol"], order["side"], closed, proceeds, cost)
        gain = proceeds - cost
        yield (*sale, gain, gain * costs.tax_rate, days / closed, order["reason"])


def _close(
    lots: list[_Lot], sign: float, shares: float, session: pd.Timestamp, order: str
) -> tuple[float, float, float]:
    """Shares closed of the other side's lots, their cost or proceeds, and share-days."""
    closed = basis = days = 0.0
    for lot in sorted(lots, key=lambda lot: sign * lot.price) if order == "hifo" else list(lots):
        if lot.shares * sign >= 0.0 or shares - closed <= _ROUNDING * shares:
            continue
        part = min(shares - closed, abs(lot.shares))
        closed, basis = closed + part, basis + part * lot.price
        days += part * (session - lot.session).days
        lot.shares += sign * part
        if abs(lot.shares) <= _ROUNDING * shares:
            lots.remove(lot)
    return closed, basis, days


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
    """Gains, losses, net, tax and carried loss of all sales in USD, rate and lots."""
    years = by_year(sales, costs.tax_rate)
    totals = {name: float(years[name].sum()) for name in ("gains", "losses", "net", "tax")}
    carried = float(years["net"].sum() - years["taxed"].sum())
    return {**totals, "loss_carried": min(0.0, carried), "rate": costs.tax_rate, "lots": costs.lots}


def tax_of(orders: Callable[[], pd.DataFrame], costs: Costs) -> dict[str, Any]:
    """`tax_summary` of orders that are computed when they are needed."""
    return tax_summary(realised(orders(), costs), costs)


def tax_sentence(tax: Mapping[str, Any], hold_tax: Mapping[str, Any] | None, difference: float) -> str:
    """The tax of a run beside that of buy-and-hold, as text.

    `tax` and `hold_tax` as from `tax_summary`, `hold_tax` None where it is unknown; `difference` is the final value of
    the run less that of buy-and-hold, USD.
    """
    reported = "The tax is reported only, never deducted, and gains still held at the end are not taxed."
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


def rate_text(tax: Mapping[str, Any]) -> str:
    """The rate of a tax, as `20%`."""
    return f"{100.0 * tax['rate']:.4g}%"


def _compared(usd: float, up: str, down: str) -> str:
    return f"{abs(usd):,.0f} USD {down if round(usd) < 0 else up}"
