"""An interval that is shorter than the spacing of the rows would let every row be known too early."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.tiny import LIQUIDATIONS, MACRO, Folder
from undertow.market import DataError, Feed, Span

TOML_FILE = "market.toml"


def feed(kind: str, times, interval: str, columns=None, **options) -> Feed:
    stamps = np.asarray(times, dtype="datetime64[ns]")
    span = Span.parse(interval)
    if columns is None:
        names = {"liquidations": ("long_usd", "short_usd"), "bars": ("close", "volume")}.get(kind, ("value",))
        columns = {name: np.arange(1.0, len(stamps) + 1) + n for n, name in enumerate(names)}
    regimes = np.zeros(len(stamps), np.int64)
    return Feed(kind, "BTC", "x.csv", span, Span(), stamps, stamps + span.timedelta, columns, regimes, **options)


def days(count: int, step: int = 1):
    return np.datetime64("2024-01-01", "D") + step * np.arange(count)


@pytest.mark.parametrize(
    ("kind", "times", "declared", "fitting"),
    [
        ("bars", days(20), "1h", "1d"),
        ("liquidations", days(20), "12h", "1d"),
        ("open_interest", days(20), "8h", "1d"),
        ("funding", days(20).astype("datetime64[h]")[0] + 8 * np.arange(20), "1h", "8h"),
        ("macro", days(10, 7), "1 session", "5 sessions"),
        ("macro", np.array(["2024-01-01", "2024-02-01", "2024-03-01"]), "1 session", "21 sessions"),
        ("macro", days(10, 7), "1d", "7d"),
        ("liquidations", np.array(["2024-01-01T00:00", "2024-01-01T00:05", "2024-01-01T00:10"]), "1min", "5min"),
    ],
)
def test_it_is_refused_and_the_interval_that_fits_is_named(kind, times, declared, fitting) -> None:
    with pytest.raises(DataError) as refusal:
        feed(kind, times, declared)
    message = str(refusal.value)
    assert message.startswith("x.csv: no two rows are less than ")
    assert f"but `interval` is {Span.parse(declared)}: every row would be known too early" in message
    assert f'write interval = "{fitting}"' in message
    assert len(feed(kind, times, fitting)) == len(times)


def test_the_smallest_gap_counts() -> None:
    # Hours are missing, but two rows are one hour apart.
    hours = np.datetime64("2024-01-01T00", "h") + np.array([0, 1, 9, 30])
    assert feed("bars", hours, "1h").missing_intervals == 27
    # A table of macro series holds one that is published once a month among daily ones: its own gaps count.
    daily = np.arange(99.0)
    monthly = np.where(np.arange(99) % 31 == 0, 1.0 + np.arange(99), np.nan)
    assert len(feed("macro", days(99), "1 session", {"a": daily})) == 99
    message = (
        r'no two values of `b` are less than 31d apart, but `interval` is 1 session.*own with interval = "23 sessions"'
    )
    with pytest.raises(DataError, match=message):
        feed("macro", days(99), "1 session", {"a": daily, "b": monthly})
    # Two values are no series whose spacing is known.
    monthly[60:] = np.nan
    assert len(feed("macro", days(99), "1 session", {"a": daily, "b": monthly})) == 99


def test_a_few_daily_totals_whose_silence_means_zero() -> None:
    with pytest.raises(DataError, match=r'24h|1d apart, but `interval` is 12h.*write interval = "1d"') as refusal:
        feed("liquidations", days(8), "12h", missing="zero")
    assert "missing" not in str(refusal.value)
    hours = np.datetime64("2024-01-01T00", "h") + np.array([0, 7, 24])
    assert feed("liquidations", hours, "1h", missing="zero").interval == Span.parse("1h")


def test_stamped_when_it_is_known() -> None:
    settlements = np.datetime64("2024-01-01T00", "h") + 8 * np.arange(9)
    assert len(feed("funding", settlements, "0h")) == 9
    assert len(feed("macro", days(5, 7), "0h")) == 5
    with pytest.raises(DataError, match="`interval` of liquidations must be longer than 0"):
        feed("liquidations", settlements, "0h")


def test_events_without_neighbours_and_daily_totals_that_only_look_sparse() -> None:
    hours = np.datetime64("2024-01-01T00", "h") + np.cumsum(np.tile([2, 3, 5, 4], 5))
    with pytest.raises(DataError, match='or missing = "zero" where no row means that nothing happened'):
        feed("liquidations", hours, "1h")
    # The gaps of 2, 3, 4 and 5 hours between 20 rows span 68 hours, in 68 - 19 = 49 of which nothing happened.
    sparse = feed("liquidations", hours, "1h", missing="zero")
    assert (len(sparse), sparse.zero_rows) == (69, 49)
    with pytest.raises(DataError, match=r'less than 1d apart, but `interval` is 12h.*write interval = "1d"'):
        feed("liquidations", days(30), "12h", missing="zero")


def test_a_part_of_a_feed_is_as_its_whole() -> None:
    bars = feed("bars", np.datetime64("2024-01-01T00", "h") + np.array([0, 5, 6, 7]), "1h")
    first_two = bars.keep(np.array([True, True, False, False]))
    assert list(first_two["close"]) == [1.0, 2.0]
    assert len(replace(first_two, columns={"close": np.zeros(2), "volume": np.ones(2)})) == 2
    assert len(bars.keep(np.zeros(4, np.bool_))) == 0


def test_a_grid_that_does_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(DataError, match="more than 100,000,000 intervals"):
        feed("bars", np.array(["1911-01-01T00:00", "1911-01-01T00:01", "2199-01-01T00:00"]), "1min")


@pytest.mark.parametrize(
    ("file", "old", "new", "fitting"),
    [
        (LIQUIDATIONS, 'interval = "1d"', 'interval = "12h"', "1d"),
        (MACRO, 'delay = "1 session"', 'interval = "6h"\ndelay = "1 session"', "1d"),
    ],
)
def test_a_folder_is_refused(tiny: Folder, file: str, old: str, new: str, fitting: str) -> None:
    tiny.replace(TOML_FILE, old, new)
    with pytest.raises(DataError, match=f'{file}: no two rows .* write interval = "{fitting}"'):
        tiny.load()


def test_a_delay_in_sessions_begins_at_the_end_of_the_interval(tiny: Folder) -> None:
    # Weekly rows stamped on the Monday of their week: known on the Monday after it, at the close of a session.
    tiny.write(MACRO, ["time,index", "2024-11-18,1", "2024-11-25,2"])
    tiny.replace(TOML_FILE, 'delay = "1 session"', 'interval = "5 sessions"\ndelay = "1 session"')
    known = tiny.load().feed("macro").known_at
    # Five sessions from the 18th end on the 22nd; those of Thanksgiving week end on 2 December.
    assert [str(instant)[:16] for instant in known] == ["2024-11-25T21:00", "2024-12-03T21:00"]
    tiny.replace(TOML_FILE, 'interval = "5 sessions"', 'interval = "0h"')
    assert [str(instant)[:16] for instant in tiny.load().feed("macro").known_at] == [
        "2024-11-19T21:00",
        "2024-11-26T21:00",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("99999999999999h", "0 or from a second to ten years"),
        ("9" * 5_000 + "d", "0 or from a second to ten years"),
        ("0.000000001min", "0 or from a second to ten years"),
        ("9999 sessions", "at most 2520"),
        ("9" * 400 + " sessions", "at most 2520"),
        ("1\x1b[2Jh", r"got '1\\x1b"),
    ],
)
def test_spans_have_bounds(text: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as refusal:
        Span.parse(text)
    assert len(str(refusal.value)) < 500
    assert Span.parse("3650d").minutes == 3650 * 1440
