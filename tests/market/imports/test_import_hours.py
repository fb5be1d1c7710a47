"""Bars of stocks keep the exchange's hours in an import; bars that go on through the night do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support import vendors
from undertow.market import load_market


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    vendors.yfinance_two_lines(tmp_path / "files")
    return tmp_path


def write_bars(folder: Path, name: str, starts: pd.DatetimeIndex, zone: str = "America/New_York") -> None:
    close = 400.0 + np.arange(len(starts)) * 0.01
    columns = {"Open": close, "High": close + 0.1, "Low": close - 0.1, "Close": close, "Volume": 1e5}
    local = starts.tz_localize(zone)
    pd.DataFrame(columns, index=pd.DatetimeIndex(local, name="Datetime")).to_csv(folder / f"{name}.csv")


def hours_of(first: int, last: int, minute: int = 0) -> pd.DatetimeIndex:
    """Starts of hourly bars from one hour to another, local, on every session of the vendors' files."""
    clock = [pd.Timedelta(hours=hour, minutes=minute) for hour in range(first, last)]
    return pd.DatetimeIndex([day + at for day in vendors.SESSIONS for at in clock])


def test_bars_of_a_stock_keep_the_exchange_s_hours(files: Path) -> None:
    write_bars(files / "files", "SMH", hours_of(9, 16, 30))
    plan = ut.plan_import([files / "files"])
    (part,) = [part for part in plan.parts if part.kind == "bars"]
    assert (part.name, part.hours, part.notes[-1]) == ("SMH", "session", "keeps the hours of XNYS")
    market = load_market(plan.write(files / "market"))
    (feed,) = market.feeds
    assert feed.hours is not None
    # Seven bars a session, from 14:30 UTC in winter and 13:30 in summer.
    assert len(feed) == 7 * len(vendors.SESSIONS)
    assert str(feed.times[0])[:16] == "2024-01-02T14:30"
    assert str(feed.times[-1])[:16] == "2024-04-30T19:30"


def test_trading_before_the_open_is_left_out_and_counted(files: Path) -> None:
    write_bars(files / "files", "SMH", hours_of(4, 20))
    plan = ut.plan_import([files / "files"])
    (part,) = [part for part in plan.parts if part.kind == "bars"]
    # 10:00 to 15:00 are inside; the bar of 09:00 begins before the open.
    outside = 10 * len(vendors.SESSIONS)
    assert part.notes[-1] == f"{outside:,} rows outside the hours of XNYS left out, the first at 2024-01-02T09:00 UTC"
    (feed,) = load_market(plan.write(files / "market")).feeds
    assert len(feed) == 6 * len(vendors.SESSIONS)


def test_bars_that_go_on_through_the_night_keep_the_clock(files: Path) -> None:
    # A future rests for an hour a day and at the week's end.
    hours = pd.date_range("2024-01-02", "2024-04-30", freq="h", inclusive="left")
    write_bars(files / "files", "MNQ", hours[(hours.hour != 17) & (hours.day_of_week < 5)], "Etc/GMT+5")
    plan = ut.plan_import([files / "files"])
    (part,) = [part for part in plan.parts if part.kind == "bars"]
    assert part.hours == ""


def test_coins_keep_the_clock(files: Path) -> None:
    vendors.klines(files / "files")
    plan = ut.plan_import([files / "files"])
    assert {part.hours for part in plan.parts} == {""}
    assert load_market(plan.write(files / "market")).feeds[0].hours is None
