"""Walk-forward splits: what is trained on and what is tested, in sessions, with a gap between the two.

The convention is scikit-learn's: `split(X)` yields row numbers (train, test), `get_n_splits(X)` says how many.
What is split has rows or a length; with `events` given by date it is the sessions, or a table indexed by them.
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
    event_spans,
    free_border,
    row_count,
    trimmed,
)
from undertow.market.checks import check_whole
from undertow.market.clock import BoolArray, IntArray
from undertow.market.errors import ParameterError

S = TypeVar("S")

# A training span of one session has no standard deviation.
FEWEST_TRAINED = 2


@dataclass(frozen=True, eq=False)
class Fold:
    """One split: rows trained on and rows tested (ascending), and what the rules took out of training, in sessions.

    `purged` overlaps the holding horizon of the test, `embargoed` is the further gap, `dropped` belonged to an event
    that a border of the training span cut, `moved` is how far the first test border went back to keep an event whole.
    """

    number: int
    train: IntArray
    test: IntArray
    purged: int
    embargoed: int
    dropped: int = 0
    moved: int = 0


class Splitter(ABC):
    """What every split can do; supply one verb, `folds`."""

    @abstractmethod
    def folds(self, sessions: Any) -> list[Fold]:
        """The folds of the sessions `sessions`, in order; raises `ParameterError` where they are too few."""

    def split(self, X: Any, y: object = None, groups: object = None) -> Iterator[tuple[IntArray, IntArray]]:  # noqa: N803 - their name
        """Rows (train, test) of each fold, as scikit-learn has it; `y` and `groups` are not looked at."""
        return ((fold.train, fold.test) for fold in self.folds(X))

    def get_n_splits(self, X: Any = None, y: object = None, groups: object = None) -> int:  # noqa: N803 - their name
        """How many folds the sessions `sessions` give."""
        if X is None:
            raise ParameterError("`X` is needed: how many folds there are depends on the number of sessions")
        return len(self.folds(X))


def checked_split(given: object, kind: type[S]) -> S:
    """The split that was given, or that of `kind` at its defaults; raises `ParameterError` where it is another kind."""
    if given is None:
        return kind()
    if not isinstance(given, kind):
        raise ParameterError(f"`split` must be a {kind.__name__}, got {given!r}")
    return given


@dataclass(frozen=True)
class WalkForward(Splitter):
    """Train on the sessions before, test on the ones that follow, move on; lengths in sessions.

    The training window is the `train` sessions that end `embargo` sessions before the test; its last `purge` sessions
    are taken out, since a position entered there may still be held in the test. `anchored` lets every window begin at
    the first session. Tests are `test` sessions long and begin `step` apart (default: `test`, so that each session is
    tested once); the last one is shorter where the sessions run out. `events` are kept whole: a border inside one moves
    back to its first session, and a training window that cuts one gives up its part of it.
    """

    train: int = 504
    test: int = 126
    step: int | None = None
    anchored: bool = False
    purge: int = 5
    embargo: int = 0
    events: Events | None = None

    def __post_init__(self) -> None:
        for name, least in (("train", FEWEST_TRAINED), ("test", 1), ("purge", 0), ("embargo", 0)):
            check_sessions(name, getattr(self, name), least)
        check_sessions("step", self.stride, 1)
        check_events(self.events)
        if not isinstance(self.anchored, bool | np.bool_):
            raise ParameterError(f"`anchored` must be True or False, got {self.anchored!r}")
        if self.train - self.purge < FEWEST_TRAINED:
            raise ParameterError(
                f"`purge` must leave {FEWEST_TRAINED} sessions or more of `train` {self.train}, got {self.purge};"
                f" use {self.train - FEWEST_TRAINED} or less, or a longer `train`"
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
        """The folds in order of time; raises `ParameterError` where the sessions do not reach for one."""
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
        # The last border is the end of the sessions: nothing lies behind it that could be cut.
        stop = free_border(end, spans) if end < count else end
        border = free_border(begin, spans)
        if border >= stop or border - self.embargo - self.purge < FEWEST_TRAINED:
            raise ParameterError(
                f"fold {number} is left empty when `events` are kept whole: an event of {_longest(spans)} sessions"
                f" covers its {'test' if border >= stop else 'training window'}; lengthen `test` and `train`"
            )
        last = border - self.embargo
        start = 0 if self.anchored else max(last - self.train, 0)
        rows = trimmed(np.arange(start, last - self.purge), spans)
        if len(rows) < FEWEST_TRAINED:
            raise ParameterError(
                f"fold {number} has {len(rows)} sessions to train on once `events` are kept whole; lengthen `train`"
            )
        # A border that went back leaves less to train on: what was never there was not dropped.
        dropped = last - start - self.purge - len(rows)
        return Fold(number, rows, np.arange(border, stop), self.purge, self.embargo, dropped, begin - border)


def _longest(spans: IntArray) -> int:
    return int((spans[:, 1] - spans[:, 0]).max(initial=0))


def check_sessions(name: str, value: object, least: int) -> None:
    """Raise `ParameterError` unless `value` is a whole number of sessions, `least` or more."""
    check_whole(name, value, least, "a whole number of sessions")


def runs_of(mask: BoolArray) -> IntArray:
    """The stretches (K, 2) in which a mask (T,) holds: first row and the row after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return edges.reshape(-1, 2).astype(np.int64)
