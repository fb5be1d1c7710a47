"""Signals: by hand on a few bars, against pandas, ta and statsmodels, and their invariances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from statsmodels.robust.scale import mad
from ta.momentum import ROCIndicator

from undertow.market import Market, simulate_market
from undertow.signals import Beta, Drawdown, Drop, LiquidationProxy, LiquidationSpike, RealizedVolatility, RowsSinceLow
from undertow.signals.decisions.table import DecisionTable

NAN = np.nan
RNG = np.random.default_rng(2)
CLOSE = pd.Series(100 * np.exp(np.cumsum(RNG.normal(0, 0.02, 300))), pd.date_range("2024-01-01", periods=300, freq="h"))
COUNTS = pd.Series(RNG.lognormal(10, 1.5, 300), CLOSE.index)


def series(values: list[float]) -> pd.Series:
    return pd.Series(values, pd.date_range("2024-01-01", periods=len(values), freq="h"), dtype=float)


def test_drawdown_by_hand() -> None:
    close = series([100, 120, 90, 60, 66, 80])
    assert_allclose(Drawdown.run(close, window=3).drawdown, [NAN, NAN, -0.25, -0.5, 66 / 90 - 1, 0])


def test_drawdown_passes_over_a_missing_hour() -> None:
    assert_allclose(Drawdown.run(series([100, NAN, 90, 60]), window=3).drawdown, [NAN, NAN, -0.1, 60 / 90 - 1])


def test_drop_by_hand_and_as_ta_has_it() -> None:
    assert_allclose(Drop.run(series([100, 120, 90, 60]), horizon=2).drop, [NAN, NAN, -0.1, -0.5])
    assert_allclose(Drop.run(CLOSE, horizon=24).drop, ROCIndicator(CLOSE, window=24).roc() / 100, rtol=1e-12)


def test_rows_since_low_by_hand() -> None:
    assert_allclose(RowsSinceLow.run(series([5, 3, 4, 6, 2, 2]), window=3).age, [NAN, NAN, 1, 2, 0, 0])


@pytest.mark.parametrize("window", [5, 48])
def test_drawdown_and_low_as_pandas_has_them(window: int) -> None:
    assert_allclose(Drawdown.run(CLOSE, window=window).drawdown, CLOSE / CLOSE.rolling(window).max() - 1)
    age = CLOSE.rolling(window).apply(lambda part: window - 1 - int(np.argmin(part)))
    assert_allclose(RowsSinceLow.run(CLOSE, window=window).age, age)


def test_realized_volatility_by_hand_and_as_pandas_has_it() -> None:
    close = series([100, 100 * np.e**0.1, 100])  # log returns +0.1 and -0.1: sample deviation 0.1 * root 2
    assert_allclose(RealizedVolatility.run(close, window=2, periods=252.0).volatility.iloc[-1], 0.1 * np.sqrt(2 * 252))
    expected = np.log(CLOSE).diff().rolling(24).std() * np.sqrt(8760)
    assert_allclose(RealizedVolatility.run(CLOSE, window=24).volatility, expected, rtol=1e-9)


def test_liquidation_spike_by_hand() -> None:
    ran = LiquidationSpike.run(series([1, 2, 3, 4, 10]), series([3, 2, 1, 4, 0]), 100.0, horizon=1, window=5)
    # median 3, distances 2 1 0 1 7, MAD 1
    assert_allclose(ran.z, [NAN] * 4 + [7 / 1.4826])
    assert_allclose(ran.rank, [NAN] * 4 + [1.0])
    assert_allclose(ran.long_share, [0.25, 0.5, 0.75, 0.5, 1.0])
    assert_allclose(ran.intensity, [0.01, 0.02, 0.03, 0.04, 0.10])


def test_liquidation_spike_as_pandas_and_statsmodels_have_it() -> None:
    ran = LiquidationSpike.run(COUNTS, horizon=1, window=50)
    assert_allclose(ran.rank, COUNTS.rolling(50).rank(pct=True))
    # c is the normal quantile that the constant 1.4826 rounds
    spread = COUNTS.rolling(50).apply(lambda part: mad(part, c=1 / 1.4826))
    assert_allclose(ran.z, (COUNTS - COUNTS.rolling(50).median()) / spread)
    summed = LiquidationSpike.run(COUNTS, horizon=6, window=50)
    assert_allclose(summed.rank, COUNTS.rolling(6).sum().rolling(50).rank(pct=True))


def test_liquidation_windows_restart_at_a_regime_border() -> None:
    regime = series([0] * 100 + [1] * 200)
    full = LiquidationSpike.run(COUNTS, NAN, NAN, regime.to_numpy(), horizon=3, window=40)
    after = LiquidationSpike.run(COUNTS[100:], horizon=3, window=40)
    assert_allclose(full.rank[100:], after.rank)
    assert np.isnan(full.rank[100:141]).all()


@given(factor=st.floats(1e-3, 1e4), border=st.integers(60, 240))
def test_rescaling_a_venue_regime_changes_no_spike(factor: float, border: int) -> None:
    regime = np.where(np.arange(300) < border, 0.0, 1.0)
    scaled = COUNTS.where(regime == 0, COUNTS * factor)
    plain, rescaled = (
        LiquidationSpike.run(counts, counts, NAN, regime, horizon=1, window=30) for counts in (COUNTS, scaled)
    )
    assert_allclose(plain.rank, rescaled.rank)
    assert_allclose(plain.z, rescaled.z, rtol=1e-6)
    assert_allclose(plain.long_share, rescaled.long_share)


def test_rescaling_one_real_regime_by_6_3_changes_no_spike_rank(real_market: Market) -> None:
    feed = real_market.feeds_of("liquidations", "BTC")[1]
    assert len(feed.regime_names) == 3
    columns = {name: np.where(feed.regimes == 1, values * 6.3, values) for name, values in feed.columns.items()}
    scaled = replace(feed, columns=columns)
    ranks = [
        LiquidationSpike.run(counts.long_usd, counts.short_usd, NAN, counts.regime, horizon=1, window=90).rank
        for counts in (feed, scaled)
    ]
    assert ranks[0].notna().sum() > 1500
    assert_allclose(*ranks)


def test_liquidation_proxy_by_hand() -> None:
    # Falls of 10 %, 0 and 50 % on 1, 1 and 2 times the median volume, summed over two bars.
    close, volume = series([100, 90, 90, 45]), series([10, 10, 10, 20])
    ran = LiquidationProxy.run(close, volume, horizon=2, window=3)
    assert_allclose(ran.stress, [NAN, NAN, NAN, 0 + np.log(2) * 2])


def test_proxy_goes_with_the_real_feed(real_market: Market) -> None:
    btc, daily = real_market.bars("BTC"), real_market.feeds_of("liquidations", "BTC")[1]
    proxy = LiquidationProxy.run(btc.close, btc.volume).rank.resample("1D").last()
    real = LiquidationSpike.run(daily.long_usd, NAN, NAN, daily.regime, horizon=1, window=90).rank
    pairs = pd.concat([proxy, real], axis=1, keys=["proxy", "real"]).dropna()
    assert pairs.corr("spearman").iloc[0, 1] > 0.75


def test_beta_by_hand_and_as_least_squares_has_it() -> None:
    market = CLOSE
    stock = (1 + 1.5 * market.pct_change().fillna(0)).cumprod()
    assert_allclose(Beta.run(stock, market, window=20).beta[20:], 1.5)
    noisy = stock * np.exp(RNG.normal(0, 0.01, 300))
    x, y = market.pct_change()[-60:], noisy.pct_change()[-60:]
    assert_allclose(Beta.run(noisy, market, window=60).beta.iloc[-1], np.polyfit(x, y, 1)[0], rtol=1e-9)


def test_indicators_sweep_as_vectorbt_users_expect() -> None:
    ran = Drawdown.run(CLOSE, window=[24, 72, 168])
    assert ran.drawdown.shape == (300, 3)
    assert ran.drawdown_below(-0.15).sum().tolist() == (ran.drawdown < -0.15).sum().tolist()
    grid = LiquidationSpike.run(COUNTS, horizon=[1, 6], window=[30, 50], param_product=True)
    assert grid.rank.shape == (300, 4)
    assert ran.drawdown_crossed_below(-0.05).to_numpy().any()


# ---------------------------------------------------------------- the decision table


def test_table_takes_the_finest_feed_that_has_a_value_and_says_which(real_market: Market) -> None:
    table = DecisionTable(real_market, "growth")
    table.signal(LiquidationSpike, {"horizon": 24, "window": 30 * 24}, output="rank")
    hourly, daily = (table.used[name] for name in ("liquidations BTC 1h", "liquidations BTC 1d"))
    sessions = real_market.sessions[hourly]
    assert (str(sessions[0].date()), str(sessions[-1].date())) == ("2024-07-22", "2024-08-20")
    assert not (hourly & daily).any()
    assert daily.sum() > 1000


def test_table_sees_a_weekend_crash_that_has_recovered() -> None:
    market = simulate_market(seed=1, years=1, names=5)
    bars = market.bars("BTC")
    # A fall of half that lasts from Saturday 12:00 to 18:00 UTC.
    times = pd.DatetimeIndex(bars.times)
    crash = (times >= "2018-06-09 12:00") & (times < "2018-06-09 18:00")
    crashed = replace(bars, columns={**bars.columns, "close": np.where(crash, bars["close"] / 2, bars["close"])})
    market = replace(market, feeds=tuple(crashed if counts is bars else counts for counts in market.feeds))
    table = DecisionTable(market, "growth")
    worst, last = (table.signal(Drawdown, {"window": 72}, lag=24, how=how)[:, 0] for how in ("min", "last"))
    monday = market.sessions.get_loc("2018-06-11")
    assert worst[monday] < -0.45
    assert worst[monday - 1] > -0.3
    assert last[monday] > -0.3
    first = table.first_breach(Drawdown, {"window": 72}, lambda x: x < -0.45, lag=24)
    assert str(first[monday]) == "2018-06-09T13:00:00.000000000"


def test_table_computes_each_distinct_parameter_once() -> None:
    table = DecisionTable(simulate_market(seed=1, years=1, names=5), "growth")
    values = table.signal(Drawdown, {"window": np.array([24, 48, 24, 24])}, lag=np.array([0, 0, 0, 24]))
    assert values.shape == (len(table), 4)
    assert len(table._aligned) == 3
    np.testing.assert_array_equal(values[:, 0], values[:, 2])


def test_two_signals_of_one_name_are_two_signals() -> None:
    table = DecisionTable(simulate_market(seed=7, years=1, names=5), "growth")
    spec = Drawdown.spec

    def constant(value: float) -> float:
        # Made anew and dropped on each call: another object may lie at the same address later.
        changed_spec = replace(spec, kernel=lambda price, window: price * 0.0 + value, at={})
        return float(table.signal(changed_spec, {"window": 24})[-1, 0])

    assert [constant(value) for value in range(20)] == list(range(20))


def test_indicators_plot_one_column_with_every_output() -> None:
    figure = LiquidationSpike.run(COUNTS, horizon=1, window=[30, 50]).plot(column=(1, 50), title="spike")
    assert [trace.name for trace in figure.data] == ["long_usd", "z", "rank", "long_share", "intensity"]
    assert figure.layout.title.text == "spike"
