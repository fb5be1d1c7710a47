"""Crypto signals: by hand, against pandas, ta, scipy and statsmodels, their invariances, and on the real market."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from statsmodels.robust.scale import mad
from ta.volatility import DonchianChannel

from undertow.market import DataError, Market, ParameterError
from undertow.signals import (
    AltcoinContagion,
    Cascade,
    DrawdownSpeed,
    Funding,
    LiquidationProxy,
    LiquidationSpike,
    OpenInterestChange,
    OpenInterestDivergence,
    Stabilisation,
    SupportBreach,
    VolumeSpike,
    WeekendGap,
    calibrate_proxy,
)
from undertow.signals.decisions.inputs import feed_inputs
from undertow.signals.decisions.table import DecisionTable

NAN = np.nan
RNG = np.random.default_rng(21)
HOURS = pd.date_range("2024-01-01", periods=400, freq="h")
BTC_RETURNS, OWN = RNG.normal(0, 0.01, 400), RNG.normal(0, 0.006, 400)
CLOSE = pd.Series(100 * np.exp(np.cumsum(BTC_RETURNS)), HOURS)
ALT = pd.Series(10 * np.exp(np.cumsum(1.3 * BTC_RETURNS + OWN)), HOURS)
VOLUME = pd.Series(RNG.lognormal(3, 1, 400), HOURS)
HELD = pd.Series(1e9 * np.exp(np.cumsum(RNG.normal(0, 0.01, 400))), HOURS)
LONGS = pd.Series(RNG.lognormal(10, 1.5, 400), HOURS)


def series(values: list[float]) -> pd.Series:
    return pd.Series(values, pd.date_range("2024-01-01", periods=len(values), freq="h"), dtype=float)


def robust_z(values: pd.Series, window: int) -> pd.Series:
    rolling = values.rolling(window)
    return (values - rolling.median()) / rolling.apply(mad)


@pytest.fixture(scope="module")
def table(real_market: Market) -> DecisionTable:
    return DecisionTable(real_market, "growth")


def on(table: DecisionTable, signal: Any, output: str, day: str, **options: Any) -> float:
    return float(table.signal(signal, {}, output=output, **options)[table.market.sessions.get_loc(day), 0])


# ---------------------------------------------------------------- price and volume


def test_drawdown_speed_by_hand() -> None:
    ran = DrawdownSpeed.run(series([100, 120, 90, 60, 66, 120]), window=3)
    assert_allclose(ran.speed, [NAN, NAN, -0.25, -0.25, (66 / 90 - 1) / 2, 0])
    assert_allclose(ran.age, [NAN, NAN, 1, 2, 2, 0])


def test_drawdown_speed_as_pandas_has_it() -> None:
    age = CLOSE.rolling(48).apply(lambda part: 47 - int(np.argmax(part)))
    expected = (CLOSE / CLOSE.rolling(48).max() - 1) / age.clip(lower=1)
    assert_allclose(DrawdownSpeed.run(CLOSE, window=48).speed, expected, atol=1e-15)


def test_support_breach_by_hand() -> None:
    close, volume = series([10, 9, 11, 8, 7, 7.5]), series([1, 1, 1, 1, 3, 3])
    ran = SupportBreach.run(close, volume, window=3, volume_window=3, volume_ratio=2.0)
    assert_allclose(ran.distance, [NAN, NAN, NAN, 8 / 9 - 1, 7 / 8 - 1, 7.5 / 7 - 1])
    assert_array_equal(ran.breach, [NAN, NAN, NAN, 0, 1, 0])  # the first break came on no more than usual volume
    assert_array_equal(SupportBreach.run(close, volume, window=3, volume_window=3, volume_ratio=1.0).breach[3:5], 1)


def test_support_is_the_donchian_channel_of_ta_a_row_earlier() -> None:
    lower = DonchianChannel(CLOSE, CLOSE, CLOSE, window=20).donchian_channel_lband().shift(1)
    ran = SupportBreach.run(CLOSE, VOLUME, window=20, volume_window=30, volume_ratio=1.2)
    assert_allclose(ran.distance, CLOSE / lower - 1)
    expected = (lower > CLOSE) & (1.2 * VOLUME.rolling(30).median() <= VOLUME)
    assert_array_equal(ran.breach[30:], expected[30:])
    assert 0 < expected.sum() < (lower > CLOSE).sum()


def test_volume_spike_by_hand_and_as_pandas_and_statsmodels_have_it() -> None:
    ran = VolumeSpike.run(series([1, 2, 3, 4, 5, 15]), horizon=2, window=3)  # sums 3, 5, 7, 9, 20
    assert_allclose(ran.z, [NAN, NAN, NAN, 1 / 1.4826, 1 / 1.4826, 5.5 / 1.4826])
    assert_allclose(ran.rank[3:], 1)
    ran, sums = VolumeSpike.run(VOLUME, horizon=6, window=50), VOLUME.rolling(6).sum()
    assert_allclose(ran.z, robust_z(sums, 50), rtol=2e-5)
    assert_allclose(ran.rank, sums.rolling(50).rank(pct=True))


def test_altcoin_contagion_by_hand() -> None:
    # Ether moves twice as bitcoin does, then 1 % more than that to the downside.
    btc = np.array([0, 0.01, -0.01, 0.02, -0.02, -0.03])
    alt = 2 * btc - np.array([0, 0, 0, 0, 0, 0.01])
    ran = AltcoinContagion.run(
        series(list(np.exp(np.cumsum(btc)))), series(list(np.exp(np.cumsum(alt)))), horizon=1, window=4
    )
    assert_allclose(ran.beta, [NAN] * 5 + [2])
    assert_allclose(ran.residual, [NAN] * 5 + [-0.01])
    assert ran.z.isna().all()  # an exact fit has no deviation to measure by


@pytest.mark.parametrize("horizon", [1, 24])
def test_altcoin_contagion_as_scipy_and_statsmodels_have_it(horizon: int) -> None:
    ran = AltcoinContagion.run(CLOSE, ALT, horizon=horizon, window=100)
    x, y = np.log(CLOSE).diff().to_numpy(), np.log(ALT).diff().to_numpy()
    for row in (horizon + 100, 250, 399):
        before = slice(row - horizon - 99, row - horizon + 1)
        slope = stats.linregress(x[before], y[before]).slope
        residual = y[row - horizon + 1 : row + 1].sum() - slope * x[row - horizon + 1 : row + 1].sum()
        deviation = np.sqrt(sm.OLS(y[before], sm.add_constant(x[before])).fit().mse_resid)
        assert_allclose(ran.beta.iloc[row], slope, rtol=1e-9)
        assert_allclose(ran.residual.iloc[row], residual, rtol=1e-9)
        assert_allclose(ran.z.iloc[row], residual / deviation / np.sqrt(horizon), rtol=1e-9)


def test_the_fall_itself_is_not_in_the_beta_it_is_measured_with() -> None:
    crash = ALT.where(ALT.index < HOURS[-24], ALT * 0.5)
    plain, crashed = (AltcoinContagion.run(CLOSE, alt, horizon=24, window=100) for alt in (ALT, crash))
    assert_array_equal(plain.beta, crashed.beta)
    assert_allclose(crashed.residual.iloc[-1] - plain.residual.iloc[-1], np.log(0.5))


# ---------------------------------------------------------------- the weekend


def test_weekend_gap_by_hand() -> None:
    close, since = series([100, 110, 99, 95, 120, 60]), series([3, 4, 0, 1, 2, 0])
    ran = WeekendGap.run(close, since, closed=1.5)
    assert_allclose(ran.gap, [NAN, NAN, 0, 95 / 99 - 1, 120 / 99 - 1, 0])
    assert_allclose(ran.weekend, [NAN, NAN, 0, 0, 120 / 99 - 1, 0])
    assert_allclose(ran.hours_closed, [NAN, NAN, 0, 1, 2, 0])
    # Once the exchange has opened again, the closure is over.
    shorter = WeekendGap.run(close, since, series([1, 2, 3, 4, 0.5, 2]), closed=0.5)
    assert_allclose(shorter.weekend, [NAN, NAN, 0, 95 / 99 - 1, 0, 0])
    assert_allclose(shorter.gap, ran.gap)
    # A close between two rows: what was known at it is the row before.
    assert_allclose(WeekendGap.run(close, [21.5, 22.5, 23.5, 0.5, 1.5, 2.5]).gap[3:], close[3:] / 99 - 1)


def test_weekend_gap_over_an_outage_starts_from_what_was_known_at_the_close(tiny_market: Market) -> None:
    bars = tiny_market.bars("BTC")
    # Friday's close is at 21:00 UTC; an outage of more than a day runs from 18:00 over it.
    away = (bars.times >= np.datetime64("2024-11-22T18")) & (bars.times < np.datetime64("2024-11-23T20"))
    for feed, stamp in ((bars, "2024-11-22T20"), (bars.keep(~away), "2024-11-22T17")):
        market = replace(tiny_market, feeds=tuple(feed if other is bars else other for other in tiny_market.feeds))
        table = DecisionTable(market, "growth")
        monday = market.sessions.get_loc("2024-11-25")
        gap, hours = (table.signal(WeekendGap, {}, output=name)[monday, 0] for name in ("gap", "hours_closed"))
        start, now = (feed["close"][feed.times == np.datetime64(time)][0] for time in (stamp, "2024-11-25T13"))
        assert_allclose(gap, now / start - 1)
        assert hours == 65


@pytest.mark.parametrize(
    ("session", "friday", "monday", "hours"),
    [
        ("2024-08-05", "2024-08-02T19", "2024-08-05T12", 65),
        ("2024-03-11", "2024-03-08T20", "2024-03-11T12", 64),  # daylight saving began on the Sunday
        ("2022-06-21", "2022-06-17T19", "2022-06-21T12", 89),  # Juneteenth
        ("2024-12-02", "2024-11-29T17", "2024-12-02T13", 68),  # the half day after Thanksgiving
    ],
)
def test_weekend_gap_follows_the_calendar(
    table: DecisionTable, session: str, friday: str, monday: str, hours: int
) -> None:
    bars = table.market.bars("BTC")
    start, now = (bars["close"][bars.times == np.datetime64(time)][0] for time in (friday, monday))
    assert on(table, WeekendGap, "hours_closed", session) == hours
    assert_allclose(on(table, WeekendGap, "weekend", session), now / start - 1)
    # On the session after, nothing is left of it, whatever Bitcoin did while stocks traded.
    after = table.market.sessions.get_loc(session) + 1
    for how in ("min", "max", "last"):
        assert table.signal(WeekendGap, {}, output="weekend", how=how)[after, 0] == 0


# ---------------------------------------------------------------- funding and open interest


def test_funding_by_hand() -> None:
    rate = series([1e-4, 2e-4, 3e-4, -6e-4, -6e-4, -6e-4, 9e-4])
    ran = Funding.run(rate, window=1, z_window=3, within=2, periods=1000.0)
    assert_allclose(ran.level, [0.1, 0.2, 0.3, -0.6, -0.6, -0.6, 0.9])
    assert_allclose(ran.z[:3], [NAN, NAN, 1 / 1.4826])
    assert_array_equal(ran.flip, [NAN, NAN, 0, 1, 1, 0, 0])
    assert Funding.run(series([1, 0, -1]), window=1, z_window=2, within=1).flip.iloc[-1] == 1  # by way of zero


def test_funding_windows_count_settlements_and_agree_with_pandas(table: DecisionTable) -> None:
    feed = table.market.funding("BTC")
    level, z, flip = table.series(Funding, feed, {"window": 9, "z_window": 60, "within": 6})
    expected = pd.Series(feed["funding_rate"]).rolling(9).mean() * 1095
    assert_allclose(level, expected, atol=1e-12)
    assert_allclose(z[500:700], robust_z(expected, 60)[500:700], rtol=1e-4, atol=1e-6)
    assert (level[8], flip[13]) == pytest.approx((expected[8], NAN), nan_ok=True)
    turned = (expected < 0) & (expected.shift(1) > 0)
    assert_array_equal(flip[14:], turned.rolling(6).max()[14:])
    assert 0 < turned.sum() < 100


def test_open_interest_change_by_hand() -> None:
    held, regime = series([100, 200, 100, 50, 10, 20]), series([0, 0, 0, 0, 1, 1])
    ran = OpenInterestChange.run(held, regime, horizon=1, window=2)
    assert_allclose(ran.change, np.log([NAN, 2, 0.5, 0.5, NAN, 2]))
    assert_allclose(ran.drop, [NAN, 0, -0.5, -0.5, NAN, 0])
    assert_allclose(ran.z, [NAN, NAN, -1 / 1.4826, NAN, NAN, NAN])  # two equal changes have no deviation


def test_open_interest_change_as_pandas_and_statsmodels_have_it() -> None:
    ran, change = OpenInterestChange.run(HELD, horizon=5, window=40), np.log(HELD).diff(5)
    assert_allclose(ran.change, change, atol=1e-12)
    assert_allclose(ran.z, robust_z(change, 40), rtol=2e-5, atol=1e-9)
    assert_allclose(ran.drop, HELD / HELD.rolling(40).max() - 1, atol=1e-12)


def test_open_interest_divergence_by_hand() -> None:
    ran = OpenInterestDivergence.run(series([100, 110, 100, 90]), series([100, 90, 110, 80]), horizon=1)
    assert_array_equal(ran.divergence, [NAN, 1, 0, 0])
    assert_allclose(ran.size, [NAN, np.log(1.1) + np.log(100 / 90), 0, 0])


@settings(max_examples=20)
@given(factor=st.floats(1e-3, 1e4), border=st.integers(60, 340))
def test_rescaling_a_venue_regime_changes_no_signal(factor: float, border: int) -> None:
    regime = np.where(np.arange(400) < border, 0.0, 1.0)
    held, longs = HELD.where(regime == 0, HELD * factor), LONGS.where(regime == 0, LONGS * factor)
    kwargs = {"window": 30, "horizon": 2, "pause": 3, "memory": 12}
    pairs = [
        (OpenInterestChange.run(held_usd, regime, horizon=3, window=30) for held_usd in (HELD, held)),
        (OpenInterestDivergence.run(held_usd, CLOSE, regime, horizon=3) for held_usd in (HELD, held)),
        (
            Cascade.run(one, CLOSE, regime, two, regime, spike=0.9, **kwargs)
            for one, two in ((LONGS, HELD), (longs, held))
        ),
    ]
    for plain, scaled in pairs:
        for name in plain.output_names:
            assert_allclose(getattr(plain, name), getattr(scaled, name), rtol=1e-5, atol=1e-7)


# ---------------------------------------------------------------- cascades and the all-clear

#        warm-up  first flush  pause  second, new low   faded  third spike, no new low   nothing more: calm at last
LONG = [1, 2, 3, 10, 1, 12, 1.5, 2, 13, 1, 0.9, 0.8, 0.7, 0.6]
PRICE = [105, 105, 105, 100, 98, 97, 98, 98, 99, 99, 99, 99, 99, 99]
INTEREST = [100, 100, 100, 99, 95, 95, 89, 95, 95, 95, 95, 95, 95, 95]
RULES = {"window": 4, "horizon": 1, "spike": 1.0, "fade": 0.6, "pause": 1, "reset": 0.1, "memory": 5}


def test_cascade_by_hand() -> None:
    ran = Cascade.run(series(LONG), series(PRICE), 0.0, series(INTEREST), 0.0, **RULES)
    assert_array_equal(ran.stage, [NAN, NAN, NAN, 1, 1, 2, 3, 3, 2, 2, 2, 2, 2, 0])
    assert_array_equal(ran.flushes, [NAN, NAN, NAN, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 0])
    assert_array_equal(ran.age, [NAN, NAN, NAN, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0])


def test_cascade_without_open_interest_rests_on_fading() -> None:
    ran = Cascade.run(series(LONG), series(PRICE), **RULES)
    assert_array_equal(ran.stage[3:], [1, 3, 2, 3, 3, 2, 3, 3, 3, 3, 0])


@pytest.mark.parametrize(("row", "price", "pause"), [(5, 98.5, 1), (5, 97, 2)])
def test_a_second_flush_needs_a_new_low_and_a_pause(row: int, price: float, pause: int) -> None:
    close = series(PRICE)
    close.iloc[row] = price
    ran = Cascade.run(series(LONG), close, 0.0, series(INTEREST), 0.0, **{**RULES, "pause": pause})
    assert ran.stage.iloc[row] == 1
    assert ran.flushes.iloc[row] == 1


def test_cascade_measures_the_reset_from_the_high_before_it_on_the_same_venues() -> None:
    def stage(held: list[float], venue: list[float], row: int = 6) -> float:
        ran = Cascade.run(series(LONG), series(PRICE), 0.0, series(held), series(venue), **{**RULES, "memory": 3})
        return float(ran.stage.iloc[row])

    one = [0.0] * 14
    assert stage([100, *INTEREST[1:]], one) == stage(INTEREST, one) == 3
    assert stage([200, *[95] * 13], one) == 2  # a high of more than `memory` rows ago does not count
    assert stage([95, 200, *[185] * 12], one) == 2
    assert stage([95, 200, *[180] * 12], one) == 3
    # Levels of other venues do not compare: neither from before the flush nor after it.
    assert stage([95, 200, *[180] * 12], [0.0] * 2 + [1.0] * 12) == 2
    assert stage([95, 95, 95, 95, 95, 95, *[95] * 8], [0.0] * 5 + [1.0] * 9) == 3


def test_stabilisation_by_hand() -> None:
    kwargs = {"window": 4, "calm": 2, "short": 2, "reset": 0.1}
    close, rate, held = series([100, 50, 60, 80]), series([4, 3, 2, 1]), series([100, 100, 100, 85])
    ran = Stabilisation.run(close, rate, held, reclaim=0.7, **kwargs)
    last = {name: float(getattr(ran, name).iloc[-1]) for name in ran.output_names}
    assert last == pytest.approx(
        {
            "score": 0.75,
            "no_new_low": 1,
            "volatility_falling": NAN,
            "funding_reset": 1,
            "open_interest_reset": 1,
            "reclaimed": 0,
            "reclaimed_share": 0.6,
        },
        nan_ok=True,
    )
    assert Stabilisation.run(close, reclaim=0.5, **kwargs).score.iloc[-1] == 1
    assert Stabilisation.run(close, reclaim=0.7, **kwargs).score.iloc[-1] == 0.5


def test_stabilisation_as_pandas_has_it() -> None:
    rate = pd.Series(RNG.normal(1e-4, 1e-4, 400), HOURS)
    ran = Stabilisation.run(CLOSE, rate, HELD, window=60, calm=20, short=12, fraction=0.8, reset=0.05)
    deviation = np.log(CLOSE).diff().rolling(12).std()
    assert_array_equal(ran.volatility_falling[71:], (deviation <= 0.8 * deviation.rolling(60).max())[71:])
    assert_array_equal(ran.funding_reset[59:], (rate <= rate.rolling(60).median())[59:])
    assert_array_equal(ran.open_interest_reset[59:], (HELD / HELD.rolling(60).max() - 1 <= -0.05)[59:])

    def share(part: pd.Series) -> float:
        after = part[part.argmax() :]
        return float((after.iloc[-1] - after.min()) / (after.max() - after.min())) if len(after) > 1 else 1.0

    assert_allclose(ran.reclaimed_share, CLOSE.rolling(60).apply(share, raw=False), atol=1e-12)
    signs = pd.concat([getattr(ran, name) for name in ran.output_names[1:6]], axis=1)
    assert_allclose(ran.score[71:], signs.mean(axis=1)[71:])


# ---------------------------------------------------------------- missing values

INPUTS = {
    DrawdownSpeed: (CLOSE,),
    SupportBreach: (CLOSE, VOLUME),
    VolumeSpike: (VOLUME,),
    AltcoinContagion: (CLOSE, ALT),
    WeekendGap: (CLOSE, pd.Series(np.arange(400) % 24.0, HOURS)),
    Funding: (HELD,),
    OpenInterestChange: (HELD,),
    OpenInterestDivergence: (HELD, CLOSE),
    Cascade: (LONGS, CLOSE),
    Stabilisation: (CLOSE,),
}


def every_output(signal: Any, first: pd.Series) -> pd.DataFrame:
    small = {name: 20 for name, parameter in signal.spec.parameters.items() if parameter.whole}
    ran = signal.run(first, *INPUTS[signal][1:], **small)
    return pd.concat([getattr(ran, name) for name in ran.output_names], axis=1)


@pytest.mark.parametrize("signal", INPUTS)
def test_a_missing_current_value_gives_no_value_and_breaks_nothing_after(signal: Any) -> None:
    holed = every_output(signal, INPUTS[signal][0].where(HOURS[300] != HOURS))
    full = every_output(signal, INPUTS[signal][0])
    assert holed.iloc[300].isna().all()
    later = full.iloc[345:].notna().all()
    assert holed.iloc[345:].notna().all()[later].all()


@pytest.mark.parametrize("signal", [signal for signal in INPUTS if signal is not WeekendGap])
def test_a_window_less_than_half_there_gives_no_value(signal: Any) -> None:
    sparse = every_output(signal, INPUTS[signal][0].where(np.arange(400) % 3 == 0))
    assert sparse.isna().all(axis=None)


# ---------------------------------------------------------------- the real market


def test_real_crashes_look_like_crashes(table: DecisionTable) -> None:
    assert on(table, SupportBreach, "breach", "2020-03-12", how="max") == 1
    assert on(table, VolumeSpike, "rank", "2020-03-12") == 1
    assert on(table, DrawdownSpeed, "speed", "2020-03-13", how="min") < -0.003  # half in six days
    assert -0.21 < on(table, WeekendGap, "gap", "2024-08-05") < -0.19
    assert -0.19 < on(table, WeekendGap, "gap", "2022-06-13") < -0.17
    assert on(table, AltcoinContagion, "z", "2024-08-05") < -5
    assert on(table, OpenInterestChange, "z", "2022-06-14") < -4
    assert on(table, OpenInterestChange, "drop", "2024-08-06") < -0.25
    for day in ("2020-03-12", "2022-06-13", "2024-08-05"):
        assert on(table, Stabilisation, "score", day) <= 0.4
    assert on(table, Stabilisation, "score", "2024-08-15") == 0.8


def test_cascade_of_august_2024_runs_its_course(table: DecisionTable) -> None:
    days = ("2024-08-01", "2024-08-05", "2024-08-09", "2024-08-16")
    assert [on(table, Cascade, "stage", day) for day in days] == [0, 2, 3, 0]


def test_regime_of_another_feed_comes_in_by_what_was_known_of_it(table: DecisionTable) -> None:
    bars, held = table.market.bars("BTC"), table.market.open_interest("BTC")
    regime = feed_inputs(Stabilisation.spec, table, bars)["open_interest_regime"][:, 0]
    border = int(np.flatnonzero(np.diff(held.regimes))[0]) + 1
    changed = np.flatnonzero(np.diff(regime) == 1)
    assert len(changed) == 1
    grid = bars.known_at[0] + np.arange(len(regime)) * bars.interval.timedelta
    assert grid[changed[0]] < held.known_at[border] <= grid[changed[0] + 1]


@pytest.mark.parametrize(
    "signal", [WeekendGap, AltcoinContagion, Cascade, Funding, OpenInterestDivergence, Stabilisation]
)
def test_nothing_at_a_decision_depends_on_what_came_later(table: DecisionTable, signal: Any) -> None:
    for day in ("2022-06-17", "2024-08-05"):
        before = DecisionTable(table.market.until(day), "growth")
        for output in signal.spec.outputs:
            full = table.signal(signal, {}, output=output)[: len(before)]
            assert_array_equal(before.signal(signal, {}, output=output), full)


def test_proxy_calibration_on_the_real_feed(real_market: Market) -> None:
    calibration = calibrate_proxy(real_market)
    assert (calibration.feed, calibration.rows) == ("liquidations BTC 1d", 1636)
    assert 0.8 < calibration.rank_correlation < 0.9
    btc, daily = real_market.bars("BTC"), real_market.feeds_of("liquidations", "BTC")[1]
    proxy = LiquidationProxy.run(btc.close, btc.volume).rank.resample("1D").last()
    real = LiquidationSpike.run(daily.long_usd, NAN, NAN, daily.regime, horizon=1, window=90).rank
    pairs = pd.concat([proxy, real], axis=1, keys=["proxy", "real"]).dropna()
    assert_allclose(calibration.rank_correlation, pairs.corr("spearman").iloc[0, 1], atol=0.005)
    assert_allclose(calibration.hit_rate, (pairs["real"] >= 0.95).mean(), atol=0.002)
    assert_allclose((pairs["proxy"] >= calibration.proxy_threshold).mean(), calibration.hit_rate, atol=0.005)
    assert 0.5 < calibration.shared_hits < 1


def test_proxy_calibration_refuses_what_it_cannot_do(tiny_market: Market) -> None:
    with pytest.raises(ParameterError, match="`real_threshold` must be a rank"):
        calibrate_proxy(tiny_market, real_threshold=1.5)
    with pytest.raises(DataError, match="no feed of kind 'liquidations' for ETH"):
        calibrate_proxy(tiny_market, "ETH")
    with pytest.raises(DataError, match="0 rows have both ranks"):
        calibrate_proxy(tiny_market)


def test_the_proxy_starts_afresh_with_a_venue() -> None:
    rng = np.random.default_rng(1)
    close = np.exp(np.cumsum(rng.normal(0, 0.01, 900)))[:, None]
    volume, regime = rng.uniform(1, 2, (900, 1)), np.repeat([0.0, 1.0], 450)[:, None]
    plain = LiquidationProxy.spec.kernel(close, volume, regime, 12, 100)
    louder = LiquidationProxy.spec.kernel(close, np.where(regime > 0, 1000 * volume, volume), regime, 12, 100)
    for one, other in zip(plain, louder, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    assert np.isnan(plain[0][450:549]).all()
    assert np.isfinite(plain[0][570:]).all()
