"""Settlement: the session on which the cash of a trade is available."""

from __future__ import annotations

import numpy as np
import pandas as pd
from exchange_calendars import resolve_alias

from undertow.market.calendar import load_calendar

# From this trade date on, this many sessions: rule 15c6-1 of the US Securities and Exchange Commission (17 CFR
# 240.15c6-1), release 34-80295 of 2017 (T+2) and release 34-96930 of 2023 (T+1); T+3 held since 1995.
CYCLES = (("1995-06-07", 3), ("2017-09-05", 2), ("2024-05-28", 1))
_REACH = pd.Timedelta(days=30)


def settlement_cycle(sessions: pd.DatetimeIndex) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Sessions that a trade of each session (O,) takes to settle."""
    since = pd.DatetimeIndex([start for start, _ in CYCLES])
    position = np.clip(since.searchsorted(sessions, "right") - 1, 0, None)
    return np.array([days for _, days in CYCLES], dtype=np.int64)[position]


def settlement_sessions(sessions: pd.DatetimeIndex, calendar: str) -> pd.DatetimeIndex:
    """The session on which the cash of a trade of each session (O,) settles.

    Counted in sessions of the exchange, beyond the end of a run too; a bank holiday on which the exchange is open
    counts as one. NaT on an exchange outside the US, whose cycles are not known here.
    """
    # The US exchanges share one calendar.
    if resolve_alias(calendar) != "XNYS":
        return pd.DatetimeIndex(np.full(len(sessions), np.datetime64("NaT", "ns")))
    if not len(sessions):
        return pd.DatetimeIndex(sessions)
    days = load_calendar(calendar, sessions.min(), sessions.max() + _REACH).sessions
    return pd.DatetimeIndex(np.asarray(days)[days.searchsorted(sessions, "left") + settlement_cycle(sessions)])
