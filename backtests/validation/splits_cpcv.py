"""Combinatorial purged splits: every choice of test groups, and their paths."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from undertow.backtests.validation.events import (
    Events,
    check_events,
    drop_cut_events,
    event_spans,
    free_border,
    row_count,
)
from undertow.backtests.validation.splits import MIN_TRAINED, Fold, Splitter, check_sessions, stretches
from undertow.market import BoolArray, IntArray, ParameterError, check_whole, is_whole

MAX_FOLDS = 10_000


@dataclass(frozen=True)
class CombinatorialPurgedKFold(Splitter):
    """Every choice of test groups out of contiguous groups, each tested once.

    A fold trains on the groups that it does not test. There are C(n, k) folds, whose tests form C(n, k) k / n paths
    that test every session once. Source: Lopez de Prado (2018), chapters 7 and 12.

    Args:
        n_groups: groups of sessions, 2 or more.
        n_test_groups: groups that a fold tests, 1 to `n_groups` - 1.
        purge: sessions on both sides of a tested stretch that are taken out, as positions may be held across a border.
        embargo: further sessions after a tested stretch that are taken out.
        events: events to keep whole, as in `WalkForward`.
    """

    n_groups: int = 6
    n_test_groups: int = 2
    purge: int = 5
    embargo: int = 5
    events: Events | str | None = None

    def __post_init__(self) -> None:
        check_sessions("purge", self.purge, 0)
        check_sessions("embargo", self.embargo, 0)
        check_events(self.events)
        check_whole("n_groups", self.n_groups, 2)
        if not is_whole(self.n_test_groups, 1) or self.n_test_groups >= self.n_groups:
            raise ParameterError(
                f"`n_test_groups` must be from 1 to {self.n_groups - 1}, one less than `n_groups`,"
                f" got {self.n_test_groups!r}"
            )
        # There are at least as many folds as groups: too many groups need no count of the choices.
        if self.n_groups > MAX_FOLDS or comb(self.n_groups, self.n_test_groups) > MAX_FOLDS:
            raise ParameterError(
                f"{self.n_test_groups} of {self.n_groups} groups tested are more than {MAX_FOLDS:,} folds; use fewer"
                " `n_groups`, or fewer or more `n_test_groups`"
            )

    @property
    def text(self) -> str:
        """The rule in one line, for a recipe."""
        events = ", events kept whole" if self.events is not None else ""
        return (
            f"{self.n_test_groups} of {self.n_groups} groups tested, purge {self.purge}, embargo {self.embargo}{events}"
        )

    @property
    def choices(self) -> list[tuple[int, ...]]:
        """The groups that each fold tests, numbered from 0, in order."""
        return list(combinations(range(self.n_groups), self.n_test_groups))

    @property
    def n_paths(self) -> int:
        """The number of paths that the folds form: C(n, k) k / n."""
        return comb(self.n_groups, self.n_test_groups) * self.n_test_groups // self.n_groups

    def get_n_splits(self, X: Any = None, y: object = None, groups: object = None) -> int:  # noqa: N803 - their name
        """The number of folds, C(n, k); the sessions do not change it."""
        return comb(self.n_groups, self.n_test_groups)

    def paths(self) -> IntArray:
        """The number of the fold, from 0, that tests a group on a path: (paths, groups)."""
        testing = [[n for n, chosen in enumerate(self.choices) if group in chosen] for group in range(self.n_groups)]
        return np.array(testing, dtype=np.int64).T

    def groups(self, sessions: Any) -> IntArray:
        """First row of every group and the end (n_groups + 1,), moved off events."""
        count = row_count(sessions)
        spans = event_spans(self.events, sessions)
        even = [count * n // self.n_groups for n in range(1, self.n_groups)]
        borders = np.array([0, *(free_border(border, spans) for border in even), count], dtype=np.int64)
        if (np.diff(borders) < 1).any():
            raise ParameterError(
                f"a group is left empty: {count} sessions in {self.n_groups} groups; use fewer `n_groups`, or more"
                " sessions"
            )
        return borders

    def folds(self, sessions: Any) -> list[Fold]:
        """The folds in the order of `choices`.

        Raises `ParameterError` where a fold has too few sessions to train on.
        """
        borders = self.groups(sessions)
        spans = event_spans(self.events, sessions)
        moved = [row_count(sessions) * n // self.n_groups - int(border) for n, border in enumerate(borders)]
        return [self._fold(n, chosen, borders, spans, moved) for n, chosen in enumerate(self.choices, 1)]

    def _fold(self, number: int, chosen: tuple[int, ...], borders: IntArray, spans: IntArray, moved: list[int]) -> Fold:
        tested = np.zeros(int(borders[-1]), dtype=np.bool_)
        for group in chosen:
            tested[borders[group] : borders[group + 1]] = True
        purged = _around(tested, self.purge, self.purge) & ~tested
        embargoed = _around(tested, 0, self.purge + self.embargo) & ~tested & ~purged
        remaining = np.flatnonzero(~(tested | purged | embargoed))
        rows = drop_cut_events(remaining, spans)
        if len(rows) < MIN_TRAINED:
            raise ParameterError(
                f"fold {number} has {len(rows)} sessions left to train on after `purge` {self.purge} and `embargo`"
                f" {self.embargo}, it needs {MIN_TRAINED}: use fewer groups, a shorter gap or more sessions"
            )
        return Fold(
            number,
            rows,
            np.flatnonzero(tested),
            purged=int(purged.sum()),
            embargoed=int(embargoed.sum()),
            dropped=len(remaining) - len(rows),
            moved=moved[chosen[0]],
        )


def _around(tested: BoolArray, before: int, after: int) -> BoolArray:
    wide = tested.copy()
    for begin, end in stretches(tested):
        wide[max(begin - before, 0) : end + after] = True
    return wide
