"""Feeds that repeat themselves: what they say is no news."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from undertow.market.clock import DAY, BoolArray, FloatArray, InstantArray, Span

# How long values may stay as they are before they are no value any more, beside the tolerance of the feed:
# three intervals; a day for bars without any volume, which a quiet market has too; three days for liquidations of zero;
# 30 days for funding, which rests at the default rate of an exchange for weeks (23 days in 2024).
_LEAST_INTERVALS = 3
_QUIET_BARS = 1 * DAY
_ZERO_EVENTS = 3 * DAY
_FUNDING = 30 * DAY
# Macro series repeat for that many observations, which yields near zero have done for a week.
_MACRO_OBSERVATIONS = 20
# A series that often repeats by its nature (a policy rate, a pegged price) says nothing by repeating: from that many
# rows on its past decides. A macro series needs such a past to be taken for frozen at all.
_OFTEN = {"macro": 0.25}
_OFTEN_OTHERS = 0.5
_PAST_ROWS = {"macro": 60}
_PAST_ROWS_OTHERS = 20


def frozen_rows(
    kind: str, times: InstantArray, columns: Mapping[str, FloatArray], interval: Span, tolerance: np.timedelta64
) -> dict[str, BoolArray]:
    """Rows (H,) of the columns that repeat what was before for too long.

    Columns without any such row are left out. A row is judged by itself and the rows before it. The columns of bars,
    open interest and funding are judged together; those of liquidations and macro series one by one.

    Args:
        kind: kind of the feed.
        times: stamps (H,).
        columns: values (H,) by name.
        interval: length of a row.
        tolerance: how old a row may be.
    """
    groups: list[tuple[str, ...]] = [tuple(columns)]
    if kind in ("liquidations", "macro"):
        groups = [(name,) for name in columns]
    frozen: dict[str, BoolArray] = {}
    for names in groups:
        rows = _frozen_group(kind, times, {name: columns[name] for name in names}, interval, tolerance)
        if rows is not None:
            frozen |= dict.fromkeys(names, rows)
    return frozen


def _frozen_group(
    kind: str, times: InstantArray, columns: Mapping[str, FloatArray], interval: Span, tolerance: np.timedelta64
) -> BoolArray | None:
    panel = np.stack(list(columns.values()), axis=1)
    observed = np.flatnonzero(np.isfinite(panel).any(axis=1))
    if len(observed) < 2:
        return None
    values = panel[observed]
    repeats = np.concatenate(
        ([False], ((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))).all(axis=1))
    )
    if not repeats.any():
        return None
    stamps = times[observed]
    rows = np.zeros(len(times), dtype=np.bool_)
    # Counted without rows that are frozen, so that blanking them changes nothing of what comes after.
    blanked = 0
    repeated_before = np.cumsum(repeats)
    for start, end in _runs(repeats):
        limit = _limit(kind, columns, int(observed[start]), interval, tolerance)
        first = _first_frozen(kind, stamps, (start, end), interval, limit)
        if first is None:
            continue
        past = start - blanked
        often = (repeated_before[start] - blanked) > _OFTEN.get(kind, _OFTEN_OTHERS) * past
        if (past >= _PAST_ROWS.get(kind, _PAST_ROWS_OTHERS) and often) or (kind == "macro" and past < _PAST_ROWS[kind]):
            continue
        rows[observed[first:end]] = True
        blanked += end - first
    return rows if rows.any() else None


def _runs(repeats: BoolArray) -> Iterator[tuple[int, int]]:
    """The first row of each run of equal rows, and the row after its last one."""
    edges = np.diff(np.concatenate(([False], repeats, [False])).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1) - 1, np.flatnonzero(edges == -1)
    return zip(starts.tolist(), ends.tolist(), strict=True)


def _limit(
    kind: str, columns: Mapping[str, FloatArray], row: int, interval: Span, tolerance: np.timedelta64
) -> np.timedelta64:
    limit = max(tolerance, _LEAST_INTERVALS * interval.timedelta)
    if kind == "funding":
        return max(limit, _FUNDING)
    if kind == "bars" and not ("volume" in columns and columns["volume"][row] > 0.0):
        return max(limit, _QUIET_BARS)
    if kind == "liquidations" and all(values[row] == 0.0 for values in columns.values()):
        return max(limit, _ZERO_EVENTS)
    return limit


def _first_frozen(
    kind: str, stamps: InstantArray, run: tuple[int, int], interval: Span, limit: np.timedelta64
) -> int | None:
    start, end = run
    if interval.minutes and kind != "macro":
        # In rows: nights and weekends of a feed with exchange hours are no repeats.
        first = start + int(limit // interval.timedelta) + 1
    else:
        first = start + int(np.searchsorted(stamps[start:end] - stamps[start], limit, side="right"))
    if kind == "macro":
        first = max(first, start + _MACRO_OBSERVATIONS + 1)
    return first if first < end else None
