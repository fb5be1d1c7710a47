"""Exchange sessions, from exchange_calendars.

Opens and closes with half days, holidays and daylight saving.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from undertow.market.clock import HOUR, SESSIONS_A_YEAR, InstantArray, IntArray, Span, instants
from undertow.market.errors import DataError, ParameterError, did_you_mean, safe_text

Fill = Literal["open", "close"]
FILLS: tuple[Fill, ...] = ("open", "close")

# How long before the fill a strategy decides.
LEAD: dict[Fill, np.timedelta64] = {"open": np.timedelta64(30, "m"), "close": np.timedelta64(15, "m")}


# The names of the periods in pandas.
_PERIODS = {"daily": "D", "weekly": "W", "monthly": "M", "quarterly": "Q", "yearly": "Y"}


@dataclass(frozen=True)
class Calendar:
    """The sessions of an exchange over a span.

    `sessions` (S,) are dates without a zone; `opens` and `closes` (S,) are UTC instants in nanoseconds.
    """

    name: str
    sessions: pd.DatetimeIndex
    opens: InstantArray
    closes: InstantArray

    @property
    def sessions_a_year(self) -> int:
        """Sessions of a year, for annual figures: 252 in New York, 365 around the clock."""
        return sessions_a_year(self.name)

    def slice(self, start: pd.Timestamp, end: pd.Timestamp) -> Calendar:
        """The sessions from `start` to `end`, both included."""
        keep = slice(self.sessions.searchsorted(start, "left"), self.sessions.searchsorted(end, "right"))
        return Calendar(self.name, self.sessions[keep], self.opens[keep], self.closes[keep])

    def nth_close_after(self, dates: InstantArray, n: int) -> InstantArray:
        """The close of the n-th session strictly after each date.

        NaT where the calendar ends before it.
        """
        days = np.asarray(self.sessions, dtype="datetime64[ns]")
        position = np.searchsorted(days, dates, side="right") + (n - 1)
        out = np.full(len(dates), np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
        inside = position < len(days)
        out[inside] = self.closes[position[inside]]
        return out


@dataclass(frozen=True, eq=False)
class ExchangeHours:
    """The bars of an exchange's trading hours, session after session.

    Args:
        starts: start of every bar (G,), UTC, whether a feed has a row for it or not.
        known_at: when it is known (G,): at its end, at the close of its session where that is earlier, and its delay.
        expires: until when it counts as the last one (G,): nights, weekends and holidays do not age it.
        session: number of its session (G,).
        row_hours: trading hours that a bar stands for.
        share: trading hours as a share of the 24/7 clock, for annual figures.
    """

    starts: InstantArray
    known_at: InstantArray
    expires: InstantArray
    session: IntArray
    row_hours: float
    share: float


def exchange_hours(
    calendar: Calendar, first: np.datetime64, interval: Span, delay: Span, tolerance: np.timedelta64
) -> ExchangeHours:
    """The bars of a feed that keeps the hours of a calendar.

    A bar starts on the grid of `first` and `interval` inside [open, close) of a session.

    Args:
        calendar: sessions that reach past the last bar.
        first: start of one of the bars, UTC.
        interval: length of a bar, at most an hour.
        delay: time from the end of a bar until it is known.
        tolerance: trading time up to which the last bar counts.
    """
    step = interval.timedelta
    phase = (first - np.datetime64(0, "ns")) % step
    origin = np.datetime64(0, "ns") + phase
    begin = -((origin - calendar.opens) // step)
    end = -((origin - calendar.closes) // step)
    counts = (end - begin).astype(np.int64)
    session = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(session)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = origin + (begin.astype(np.int64)[session] + number) * step
    ends = np.minimum(starts + step, calendar.closes[session])
    length = calendar.closes - calendar.opens
    until = np.cumsum(length.astype(np.int64))
    before = until - length.astype(np.int64)
    last = before[session] + (ends - calendar.opens[session]).astype(np.int64) + int(tolerance.astype(np.int64))
    later = np.searchsorted(until, last, side="right")
    inside = np.minimum(later, len(until) - 1)
    reached = calendar.opens[inside] + (last - before[inside]).astype("timedelta64[ns]")
    expires = np.where(later < len(until), reached, calendar.closes[-1] + tolerance)
    hours = float(step / HOUR)
    share = float(np.median(counts)) * hours * calendar.sessions_a_year / 8760.0 if len(counts) else 1.0
    wait = delay.timedelta
    known_at, until_when = (np.asarray(x + wait, dtype="datetime64[ns]") for x in (ends, expires))
    return ExchangeHours(starts, known_at, until_when, session, hours, share)


@dataclass(frozen=True)
class Decisions:
    """One decision a session.

    A strategy decides at `at` (T,), and its orders are filled at `filled_at` (T,).
    """

    sessions: pd.DatetimeIndex
    at: InstantArray
    filled_at: InstantArray
    fill: Fill

    def __len__(self) -> int:
        return len(self.sessions)


def period_starts(sessions: pd.DatetimeIndex, every: str) -> IntArray:
    """The rows of the first session of each period, the first row included.

    "never" gives the first row alone.
    """
    if every == "never":
        return np.zeros(1, dtype=np.int64)
    period = sessions.to_period(_PERIODS[every]).asi8
    return np.flatnonzero(np.concatenate(([True], period[1:] != period[:-1]))).astype(np.int64)


def load_calendar(name: str, start: pd.Timestamp, end: pd.Timestamp) -> Calendar:
    """The calendar `name` of exchange_calendars from `start` to `end`.

    Raises `DataError` on a name or years that exchange_calendars lacks.
    """
    first, last = pd.Timestamp(start).normalize(), pd.Timestamp(end).normalize()
    for built in _built.get(name, ()):
        if built.first <= first and last <= built.last:
            return built.calendar.slice(first, last)
    built = _build_wide(name, first, last)
    partial = [other for other in _built.get(name, ()) if other.first < built.first or built.last < other.last]
    _built[name] = (*partial[-_MAX_BUILT:], built)
    return built.calendar.slice(first, last)


# Years over which the sessions of an exchange are counted: a decade, or what a calendar that begins later has of it.
_COUNTED_YEARS = ((2010, 2019), (2022, 2024))


@lru_cache(maxsize=64)
def sessions_a_year(name: str) -> int:
    """The sessions of a year on the calendar `name`, a whole number.

    252 for the exchanges of New York, by convention; for others the mean of 2010 to 2019 (of 2022 to 2024 where the
    calendar begins later), rounded: 365 for `24/7`, 253 for London. The same whatever the span of a market.

    Raises `DataError` on a name that exchange_calendars lacks.
    """
    import exchange_calendars as xcals

    if name in xcals.get_calendar_names() and xcals.resolve_alias(name) == "XNYS":
        return SESSIONS_A_YEAR
    for first, last in _COUNTED_YEARS:
        try:
            counted = _build(name, pd.Timestamp(first, 1, 1), pd.Timestamp(last, 12, 31))
        except DataError:
            if (first, last) == _COUNTED_YEARS[-1]:
                raise
        else:
            break
    return round(len(counted.sessions) / (last - first + 1))


class _BuiltCalendar(NamedTuple):
    """A calendar that was built, and the dates between which it is complete."""

    first: pd.Timestamp
    last: pd.Timestamp
    calendar: Calendar


# Ten years take a sixth of a second to build, and most requests lie within an earlier one.
_built: dict[str, tuple[_BuiltCalendar, ...]] = {}
_MAX_BUILT = 15
# Macro series begin earlier than prices, settlements and the next decisions come after their end.
_EARLIER, _LATER = pd.Timedelta(days=400), pd.Timedelta(days=60)
_REASON_LENGTH = 200


def _build_wide(name: str, first: pd.Timestamp, last: pd.Timestamp) -> _BuiltCalendar:
    """A calendar with a reserve for later requests; without one where it has none."""
    try:
        return _BuiltCalendar(first - _EARLIER, last + _LATER, _build(name, first - _EARLIER, last + _LATER))
    except (DataError, OverflowError, ValueError):
        # The calendar ends before, or there are no such dates.
        return _BuiltCalendar(first, last, _build(name, first, last))


def _build(name: str, start: pd.Timestamp, end: pd.Timestamp) -> Calendar:
    import exchange_calendars as xcals
    from exchange_calendars.errors import InvalidCalendarName

    # A few days more than requested: exchange_calendars builds no calendar of one day, nor of a weekend.
    padded = max(end, start + pd.Timedelta(days=7))
    try:
        with warnings.catch_warnings():
            # exchange_calendars 4.13 takes the values of a column with a zone, which pandas 3.1 deprecates.
            warnings.filterwarnings("ignore", "Series.values returning", DeprecationWarning)
            exchange = xcals.get_calendar(name, start=start, end=padded)
    except InvalidCalendarName:
        suggestion = did_you_mean(name, xcals.get_calendar_names())
        raise DataError(f"`calendar` {name!r} is not known to exchange_calendars{suggestion}") from None
    except Exception as error:
        # The message may list every date that does not fit.
        reason = safe_text(re.sub(r"\[.*?\]", "[...]", str(error), flags=re.DOTALL).splitlines()[0], _REASON_LENGTH)
        raise DataError(
            f"`calendar` {name!r} from {start.date()} to {end.date()}: {reason.rstrip('.')}; name another calendar, or"
            " supply other years"
        ) from error
    schedule = exchange.schedule
    sessions = pd.DatetimeIndex(np.asarray(schedule.index, dtype="datetime64[ns]"), name="session")
    return Calendar(name, sessions, instants(schedule["open"]), instants(schedule["close"])).slice(start, end)


def decisions(calendar: Calendar, fill: Fill = "open") -> Decisions:
    """The decision and fill instants of every session of `calendar`.

    `fill="open"` decides 30 minutes before the open and is filled at the open; `fill="close"` decides 15 minutes before
    the close (of a half day too) and is filled at the close.
    """
    if fill not in FILLS:
        raise ParameterError(f"`fill` must be open or close, got {fill!r}{did_you_mean(str(fill), FILLS)}")
    filled_at = calendar.opens if fill == "open" else calendar.closes
    return Decisions(calendar.sessions, filled_at - LEAD[fill].astype("timedelta64[ns]"), filled_at, fill)
