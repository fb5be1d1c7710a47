"""Bars of an exchange: which of them lie in its hours, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from undertow.market.calendar import exchange_hours
from undertow.market.clock import HOUR, BoolArray, InstantArray, Span
from undertow.market.folder.prices import manifest_calendar
from undertow.market.imports.convert import VendorPart

# Longest bar that can keep an exchange's hours, minutes.
_LONGEST = 60
# Trading before the open and after the close that brokers offer; coins, futures and currencies go on through the night.
_BEFORE, _AFTER = 6 * HOUR, 5 * HOUR
_SHARE = 0.99


def in_exchange_hours(part: VendorPart, calendar: str) -> VendorPart:
    """A part marked where its bars keep an exchange's hours.

    Its rows outside them are left out and counted.

    Bars of coins, of futures and of currencies, which go on through the night, and bars of more than an hour are
    returned as they are.

    Args:
        part: what a file says of a name.
        calendar: calendar of the market.
    """
    if part.kind != "bars" or not 0 < part.minutes <= _LONGEST or part.frame.empty or part.questions:
        return part
    times = part.frame["time"].dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    few = pd.Timedelta(days=15)
    schedule = manifest_calendar(calendar, pd.Timestamp(times.min()) - few, pd.Timestamp(times.max()) + few)
    if np.mean(_near(times, schedule.opens - _BEFORE, schedule.closes + _AFTER)) < _SHARE:
        return part
    trading = _near(times, schedule.opens, schedule.closes)
    if not trading.any():
        return part
    step = Span(float(part.minutes))
    inside = np.isin(times, exchange_hours(schedule, times[np.argmax(trading)], step, Span(), 7 * HOUR).starts)
    notes = [f"keeps the hours of {calendar}"]
    outside = np.flatnonzero(~inside)
    if len(outside):
        rows = "1 row" if len(outside) == 1 else f"{len(outside):,} rows"
        first = np.datetime_as_string(times[outside[0]], unit="m")
        notes.append(f"{rows} outside the hours of {calendar} left out, the first at {first} UTC")
    frame = part.frame[inside].reset_index(drop=True)
    return replace(part, frame=frame, hours="session", notes=(*part.notes, *notes))


def _near(times: InstantArray, begins: InstantArray, ends: InstantArray) -> BoolArray:
    """Which instants (H,) lie in [begin, end) of a session."""
    row = np.searchsorted(begins, times, side="right") - 1
    return np.asarray((row >= 0) & (times < ends[np.maximum(row, 0)]), dtype=np.bool_)
