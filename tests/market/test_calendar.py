"""Sessions and decision instants, and what a lag in hours means at them. Every instant was derived by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import undertow.market.calendar as built
from undertow.market import DataError, ParameterError, align, decisions, load_calendar, sessions_a_year
from undertow.market.clock import HOUR


def calendar(start: str, end: str, name: str = "XNYS"):
    return load_calendar(name, pd.Timestamp(start), pd.Timestamp(end))


def text(instants) -> list[str]:
    return [str(instant) for instant in np.asarray(instants).astype("datetime64[m]")]


@pytest.mark.parametrize(
    ("before", "after", "opens"),
    [
        # New York goes to summer time on Sunday 2024-03-10 and leaves it on Sunday 2024-11-03
        ("2024-03-08", "2024-03-11", ["2024-03-08T14:30", "2024-03-11T13:30"]),
        ("2024-11-01", "2024-11-04", ["2024-11-01T13:30", "2024-11-04T14:30"]),
    ],
)
def test_opens_follow_daylight_saving(before, after, opens):
    sessions = calendar(before, after)
    assert text(sessions.opens) == opens
    assert text(decisions(sessions).at) == [str(np.datetime64(at) - np.timedelta64(30, "m")) for at in opens]


def test_a_half_day_decides_before_its_own_close():
    thanksgiving = decisions(calendar("2024-11-27", "2024-11-29"), "close")
    assert text(thanksgiving.filled_at) == ["2024-11-27T21:00", "2024-11-29T18:00"]
    assert text(thanksgiving.at) == ["2024-11-27T20:45", "2024-11-29T17:45"]


def test_decisions_over_a_holiday_week():
    christmas = calendar("2024-12-23", "2024-12-27")
    days = ["2024-12-23", "2024-12-24", "2024-12-26", "2024-12-27"]
    assert [str(day.date()) for day in christmas.sessions] == days
    assert text(decisions(christmas, "open").at) == [f"{day}T14:00" for day in days]
    closes = ["20:45", "17:45", "20:45", "20:45"]
    assert text(decisions(christmas, "close").at) == [f"{d}T{c}" for d, c in zip(days, closes, strict=True)]


def first_acted_on(crash: str, lag: float, fill: str) -> str:
    """The fill instant of the first decision that sees a step which became known at `crash` (UTC), in August 2024."""
    # XNYS opens at 13:30 and closes at 20:00 UTC; decisions are at 13:00 and 19:45.
    at = decisions(calendar("2024-08-01", "2024-08-14"), fill)
    known_at = np.arange("2024-07-25T00", "2024-08-15T00", dtype="datetime64[h]").astype("datetime64[ns]")
    step = np.where(known_at >= np.datetime64(crash), 1.0, 0.0)
    seen = align(known_at, step, at.at, lag_hours=lag)
    return text(at.filled_at[np.flatnonzero(seen == 1.0)[:1]])[0]


@pytest.mark.parametrize(
    ("lag", "opened"),
    [
        # Saturday 12:00 + 24 h = Sunday 12:00, + 48 h = Monday 12:00, + 72 h = Tuesday 12:00; decisions at 13:00
        (24, "2024-08-05T13:30"),
        (48, "2024-08-05T13:30"),
        (49, "2024-08-05T13:30"),
        (50, "2024-08-06T13:30"),
        (72, "2024-08-06T13:30"),
    ],
)
def test_a_saturday_crash(lag, opened):
    assert first_acted_on("2024-08-03T12:00", lag, "open") == opened


@pytest.mark.parametrize(
    ("crash", "fill", "filled"),
    [
        # Tuesday noon in New York is 16:00 UTC; 24 h later is Wednesday 16:00: after that day's open, before its close
        ("2024-08-06T16:00", "close", "2024-08-07T20:00"),
        ("2024-08-06T16:00", "open", "2024-08-08T13:30"),
        # Tuesday noon in UTC is an hour before Wednesday's decision at 13:00, so the open of Wednesday still makes it
        ("2024-08-06T12:00", "close", "2024-08-07T20:00"),
        ("2024-08-06T12:00", "open", "2024-08-07T13:30"),
    ],
)
def test_a_tuesday_noon_crash_with_a_lag_of_a_day(crash, fill, filled):
    assert first_acted_on(crash, 24, fill) == filled


def test_a_weekend_crash_that_recovers_is_seen_by_min_only():
    at = decisions(calendar("2024-08-02", "2024-08-05")).at
    known_at = np.arange("2024-08-01T00", "2024-08-06T00", dtype="datetime64[h]").astype("datetime64[ns]")
    crash = np.where(np.abs(known_at - np.datetime64("2024-08-03T12", "ns")) <= 3 * HOUR, -0.2, 0.0)
    assert align(known_at, crash, at, how="last")[1] == 0.0
    assert align(known_at, crash, at, how="min")[1] == -0.2


def test_the_hour_of_a_lag_does_not_move_with_the_clocks():
    # Friday 2024-03-08 14:00 UTC decision, Monday's is at 13:00 UTC: 71 hours lie between them, not 72
    at = decisions(calendar("2024-03-08", "2024-03-11")).at
    assert align(at[:1], [1.0], at, lag_hours=71)[1] == 1.0
    assert np.isnan(align(at[:1], [1.0], at, lag_hours=72)[1])


def test_one_session_and_none():
    assert len(calendar("2024-08-05", "2024-08-05").sessions) == 1
    assert len(calendar("2024-08-03", "2024-08-04").sessions) == 0


def test_slice_includes_both_ends():
    august = calendar("2024-08-01", "2024-08-14")
    part = august.slice(pd.Timestamp("2024-08-03"), pd.Timestamp("2024-08-06"))
    assert text(part.opens) == ["2024-08-05T13:30", "2024-08-06T13:30"]


def test_refusals():
    with pytest.raises(DataError, match="'XNY' is not known to exchange_calendars, did you mean `XNYS`"):
        calendar("2024-08-01", "2024-08-14", "XNY")
    with pytest.raises(DataError, match=r"`calendar` 'XHKG' from 1950-01-02 .* back to the year 1960"):
        calendar("1950-01-02", "2024-08-14", "XHKG")
    with pytest.raises(ParameterError, match="`fill` must be open or close, got 'opens', did you mean `open`"):
        decisions(calendar("2024-08-01", "2024-08-14"), "opens")


def test_a_span_within_one_that_was_built_is_the_same_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built, "_built", {})
    spans = [("2020-02-01", "2020-04-30"), ("2019-06-03", "2020-03-13"), ("2018-06-03", "2020-12-31")]
    spans.append(("2020-03-07", "2020-03-07"))
    first = [load_calendar("XNYS", *map(pd.Timestamp, span)) for span in spans]
    # The second lies within the reserve of the first; the third holds both.
    assert [(f"{stored.first:%Y-%m-%d}", f"{stored.last:%Y-%m-%d}") for stored in built._built["XNYS"]] == [
        ("2017-04-29", "2021-03-01")
    ]
    for span, built_calendar in zip(spans, first, strict=True):
        alone = built._build("XNYS", *map(pd.Timestamp, span))
        for part in ("sessions", "opens", "closes"):
            np.testing.assert_array_equal(getattr(built_calendar, part), getattr(alone, part))


@pytest.mark.parametrize(
    ("name", "start", "end"), [("XSAU", "2021-06-01", "2021-12-30"), ("24/7", "2262-01-01", "2262-04-01")]
)
def test_a_calendar_without_a_reserve_has_its_own_dates_alone(
    monkeypatch: pytest.MonkeyPatch, name: str, start: str, end: str
) -> None:
    # Riyadh's begins in 2021, and no instant lies beyond April 2262.
    monkeypatch.setattr(built, "_built", {})
    assert len(calendar(start, end, name).sessions) == len(
        built._build(name, *map(pd.Timestamp, (start, end))).sessions
    )
    assert [(f"{stored.first:%Y-%m-%d}", f"{stored.last:%Y-%m-%d}") for stored in built._built[name]] == [(start, end)]


@pytest.mark.parametrize(
    ("name", "count"),
    # New York by convention; every day; Monday to Friday; London had 2,527 sessions from 2010 to 2019.
    [("XNYS", 252), ("NYSE", 252), ("NASDAQ", 252), ("24/7", 365), ("24/5", 261), ("XLON", 253)],
)
def test_sessions_of_a_year(name: str, count: int) -> None:
    assert sessions_a_year(name) == count
    if name == "24/7":
        assert calendar("2024-02-01", "2024-02-10", name).sessions_a_year == count


def test_sessions_of_a_year_of_a_calendar_that_begins_late() -> None:
    # Riyadh's calendar begins in 2021: 743 sessions in 2022, 2023 and 2024.
    assert sessions_a_year("XSAU") == round(743 / 3)


def test_sessions_of_a_year_of_an_unknown_calendar() -> None:
    with pytest.raises(DataError, match="'XNY' is not known"):
        sessions_a_year("XNY")
