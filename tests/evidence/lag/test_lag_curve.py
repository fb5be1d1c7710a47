"""The lag curve: shocks, points and intervals against slower derivations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import undertow as ut
from support.commands import Call
from undertow.evidence import LagCurve, lag_curve
from undertow.evidence.lag.baskets import Basket, half_instants, read_basket, sorted_members
from undertow.evidence.lag.inference import event_counts, mean_band, without_each
from undertow.evidence.lag.points import POINTS, Paths, places_of
from undertow.evidence.lag.shocks import (
    dated_shocks,
    liquidation_feed,
    liquidation_ranks,
    price_shocks,
    signal_shocks,
)
from undertow.market import DataError, Feed, Market, ParameterError, UnknownNameError, simulate_market
from undertow.market.clock import Span

RESAMPLES = 400


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=3, years=5, names=12)


@pytest.fixture(scope="module")
def curve(market: Market) -> LagCurve:
    return lag_curve(market, basket="growth", fall=0.10, resamples=RESAMPLES, seed=1)


def slow_shocks(market: Market, fall: float, hours: int, apart: int) -> list[pd.Timestamp]:
    closes = market.bars().frame["close"].asfreq("1h")
    accepted: list[pd.Timestamp] = []
    for row in range(1, len(closes)):
        high = closes.iloc[max(row - hours, 0) : row].max()
        known = closes.index[row] + pd.Timedelta(hours=1)
        falls = closes.iloc[row] / high - 1.0 <= -fall
        if falls and (not accepted or known - accepted[-1] >= pd.Timedelta(hours=apart)):
            accepted.append(known)
    return accepted


def slow_levels(market: Market) -> pd.Series:
    """Growth of the basket by open and close, name by name."""
    opens, closes = market.prices.frame("open", "growth"), market.prices.frame("close", "growth")
    members = market.universe("growth").members(market.sessions, tuple(opens.columns))
    level, out = 0.0, {}
    for row, session in enumerate(market.sessions):
        if row:
            night = (opens.iloc[row] / closes.iloc[row - 1] - 1.0)[members[row]].dropna()
            level += np.log1p(night.mean())
        out[pd.Timestamp(market.calendar.opens[row])] = level
        day = (closes.loc[session] / opens.loc[session] - 1.0)[members[row]].dropna()
        level += np.log1p(day.mean())
        out[pd.Timestamp(market.calendar.closes[row])] = level
    return pd.Series(out)


def test_shocks_are_those_of_a_loop_over_the_bars(market: Market) -> None:
    early = market.until(market.sessions[300])
    fast = price_shocks(early, -0.10, 24.0, 120.0, "BTC")
    assert [pd.Timestamp(at, tz="UTC") for at in fast.at] == slow_shocks(early, 0.10, 24, 120)
    assert len(fast) > 3


def test_a_shock_does_not_change_with_what_comes_later(market: Market) -> None:
    later = price_shocks(market, -0.10, 24.0, 120.0, "BTC")
    cut = market.until(market.sessions[700])
    before = price_shocks(cut, -0.10, 24.0, 120.0, "BTC")
    assert np.array_equal(before.at, later.at[: len(before)])
    assert np.array_equal(before.sizes, later.sizes[: len(before)])
    assert later.at[len(before)] > cut.calendar.closes[-1]


def test_points_of_half_days_are_those_of_the_calendar(tiny_market: Market) -> None:
    instants = half_instants(tiny_market)
    known = np.array(["2024-11-29T17:00", "2024-11-29T18:00", "2024-11-29T19:00", "2024-11-30T03:00"], "datetime64[ns]")
    places = places_of(instants, known)
    # The 29th closes at 18:00 UTC: its open, then its close, are the last prices before.
    friday = list(tiny_market.sessions).index(pd.Timestamp("2024-11-29"))
    assert list(places.base) == [2 * friday, 2 * friday + 1, 2 * friday + 1, 2 * friday + 1]
    assert list(places.first) == [2 * friday + 2] * 4
    assert list(places.last) == [2 * friday - 1, *[2 * friday + 1] * 3]
    assert list(places.within_session) == [True, False, False, False]


def test_means_are_those_of_a_loop_over_events(market: Market, curve: LagCurve) -> None:
    levels = slow_levels(market)
    steps = levels.diff()
    opens = np.arange(len(levels)) % 2 == 0
    drift = {True: steps[opens].mean(), False: steps[~opens].mean()}
    level_of = list(levels.items())
    raw: dict[str, list[float]] = {point: [] for point in POINTS}
    less: dict[str, list[float]] = {point: [] for point in POINTS}
    for known in pd.DatetimeIndex(curve.events["known_at"]).tz_localize(None):
        base = max(row for row, (at, _) in enumerate(level_of) if at <= known)
        first = next(row for row, (at, _) in enumerate(level_of) if at > known and row % 2 == 0)
        for number, point in enumerate(POINTS):
            move = level_of[first + number][1] - level_of[base][1]
            raw[point].append(move)
            less[point].append(move - sum(drift[row % 2 == 0] for row in range(base + 1, first + number + 1)))
    after = curve.table.loc[list(POINTS)]
    assert after["raw_mean"].to_numpy() == pytest.approx([np.mean(values) for values in raw.values()], abs=1e-12)
    assert after["mean"].to_numpy() == pytest.approx([np.mean(values) for values in less.values()], abs=1e-12)


def test_intervals_are_those_of_resamples_one_by_one() -> None:
    values = np.random.default_rng(5).standard_t(4, size=(23, 3)) * [1.0, 2.0, 0.5] + [0.0, 1.0, 0.2]
    counts = event_counts(23, 300, seed=9)
    band = mean_band(values, counts)
    frame, sizes = pd.DataFrame(values), []
    for row in counts:
        drawn = frame.loc[np.repeat(np.arange(23), row.astype(int))]
        sizes.append(((drawn.mean() - frame.mean()).abs() / (drawn.std(ddof=1) / np.sqrt(23))).to_numpy())
    error = frame.std(ddof=1).to_numpy() / np.sqrt(23)
    pointwise = np.quantile(np.array(sizes), 0.95, axis=0, method="higher")
    largest = np.array(sizes).max(axis=1)
    assert band.low == pytest.approx(frame.mean().to_numpy() - pointwise * error)
    assert band.critical == pytest.approx(np.quantile(largest, 0.95, method="higher"))
    best = np.abs(frame.mean().to_numpy() / error).max()
    assert band.p_best == (1 + (largest >= best).sum()) / 301
    assert band.detectable == pytest.approx((band.critical + 0.84) * error[band.best])
    fixed = mean_band(values, counts, fixed_errors=True)
    moved = np.abs(counts @ (values - values.mean(axis=0)) / 23) / error
    assert fixed.high == pytest.approx(values.mean(axis=0) + np.quantile(moved, 0.95, axis=0, method="higher") * error)


def test_the_band_of_many_normal_events_is_that_of_student() -> None:
    values = np.random.default_rng(2).standard_normal((400, 1))
    band = mean_band(values, event_counts(400, 4000, seed=0))
    # Student's t with 399 degrees of freedom, 97.5 %.
    assert band.critical == pytest.approx(1.966, rel=0.05)


def test_an_event_left_out_is_a_mean_of_the_others() -> None:
    values = np.array([0.5, -1.0, 2.0, 0.1, 0.7])
    mean, error = without_each(values)
    rest = [np.delete(values, row) for row in range(5)]
    assert mean == pytest.approx([part.mean() for part in rest])
    assert error == pytest.approx([part.std(ddof=1) / 2.0 for part in rest])


def test_the_clock_reads_bars_of_the_symbol(market: Market) -> None:
    opens, last = market.calendar.opens, len(market.sessions)
    hours = np.arange(6) * np.timedelta64(1, "h") + np.timedelta64(30, "m")
    times = (opens[:, None] + hours).ravel().astype("datetime64[ns]")
    prices = 100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.004, len(times))))
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), prices)
    interval = Span(minutes=60.0)
    feed = Feed(
        kind="bars",
        asset="SIM01",
        path="hourly/SIM01.parquet",
        interval=interval,
        delay=Span(),
        times=times,
        known_at=times + interval.timedelta,
        columns=columns,
        regimes=np.zeros(len(times), dtype=np.int64),
    )
    with_bars = replace(market, feeds=(*market.feeds, feed))
    result = lag_curve(with_bars, basket="SIM01", end=market.sessions[last - 15], resamples=RESAMPLES)
    assert result.hourly
    assert not lag_curve(market, basket="SIM01", resamples=RESAMPLES).hourly
    series = pd.Series(np.log(prices), pd.DatetimeIndex(feed.known_at))
    for hours_after in (-72, 5, 24, 48, 120):
        moves = [
            series.asof(known + pd.Timedelta(hours=hours_after)) - series.asof(known)
            for known in pd.DatetimeIndex(result.events["known_at"]).tz_localize(None)
        ]
        assert result.clock.loc[hours_after, "raw_mean"] == pytest.approx(np.mean(moves), abs=1e-12)


def test_ranks_are_those_of_pandas_by_regime(market: Market) -> None:
    feed = liquidation_feed(market, "BTC")
    amounts = pd.Series(feed["long_usd"])
    grouped = amounts.groupby(feed.regimes)
    expected = (grouped.rank() - 0.5) / grouped.transform("count")
    assert liquidation_ranks(feed) == pytest.approx(expected.to_numpy(), nan_ok=True)


def test_betas_are_those_of_least_squares_before_the_shock(market: Market) -> None:
    paths = Paths(market, read_basket(market, f"growth-beta*{market.benchmark}", "growth"), slice(0, 1000))
    assert isinstance(paths.basket, Basket)
    own, other = (leg.daily() for leg in (paths.basket.first, paths.basket.second) if leg is not None)
    # The base is the open of session 400: its own close is not known.
    (beta,) = paths.betas(np.array([800]))
    fit = sm.OLS(own[400 - 126 : 400], sm.add_constant(other[400 - 126 : 400])).fit()
    assert beta == pytest.approx(fit.params[1])
    (later,) = paths.betas(np.array([801]))
    assert later == pytest.approx(sm.OLS(own[275:401], sm.add_constant(other[275:401])).fit().params[1])


def test_winners_are_sorted_by_what_was_known(market: Market) -> None:
    members = sorted_members(market, "winners", "growth")
    first = np.flatnonzero(np.diff(market.sessions.month.to_numpy()))[6] + 1
    closes = market.prices.frame("close")
    past = closes.iloc[first - 1] / closes.iloc[first - 64] - 1.0
    growth = [symbol for symbol in market.universe("growth").symbols if symbol in market.prices]
    top = past[growth].sort_values(kind="stable").index[-int(np.ceil(len(growth) / 5)) :]
    names = np.array(market.prices.symbols)[members[first]]
    assert set(names) <= set(top)
    assert len(names) >= 2


def test_a_simulated_effect_is_found_and_none_where_there_is_none() -> None:
    with_effect, without = (
        lag_curve(simulate_market(seed=5, years=6, effect=effect), basket="growth", resamples=RESAMPLES)
        for effect in (1.0, 0.0)
    )
    assert with_effect.found
    assert with_effect.p_best < 0.01
    assert with_effect.p_shift < 0.02
    assert with_effect.table.loc["S2 close", "band_high"] < 0.0
    assert not without.found
    assert without.sentence().startswith("No effect that can be distinguished from chance: after")


def test_other_shocks_and_baskets(market: Market, tmp_path: Path) -> None:
    top = lag_curve(market, top_liquidations=8, resamples=RESAMPLES)
    assert len(top.events) == 8
    every = lag_curve(market, top_liquidations=9_999, resamples=RESAMPLES)
    assert any(note.startswith("9999 days were requested") for note in every.notes())
    assert not lag_curve(market, basket="growth-beta*growth", resamples=RESAMPLES).found
    known = pd.DatetimeIndex(top.events["known_at"])
    assert (known[1:] - known[:-1]).min() >= pd.Timedelta(days=5)
    signal = signal_shocks(market, "drawdown <= -0.2", 120.0, "BTC", "growth")
    assert (signal.sizes <= -0.2).all()
    assert len(lag_curve(market, rise=0.10, resamples=RESAMPLES).events)
    file = tmp_path / "events.csv"
    stamps = [f"{stamp:%Y-%m-%dT%H:%MZ}" for stamp in known[2:8]]
    file.write_text("\n".join(["time", *stamps]) + "\n", encoding="utf-8")
    dated = lag_curve(market, events=file, basket="winners-losers", resamples=RESAMPLES)
    assert dated.to_dict()["events"] == stamps
    weights = tmp_path / "basket.csv"
    weights.write_text("symbol,weight\nSIM01,0.7\nSIM02,0.3\n", encoding="utf-8")
    assert np.isfinite(lag_curve(market, basket=str(weights), resamples=RESAMPLES).table["mean"]).all()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"fall": 10}, ParameterError, r"`fall` must be in \(0, 1\).*10 % is 0.10"),
        ({"fall": 0.1, "rise": 0.1}, ParameterError, "two kinds of shocks"),
        ({"fall": 0.9}, ParameterError, "it takes 5"),
        ({"within": "1y"}, ParameterError, "`within` must be a length such as 24h"),
        ({"basket": "grwth"}, UnknownNameError, "growth"),
        ({"shock": "drawdown"}, ParameterError, "`shock` must be signal.output"),
        ({"top_liquidations": 2}, ParameterError, "`top_liquidations` must be"),
        ({"basket": "none.csv"}, ParameterError, "`basket` none.csv: no such file"),
        ({"resamples": 3}, ParameterError, "`resamples`"),
        ({"events": ["2024-08-05T00:00"]}, DataError, "is no instant with a zone"),
        ({"events": "none.csv"}, DataError, "cannot be read"),
    ],
)
def test_bad_settings_are_named(market: Market, settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lag_curve(market, **settings)


def test_instants_of_a_list_are_sorted_once_each() -> None:
    shocks = dated_shocks(["2024-08-05T00:00Z", "2020-03-12T10:00+01:00", "2024-08-05T00:00Z"])
    assert [str(at)[:16] for at in shocks.at] == ["2020-03-12T09:00", "2024-08-05T00:00"]


def test_equal_seeds_give_equal_results(market: Market, curve: LagCurve) -> None:
    again = lag_curve(market, basket="growth", fall=0.10, resamples=RESAMPLES, seed=1)
    assert json.dumps(again.to_dict()) == json.dumps(curve.to_dict())


def test_the_command_prints_json_and_writes_a_page(call: Call, market: Market, tmp_path: Path) -> None:
    folder, page = tmp_path / "market", tmp_path / "lag.html"
    ut.write_market(market, folder)
    argv = ("evidence", "lag", "--market", folder, "--basket", "growth", "--resamples", "200")
    code, out, _ = call(*argv, "--start", "2018-06-01", "--json", "--html", page)
    assert code == 0
    content = json.loads(out)
    assert {"events", "basket", "points", "windows", "clock", "critical", "p_best", "detectable"} <= set(content)
    assert {"influence", "sentence", "settings"} <= set(content)
    assert [point["label"] for point in content["points"]][-10:] == list(POINTS)
    assert set(content["windows"]) == {"24-48h", "0-24h", "S1 open to S2 close", "pre"}
    assert content["settings"]["start"] == "2018-06-01"
    assert content["sentence"] in page.read_text(encoding="utf-8").replace("&#x27;", "'")
    code, out, err = call(*argv, "--fall", "20")
    assert (code, out) == (2, "")
    assert "`fall` must be in (0, 1)" in err
    assert "10 points and 4 windows were looked at" in " ".join(call(*argv).out.split())


def test_a_column_without_a_spread_has_no_t() -> None:
    values = np.zeros((12, 3))
    values[:, 0] = -1e-6
    values[0, 1] = 0.01
    values[:, 2] = np.random.default_rng(0).standard_normal(12) + 3.0
    band = mean_band(values, event_counts(12, 500, seed=0))
    assert band.best == 2
    assert np.isfinite([band.critical, *band.low, *band.high]).all()


def test_one_null_world_in_twenty_leaves_its_band() -> None:
    random = np.random.default_rng(11)
    # 50 events of fat-tailed steps, cumulated over ten points.
    worlds = [np.cumsum(random.standard_t(4, size=(50, 10)), axis=1) for _ in range(200)]
    rejected = [
        mean_band(world, event_counts(50, 300, seed=number)).p_best < 0.05 for number, world in enumerate(worlds)
    ]
    assert 0.02 <= np.mean(rejected) <= 0.09
