"""The loader against facts of market history; skipped where the real folder is not beside the project."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from support.feeds import macro_feed
from undertow.market import Market, load_market

FINGERPRINT = "9268b571e650c1f96fcb9af4d1363ae5"


def session_return(market: Market, symbol: str, session: str) -> float:
    return float(market.prices.frame("close")[symbol].pct_change(fill_method=None).loc[session])


@pytest.mark.parametrize(
    ("day", "column", "extreme", "price"),
    [("2020-03-13", "low", "min", 3_782), ("2021-11-10", "high", "max", 69_000), ("2024-08-05", "low", "min", 49_000)],
)
def test_bitcoin_extremes(real_market: Market, day: str, column: str, extreme: str, price: float):
    of_day = real_market.bars("BTC").frame.loc[day, column]
    assert len(of_day) == 24
    assert getattr(of_day, extreme)() == pytest.approx(price, abs=1)


@pytest.mark.parametrize(
    ("symbol", "session", "percent"),
    [("QQQ", "2020-03-16", -11.98), ("QQQ", "2025-04-04", -6.21), ("AAPL", "2020-08-31", 3.4)],
)
def test_session_returns(real_market: Market, symbol: str, session: str, percent: float):
    assert 100 * session_return(real_market, symbol, session) == pytest.approx(percent, abs=0.02)


def test_vix_at_its_record_close(real_market: Market):
    assert real_market.macro("VIXCLS").loc["2020-03-16"] == 82.69


@pytest.mark.parametrize(
    ("series", "known"),
    [("VIXCLS", "2020-03-16T20:15"), ("DGS10", "2020-03-17T20:00"), ("DTWEXBGS", "2020-03-23T20:00")],
)
def test_macro_series_are_known_when_they_are_published(real_market: Market, series: str, known: str):
    # The index 15 minutes after its close, yields a session later, the dollar index five.
    feed = macro_feed(real_market, series)
    row = int(np.searchsorted(feed.times, np.datetime64("2020-03-16")))
    assert feed.known_at[row] == np.datetime64(known)


def test_venue_regimes_of_daily_liquidations(real_market: Market):
    daily = real_market.feeds_of("liquidations", "BTC")[-1]
    starts = daily.times[np.flatnonzero(np.diff(daily.regimes, prepend=-1))].astype("datetime64[D]")
    assert [str(day) for day in starts] == ["2020-04-15", "2020-12-23", "2021-04-27"]
    assert len(daily.regime_names) == 3


def test_a_daily_total_is_known_ten_minutes_after_midnight_utc(real_market: Market):
    hourly, daily = real_market.feeds_of("liquidations", "BTC")
    assert (str(hourly.interval), str(daily.interval)) == ("1h", "1d")
    row = int(np.searchsorted(daily.times, np.datetime64("2024-08-05")))
    assert daily.known_at[row] == np.datetime64("2024-08-06T00:10")
    close = real_market.calendar.closes[real_market.sessions.get_loc("2024-08-05")]
    assert daily.known_at[row] > close


def test_until_drops_what_was_not_known(real_market: Market):
    past = real_market.until("2024-08-05")
    close = np.datetime64("2024-08-05T20:00")
    assert past.sessions[-1] == pd.Timestamp("2024-08-05")
    assert past.prices.close.shape == (len(past.sessions), len(real_market.prices.symbols))
    assert all(feed.known_at[-1] <= close for feed in past.feeds)
    assert past.bars("BTC").times[-1] == np.datetime64("2024-08-05T19:00")
    assert past.feeds_of("liquidations", "BTC")[-1].times[-1] == np.datetime64("2024-08-04")
    assert past.fingerprint != real_market.fingerprint


def test_close_only_late_and_survivors(real_market: Market):
    prices = real_market.prices
    arkk, abnb = prices.columns_of(["ARKK", "ABNB"])
    assert np.isnan(prices.open[:, arkk]).all()
    assert np.isfinite(prices.close[-1, arkk])
    assert str(prices.sessions[prices.first_rows[abnb]].date()) == "2020-12-10"
    assert not (prices.ended & (prices.last_rows < 0)).any()


def test_the_fingerprint_is_stable_and_changes_with_one_number(real_market: Market, real_folder):
    assert real_market.fingerprint == FINGERPRINT
    assert load_market(real_folder).fingerprint == FINGERPRINT
    close = real_market.prices.close.copy()
    close[100, 7] = np.nextafter(close[100, 7], np.inf)
    assert replace(real_market, prices=replace(real_market.prices, close=close)).fingerprint != FINGERPRINT
