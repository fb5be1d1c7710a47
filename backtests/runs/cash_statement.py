"""The cash of one session, order by order."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.market import ParameterError

STATEMENT_COLUMNS = ("step", "symbol", "shares", "price", "proceeds", "costs", "cash", "reason", "settles")


def cash_statement(orders: pd.DataFrame, cash_before: pd.Series, session: str | pd.Timestamp) -> pd.DataFrame:
    """Cash before, each sale, each purchase and cash after on one session, as rows.

    `orders` as in `Run.orders`, `cash_before` (sessions) in USD. `proceeds` is the order's value, negative for a
    purchase; `cash` the running balance after the order and its costs; `settles` the session on which the cash is
    available. Trades of the cash symbol have no row: the money stays cash.

    Raises `ParameterError` on a session without orders, naming the nearest one that has some.
    """
    day = _day(session)
    stocks = orders[orders["reason"] != "cash sweep"]
    today = stocks[stocks["session"] == day]
    if today.empty:
        raise ParameterError(f"`session` {day.date()} has no orders; {_nearest(stocks, day)}")
    today = today.sort_values("side", ascending=False, kind="stable")
    sold = today["side"] == "sell"
    flow = np.where(sold, today["value"], -today["value"])
    before = float(cash_before.loc[day])
    balance = before + np.cumsum(flow - today["costs"].to_numpy())
    steps = pd.DataFrame(
        {
            "step": np.where(sold, "sale", "purchase"),
            "symbol": today["symbol"].to_numpy(),
            "shares": today["shares"].to_numpy(),
            "price": today["price"].to_numpy(),
            "proceeds": flow,
            "costs": today["costs"].to_numpy(),
            "cash": balance,
            "reason": today["reason"].to_numpy(),
            "settles": today["settles"].to_numpy(),
        }
    )
    first = {"step": "cash before", "cash": before}
    last = {"step": "cash after", "cash": balance[-1]}
    rows = [first, *steps.to_dict(orient="records"), last]
    return pd.DataFrame(rows, columns=list(STATEMENT_COLUMNS)).astype({"settles": "datetime64[ns]"})


def _day(session: str | pd.Timestamp) -> pd.Timestamp:
    problem = ParameterError(f"`session` must be a date such as 2018-01-02, got {str(session)!r}")
    try:
        day = pd.Timestamp(session)
    except (ValueError, TypeError):
        raise problem from None
    if pd.isna(day) or day.tz is not None:
        raise problem
    return day


def _nearest(orders: pd.DataFrame, day: pd.Timestamp) -> str:
    if orders.empty:
        return "the run has no orders"
    days = pd.DatetimeIndex(orders["session"].unique())
    nearest = days[int(np.abs(np.asarray(days - day)).argmin())]
    return f"the nearest session with orders is {nearest.date()}"
