"""Shock events that a split keeps whole: no event has one part in training and another in the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.market.checks import check_whole
from undertow.market.clock import IntArray
from undertow.market.errors import ParameterError


@dataclass(frozen=True)
class Events:
    """Events by their first session, a date or a row number, and their lengths in sessions; one length serves all."""

    first: Sequence[Any]
    lengths: Sequence[int] | int = 1

    def __post_init__(self) -> None:
        if isinstance(self.first, str) or not hasattr(self.first, "__len__"):
            raise ParameterError(f"`first` must be a list of sessions, dates or row numbers, got {self.first!r}")
        for length in np.atleast_1d(np.asarray(self.lengths, dtype=object)):
            check_whole("lengths", length, 1, "whole numbers of sessions")
        lengths = self.each_length
        if len(lengths) != len(self.first):
            raise ParameterError(
                f"`lengths` must give one length for each of the {len(self.first)} events, got {len(lengths)}"
            )

    @property
    def each_length(self) -> IntArray:
        """The length of each event (K,), in sessions."""
        if np.ndim(self.lengths) == 0:
            return np.full(len(self.first), self.lengths, dtype=np.int64)
        return np.asarray(self.lengths, dtype=np.int64)


def check_events(events: object) -> None:
    """Raise `ParameterError` unless `events` are `Events`, or None."""
    if events is not None and not isinstance(events, Events):
        raise ParameterError(f"`events` must be `Events`, such as Events(first=[...], lengths=5), got {events!r}")


def row_count(sessions: Any) -> int:
    """How many rows there are to split: of a table or a matrix, a sparse one too, or of whatever has a length."""
    shape = getattr(sessions, "shape", None)
    return int(shape[0]) if shape else len(sessions)


def event_spans(events: Events | None, sessions: Any) -> IntArray:
    """Events as rows of `sessions` (K, 2), first and the row after the last, sorted; those that overlap are one.

    Raises `ParameterError` on a session that is not among those of `sessions`, naming the nearest.
    """
    if events is None:
        return np.zeros((0, 2), dtype=np.int64)
    count, spans = row_count(sessions), list[list[int]]()
    rows = sorted(
        (_row(first, sessions), int(length)) for first, length in zip(events.first, events.each_length, strict=True)
    )
    for begin, length in rows:
        end = min(begin + length, count)
        if spans and begin < spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([begin, end])
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def _row(session: Any, sessions: Any) -> int:
    if isinstance(session, int | np.integer):
        last = row_count(sessions) - 1
        if not 0 <= session <= last:
            raise ParameterError(f"event row {session} is not among the rows 0 to {last} of the sessions")
        return int(session)
    index = sessions if isinstance(sessions, pd.DatetimeIndex) else getattr(sessions, "index", None)
    if not isinstance(index, pd.DatetimeIndex):
        raise ParameterError("`events` are given by date: split the sessions themselves, or a table indexed by them")
    day = _day(session)
    row = int(index.searchsorted(day))
    if row == len(index) or index[row] != day:
        near = index[min(row, len(index) - 1)]
        raise ParameterError(f"event session {day.date()} is not among the sessions; the nearest is {near.date()}")
    return row


def _day(session: Any) -> pd.Timestamp:
    problem = ParameterError(f"an event's session must be a date without a zone, or a row number, got {session!r}")
    try:
        day = pd.Timestamp(session)
    except (TypeError, ValueError):
        raise problem from None
    if pd.isna(day) or day.tz is not None:
        raise problem
    return day


def free_border(border: int, spans: IntArray) -> int:
    """A border between rows, moved back to the first row of the event that it would cut."""
    cut = (spans[:, 0] < border) & (border < spans[:, 1])
    return int(spans[cut, 0][0]) if cut.any() else border


def trimmed(rows: IntArray, spans: IntArray) -> IntArray:
    """`rows` without those of events that are not wholly in them."""
    keep = np.ones(len(rows), dtype=np.bool_)
    for begin, end in spans:
        inside = (rows >= begin) & (rows < end)
        if 0 < np.count_nonzero(inside) < end - begin:
            keep &= ~inside
    return rows[keep]
