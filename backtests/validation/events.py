"""Shock events that a split keeps whole, in training or in the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.market import Fill, IntArray, Market, ParameterError, check_whole
from undertow.signals.decisions import DecisionTable, shared_table
from undertow.strategies import Strategy, decided, shocks_of

# In place of `Events` in a split: the shocks of the strategy that is walked.
SHOCKS = "shocks"
# Parameters, in hours, whose sum is how long after a shock a rule may still be out of the market.
_HORIZON = ("lag", "max_hold")
_FALLBACK_HOURS = 120.0


@dataclass(frozen=True)
class Events:
    """Events that a split keeps whole.

    Raises `ParameterError` on lengths that do not fit the events.

    Args:
        first: first session of each event, a date without a zone or a row number.
        lengths: length of each event in sessions, 1 or more; one number serves all.
    """

    first: Sequence[Any]
    lengths: Sequence[int] | int = 1

    def __post_init__(self) -> None:
        if isinstance(self.first, str) or not hasattr(self.first, "__len__"):
            raise ParameterError(f"`first` must be a list of sessions, dates or row numbers, got {self.first!r}")
        for length in np.atleast_1d(np.asarray(self.lengths, dtype=object)):
            check_whole("lengths", length, 1, "whole numbers of sessions")
        count = len(self.event_lengths)
        if count != len(self.first):
            raise ParameterError(
                f"`lengths` must give one length for each of the {len(self.first)} events, got {count}"
            )

    @property
    def event_lengths(self) -> IntArray:
        """The length of every event (K,), in sessions."""
        if np.ndim(self.lengths) == 0:
            return np.full(len(self.first), self.lengths, dtype=np.int64)
        return np.asarray(self.lengths, dtype=np.int64)


def check_events(events: object) -> None:
    """Raise `ParameterError` unless `events` are `Events`, "shocks" or None."""
    if not (events is None or isinstance(events, Events) or (isinstance(events, str) and events == SHOCKS)):
        raise ParameterError(
            f'`events` must be `Events`, such as Events(first=[...], lengths=5), or "{SHOCKS}"; got {events!r}'
        )


def row_count(sessions: Any) -> int:
    """The number of rows of a table, a dense or sparse matrix, or any sequence."""
    shape = getattr(sessions, "shape", None)
    return int(shape[0]) if shape else len(sessions)


def event_spans(events: Events | str | None, sessions: Any) -> IntArray:
    """Events as rows of `sessions` (K, 2): first row and the row after the last.

    Sorted; events that overlap are one. Raises `ParameterError` on a session that is not among `sessions`, naming the
    nearest, and on "shocks", which only `walk_forward` and `cpcv` can look up.
    """
    if events is None:
        return np.zeros((0, 2), dtype=np.int64)
    if not isinstance(events, Events):
        raise ParameterError(
            f'`events` "{SHOCKS}" are those of a strategy, which a split alone does not know: use the split in'
            " `walk_forward` or `cpcv`, or give the `Events` of `shock_events`"
        )
    count, spans = row_count(sessions), list[list[int]]()
    rows = sorted(
        (_row(first, sessions), int(length)) for first, length in zip(events.first, events.event_lengths, strict=True)
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
        nearest = index[min(row, len(index) - 1)]
        raise ParameterError(f"event session {day.date()} is not among the sessions; the nearest is {nearest.date()}")
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
    """A border of rows, moved back to the first row of the event that it would cut."""
    cut = (spans[:, 0] < border) & (border < spans[:, 1])
    return int(spans[cut, 0][0]) if cut.any() else border


def drop_cut_events(rows: IntArray, spans: IntArray) -> IntArray:
    """`rows` without those of events that are only partly in them."""
    keep = np.ones(len(rows), dtype=np.bool_)
    for begin, end in spans:
        inside = (rows >= begin) & (rows < end)
        if 0 < np.count_nonzero(inside) < end - begin:
            keep &= ~inside
    return rows[keep]


def shock_events(
    strategy: Strategy, market: Market, sessions: pd.DatetimeIndex, *, universe: str = "growth", fill: Fill = "open"
) -> Events:
    """The shocks of a strategy as events.

    An event lasts from the shock's first session to `lag` + `max_hold` hours after the shock, five days where the
    strategy has neither parameter, and at least to the end of the episode that it triggered. Parameters chosen by
    tuning may stay out of the market longer.

    Args:
        strategy: the strategy with its parameters.
        market: the market.
        sessions: sessions to split; only shocks within them are events.
        universe: name of the universe, or a screen.
        fill: decide and fill before the "open" or before the "close" of a session.

    Raises `ParameterError` where the strategy names no shock there.
    """
    table = shared_table(market, universe, fill)
    shocks = shocks_of(strategy, table)
    shocks = np.unique(shocks[~np.isnat(shocks)])
    at = table.decisions.at
    begin = np.searchsorted(at, shocks)
    end = np.searchsorted(at, shocks + np.timedelta64(round(horizon_hours(strategy) * 60), "m"), side="right")
    first, last = (int(market.sessions.searchsorted(sessions[row])) for row in (0, -1))
    inside = (begin >= first) & (begin <= last)
    if not inside.any():
        raise ParameterError(
            f"`{strategy.name()}` names no shock from {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}, so there are"
            " no events to keep whole; leave `events` out"
        )
    lengths = np.maximum(_episode_ends(strategy, table, end) - begin, 1)[inside]
    return Events([int(row) for row in begin[inside] - first], [int(length) for length in lengths])


def _episode_ends(strategy: Strategy, table: DecisionTable, end: IntArray) -> IntArray:
    """The rows `end` (K,), moved on to the end of the strategy's episode there."""
    strategy_class = type(strategy)
    decision = decided(strategy_class, table, strategy_class.stack([strategy]))
    acting = decision.acting[:, 0]
    if decision.above is None:
        # Without tiers, the strategy is at rest where it holds the most that it ever holds.
        net = decision.exposure[:, 0] - (0.0 if decision.hedge is None else decision.hedge[:, 0])
        acting = net < net.max()
    calm = np.append(np.flatnonzero(~acting), len(acting))
    last = np.minimum(end, len(acting) - 1)
    ends: IntArray = np.where(acting[last], calm[np.searchsorted(calm, last)], end)
    return ends


def horizon_hours(strategy: Strategy) -> float:
    """The hours after a shock in which the strategy may be out of the market."""
    parameters = strategy.parameters
    hours = [float(parameters[name]) for name in _HORIZON if name in parameters]
    return sum(hours) if hours else _FALLBACK_HOURS
