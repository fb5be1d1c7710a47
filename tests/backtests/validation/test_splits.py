"""Splits: nothing is trained on that touches a test, everything is tested once a path, what is left out is counted."""

from __future__ import annotations

from itertools import pairwise
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

from undertow.backtests.validation.events import Events, event_spans
from undertow.backtests.validation.splits import Fold, Splitter, WalkForward
from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
from undertow.market import ParameterError

SESSIONS = pd.bdate_range("2020-01-01", periods=400)
EVENTS = st.lists(st.tuples(st.integers(0, 399), st.integers(1, 12)), max_size=12)


def events_of(drawn: list[tuple[int, int]]) -> Events:
    return Events([first for first, _ in drawn], [length for _, length in drawn])


def straddling(fold: Fold, spans: np.ndarray) -> list[tuple[int, int]]:
    """Events that have a part in training or test but not the whole of it."""
    found = []
    for begin, end in spans:
        for rows in (fold.train, fold.test):
            inside = int(np.isin(np.arange(begin, end), rows).sum())
            if 0 < inside < end - begin:
                found.append((int(begin), int(end)))
    return found


@st.composite
def walks(draw: st.DrawFn) -> WalkForward:
    train = draw(st.integers(5, 200))
    return WalkForward(
        train=train,
        test=draw(st.integers(1, 120)),
        anchored=draw(st.booleans()),
        purge=draw(st.integers(0, train - 2)),
        embargo=draw(st.integers(0, 20)),
    )


@given(walks())
def test_walk_forward_keeps_order_gap_and_tests_each_session_once(rule: WalkForward) -> None:
    folds = rule.folds(SESSIONS)
    tested = np.concatenate([fold.test for fold in folds])
    assert np.array_equal(tested, np.arange(rule.train + rule.embargo, len(SESSIONS)))
    for fold in folds:
        # The session right before the test is purge + embargo sessions after the last one trained on.
        assert fold.test[0] - fold.train[-1] == rule.purge + rule.embargo + 1
        assert np.array_equal(fold.train, np.arange(fold.train[0], fold.train[-1] + 1))
        assert fold.train[0] == (0 if rule.anchored else fold.test[0] - rule.embargo - rule.train)
        assert (fold.purged, fold.embargoed, fold.dropped, fold.moved) == (rule.purge, rule.embargo, 0, 0)
        assert len(fold.test) == min(rule.test, len(SESSIONS) - fold.test[0])
        if not rule.anchored:
            assert len(fold.train) + fold.purged == rule.train


@given(walks(), EVENTS)
def test_walk_forward_cuts_no_event_and_counts_what_it_drops(rule: WalkForward, drawn: list[tuple[int, int]]) -> None:
    given_events = WalkForward(rule.train, rule.test, None, rule.anchored, rule.purge, rule.embargo, events_of(drawn))
    try:
        folds = given_events.folds(SESSIONS)
    except ParameterError as error:
        assume("events` are kept whole" not in str(error))
        raise
    spans = event_spans(given_events.events, SESSIONS)
    for fold in folds:
        assert not straddling(fold, spans)
        assert fold.test[0] - fold.train[-1] > rule.purge + rule.embargo
        start = 0 if rule.anchored else max(fold.test[0] - rule.embargo - rule.train, 0)
        assert len(fold.train) + fold.purged + fold.dropped == fold.test[0] - rule.embargo - start
        assert fold.test[0] + fold.moved == rule.train + rule.embargo + (fold.number - 1) * rule.test
    for one, next_one in pairwise(folds):
        assert one.test[-1] + 1 == next_one.test[0]


@st.composite
def combinatorial(draw: st.DrawFn) -> CombinatorialPurgedKFold:
    groups = draw(st.integers(2, 8))
    return CombinatorialPurgedKFold(
        groups, draw(st.integers(1, groups - 1)), purge=draw(st.integers(0, 8)), embargo=draw(st.integers(0, 8))
    )


@given(combinatorial())
def test_purge_and_embargo_are_honoured_on_both_sides(rule: CombinatorialPurgedKFold) -> None:
    for fold in rule.folds(SESSIONS):
        assert not np.intersect1d(fold.train, fold.test).size
        gone = np.setdiff1d(np.arange(len(SESSIONS)), np.concatenate((fold.train, fold.test)))
        assert len(gone) == fold.purged + fold.embargoed + fold.dropped
        # A slower derivation: each session looks for the nearest test before and after it.
        for row in range(len(SESSIONS)):
            if row in fold.test:
                continue
            behind, ahead = fold.test[fold.test < row], fold.test[fold.test > row]
            near = (len(ahead) and ahead[0] - row <= rule.purge) or (
                len(behind) and row - behind[-1] <= rule.purge + rule.embargo
            )
            assert (row in fold.train) == (not near)


@given(combinatorial(), EVENTS)
def test_combinatorial_folds_cut_no_event(rule: CombinatorialPurgedKFold, drawn: list[tuple[int, int]]) -> None:
    with_events = CombinatorialPurgedKFold(
        rule.n_groups, rule.n_test_groups, rule.purge, rule.embargo, events_of(drawn)
    )
    try:
        folds = with_events.folds(SESSIONS)
    except ParameterError as error:
        assume("is left empty" not in str(error) and "left to train on" not in str(error))
        raise
    spans = event_spans(with_events.events, SESSIONS)
    assert not [each for fold in folds for each in straddling(fold, spans)]


@pytest.mark.parametrize(("groups", "tested"), [(6, 2), (10, 2), (5, 1), (8, 3), (4, 3)])
def test_number_of_folds_and_paths_is_the_closed_formula(groups: int, tested: int) -> None:
    rule = CombinatorialPurgedKFold(groups, tested, purge=0, embargo=0)
    folds = rule.folds(SESSIONS)
    assert rule.get_n_splits() == len(folds) == comb(groups, tested)
    # Lopez de Prado (2018), section 12.4: phi[N, k] = k / N * C(N, N - k).
    assert rule.n_paths == len(rule.paths()) == comb(groups, groups - tested) * tested // groups
    borders = rule.groups(SESSIONS)
    for path in rule.paths():
        tested_rows = [
            np.arange(borders[group], borders[group + 1])[
                np.isin(np.arange(borders[group], borders[group + 1]), folds[fold].test)
            ]
            for group, fold in enumerate(path)
        ]
        assert np.array_equal(np.concatenate(tested_rows), np.arange(len(SESSIONS)))
    # No fold tests the same group on two paths.
    used = [(int(fold), group) for path in rule.paths() for group, fold in enumerate(path)]
    assert len(set(used)) == len(used) == comb(groups, tested) * tested


def test_paths_of_six_groups_two_tested_are_those_of_the_book() -> None:
    # Lopez de Prado (2018), figure 12.2: 15 splits, 5 paths; path 1 tests G1 and G2 with S1, G3 with S2, and so on.
    rule = CombinatorialPurgedKFold(6, 2)
    assert rule.paths()[0].tolist() == [0, 0, 1, 2, 3, 4]
    assert rule.paths()[1].tolist() == [1, 5, 5, 6, 7, 8]


def test_scikit_learn_convention() -> None:
    rule = WalkForward(train=100, test=50, purge=0)
    splits = list(rule.split(np.zeros((400, 3))))
    assert rule.get_n_splits(np.zeros((400, 3))) == len(splits) == 6
    assert [(train[0], train[-1], test[0], test[-1]) for train, test in splits[:2]] == [
        (0, 99, 100, 149),
        (50, 149, 150, 199),
    ]
    with pytest.raises(ParameterError, match="`X` is needed"):
        rule.get_n_splits()


@pytest.mark.parametrize("rule", [WalkForward(train=40, test=20), CombinatorialPurgedKFold(np.int64(5), np.int64(2))])
def test_scikit_learn_takes_it_for_tables_and_matrices_dense_or_sparse(rule: Splitter) -> None:
    drawn = np.random.default_rng(0).standard_normal((120, 3))
    target = drawn @ np.array([1.0, -1.0, 0.5])
    scores = [
        cross_val_score(Ridge(), each, target, cv=rule) for each in (drawn, csr_matrix(drawn), pd.DataFrame(drawn))
    ]
    assert len(scores[0]) == rule.get_n_splits(drawn)
    for each in scores[1:]:
        np.testing.assert_allclose(each, scores[0], rtol=1e-6)


def test_a_step_of_its_own() -> None:
    folds = WalkForward(train=100, test=60, step=30, purge=0).folds(SESSIONS)
    assert [int(fold.test[0]) for fold in folds[:3]] == [100, 130, 160]


def test_events_by_hand() -> None:
    # Ten sessions, train 4, test 3: borders at 4 and 7. The event of rows 3 to 5 takes the first border back to 3, and
    # the event of rows 0 and 1 stays whole; the one of rows 6 to 8 takes the second border from 7 to 6.
    days = pd.bdate_range("2020-01-01", periods=10)
    rule = WalkForward(train=4, test=3, purge=0, events=Events([days[0], days[3], days[6]], [2, 3, 3]))
    one, two = rule.folds(days)
    assert (one.train.tolist(), one.test.tolist(), one.moved, one.dropped) == ([0, 1, 2], [3, 4, 5], 1, 0)
    assert (two.train.tolist(), two.test.tolist(), two.moved, two.dropped) == ([2, 3, 4, 5], [6, 7, 8, 9], 1, 0)


@pytest.mark.parametrize("anchored", [False, True])
def test_a_border_that_moved_drops_nothing(anchored: bool) -> None:
    rule = WalkForward(train=20, test=10, anchored=anchored, purge=0, events=Events([18], 5))
    fold = rule.folds(range(60))[0]
    # The event of rows 18 to 22 takes the border from 20 to 18: two sessions fewer to train on, none taken out.
    assert (fold.train.tolist(), fold.moved, fold.dropped) == (list(range(18)), 2, 0)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda: WalkForward(train=500).folds(SESSIONS), "there are 400 sessions; `train` 500, `embargo` 0 and one"),
        (lambda: WalkForward(train=10, purge=9), "`purge` must leave 2 sessions or more of `train` 10, got 9; use 8"),
        (lambda: WalkForward(test=0), "`test` must be a whole number of sessions, 1 or more, got 0"),
        (lambda: WalkForward(train=2.5), "`train` must be a whole number of sessions, 2 or more, got 2.5"),  # type: ignore[arg-type]
        (lambda: WalkForward(embargo=-1), "`embargo` must be a whole number of sessions, 0 or more, got -1"),
        (lambda: WalkForward(step=0), "`step` must be a whole number of sessions, 1 or more, got 0"),
        (lambda: CombinatorialPurgedKFold(1), "`n_groups` must be a whole number, 2 or more, got 1"),
        (lambda: CombinatorialPurgedKFold(6, 6), "`n_test_groups` must be from 1 to 5"),
        (lambda: CombinatorialPurgedKFold(6).folds(SESSIONS[:4]), "a group is left empty: 4 sessions in 6 groups"),
        (
            lambda: CombinatorialPurgedKFold(2, 1, purge=300).folds(SESSIONS),
            "fold 1 has 0 sessions left to train on after `purge` 300",
        ),
        (lambda: Events([1, 2], [3]), "`lengths` must give one length for each of the 2 events, got 1"),
        (lambda: Events([1], [0]), "`lengths` must be whole numbers of sessions, 1 or more, got 0"),
        (lambda: Events([1], 2.5), "`lengths` must be whole numbers of sessions, 1 or more, got 2.5"),
        (lambda: Events("2018-01-02"), "`first` must be a list of sessions"),
        (lambda: WalkForward(events=[1]), "`events` must be `Events`, such as"),
        (lambda: CombinatorialPurgedKFold(events=[1]), "`events` must be `Events`, such as"),
        (lambda: WalkForward(anchored="no"), "`anchored` must be True or False, got 'no'"),
        (lambda: CombinatorialPurgedKFold(6, True), "`n_test_groups` must be from 1 to 5"),
        (
            lambda: WalkForward(events=Events(["2020-01-04"]), train=10).folds(SESSIONS),
            "event session 2020-01-04 is not among the sessions; the nearest is 2020-01-06",
        ),
        (
            lambda: WalkForward(events=Events(["foo"]), train=10).folds(SESSIONS),
            "an event's session must be a date without a zone, or a row number, got 'foo'",
        ),
        (
            lambda: WalkForward(events=Events([SESSIONS[60].tz_localize("UTC")]), train=10).folds(SESSIONS),
            "an event's session must be a date without a zone",
        ),
        (lambda: WalkForward(events=Events([400]), train=10).folds(SESSIONS), "event row 400 is not among the rows"),
        (
            lambda: WalkForward(events=Events(["2020-01-06"]), train=10).folds(np.zeros(400)),
            "`events` are given by date: split the sessions themselves",
        ),
        (
            lambda: WalkForward(train=50, test=5, events=Events([52], 20)).folds(SESSIONS),
            "fold 2 is left empty when `events` are kept whole: an event of 20 sessions",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(rule: object, message: str) -> None:
    with pytest.raises(ParameterError) as refused:
        rule()  # type: ignore[operator]
    assert message in str(refused.value)
