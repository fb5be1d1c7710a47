"""The simulator: the same market every time, a mechanism to check by hand, and an effect that can be switched."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from undertow.market import Market, ParameterError, simulate_market
from undertow.market.clock import HOUR, instants
from undertow.market.simulator.book import empty_bins_np, walk_book_nb, walk_book_np
from undertow.market.simulator.clock import make_clock, random_streams
from undertow.market.simulator.pressure import basket_impact, land_selling


@lru_cache(maxsize=8)
def simulated(seed: int = 7, years: float = 2, names: int = 24, **truth: float) -> Market:
    return simulate_market(seed=seed, years=years, names=names, **truth)


def growth_logs(market: Market) -> np.ndarray:
    columns = market.prices.columns_of(market.universe("growth").symbols)
    return np.log(market.prices.close[:, columns])


# --- the same market every time


@pytest.mark.smoke
def test_equal_arguments_give_an_equal_fingerprint() -> None:
    repeated = simulate_market(seed=7, years=2, names=24)
    assert repeated.fingerprint == simulated().fingerprint
    assert repeated.fingerprint != simulate_market(seed=8, years=2, names=24).fingerprint


def test_another_process_simulates_the_same_market() -> None:
    code = "import undertow.market as m; print(m.simulate_market(seed=7, years=2, names=24).fingerprint)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == simulated().fingerprint


def test_the_effect_changes_prices_only_and_in_proportion() -> None:
    null, one, two = (simulated(effect=effect) for effect in (0.0, 1.0, 2.0))
    for feed, other in zip(null.feeds, two.feeds, strict=True):
        assert feed.label == other.label
        if feed.kind != "macro":
            for name in feed.columns:
                np.testing.assert_array_equal(feed[name], other[name])
    once, twice = (growth_logs(simulation) - growth_logs(null) for simulation in (one, two))
    np.testing.assert_allclose(twice, 2.0 * once, atol=1e-9)
    np.testing.assert_array_equal(np.isnan(null.prices.close), np.isnan(two.prices.close))


def test_the_lag_moves_the_selling_and_nothing_else() -> None:
    early, late = simulated(lag_hours=6.0), simulated(lag_hours=72.0)
    np.testing.assert_array_equal(early.bars().columns["close"], late.bars().columns["close"])
    days = np.arange(len(early.sessions))
    centre = [
        (days * simulation.truth.selling.sum(axis=1)).sum() / simulation.truth.selling.sum()
        for simulation in (early, late)
    ]
    assert 1.2 < centre[1] - centre[0] < 2.6  # 66 hours are 1.9 sessions of a week's 5


def test_what_meets_the_opening_print_is_asked_for_and_moves_nothing_else() -> None:
    worked, halved, gapped = (simulated(at_the_open=share) for share in (0.0, 0.5, 1.0))
    assert not worked.truth.selling[:, 0].any()  # nothing moves between a close and the next open
    assert gapped.truth.selling[:, 0].sum() < halved.truth.selling[:, 0].sum() < 0
    np.testing.assert_allclose(2.0 * halved.truth.selling[:, 0], gapped.truth.selling[:, 0], rtol=1e-12)
    for other in (halved, gapped):
        np.testing.assert_allclose(other.truth.selling.sum(axis=1), worked.truth.selling.sum(axis=1), atol=1e-12)
        np.testing.assert_array_equal(other.bars().columns["close"], worked.bars().columns["close"])
    assert (worked.name, halved.name) == ("simulated-seed7-open0", "simulated-seed7")
    assert worked.truth.at_the_open == 0.0


# --- truth


def test_without_the_effect_a_market_has_events_without_impact() -> None:
    truth = simulated(effect=0.0).truth
    assert len(truth.events) > 5
    assert not truth.events["equity_impact"].any()
    assert not truth.pressure.any()
    assert truth.events["liquidated_usd"].equals(simulated().truth.events["liquidated_usd"])


def test_pressure_is_what_the_basket_loses_against_the_market_without_the_effect() -> None:
    moves = np.diff(growth_logs(simulated()) - growth_logs(simulated(effect=0.0)), axis=0)
    finite = np.isfinite(moves).all(axis=1)
    assert finite.sum() > 100
    np.testing.assert_allclose(moves[finite].mean(axis=1), simulated().truth.pressure[1:][finite], atol=1e-12)


def test_all_the_selling_lands() -> None:
    truth, market = simulated().truth, simulated()
    done = truth.events["time"] < pd.Timestamp(market.calendar.closes[-1], tz="UTC") - pd.Timedelta(days=5)
    assert done.sum() == len(done)
    assert truth.selling.sum() == pytest.approx(truth.events["equity_impact"].sum(), rel=1e-9)


def test_last_quarters_winners_fall_most() -> None:
    null, one = growth_logs(simulated(effect=0.0)), growth_logs(simulated())
    worst = int(np.argmin(simulated().truth.pressure[70:])) + 70
    hit = np.diff(one - null, axis=0)[worst - 1]
    quarter = null[worst - 1] - null[worst - 64]
    finite = np.isfinite(hit) & np.isfinite(quarter)
    assert np.corrcoef(hit[finite], quarter[finite])[0, 1] < -0.4
    assert (hit[finite] < 0).all()


def test_events_are_falls_of_bitcoin_with_liquidations() -> None:
    market = simulated()
    truth, feed = market.truth, market.liquidations()
    assert (truth.events["btc_return"] < 0).mean() > 0.95
    rows = np.searchsorted(feed.times, instants(truth.events["time"])) - 1
    typical = np.array([np.median(feed["long_usd"][feed.regimes == regime]) for regime in (0, 1)])
    assert (feed["long_usd"][rows] > 50 * typical[feed.regimes[rows]]).all()
    assert set(truth.episodes["kind"]) == {"macro fall", "stocks first", "divergence"}


# --- the mechanism, by hand


def test_sweep_takes_every_bin_between_two_prices_on_the_ring() -> None:
    book = np.zeros(4096)
    book[[4094, 4095, 0, 1]] = [1.0, 2.0, 4.0, 8.0]
    assert empty_bins_np(book, -0.0024, 0.001) == 6.0
    assert book.sum() == 9.0


def test_a_still_market_liquidates_nobody() -> None:
    path = walk_book_nb(np.zeros(500), np.zeros(500))
    assert not path[:4].any()
    assert path[4, -1] == pytest.approx(1.0, abs=0.1)


def test_a_fall_is_deepened_by_forced_selling_and_partly_returns() -> None:
    moves = np.zeros(1200)
    moves[700:706] = -0.025
    price, forced, closed, _, longs, _ = walk_book_nb(moves, np.zeros(1200))
    assert closed[700:712].sum() > 0.2
    assert forced[700:712].sum() < -0.02
    assert longs[712] < 0.85 * longs[699]
    assert price[712] < -0.15 - 0.01
    assert price[712] < price[-1] < -0.15


def test_the_compiled_book_equals_plain_python() -> None:
    rng = np.random.default_rng(3)
    moves, mood = rng.normal(-0.0005, 0.012, 900), rng.normal(0, 0.3, 900)
    np.testing.assert_allclose(walk_book_nb(moves, mood), walk_book_np(moves, mood), rtol=1e-12, atol=1e-14)


def test_a_friday_night_cascade_waits_for_mondays_open() -> None:
    clock = make_clock(pd.Timestamp("2023-03-01"), 0.6)
    friday = np.array([np.datetime64("2023-03-10T23:00", "ns")])
    pressure = land_selling(friday, np.array([-0.04]), clock, 24.0)
    monday = clock.calendar.sessions.get_loc("2023-03-13")
    np.testing.assert_allclose(pressure.selling[monday], [-0.02, -0.02], rtol=1e-4)
    np.testing.assert_allclose(pressure.selling[:monday], 0.0, atol=1e-12)
    assert pressure.reversal[: monday + 1].sum() == 0
    assert pressure.reversal[monday + 1 :].sum() == pytest.approx(0.75 * 0.04, rel=1e-4)


def test_a_morning_cascade_lands_by_its_lag_distribution() -> None:
    # Tuesday 14:00 UTC, lag 24 h, sd 8 h: half of the orders arrive by Wednesday 14:00, in a session of 14:30 to 21:00.
    clock = make_clock(pd.Timestamp("2023-02-01"), 0.6)
    tuesday = np.array([np.datetime64("2023-02-14T14:00", "ns")])
    pressure = land_selling(tuesday, np.array([-1.0]), clock, 24.0)
    row = clock.calendar.sessions.get_loc("2023-02-14")
    # Of the normal distribution (table): 0.00135 below hour 0, 0.01679 below the close at hour 7, 0.52492 below the
    # open at hour 24.5, 0.80921 below the close at hour 31.
    finite = 1 - 0.00135
    night, day = (0.52492 - 0.01679) / finite, (0.80921 - 0.52492) / finite
    assert -pressure.selling[row].sum() == pytest.approx((0.01679 - 0.00135) / finite, abs=2e-5)
    np.testing.assert_allclose(-pressure.selling[row + 1], [0.5 * night, 0.5 * night + day], atol=2e-5)


def test_basket_impact_grows_with_the_cascade_up_to_a_bound() -> None:
    impact = basket_impact(np.array([0.22, 0.5, 1.0, 5.0]))
    assert impact[0] == pytest.approx(-0.02)
    assert (np.diff(impact) < 0).all()
    assert impact[-1] == -0.075


def test_streams_do_not_disturb_each_other() -> None:
    one, two = random_streams(5), random_streams(5)
    one["btc"].random(1000)
    assert one["names"].random() == two["names"].random()


# --- what a loaded folder would have to be


@pytest.mark.parametrize("names", [5, 24])
def test_prices_are_possible(names: int) -> None:
    prices = simulated(names=names).prices
    priced = np.isfinite(prices.close)
    for field in ("open", "high", "low", "close"):
        panel = getattr(prices, field)
        np.testing.assert_array_equal(np.isfinite(panel), priced)
        assert (panel[priced] > 0).all()
        assert (panel <= prices.high)[priced].all()
        assert (panel >= prices.low)[priced].all()
    assert prices.symbols == tuple(sorted(prices.symbols))


def test_listings_delistings_and_halts_are_there_and_universes_know_them() -> None:
    market = simulated()
    prices = market.prices
    assert (prices.first_rows > 0).sum() == 2
    assert prices.ended.sum() == 1
    growth = market.universe("growth").symbols
    members = market.universe("growth").members(market.sessions, growth)
    priced = np.isfinite(prices.close[:, prices.columns_of(growth)])
    assert not (priced & ~members).any()
    assert 3 <= (members & ~priced).sum() <= 15
    assert not set(growth) & set(market.universe("defensive").symbols)


def test_feeds_are_regular_and_known_after_they_happened() -> None:
    market = simulated()
    for feed in market.feeds:
        assert (np.diff(feed.times) > np.timedelta64(0)).all()
        assert (feed.known_at >= feed.times).all()
        assert all(np.isfinite(values).all() for values in feed.columns.values())
    bars = market.bars("ETH")
    assert bars.missing_intervals == 0
    for name in ("open", "close"):
        assert ((bars[name] <= bars["high"]) & (bars[name] >= bars["low"])).all()
    assert bars.known_at[0] == bars.times[0] + HOUR
    assert market.calendar.opens[0] - bars.times[0] > 90 * 24 * HOUR
    assert len(market.until("2018-06-01").feed("macro")) < len(market.feed("macro"))


def test_macro_series_are_plausible_and_fear_follows_falls() -> None:
    market = simulated()
    published, index = market.feeds_of("macro")
    assert {"DGS10", "DFII10", "DTWEXBGS", "BAMLH0A0HYM2"} <= set(published.columns)
    # An index is quoted at the close, not a session later.
    assert list(index.columns) == ["VIXCLS"]
    assert (index.known_at == market.calendar.closes + np.timedelta64(15, "m")).all()
    assert (published.known_at[:-1] == market.calendar.closes[1:]).all()
    vix = market.macro("VIXCLS").to_numpy()
    moves = np.diff(np.log(market.prices.frame()["GROW"].to_numpy()), prepend=np.nan)
    assert vix[moves < -0.025].mean() > 1.2 * vix.mean()
    assert 9 <= vix.min() < vix.max() < 120


def test_the_throttled_venue_reports_less_of_the_same() -> None:
    feed = simulated(years=4).liquidations()
    assert feed.regime_names == ("full", "throttled")
    quiet = [np.median(feed["long_usd"][feed.regimes == regime]) for regime in (0, 1)]
    assert quiet[1] / quiet[0] == pytest.approx(0.3, rel=0.1)


def test_cash_earns_the_short_rate_without_a_losing_day() -> None:
    cash = simulated().prices.frame()["CASH"]
    assert (cash.diff().dropna() > 0).all()
    rate = simulated().macro("DTB3").mean() / 100
    assert np.log(cash.iloc[-1] / cash.iloc[0]) / 2 == pytest.approx(rate, abs=0.002)


# --- the effect is there when it is switched on, and only then


def test_stocks_fall_after_cascades_only_when_the_effect_is_on() -> None:
    mean = {effect: np.mean(np.concatenate([_falls(seed, effect) for seed in range(4)])) for effect in (0.0, 1.0)}
    # The first close after 12 hours may already have seen a part of the selling.
    assert mean[1.0] - mean[0.0] < -0.012
    assert abs(mean[0.0]) < 0.004


def _falls(seed: int, effect: float) -> np.ndarray:
    """Log-return of the index from the first close at least 12 hours after each cascade to the first after 72 hours."""
    market = simulated(seed, 4, effect=effect)
    index = np.log(market.prices.frame()["GROW"].to_numpy())
    times = instants(market.truth.events["time"])
    begin = np.searchsorted(market.calendar.closes, times + 12 * HOUR)
    end = np.searchsorted(market.calendar.closes, times + 72 * HOUR)
    inside = end < len(index)
    return index[end[inside]] - index[begin[inside]]


# --- errors


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("seed", -1),
        ("seed", 1.5),
        ("years", 0.5),
        ("years", 31),
        ("years", float("nan")),
        ("effect", -0.1),
        ("effect", 21),
        ("lag_hours", -1),
        ("lag_hours", 241),
        ("lag_hours", "36"),
        ("at_the_open", -0.1),
        ("at_the_open", 1.1),
        ("names", 4),
        ("names", 501),
        ("names", 10.0),
        ("start", "yesterday week"),
        ("start", "1920-01-01"),
    ],
)
def test_a_wrong_argument_is_named_with_its_rule_and_value(argument: str, value: object) -> None:
    with pytest.raises(ParameterError, match=rf"`{argument}` must be .*, got"):
        simulate_market(**{argument: value})
