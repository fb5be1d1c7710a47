"""`align`, spans and `known_at`: answers by hand, and properties against a slower derivation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.market import DataError, ParameterError, align, first_known, load_calendar
from undertow.market.clock import HOUR, Span, instants, window_ends
from undertow.market.feeds import known_instants

START = np.datetime64("2024-01-01T00:00", "ns")
NAN = math.nan


def hours(*at: float) -> np.ndarray:
    return START + np.array([round(hour * 3600) for hour in at], dtype="timedelta64[s]").astype("timedelta64[ns]")


def stamps(*text: str) -> np.ndarray:
    return np.array(text, dtype="datetime64[ns]")


@pytest.mark.parametrize(
    ("how", "lag", "expected"),
    [
        # rows 10, 8, 9, 4 known at hours 1, 2, 3, 5; decisions at 2, 4, 5, 6
        ("last", 0, [8, 9, 4, 4]),
        ("min", 0, [8, 9, 4, 4]),
        ("max", 0, [8, 9, 4, 4]),
        # cut-offs at 1, 3, 4, 5: the second window holds 8 and 9, the third nothing new
        ("last", 1, [10, 9, 9, 4]),
        ("min", 1, [10, 8, 9, 4]),
        ("max", 1, [10, 9, 9, 4]),
        # cut-offs at -1, 1, 2, 3: nothing is known at the first
        ("last", 3, [NAN, 10, 8, 9]),
        ("min", 3, [NAN, 10, 8, 9]),
        # cut-offs at 1.5, 3.5, 4.5, 5.5: a fraction of an hour
        ("min", 0.5, [10, 8, 9, 4]),
    ],
)
def test_align_by_hand(how, lag, expected):
    known = align(hours(1, 2, 3, 5), [10, 8, 9, 4], hours(2, 4, 5, 6), lag_hours=lag, how=how)
    np.testing.assert_array_equal(known, expected)


def test_a_row_known_at_the_cutoff_is_used_and_one_nanosecond_later_is_not():
    at = hours(5)
    assert align(at, [7.0], at)[0] == 7.0
    assert np.isnan(align(at + np.timedelta64(1, "ns"), [7.0], at)[0])


@pytest.mark.parametrize(("tolerance", "expected"), [(60, [8, 9, 4, 4]), (59, [8, NAN, 4, NAN])])
def test_a_row_older_than_the_tolerance_is_nan(tolerance, expected):
    limit = np.timedelta64(tolerance, "m").astype("timedelta64[ns]")
    known = align(hours(1, 2, 3, 5), [10, 8, 9, 4], hours(2, 4, 5, 6), tolerance=limit)
    np.testing.assert_array_equal(known, expected)


def test_tolerance_is_measured_at_decision_less_lag():
    known = align(hours(0), [1.0], hours(30), lag_hours=24, tolerance=np.timedelta64(6, "h"))
    np.testing.assert_array_equal(known, [1.0])


@pytest.mark.parametrize(("how", "expected"), [("last", [1, NAN, NAN]), ("min", [1, 3, NAN]), ("max", [1, 5, NAN])])
def test_nan_stays_with_last_and_is_passed_over_by_extremes(how, expected):
    known = align(hours(1, 2, 3, 4, 5), [1, 3, 5, NAN, NAN], hours(1, 4, 5), how=how)
    np.testing.assert_array_equal(known, expected)


@pytest.mark.parametrize("how", ["last", "min", "max"])
def test_quiet_windows_never_see_a_later_row(how):
    known = align(hours(1, 9), [5.0, -100.0 if how == "min" else 100.0], hours(2, 3, 4, 8), how=how)
    np.testing.assert_array_equal(known, [5, 5, 5, 5])


@pytest.mark.parametrize("how", ["last", "min", "max"])
def test_nothing_known_is_nan_and_keeps_the_shape(how):
    assert np.isnan(align(hours(9), [[1.0, 2.0]], hours(1, 2), how=how)).all()
    assert align(hours(), np.empty((0, 2)), hours(1, 2), how=how).shape == (2, 2)
    assert align(hours(1), [1.0], hours(), how=how).shape == (0,)


@pytest.mark.parametrize(
    ("known_at", "values", "lag", "message"),
    [
        (hours(1, 2), [1.0], 0, "1 rows, `known_at` has 2"),
        (hours(2, 1), [1.0, 2.0], 0, "`known_at` must be sorted"),
        (hours(1), [1.0], -1, "`lag` must be from 0 to 87600 hours, got -1"),
        (hours(1), [1.0], NAN, "`lag` must be from 0 to 87600 hours, got nan"),
        (hours(1), [1.0], math.inf, "`lag` must be from 0 to 87600 hours, got inf"),
    ],
)
def test_align_refuses(known_at, values, lag, message):
    with pytest.raises(ParameterError, match=message):
        align(known_at, values, hours(3), lag_hours=lag)
    with pytest.raises(ParameterError, match="`decisions` must be sorted"):
        align(hours(1), [1.0], hours(3, 2))


@st.composite
def alignments(draw):
    known = sorted(draw(st.lists(st.integers(0, 60), min_size=1, max_size=25)))
    number = st.one_of(st.just(NAN), st.floats(-100, 100))
    values = draw(st.lists(number, min_size=len(known), max_size=len(known)))
    at = sorted(draw(st.sets(st.integers(0, 80), min_size=1, max_size=12)))
    lag = draw(st.integers(0, 12))
    tolerance = draw(st.one_of(st.none(), st.integers(0, 20)))
    return known, values, at, lag, tolerance, draw(st.sampled_from(["last", "min", "max"]))


def slow_align(known, values, decisions, lag, tolerance, how):
    out, previous = [], None
    for decision in decisions:
        cutoff = decision - lag
        seen = [row for row, hour in enumerate(known) if hour <= cutoff]
        fresh = seen[-1:] if previous is None else [row for row in seen if known[row] > previous]
        previous = cutoff
        if not seen or (tolerance is not None and cutoff - known[seen[-1]] > tolerance):
            out.append(NAN)
        elif how == "last" or not fresh:
            out.append(values[seen[-1]])
        else:
            finite = [values[row] for row in fresh if not math.isnan(values[row])]
            out.append((min if how == "min" else max)(finite) if finite else NAN)
    return out


def fast_align(known, values, decisions, lag, tolerance, how):
    limit = None if tolerance is None else tolerance * HOUR
    return align(hours(*known), values, hours(*decisions), lag_hours=lag, tolerance=limit, how=how)


@given(alignments())
def test_a_slower_derivation_gives_the_same(case):
    np.testing.assert_array_equal(fast_align(*case), slow_align(*case))


@given(alignments())
def test_prefix_invariance(case):
    known, values, decisions, lag, tolerance, how = case
    full = fast_align(*case)
    for row, decision in enumerate(decisions):
        n = sum(hour <= decision - lag for hour in known)
        part = fast_align(known[:n], values[:n], decisions, lag, tolerance, how)
        np.testing.assert_array_equal(part[: row + 1], full[: row + 1])


@given(alignments())
def test_columns_are_aligned_each_by_itself(case):
    known, values, decisions, lag, tolerance, how = case
    stacked = fast_align(known, np.column_stack([values, np.negative(values)]), decisions, lag, tolerance, how)
    np.testing.assert_array_equal(stacked[:, 0], fast_align(*case))


def test_window_ends_counts_rows():
    np.testing.assert_array_equal(window_ends(hours(1, 2, 2, 4), hours(0, 2, 3, 9), 0), [0, 3, 3, 4])


@pytest.mark.parametrize(
    ("text", "minutes", "sessions", "written"),
    [
        ("0min", 0, 0, "0min"),
        ("10min", 10, 0, "10min"),
        (" 1.5 h ", 90, 0, "90min"),
        ("8h", 480, 0, "8h"),
        ("24h", 1440, 0, "1d"),
        ("1 session", 0, 1, "1 session"),
        ("2 sessions", 0, 2, "2 sessions"),
    ],
)
def test_span_parses_and_writes(text, minutes, sessions, written):
    span = Span.parse(text)
    assert (span.minutes, span.sessions, str(span)) == (minutes, sessions, written)
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 week", "1.5 sessions", "1h30min", "1H"])
def test_span_refuses(text):
    with pytest.raises(DataError, match="`delay` must"):
        Span.parse(text, "delay")


def test_instants_become_utc_without_a_zone():
    eastern = pd.DatetimeIndex(["2024-08-05 09:30"], tz="America/New_York")
    assert instants(eastern)[0] == np.datetime64("2024-08-05T13:30", "ns")


NOVEMBER = load_calendar("XNYS", pd.Timestamp("2024-11-18"), pd.Timestamp("2024-12-04"))
# 23 November is a Saturday, the 28th is Thanksgiving, and the 29th closes early.
SATURDAY, MONDAY, WEDNESDAY, FRIDAY = stamps("2024-11-23", "2024-11-25", "2024-11-27", "2024-11-29")


@pytest.mark.parametrize(
    ("date", "n", "close"),
    [
        (SATURDAY, 1, "2024-11-25T21:00"),
        (MONDAY, 1, "2024-11-26T21:00"),
        (WEDNESDAY, 1, "2024-11-29T18:00"),
        (WEDNESDAY, 2, "2024-12-02T21:00"),
        (FRIDAY, 1, "2024-12-02T21:00"),
        (np.datetime64("2024-12-04", "ns"), 1, "NaT"),
        (np.datetime64("2024-12-02", "ns"), 3, "NaT"),
    ],
)
def test_nth_close_after(date, n, close):
    np.testing.assert_array_equal(NOVEMBER.nth_close_after(np.array([date]), n), stamps(close))


@pytest.mark.parametrize(
    ("interval", "delay", "date", "known_at"),
    [
        ("1 session", "1 session", SATURDAY, "2024-11-25T21:00"),
        ("1 session", "1 session", MONDAY, "2024-11-26T21:00"),
        ("1 session", "1 session", WEDNESDAY, "2024-11-29T18:00"),
        ("1 session", "0min", SATURDAY, "2024-11-25T21:00"),
        ("1 session", "0min", FRIDAY, "2024-11-29T18:00"),
        ("1 session", "10min", FRIDAY, "2024-11-29T18:10"),
        ("1d", "10min", FRIDAY, "2024-11-30T00:10"),
        ("1h", "5min", FRIDAY, "2024-11-29T01:05"),
        ("0h", "1min", FRIDAY, "2024-11-29T00:01"),
    ],
)
def test_known_instants(interval, delay, date, known_at):
    known = known_instants(np.array([date]), Span.parse(interval), Span.parse(delay), NOVEMBER)
    np.testing.assert_array_equal(known, stamps(known_at))


def test_a_row_that_is_never_known_is_never_used():
    known_at = NOVEMBER.nth_close_after(stamps("2024-12-03", "2024-12-04"), 1)
    assert align(known_at, [1.0, 2.0], stamps("2030-01-01"))[0] == 1.0


def test_values_since_an_instant_by_hand():
    known_at = stamps("2024-01-01T00", "2024-01-01T06", "2024-01-01T12", "2024-01-01T18", "2024-01-02T00")
    values = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    decisions = stamps("2024-01-01T07", "2024-01-01T13", "2024-01-01T23", "2024-01-02T05")
    since = stamps("2024-01-01T00", "2024-01-01T12", "2024-01-01T12", "2024-01-02T01")

    def read(how):
        return align(known_at, values, decisions, how=how, since=since).tolist()

    # From the instant itself on, also where the decision before has read it, and nothing where nothing came since.
    np.testing.assert_array_equal(read("min"), [1.0, 4.0, 2.0, np.nan])
    np.testing.assert_array_equal(read("max"), [5.0, 4.0, 4.0, np.nan])
    np.testing.assert_array_equal(read("last"), [1.0, 4.0, 2.0, np.nan])
    two = align(known_at, np.column_stack((values, -values)), decisions, how="min", since=since)
    np.testing.assert_array_equal(two, np.column_stack(([1.0, 4.0, 2.0, np.nan], [-5.0, -4.0, -4.0, np.nan])))
    breached = first_known(known_at, values <= 2.0, decisions, since=since)
    np.testing.assert_array_equal(breached, [known_at[1], np.datetime64("NaT"), known_at[3], np.datetime64("NaT")])
