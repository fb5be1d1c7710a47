"""How far the rows of a feed are apart, and rows where nothing happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from undertow.market.clock import DAY, FloatArray, InstantArray, IntArray, Span, span_of
from undertow.market.errors import DataError

# What an interval without a row means: nothing is known of it, or nothing happened in it.
Missing = Literal["unknown", "zero"]
MISSING: tuple[Missing, ...] = ("unknown", "zero")
# Kinds whose rows count what happened in an interval, so that no row may mean that nothing did.
EVENT_KINDS = ("liquidations",)
# Kinds that describe an interval and cannot be known at its start.
_LASTING = ("bars", "liquidations")
# With fewer gaps than this, rows of events are too few to tell the spacing of their grid.
_FEW_GAPS = 10
_FEW_DAYS = 3
_FEW_VALUES = 3
_DAY_NS = int(np.timedelta64(DAY, "ns").astype(np.int64))
_MOST_INTERVALS = 100_000_000
_WEEK, _WEEKDAYS = 7, 5


def row_spacing(
    kind: str, times: InstantArray, columns: Mapping[str, FloatArray], missing: Missing
) -> tuple[np.timedelta64 | None, str]:
    """The smallest gap between two rows, None where there are not two, and a column.

    Of macro series, which share one table of days, the largest of the series' smallest gaps between two values, and the
    column that has it; a series with few values is judged where no other has more. Of rows of events, the grid on which
    all of them lie.

    Args:
        kind: kind of the feed.
        times: stamps (H,).
        columns: values (H,) by name.
        missing: what an interval without a row means.
    """
    if missing == "zero":
        gaps = np.diff(times).astype(np.int64)
        grid = int(np.gcd.reduce(gaps)) if len(gaps) else 0
        # A few events lie on a coarse grid by chance, but hardly all at one time of the day.
        daily = len(gaps) >= _FEW_DAYS and grid % _DAY_NS == 0
        return (np.timedelta64(grid, "ns") if len(gaps) >= _FEW_GAPS or daily else None), ""
    if kind != "macro":
        return _smallest(times), ""
    valued = {name: times[np.isfinite(values)] for name, values in columns.items()}
    judged = {name: stamps for name, stamps in valued.items() if len(stamps) >= _FEW_VALUES} or valued
    spacings = {name: np.timedelta64(np.diff(stamps).min()) for name, stamps in judged.items() if len(stamps) > 1}
    column = max(spacings, key=lambda name: spacings[name], default="")
    is_alone = bool(spacings) and spacings[column] > min(spacings.values())
    return spacings.get(column), column if is_alone else ""


def _smallest(times: InstantArray) -> np.timedelta64 | None:
    return np.timedelta64(np.diff(times).min()) if len(times) > 1 else None


def check_interval(
    kind: str,
    path: str,
    interval: Span,
    spacing: np.timedelta64 | None,
    *,
    column: str = "",
    missing: Missing = "unknown",
) -> None:
    """Raise `DataError` where rows are further apart than their interval.

    Daily totals that are declared as 12 h would be known 12 hours too early. An interval of 0 says that a row is
    stamped when it is known, such as funding at its settlement.

    Args:
        kind: kind of the feed.
        path: the file, for the message.
        interval: the declared length of a row.
        spacing: smallest gap between two rows.
        column: column that has this spacing, where others are closer.
        missing: what an interval without a row means.
    """
    if not interval.minutes and not interval.sessions:
        if kind in _LASTING:
            raise DataError(f"{path}: `interval` of {kind} must be longer than 0, such as 1h or 1d")
        return
    if spacing is None:
        return
    length = _shortest_days(interval.sessions) * DAY if interval.sessions else interval.timedelta
    if spacing <= length:
        return
    fitting = _sessions_of(spacing) if interval.sessions else span_of(spacing)
    is_open = kind in EVENT_KINDS and missing != "zero"
    or_zero = ', or missing = "zero" where no row means that nothing happened' if is_open else ""
    or_known = ', or interval = "0h" where `time` is the end of what a row describes' if kind == "macro" else ""
    if column:
        rows, every, place = f"no two values of `{column}`", "its values", "move it into a file of its own with"
    else:
        rows, every, place = "no two rows", "every row", "write"
    raise DataError(
        f"{path}: {rows} are less than {span_of(spacing)} apart, but `interval` is {interval}: {every} would be known"
        f' too early; {place} interval = "{fitting}" in market.toml{or_zero}{or_known}'
    )


def check_grid(path: str, interval: Span, times: InstantArray) -> None:
    """Raise `DataError` where the grid of a feed would not fit into memory."""
    if not interval.minutes or len(times) < 2:
        return
    intervals = int((times[-1] - times[0]) // interval.timedelta)
    if intervals > _MOST_INTERVALS:
        raise DataError(
            f"{path}: {times[0].astype('datetime64[D]')} to {times[-1].astype('datetime64[D]')} are more than"
            f" {_MOST_INTERVALS:,} intervals of {interval}; check the first and the last `time`, or write a longer"
            " `interval`"
        )


def _shortest_days(sessions: int) -> int:
    """The fewest days that so many sessions take: weekends lie between five."""
    return sessions + (_WEEK - _WEEKDAYS) * (sessions // _WEEKDAYS)


def _sessions_of(spacing: np.timedelta64) -> Span:
    sessions = 1
    while _shortest_days(sessions) * DAY < spacing:
        sessions += 1
    return Span(sessions=sessions)


def zero_rows(
    times: InstantArray,
    columns: Mapping[str, FloatArray],
    interval: np.timedelta64,
    limit: np.timedelta64,
    until: np.datetime64 | None = None,
) -> tuple[InstantArray, IntArray]:
    """The stamps (K,) of intervals in which nothing happened, and the rows before.

    Nothing happened in an interval as long as the last amount is no older than `limit`: a silence that is longer is a
    feed that failed. What an interval is does not depend on rows after it.

    Args:
        times: the stamps of the rows (H,).
        columns: amounts (H,) by name.
        interval: length of a row.
        limit: longest silence that is taken for calm.
        until: the last stamp to fill after the last row; None: fill between rows only.
    """
    amount = np.any([np.nan_to_num(values) != 0.0 for values in columns.values()], axis=0)
    last_amount = np.maximum.accumulate(np.where(amount, np.arange(len(times)), 0))
    end = times[-1] + interval if until is None else max(until + interval, times[-1] + interval)
    following = np.append(times[1:], end)
    gaps = (following - times) // interval - 1
    allowed = (times[last_amount] + limit - times) // interval
    counts = np.clip(np.minimum(gaps, allowed), 0, None).astype(np.int64)
    before = np.repeat(np.arange(len(times), dtype=np.int64), counts)
    step = np.arange(len(before)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    return times[before] + step * interval, before
