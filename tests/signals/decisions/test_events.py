"""Event feeds without a row where nothing happened, feeds that repeat themselves, and inputs without a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from support.tiny import LIQUIDATIONS, Folder
from undertow.market import DataError, Feed, Market, Span, load_market, simulate_market, write_market
from undertow.signals.decisions import DecisionTable, session_inputs
from undertow.signals.drawdown import Drawdown
from undertow.signals.liquidation import LiquidationSpike
from undertow.signals.volatility import RealizedVolatility

TOML = "market.toml"
SPIKE = {"horizon": 24, "window": 720}


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=3, years=1.0, names=5)


def hourly(market: Market, share: float, seed: int = 1) -> tuple[Feed, np.ndarray]:
    """Hourly liquidations of which a share of the hours has any, as rows of zero, and which hours these are."""
    bars = market.bars()
    rng = np.random.default_rng(seed)
    kept = rng.random(len(bars)) < share
    columns = {name: np.where(kept, rng.lognormal(10.0, 1.0, len(bars)), 0.0) for name in ("long_usd", "short_usd")}
    regimes = np.zeros(len(bars), np.int64)
    delay = Span(minutes=5.0)
    known = bars.times + bars.interval.timedelta + delay.timedelta
    return Feed("liquidations", "BTC", "l", bars.interval, delay, bars.times, known, columns, regimes), kept


def with_liquidations(market: Market, feed: Feed) -> Market:
    return replace(market, feeds=(*(other for other in market.feeds if other.kind != "liquidations"), feed))


def rank(market: Market) -> tuple[np.ndarray, DecisionTable]:
    table = DecisionTable(market, "growth")
    return table.signal(LiquidationSpike, SPIKE, output="rank")[:, 0], table


@pytest.mark.parametrize("share", [0.2, 0.3, 0.45, 0.6])
def test_no_row_is_a_row_of_zero_where_the_feed_says_so(market: Market, share: float) -> None:
    dense, kept = hourly(market, share)
    expected, _ = rank(with_liquidations(market, dense))
    # The rows that nothing happened in are left out, as a vendor leaves them out.
    sparse = replace(dense.keep(kept), missing="zero").zeros_until(dense.known_at[-1])
    assert sparse.zero_rows == (~kept[kept.argmax() :]).sum()
    values, table = rank(with_liquidations(market, sparse))
    np.testing.assert_array_equal(values, expected)
    assert np.isfinite(values[60:]).all()
    assert table.unused == {}


def test_without_it_the_reason_is_given(market: Market) -> None:
    dense, kept = hourly(market, 0.3)
    values, table = rank(with_liquidations(market, dense.keep(kept)))
    assert np.isnan(values).all()
    ((feed, reason),) = table.unused.items()
    rows, hours = int(kept.sum()), int(np.ptp(np.flatnonzero(kept))) + 1
    assert feed == "liquidations BTC 1h, for liquidation-spike"
    assert reason == (
        f"no value on any session: it has rows on {rows:,} of its {hours:,} intervals ({rows / hours:.0%}), and at"
        " least half of a window (372 of 743) is needed; where no row means that nothing happened, write"
        ' missing = "zero" in market.toml'
    )
    _, table = rank(with_liquidations(market, dense.keep(np.arange(len(dense)) < 500)))
    assert table.unused == {feed: "no value on any session: it has 500 rows, and 743 are needed for the first value"}


def test_a_silence_of_days_is_a_feed_that_failed() -> None:
    hours = np.datetime64("2024-01-01T00", "ns") + np.array([0, 1, 100, 101]) * Span.parse("1h").timedelta
    columns = {"long_usd": np.array([5.0, 6.0, 7.0, 8.0]), "short_usd": np.ones(4)}
    feed = Feed(
        "liquidations",
        "BTC",
        "l",
        Span(minutes=60.0),
        Span(),
        hours,
        hours + Span.parse("1h").timedelta,
        columns,
        np.zeros(4, np.int64),
        missing="zero",
    )
    # Calm for three days after the amount of 01:00, nothing is known of 26 hours then, and the amounts go on.
    on_grid = feed.on_grid("long_usd")
    np.testing.assert_array_equal(on_grid[:2], [5.0, 6.0])
    assert (on_grid[2:74] == 0.0).all()
    assert np.isnan(on_grid[74:100]).all()
    np.testing.assert_array_equal(on_grid[100:], [7.0, 8.0])
    at = np.datetime64("2024-01-04T02:00", "ns") + np.array([0, 3, 4]) * np.timedelta64(1, "D")
    # Known at 02:00 on the 4th is the row of 01:00 on the 4th, the last of the 72; three days later none is.
    assert feed.at(on_grid, at)[0] == 0.0
    assert feed.tolerance == np.timedelta64(3, "D")
    assert len(feed.zeros_until(feed.known_at[-1] + np.timedelta64(10, "D"))) == len(feed) + 72


def test_what_an_hour_is_does_not_depend_on_later_rows(market: Market, tmp_path) -> None:
    dense, kept = hourly(market, 0.05)
    whole = with_liquidations(market, replace(dense.keep(kept), missing="zero"))
    folder = write_market(whole, tmp_path / "whole")
    text = (folder / TOML).read_text(encoding="utf-8")
    assert 'missing = "zero"' in text
    loaded = load_market(folder)
    for rows in (3000, 3007, 5000):
        cutoff = dense.known_at[rows]
        session = loaded.sessions[np.searchsorted(loaded.calendar.closes, cutoff)]
        past = loaded.until(session)
        # The file as it was then: only the rows with an amount that were known at that session's close.
        close = loaded.calendar.closes[loaded.sessions.get_loc(session)]
        then = replace(dense.keep(kept & (dense.known_at <= close)), missing="zero").zeros_until(close)
        np.testing.assert_array_equal(past.liquidations().times, then.times)
        np.testing.assert_array_equal(past.liquidations()["long_usd"], then["long_usd"])


@pytest.mark.parametrize(
    ("drop", "known_at", "long_usd", "zero_rows"),
    [
        # By hand, daily totals of 1,000,000 + n on day n from 15 November: decisions at 14:30 UTC see the day before
        # (known ten minutes after midnight). On Monday the 25th the total of Sunday the 24th is missing: zero.
        ([9], "2024-11-25T14:30", 0.0, 1),
        # A gap of three days: the third is still calm.
        ([9, 10, 11], "2024-11-27T14:30", 0.0, 3),
        # The last rows are missing: the 3rd was calm, the 4th ends after the last that is known of the market.
        ([18, 19], "2024-12-04T14:30", 0.0, 1),
        # Nothing is missing.
        ([], "2024-11-25T14:30", 1_000_009.0, 0),
    ],
)
def test_three_folders_by_hand(tiny: Folder, drop: list[int], known_at: str, long_usd: float, zero_rows: int) -> None:
    lines = tiny.lines(LIQUIDATIONS)
    tiny.write(LIQUIDATIONS, [line for row, line in enumerate(lines) if row - 1 not in drop])
    tiny.replace(TOML, 'delay = "10min"', 'delay = "10min"\nmissing = "zero"')
    feed = tiny.load().liquidations()
    at = np.array([np.datetime64(known_at, "ns")])
    assert feed.at(feed.on_grid("long_usd"), at)[0] == long_usd
    assert feed.zero_rows == zero_rows


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'interval = "1h"',
            'interval = "1h"\nmissing = "zero"',
            "unknown, or zero for liquidations, got 'zero' for bars",
        ),
        ('delay = "10min"', 'delay = "10min"\nmissing = "zeros"', "got 'zeros' for liquidations, did you mean `zero`"),
    ],
)
def test_only_events_may_be_missing_for_nothing(tiny: Folder, old: str, new: str, problem: str) -> None:
    tiny.replace(TOML, old, new)
    with pytest.raises(DataError, match=problem):
        tiny.load()


def frozen_from(row: int) -> Callable[[str, np.ndarray], np.ndarray]:
    return lambda name, values: np.where(np.arange(len(values)) >= row, values[row], values)


def test_a_dead_feed_has_no_value_and_the_fallback_is_used(market: Market) -> None:
    dense, _ = hourly(market, 1.0)
    row = 5000
    dead = replace(
        dense, columns={name: np.where(np.arange(len(dense)) >= row, 0.0, v) for name, v in dense.columns.items()}
    )
    days = market.calendar.closes
    daily_times = np.unique(dense.times.astype("datetime64[D]")).astype("datetime64[ns]")
    rng = np.random.default_rng(5)
    daily = Feed(
        "liquidations",
        "BTC",
        "d",
        Span.parse("1d"),
        Span(),
        daily_times,
        daily_times + Span.parse("1d").timedelta,
        {name: rng.lognormal(12.0, 1.0, len(daily_times)) for name in ("long_usd", "short_usd")},
        np.zeros(len(daily_times), np.int64),
    )
    both = replace(with_liquidations(market, dead), feeds=(*with_liquidations(market, dead).feeds, daily))
    values, table = rank(both)
    alone, _ = rank(with_liquidations(market, daily))
    # Three days of zeros pass, from then on the daily feed supplies the signal.
    after = table.decisions.at > dense.known_at[row + 73]
    np.testing.assert_array_equal(values[after], alone[after])
    np.testing.assert_array_equal(table.frozen["liquidations BTC 1h"], after)
    assert after.sum() > 30
    assert days[-1] > dense.known_at[row]


def test_a_dead_price_is_no_calm(market: Market) -> None:
    bars = market.bars()
    dead = replace(bars, columns={name: frozen_from(4000)(name, values) for name, values in bars.columns.items()})
    one = replace(market, feeds=tuple(dead if feed is bars else feed for feed in market.feeds))
    table = DecisionTable(one, "growth")
    after = table.decisions.at >= bars.known_at[4000 + 25]
    for signal, parameters in ((Drawdown, {"window": 168}), (RealizedVolatility, {"window": 168})):
        values = table.signal(signal, parameters)[:, 0]
        assert np.isnan(values[after]).all()
    np.testing.assert_array_equal(table.frozen["bars BTC 1h"], after)


def test_a_basket_without_a_return_has_no_level() -> None:
    market = simulate_market(seed=3, years=0.6, names=5)
    columns = market.prices.columns_of(market.universe("growth").symbols)
    close = market.prices.close.copy()
    close[:20, columns] = np.nan
    close[50:53, columns] = np.nan
    gaps = replace(market, prices=replace(market.prices, close=close))
    table = DecisionTable(gaps, "growth")
    spec = replace_inputs()
    level = session_inputs(spec, table, "BTC")["basket"][:, 0]
    returns = pd.DataFrame(close[:, columns]).pct_change(fill_method=None).mean(axis=1).to_numpy()
    # Known from the session before the first return on; the three sessions of the gap and the one after it, whose
    # return would lead over the gap, have none.
    assert np.flatnonzero(np.isnan(level)).tolist() == [*range(20), 50, 51, 52, 53]
    assert level[20] == 1.0
    np.testing.assert_allclose(level[54], level[49] * (1.0 + returns[54]), rtol=1e-14)


def replace_inputs():
    return replace(Drawdown.spec, inputs={"basket": ("prices", "basket")})
