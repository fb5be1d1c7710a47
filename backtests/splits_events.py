"""Shock events that a split keeps whole: no event has one part in training and another in the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.market.clock import IntArray
from undertow.market.errors import ParameterError


@dataclass(frozen=True)
class Events:
    """Events by their first session, a date or a row number, and their lengths in sessions; one length serves all."""

    first: Sequence[Any]
    lengths: Sequence[int] | int = 1

    def __post_init__(self) -> None:
        lengths = self.each_length
        if len(lengths) != len(self.first):
            raise ParameterError(
                f"`lengths` must give one length for each of the {len(self.first)} events, got {len(lengths)}"
            )
        if len(lengths) and int(lengths.min()) < 1:
            raise ParameterError(f"`lengths` must be 1 session or more, got {int(lengths.min())}")

    @property
    def each_length(self) -> IntArray:
        """The length of each event (K,), in sessions."""
        if isinstance(self.lengths, int | np.integer):
            return np.full(len(self.first), self.lengths, dtype=np.int64)
        return np.asarray(self.lengths, dtype=np.int64)


def event_spans(events: Events | None, sessions: Any) -> IntArray:
    """Events as rows of `sessions` (K, 2), first and the row after the last, sorted; those that overlap are one.

    Raises `ParameterError` on a session that is not among those of `sessions`, naming the nearest.
    """
    if events is None:
        return np.zeros((0, 2), dtype=np.int64)
    spans: list[list[int]] = []
    rows = sorted(
        (_row(first, sessions), int(length)) for first, length in zip(events.first, events.each_length, strict=True)
    )
    for begin, length in rows:
        end = min(begin + length, len(sessions))
        if spans and begin < spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([begin, end])
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def _row(session: Any, sessions: Any) -> int:
    if isinstance(session, int | np.integer):
        if not 0 <= session < len(sessions):
            raise ParameterError(f"event row {session} is not among the rows 0 to {len(sessions) - 1} of the sessions")
        return int(session)
    index = sessions if isinstance(sessions, pd.DatetimeIndex) else getattr(sessions, "index", None)
    if not isinstance(index, pd.DatetimeIndex):
        raise ParameterError("`events` are given by date: split the sessions themselves, or a table indexed by them")
    day = pd.Timestamp(session)
    row = int(index.searchsorted(day))
    if row == len(index) or index[row] != day:
        near = index[min(row, len(index) - 1)]
        raise ParameterError(f"event session {day.date()} is not among the sessions; the nearest is {near.date()}")
    return row


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
