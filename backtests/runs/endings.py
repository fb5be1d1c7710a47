"""Positions that were closed for want of a price, by name."""

from __future__ import annotations

import pandas as pd

from undertow.backtests.kernel.state import ENDED, REASONS

# Positions that the sentence names; the table has them all.
_NAMED = 8
ENDING_COLUMNS = ("symbol", "session", "shares", "price", "haircut_bps", "value")


def endings(orders: pd.DataFrame, haircut_bps: float) -> pd.DataFrame:
    """One row for each position closed because its name had no price for too long.

    `session` is the first one after `GAP_SESSIONS` sessions without a close of the name, `price` its last close less
    the haircut, in USD. A short position is closed at the last close itself.

    Args:
        orders: orders as in `Run.orders`.
        haircut_bps: discount on the last close, basis points.
    """
    closed = orders[orders["reason"] == REASONS[ENDED]].reset_index(drop=True)
    closed = closed.assign(haircut_bps=closed["side"].map({"sell": haircut_bps, "buy": 0.0}).astype("float64"))
    return closed[list(ENDING_COLUMNS)]


def endings_sentence(closed: pd.DataFrame) -> str:
    """The first of the positions in `endings`, with session and price."""
    rows = closed.head(_NAMED).to_dict(orient="records")
    names = ", ".join(f"{row['symbol']} on {row['session'].date()} at {row['price']:,.2f} USD" for row in rows)
    more = f" and {len(closed) - _NAMED} more" if len(closed) > _NAMED else ""
    return f"Closed for want of a price: {names}{more}."
