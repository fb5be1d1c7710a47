"""Walk-forward splits: sessions to train on and to test on, with a gap between.

The convention is scikit-learn's: `split(X)` yields row numbers (train, test), `get_n_splits(X)` counts the folds.
`X` has rows or a length; with `events` by date it is the sessions, or a table indexed by them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from undertow.backtests.validation.events import (
    Events,
    check_events,
    drop_cut_events,
    event_spans,
    free_border,
    row_count,
)
from undertow.market import BoolArray, IntArray, ParameterError, check_whole

_Split = TypeVar("_Split")

# A training span of one session has no standard deviation.
MIN_TRAINED = 2


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold: rows trained on, rows tested, and sessions taken out of training.

    Args:
        number: the fold's number, from 1.
        train: rows trained on, ascending.
        test: rows tested, ascending.
        purged: sessions taken out because a position entered there may still be held in the test.
        embargoed: sessions of the further gap between training and test.
        dropped: sessions of events that a border of the training span cut.
        moved: sessions by which the first test border moved back to keep an event whole.
    """

    number: int
    train: IntArray
    test: IntArray
    purged: int
    embargoed: int
    dropped: int = 0
    moved: int = 0


class Splitter(ABC):
    """A split in scikit-learn's convention; a subclass supplies `folds`."""

    @abstractmethod
    def folds(self, sessions: Any) -> list[Fold]:
        """The folds of `sessions`; raises `ParameterError` where they are too few."""

    def split(self, X: Any, y: object = None, groups: object = None) -> Iterator[tuple[IntArray, IntArray]]:  # noqa: N803 - their name
        """Rows (train, test) of every fold, as scikit-learn yields them.

        `y` and `groups` are ignored.
        """
        return ((fold.train, fold.test) for fold in self.folds(X))

    def get_n_splits(self, X: Any = None, y: object = None, groups: object = None) -> int:  # noqa: N803 - their name
        """The number of folds of the sessions `X`; `y` and `groups` are ignored."""
        if X is None:
            raise ParameterError("`X` is needed: the number of folds depends on the number of sessions")
        return len(self.folds(X))


def make_split(split: object, splitter: type[_Split]) -> _Split:
    """`split`, or a `splitter` at its defaults for None.

    Raises `ParameterError` where it is not a `splitter`.
    """
    if split is None:
        return splitter()
    if not isinstance(split, splitter):
        raise ParameterError(f"`split` must be a {splitter.__name__}, got {split!r}")
    return split


@dataclass(frozen=True)
class WalkForward(Splitter):
    """Train on the sessions before a test, test, move on; lengths in sessions.

    The last test is shorter where the sessions end. A border inside an event moves back to the event's first session,
    and a training window that cuts an event gives up its part of it.

    Args:
        train: sessions of the training window, which ends `embargo` sessions before the test.
        test: sessions of a test.
        step: sessions from one test to the next; None for `test`, so that every session is tested once.
        anchored: whether every training window begins at the first session.
        purge: last sessions of the window that are taken out, as a position entered there may be held in the test.
        embargo: sessions between the training window and the test.
        events: events to keep whole; "shocks" for those of the strategy that is walked.
    """

    train: int = 504
    test: int = 126
    step: int | None = None
    anchored: bool = False
    purge: int = 5
    embargo: int = 0
    events: Events | str | None = None

    def __post_init__(self) -> None:
        for name, lowest in (("train", MIN_TRAINED), ("test", 1), ("purge", 0), ("embargo", 0)):
            check_sessions(name, getattr(self, name), lowest)
        check_sessions("step", self.stride, 1)
        check_events(self.events)
        if not isinstance(self.anchored, bool | np.bool_):
            raise ParameterError(f"`anchored` must be True or False, got {self.anchored!r}")
        if self.train - self.purge < MIN_TRAINED:
            raise ParameterError(
                f"`purge` must leave {MIN_TRAINED} sessions or more of `train` {self.train}, got {self.purge};"
                f" use {self.train - MIN_TRAINED} or less, or a longer `train`"
            )

    @property
    def stride(self) -> int:
        """Sessions from one test to the next."""
        return self.test if self.step is None else self.step

    @property
    def text(self) -> str:
        """The rule in one line, for a recipe."""
        window = "anchored" if self.anchored else "rolling"
        events = ", events kept whole" if self.events is not None else ""
        return (
            f"train {self.train} {window}, test {self.test}, step {self.stride}, purge {self.purge},"
            f" embargo {self.embargo}{events}"
        )

    def folds(self, sessions: Any) -> list[Fold]:
        """The folds in order of time; raises `ParameterError` on too few sessions."""
        count = row_count(sessions)
        first = self.train + self.embargo
        if count <= first:
            raise ParameterError(
                f"there are {count} sessions; `train` {self.train}, `embargo` {self.embargo} and one session to test"
                f" need {first + 1}: shorten `train`, or move `start` or `end`"
            )
        spans = event_spans(self.events, sessions)
        return [self._fold(n, begin, count, spans) for n, begin in enumerate(range(first, count, self.stride), 1)]

    def _fold(self, number: int, begin: int, count: int, spans: IntArray) -> Fold:
        end = min(begin + self.test, count)
        # The last border is the end of the sessions: no event behind it could be cut.
        stop = free_border(end, spans) if end < count else end
        border = free_border(begin, spans)
        if border >= stop or border - self.embargo - self.purge < MIN_TRAINED:
            raise ParameterError(
                f"fold {number} is left empty when `events` are kept whole: an event of {_longest(spans)} sessions"
                f" covers its {'test' if border >= stop else 'training window'}; lengthen `test` and `train`"
            )
        last = border - self.embargo
        start = 0 if self.anchored else max(last - self.train, 0)
        rows = drop_cut_events(np.arange(start, last - self.purge), spans)
        if len(rows) < MIN_TRAINED:
            raise ParameterError(
                f"fold {number} has {len(rows)} sessions to train on once `events` are kept whole; lengthen `train`"
            )
        # A border that moved back shortens the window: sessions that were never in it were not dropped.
        dropped = last - start - self.purge - len(rows)
        return Fold(number, rows, np.arange(border, stop), self.purge, self.embargo, dropped, begin - border)


def _longest(spans: IntArray) -> int:
    return int((spans[:, 1] - spans[:, 0]).max(initial=0))


def check_sessions(name: str, value: object, lowest: int) -> None:
    """Raise `ParameterError` unless `value` is `lowest` sessions or more."""
    check_whole(name, value, lowest, "a whole number of sessions")


def stretches(mask: BoolArray) -> IntArray:
    """The stretches (K, 2) of rows in which a mask (T,) is true.

    First row and the row after the last.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return edges.reshape(-1, 2).astype(np.int64)
