"""What was known, and when: the one place where anything is aligned in time.

Execution timing and look-ahead. Every number carries the instant at which it could have been known, `known_at`. A
decision taken at instant `d` with a lag of `h` hours uses what was known at `d - h` and nothing later. `align` is the
only function of Undertow that carries a series from its own clock to decision instants; no other code shifts,
reindexes, fills or resamples by hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market.errors import DataError, ParameterError, safe_text

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
InstantArray = npt.NDArray[np.datetime64]
How = Literal["last", "min", "max"]
# The age up to which a row counts: one for all rows, or one a row (H,).
Lifetimes = np.timedelta64 | npt.NDArray[np.timedelta64]

_SPAN = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(min|h|d|sessions?)\s*$")
_UNIT_MINUTES = {"min": 1.0, "h": 60.0, "d": 1440.0}
HOUR = np.timedelta64(3_600_000_000_000, "ns")
MINUTE = np.timedelta64(60_000_000_000, "ns")
DAY = np.timedelta64(86_400_000_000_000, "ns")
SESSIONS_A_YEAR = 252
# Ten years: more would leave the range of nanoseconds.
_LONGEST_LAG = 87_600
_LONGEST_SPAN = 60.0 * _LONGEST_LAG
_SHORTEST_SPAN = 1.0 / 60.0
_MOST_SESSIONS = 2_520


@dataclass(frozen=True)
class Span:
    """A length of time, of the clock (`minutes`) or of the exchange (`sessions`)."""

    minutes: float = 0.0
    sessions: int = 0

    @classmethod
    def parse(cls, text: str, key: str = "interval") -> Span:
        """Read "10min", "8h", "1d" or "2 sessions"; raises `DataError` on anything else."""
        match = _SPAN.match(str(text))
        if match is None:
            raise DataError(f"`{key}` must look like 10min, 1h, 1d or 1 session, got '{safe_text(text)}'")
        amount, unit = float(match[1]), match[2]
        if unit.startswith("session"):
            if not amount <= _MOST_SESSIONS or amount != int(amount):
                raise DataError(
                    f"`{key}` must be a whole number of sessions, at most {_MOST_SESSIONS}, got '{safe_text(text)}'"
                )
            return cls(sessions=int(amount))
        minutes = amount * _UNIT_MINUTES[unit]
        if minutes and not _SHORTEST_SPAN <= minutes <= _LONGEST_SPAN:
            raise DataError(f"`{key}` must be 0 or from a second to ten years, got '{safe_text(text)}'")
        return cls(minutes=minutes)

    @property
    def timedelta(self) -> np.timedelta64:
        """The clock part, in nanoseconds."""
        return np.timedelta64(round(self.minutes * 60_000_000_000), "ns")

    def __str__(self) -> str:
        if self.sessions:
            return f"{self.sessions} session" + ("s" if self.sessions > 1 else "")
        for unit, minutes in (("d", 1440.0), ("h", 60.0)):
            if self.minutes and self.minutes % minutes == 0:
                return f"{int(self.minutes // minutes)}{unit}"
        return f"{self.minutes:g}min" if self.minutes else "0min"


def span_of(length: np.timedelta64) -> Span:
    """A length of clock time as a span."""
    return Span(minutes=float(length / MINUTE))


def instants(times: Any) -> InstantArray:
    """UTC instants as a numpy array of nanoseconds without a zone.

    Times with a zone are converted to UTC; an array must be in UTC already.
    """
    if isinstance(times, np.ndarray):
        return times.astype("datetime64[ns]")
    index = pd.DatetimeIndex(times)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return np.asarray(index.as_unit("ns"), dtype="datetime64[ns]")


def window_ends(known_at: InstantArray, decisions: InstantArray, lag_hours: float = 0.0) -> IntArray:
    """The number of rows with `known_at <= decision - lag`, for each decision.

    Row `n - 1` is the last usable one. `known_at` (H,) sorted, `decisions` (T,) sorted, both UTC; `lag_hours` on the
    24/7 clock, 0 or more.
    """
    if not 0 <= lag_hours <= _LONGEST_LAG:
        raise ParameterError(
            f"`lag` must be from 0 to {_LONGEST_LAG} hours, got {lag_hours}; a negative lag would look ahead"
        )
    cutoff = decisions - np.timedelta64(round(lag_hours * 3_600_000_000_000), "ns")
    return np.searchsorted(known_at, cutoff, side="right").astype(np.int64)


def align(
    known_at: InstantArray,
    values: npt.ArrayLike,
    decisions: InstantArray,
    *,
    lag_hours: float = 0.0,
    tolerance: Lifetimes | None = None,
    how: How = "last",
    since: InstantArray | None = None,
) -> FloatArray:
    """Carry a series to decision instants: what was known, and nothing later.

    Timing: `how="last"` is the last value with `known_at <= decision - lag`. `how="min"` and `how="max"` are the
    extreme over all rows that became known after the previous decision's cut-off and by this one's, so that a weekend
    crash which has recovered by Monday is still seen; where nothing new became known they equal "last". The first
    decision sees its last row only.

    With `since`, only rows that became known at or after it count: "min" and "max" are the extreme of those rows,
    whatever the previous decision saw, and a decision without one has NaN.

    NaN: before the first known row, and where the last known row is older than `tolerance` at `decision - lag`. A NaN
    in `values` stays NaN with "last"; "min" and "max" ignore it unless the window holds nothing else.

    Args:
        known_at: when each row became known (H,), sorted, UTC.
        values: the series, (H,) or (H, K); the result is (T,) or (T, K).
        decisions: the decision instants (T,), sorted, UTC.
        lag_hours: hours on the 24/7 clock, 0 or more.
        tolerance: age beyond which the last known row gives NaN, one for all rows or one a row (H,); None: any age.
        how: "last", "min" or "max".
        since: the instant from which rows count at each decision (T,), UTC; None: no such instant.

    Raises `ParameterError` on a negative lag, unsorted `known_at` or `decisions`, or unequal lengths.
    """
    series = np.asarray(values, dtype=np.float64)
    if len(series) != len(known_at):
        raise ParameterError(f"`values` has {len(series)} rows, `known_at` has {len(known_at)}; they must be equal")
    spans = decision_spans(known_at, decisions, lag_hours=lag_hours, tolerance=tolerance, how=how, since=since)
    out = np.full((len(decisions), *series.shape[1:]), np.nan)
    starts, ends = spans.starts[spans.known], spans.ends[spans.known]
    if how == "last":
        out[spans.known] = series[ends - 1]
    elif len(ends):
        # Pairs of start and end; a row beyond the last one, so that the last end is an index too.
        padded = np.concatenate((series[: int(ends[-1])], np.full((1, *series.shape[1:]), np.nan)))
        ufunc = np.fmin if how == "min" else np.fmax
        out[spans.known] = ufunc.reduceat(padded, np.column_stack((starts, ends)).ravel(), axis=0)[::2]
    return out


class Spans(NamedTuple):
    """The rows that each decision reads, [start, end), each (T,).

    The last known row is `ends - 1`. Where `known` is false nothing usable was known, and start and end are 0.
    """

    starts: IntArray
    ends: IntArray
    known: BoolArray


def decision_spans(
    known_at: InstantArray,
    decisions: InstantArray,
    *,
    lag_hours: float = 0.0,
    tolerance: Lifetimes | None = None,
    how: How = "last",
    since: InstantArray | None = None,
) -> Spans:
    """The rows of a series that each decision reads, as `align` defines them.

    With "last" one row; with "min" and "max" those that became known since the decision before, or from `since` on, and
    at least the last one.

    Args:
        known_at: when each row became known (H,), sorted, UTC.
        decisions: the decision instants (T,), sorted, UTC.
        lag_hours: hours on the 24/7 clock, 0 or more.
        tolerance: age beyond which the last known row does not count, for all rows or one a row (H,); None: any age.
        how: "last", "min" or "max".
        since: the instant from which rows count at each decision (T,), UTC; None: no such instant.

    Raises `ParameterError` on a negative lag and on unsorted `known_at` or `decisions`.
    """
    for name, clock in (("known_at", known_at), ("decisions", decisions)):
        if bool((clock[1:] < clock[:-1]).any()):
            raise ParameterError(f"`{name}` must be sorted; its rows are out of order")
    ends = window_ends(known_at, decisions, lag_hours)
    known = ends > 0
    if known.any():
        last = known_at[np.maximum(ends - 1, 0)]
        if since is not None:
            known &= last >= since
        if tolerance is not None:
            limit = tolerance[np.maximum(ends - 1, 0)] if isinstance(tolerance, np.ndarray) else tolerance
            known &= decisions - np.timedelta64(round(lag_hours * 3_600_000_000_000), "ns") - last <= limit
    starts = np.maximum(ends - 1, 0)
    if how != "last" and len(ends):
        starts = np.minimum(_starts(known_at, ends, since), starts)
    return Spans(np.where(known, starts, 0), np.where(known, ends, 0), known)


def _starts(known_at: InstantArray, ends: IntArray, since: InstantArray | None) -> IntArray:
    """The first row of each decision's window: new ones, or those known from `since`."""
    if since is None:
        return np.concatenate(([max(int(ends[0]) - 1, 0)], ends[:-1]))
    return np.searchsorted(known_at, since, side="left").astype(np.int64)


def first_known(
    known_at: InstantArray,
    condition: BoolArray,
    decisions: InstantArray,
    *,
    lag_hours: float = 0.0,
    since: InstantArray | None = None,
) -> InstantArray:
    """When a condition first became known in each decision's window (T,).

    NaT where it did not hold in the window. The windows are those of `align(how="min")`: after the previous decision's
    cut-off, or from `since` on, up to this one's.

    Args:
        known_at: when each row became known (H,), sorted, UTC.
        condition: the condition of each row (H,).
        decisions: the decision instants (T,), sorted, UTC.
        lag_hours: hours on the 24/7 clock, 0 or more.
        since: the instant from which rows count at each decision (T,), UTC; None: no such instant.
    """
    ends = window_ends(known_at, decisions, lag_hours)
    starts = _starts(known_at, ends, since)
    rows = np.flatnonzero(condition)
    position = np.searchsorted(rows, starts)
    known = position < len(rows)
    known[known] = rows[position[known]] < ends[known]
    out = np.full(len(decisions), np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
    out[known] = known_at[rows[position[known]]]
    return out
