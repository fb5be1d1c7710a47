"""Volatility, correlation and macro signals: by hand, against numpy, pandas and scipy, and on the real market."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from support.feeds import macro_feed
from undertow.market import Market
from undertow.signals import (
    AbsorptionRatio,
    AveragePairwiseCorrelation,
    BasketVolatilityShock,
    BtcEquityCorrelation,
    CreditShock,
    DollarShock,
    ForcedExposure,
    IndexForcedExposure,
    PolicyTailwind,
    RatesShock,
    Vix,
    VolatilityShock,
)
from undertow.signals.decisions.table import DecisionTable

NAN = np.nan
RNG = np.random.default_rng(12)
DAYS = pd.date_range("2022-01-03", periods=400, freq="B")
COMMON = RNG.normal(0, 0.01, (400, 1))
PANEL = pd.DataFrame(100 * np.exp(np.cumsum(COMMON + RNG.normal(0, 0.01, (400, 12)), axis=0)), DAYS)
ONE, TWO = PANEL[0], PANEL[1]
LEVEL = pd.Series(RNG.lognormal(3, 0.3, 400), DAYS)
MEMBER = pd.DataFrame(1.0, DAYS, PANEL.columns)


def series(values: list[float]) -> pd.Series:
    return pd.Series(values, pd.date_range("2024-01-01", periods=len(values), freq="D"), dtype=float)


def from_returns(*returns: list[float]) -> pd.DataFrame:
    moves = np.vstack([np.zeros(len(returns)), np.column_stack(returns)])
    return pd.DataFrame(100 * np.cumprod(1 + moves, axis=0), pd.date_range("2024-01-01", periods=len(moves), freq="D"))


# ---------------------------------------------------------------- volatility


def test_volatility_shock_by_hand() -> None:
    # Log returns 1, -1, 1, -1, 3, -3 percent: deviations of two, root 2 times 1, 1, 1, 2, 3.
    close = series(list(100 * np.exp(np.cumsum([0, 0.01, -0.01, 0.01, -0.01, 0.03, -0.03]))))
    assert_allclose(VolatilityShock.run(close, short=2, window=3).ratio, [NAN] * 4 + [1, 2, 1.5])


def test_volatility_shock_as_pandas_has_it() -> None:
    volatility = np.log(ONE).diff().rolling(10).std()
    expected = volatility / volatility.rolling(60).median()
    assert_allclose(VolatilityShock.run(ONE, short=10, window=60).ratio, expected, rtol=1e-9)
    assert_allclose(BasketVolatilityShock.run(ONE, short=10, window=60).ratio, expected, rtol=1e-9)


def test_volatility_shock_is_nan_at_a_missing_close_and_where_nothing_moves() -> None:
    assert np.isnan(VolatilityShock.run(ONE.where(ONE.index != DAYS[200]), short=10, window=60).ratio.iloc[200])
    assert VolatilityShock.run(ONE * 0 + 100, short=10, window=60).ratio.isna().all()


def test_a_series_that_starts_late_waits_for_its_full_window() -> None:
    late = LEVEL.where(np.arange(400) >= 100)
    assert_array_equal(np.flatnonzero(Vix.run(late, window=50).spike.notna())[0], 149)
    assert_array_equal(np.flatnonzero(Vix.run(late, window=50).rank.notna())[0], 149)


def test_vix_by_hand() -> None:
    ran = Vix.run(series([10, 20, 30, 15, 40]), window=3)
    assert_allclose(ran.level, [10, 20, 30, 15, 40])
    assert_allclose(ran.spike, [NAN, NAN, 30 / 20 - 1, 15 / 20 - 1, 40 / 30 - 1])
    assert_allclose(ran.rank, [NAN, NAN, 1, 1 / 3, 1])


def test_vix_as_pandas_has_it() -> None:
    ran = Vix.run(LEVEL, window=60)
    assert_allclose(ran.spike, LEVEL / LEVEL.rolling(60).median() - 1)
    assert_allclose(ran.rank, LEVEL.rolling(60).rank(pct=True))


def test_forced_exposure_by_hand() -> None:
    # Squared returns 1, 4, 16 (percent): with half the weight a session the means of two are (4 + 0.5) / 1.5 = 3 and
    # (16 + 2) / 1.5 = 12, so the volatility doubles and a fund at its target has to sell half.
    close = series(list(100 * np.exp(np.cumsum([0, 0.01, 0.02, 0.04]))))
    target = 0.01 * np.sqrt(3 * 252)
    ran = ForcedExposure.run(close, window=2, decay=0.5, target=target, cap=1.0)
    assert_allclose(ran.exposure, [NAN, NAN, 1, 0.5])
    assert_allclose(ran.cut, [NAN, NAN, NAN, -0.5])
    # Funds of USD 3 bn that halve it sell 1.5 bn; what they buy back is no sale.
    funds = {"window": 2, "decay": 0.5, "target": target, "cap": 1.0, "assets": 3e9}
    assert_allclose(ForcedExposure.run(close, **funds).sold, [NAN, NAN, NAN, 1.5e9])
    assert_allclose(IndexForcedExposure.run(close, **funds).sold, [NAN, NAN, NAN, 1.5e9])
    still = series([*close, close.iloc[-1], close.iloc[-1]])
    assert_allclose(ForcedExposure.run(still, **funds).sold[4:], [0.0, 0.0])
    assert_allclose(ForcedExposure.run(close, window=2, decay=0.5, target=10.0, cap=1.5).exposure[2:], 1.5)
    assert_allclose(ForcedExposure.run(close * 0 + 1, window=2, target=0.1, cap=2.0).exposure[2:], 2.0)


def test_forced_exposure_as_pandas_ewm_has_it() -> None:
    squares = np.log(ONE).diff() ** 2
    expected_volatility = np.sqrt(squares.ewm(alpha=0.06).mean().iloc[-1] * 252)
    ran = ForcedExposure.run(ONE, window=399, decay=0.94, target=0.05, cap=9.0)
    assert_allclose(ran.exposure.iloc[-1], 0.05 / expected_volatility, rtol=1e-9)


# ---------------------------------------------------------------- correlation


def test_btc_equity_correlation_by_hand() -> None:
    # Returns 1 2 3 against 1 3 2: covariance 1, variances 2 and 2, so r = 0.5; three pairs have no interval.
    close = from_returns([0.01, 0.02, 0.03], [0.01, 0.03, 0.02])
    ran = BtcEquityCorrelation.run(close[0], close[1], window=3, lower=0.4, upper=0.6)
    assert_allclose(ran.correlation, [NAN, NAN, NAN, 0.5])
    assert_allclose(ran.low, [NAN] * 4)
    assert_allclose(ran.in_band, [NAN, NAN, NAN, 1])
    above = BtcEquityCorrelation.run(close[0], close[1], window=3, lower=0.3, upper=0.4)
    assert (above.compressed.iloc[-1], above.in_band.iloc[-1]) == (1, 0)
    below = BtcEquityCorrelation.run(close[0], close[1], window=3, lower=0.6, upper=0.9)
    assert (below.compressed.iloc[-1], below.in_band.iloc[-1]) == (0, 0)


def test_btc_equity_correlation_as_pandas_and_scipy_have_it() -> None:
    ran = BtcEquityCorrelation.run(ONE, TWO, window=40)
    x, y = ONE.pct_change(), TWO.pct_change()
    assert_allclose(ran.correlation, x.rolling(40).corr(y), rtol=1e-8)
    interval = stats.pearsonr(x[-40:], y[-40:]).confidence_interval(0.95)
    assert_allclose((ran.low.iloc[-1], ran.high.iloc[-1]), (interval.low, interval.high), rtol=1e-9)


def test_correlation_with_itself_is_one_and_its_interval_has_no_width() -> None:
    ran = BtcEquityCorrelation.run(ONE, ONE, window=20)
    for output in (ran.correlation, ran.low, ran.high):
        assert_allclose(output[20:], 1, rtol=1e-9)
    assert BtcEquityCorrelation.run(ONE, ONE * 0 + 1, window=20).correlation.isna().all()


def test_missing_pairs_are_left_out_of_the_correlation_and_widen_its_interval() -> None:
    holed = ONE.where(~np.isin(np.arange(400), [385, 390]))
    ran = BtcEquityCorrelation.run(holed, TWO, window=40)
    pairs = pd.concat([holed.pct_change(fill_method=None), TWO.pct_change()], axis=1)[-40:].dropna()
    assert len(pairs) == 36
    expected = stats.pearsonr(pairs.iloc[:, 0], pairs.iloc[:, 1])
    assert_allclose(ran.correlation.iloc[-1], expected.statistic, rtol=1e-9)
    assert_allclose(ran.low.iloc[-1], expected.confidence_interval(0.95).low, rtol=1e-9)


def test_average_pairwise_correlation_by_hand() -> None:
    # 1 2 3 against 1 3 2 correlate at 0.5, against 3 2 1 at -1, and those two with each other at -0.5: mean -1/3.
    close = from_returns([0.01, 0.02, 0.03], [0.01, 0.03, 0.02], [0.03, 0.02, 0.01])
    ran = AveragePairwiseCorrelation.run(close, close * 0 + 1, window=3)
    assert_allclose(ran.correlation.iloc[-1], [-1 / 3] * 3)
    assert ran.correlation[:3].isna().all(axis=None)
    without = (close * 0 + 1).assign(x=0.0)[[0, 1, "x"]].set_axis(close.columns, axis=1)
    assert_allclose(AveragePairwiseCorrelation.run(close, without, window=3).correlation.iloc[-1], [0.5] * 3)


def pairwise(returns: pd.DataFrame) -> float:
    matrix = np.corrcoef(returns.to_numpy().T)
    return float(matrix[~np.eye(len(matrix), dtype=bool)].mean())


def test_average_pairwise_correlation_as_numpy_corrcoef_has_it() -> None:
    returns = PANEL.pct_change()
    ran = AveragePairwiseCorrelation.run(PANEL, MEMBER, window=50).correlation.iloc[:, 0]
    for end in (51, 200, 400):
        assert_allclose(ran.iloc[end - 1], pairwise(returns[end - 50 : end]), rtol=1e-9)


def test_only_members_with_each_return_of_the_window_count() -> None:
    holed = PANEL.copy()
    holed.iloc[370, 3] = NAN
    member = MEMBER.copy()
    member.iloc[-1, 5] = 0.0
    names_left = [name for name in PANEL if name not in (3, 5)]
    expected = pairwise(PANEL.pct_change()[names_left][-50:])
    ran = AveragePairwiseCorrelation.run(holed, member, window=50).correlation
    assert_allclose(ran.iloc[-1], expected, rtol=1e-9)
    alone = MEMBER * (np.arange(12) == 2)
    assert AveragePairwiseCorrelation.run(PANEL, alone, window=50).correlation.isna().all(axis=None)


def test_compression_flags_of_one_stock_in_two_names() -> None:
    twins = pd.concat([ONE, 2 * ONE], axis=1)
    ran = AveragePairwiseCorrelation.run(twins, twins * 0 + 1, window=30)
    assert_allclose(ran.correlation[30:], 1, rtol=1e-9)
    assert (ran.compressed[30:] == 1).all(axis=None)
    assert (ran.in_band[30:] == 0).all(axis=None)
    assert ran.compressed[:30].isna().all(axis=None)


@settings(max_examples=20)
@given(st.lists(st.floats(1e-3, 1e3), min_size=12, max_size=12))
def test_the_price_level_of_a_name_changes_no_correlation_and_no_absorption(factors: list[float]) -> None:
    part = PANEL[-120:]
    plain, scaled = (
        (
            AveragePairwiseCorrelation.run(panel, MEMBER[-120:], window=40).correlation,
            AbsorptionRatio.run(panel, MEMBER[-120:], window=40, long=70).ratio,
        )
        for panel in (part, part * factors)
    )
    for one, other in zip(plain, scaled, strict=True):
        assert_allclose(one, other, rtol=1e-8)


# ---------------------------------------------------------------- absorption


def test_absorption_ratio_by_hand() -> None:
    # Two names that move alike have one eigenvector with all of the variance; two that take turns share it equally.
    alike = from_returns([0.01, -0.01, 0.02, -0.02], [0.02, -0.02, 0.04, -0.04])
    assert_allclose(AbsorptionRatio.run(alike, alike * 0 + 1, window=4).ratio.iloc[-1], 1)
    # With two names and a window of two there is one direction; with these weights 1/3, 2/3 nothing else can be.
    closes = from_returns([0.01, 0.03], [0.02, -0.01])
    assert_allclose(AbsorptionRatio.run(closes, closes * 0 + 1, window=2).ratio.iloc[-1], 1)


def absorbed_by_numpy(returns: pd.DataFrame, fraction: float) -> float:
    age = np.arange(len(returns))[::-1]
    matrix = np.cov(returns.to_numpy().T, aweights=0.5 ** (age / (len(returns) / 2)), ddof=0)
    values = np.sort(np.linalg.eigh(matrix)[0])[::-1]
    count = round(fraction * min(returns.shape[1], len(returns) - 1))
    return float(values[:count].sum() / values.sum())


@pytest.mark.parametrize("window", [8, 60])  # fewer rows than names, and more
def test_absorption_ratio_as_numpy_cov_and_eigh_have_it(window: int) -> None:
    ran = AbsorptionRatio.run(PANEL, MEMBER, window=window, fraction=0.25).ratio.iloc[:, 0]
    returns = PANEL.pct_change()
    for end in (window + 1, 200, 400):
        assert_allclose(ran.iloc[end - 1], absorbed_by_numpy(returns[end - window : end], 0.25), rtol=1e-9)


def test_absorption_shift_as_pandas_has_it() -> None:
    ran = AbsorptionRatio.run(PANEL, MEMBER, window=40, short=15, long=100)
    ratio = ran.ratio.iloc[:, 0]
    expected = (ratio.rolling(15).mean() - ratio.rolling(100).mean()) / ratio.rolling(100).std()
    assert_allclose(ran.shift.iloc[:, 0], expected, rtol=1e-8, atol=1e-10)


def test_a_common_shock_raises_the_absorption_ratio() -> None:
    moves = RNG.normal(0, 0.01, (200, 10))
    moves[150:] += RNG.normal(0, 0.03, (50, 1))
    close = pd.DataFrame(100 * np.exp(np.cumsum(moves, axis=0)))
    ran = AbsorptionRatio.run(close, close * 0 + 1, window=40, short=5, long=63)
    assert ran.ratio.iloc[-1, 0] > ran.ratio.iloc[140, 0] + 0.3
    assert ran.shift.iloc[158, 0] > 2


# ---------------------------------------------------------------- macro


def test_shocks_by_hand() -> None:
    # Changes over one session 1 -1 1 2: the last three have the mean 2/3 and the deviation root(7/3).
    levels = series([4, 5, 4, 5, 7])
    credit = CreditShock.run(levels, horizon=1, window=3)
    assert_allclose(credit.change, [NAN, 1, -1, 1, 2])
    assert_allclose(credit.z, [NAN, NAN, NAN, 1 / np.sqrt(4 / 3), 2 / np.sqrt(7 / 3)])
    rates = RatesShock.run(levels, -levels, horizon=2, window=2)
    assert_allclose(rates.nominal, [NAN, NAN, 0, 0, 3])
    assert_allclose(rates.real, -rates.nominal)
    assert_allclose(rates.z_real, -rates.z_nominal)
    dollar = DollarShock.run(np.exp(levels), horizon=1, window=3)
    assert_allclose(dollar.change, credit.change)
    assert_allclose(dollar.z, credit.z)


def test_shocks_as_pandas_has_them() -> None:
    ran = DollarShock.run(LEVEL, horizon=5, window=60)
    change = np.log(LEVEL).diff(5)
    assert_allclose(ran.change, change)
    assert_allclose(ran.z, change / change.rolling(60).std(), rtol=1e-9)


def test_a_series_that_does_not_move_has_no_shock() -> None:
    ran = CreditShock.run(LEVEL * 0 + 4, horizon=5, window=60)
    assert (ran.change[5:] == 0).all()
    assert ran.z.isna().all()


def test_policy_tailwind_by_hand() -> None:
    equity = series([100, 100, 102, 102, 102, NAN])
    nominal = series([4.30, 4.30, 4.20, 4.25, 4.10, 4.0])
    btc = series([100, 100, 90, 80, 85, 70])
    ran = PolicyTailwind.run(equity, nominal, btc, horizon=2, rise=0.02, fall=0.10, btc_fall=0.10)
    # Row 2 meets all three exactly; in row 3 the yield fell by 0.05 only; in row 4 stocks stood still; then a blank.
    assert_allclose(ran.gate, [NAN, NAN, 1, 0, 0, NAN])
    assert_allclose(ran.equity_return, [NAN, NAN, 0.02, 0.02, 0, NAN])
    assert_allclose(ran.yield_change, [NAN, NAN, -0.1, -0.05, -0.1, -0.25])
    assert_allclose(ran.btc_return, [NAN, NAN, -0.1, -0.2, 85 / 90 - 1, 70 / 80 - 1])


# ---------------------------------------------------------------- the real market


@pytest.fixture(scope="module")
def table(real_market: Market) -> DecisionTable:
    return DecisionTable(real_market, "growth")


def at_close(table: DecisionTable, signal: Any, output: str, **parameters: float) -> pd.Series:
    values = table.sessions(signal, parameters)[signal.spec.outputs.index(output)][:, 0]
    return pd.Series(values, table.market.sessions)


def test_macro_series_have_no_holes_on_mondays_and_holidays(table: DecisionTable) -> None:
    # The file has a row for every calendar day: on a Monday the newest known row is Sunday's, which is blank.
    vix = at_close(table, Vix, "level")
    assert vix.notna().all()
    assert vix["2020-03-13"] == 57.83
    assert vix["2020-03-16"] == 82.69  # of that close, and known a quarter of an hour after it, not a session later
    assert str(table.known_at(Vix)[table.market.sessions.get_loc("2020-03-16")]) == "2020-03-16T20:15:00.000000000"
    decided = pd.Series(table.signal(Vix, {}, output="level")[:, 0], table.market.sessions)
    assert decided[["2020-03-16", "2020-03-17"]].tolist() == [57.83, 82.69]
    nominal = at_close(table, RatesShock, "nominal", horizon=1)
    assert nominal.isna().sum() == 1
    assert nominal["2023-10-10"] == 0  # the bond market was closed on the day before, the exchange was not


def test_blank_macro_rows_are_known_by_their_last_value_and_no_longer_than_the_tolerance(table: DecisionTable) -> None:
    feed = macro_feed(table.market, "VIXCLS")
    vix = pd.Series(feed["VIXCLS"], feed.known_at).dropna()
    vix = vix[~vix.index.duplicated(keep="last")]
    quarter = np.timedelta64(15, "m")
    expected = vix.reindex(
        table.market.calendar.closes + quarter, method="ffill", tolerance=pd.Timedelta(feed.tolerance)
    )
    assert_array_equal(at_close(table, Vix, "level").to_numpy(), expected.to_numpy())


def test_volatility_at_known_dates(table: DecisionTable) -> None:
    shock = pd.Series(table.signal(VolatilityShock, {})[:, 0], table.market.sessions)
    assert shock["2020-03-13"] == shock.max() > 10
    assert shock["2024-08-05"] > 3
    basket = at_close(table, BasketVolatilityShock, "ratio")
    assert basket["2020-03-12"] > 4
    assert 1.5 < basket["2024-08-05"] < 2
    spike = at_close(table, Vix, "spike")
    assert spike.idxmax() == pd.Timestamp("2020-03-16")
    exposure = at_close(table, ForcedExposure, "exposure")
    assert 0.1 < exposure["2020-03-16"] < 0.2
    assert exposure["2020-02-19"] > 0.6
    assert at_close(table, ForcedExposure, "cut")["2020-03-12"] < -0.03


def test_correlation_at_known_dates(table: DecisionTable) -> None:
    pairwise_mean = at_close(table, AveragePairwiseCorrelation, "correlation")
    assert pairwise_mean.idxmax() == pd.Timestamp("2020-03-17")
    assert pairwise_mean.max() > 0.65
    assert 0.15 < pairwise_mean["2024-08-05"] < 0.25
    btc = at_close(table, BtcEquityCorrelation, "correlation")
    assert btc["2022-06-13"] > 0.6
    assert abs(btc["2017-06-01":"2017-12-01"].mean()) < 0.2
    ratio, shift = (at_close(table, AbsorptionRatio, output) for output in ("ratio", "shift"))
    assert ratio.idxmax() == pd.Timestamp("2020-03-24")
    assert shift["2020-03-20"] > 1.5


def test_macro_at_known_dates(table: DecisionTable) -> None:
    assert at_close(table, CreditShock, "z")["2020-03-12"] > 5
    assert at_close(table, DollarShock, "z")["2020-03-19"] > 5
    assert_allclose(at_close(table, RatesShock, "nominal")["2024-08-05"], -0.40, atol=1e-9)
    gate = at_close(table, PolicyTailwind, "gate")
    # Cooler inflation lifted stocks and bonds in the week in which FTX failed and Bitcoin lost a fifth.
    assert gate["2022-11-11"] == 1
    assert gate["2020-03-12"] == gate["2022-06-13"] == gate["2024-08-05"] == 0


def test_a_large_universe_of_changing_members(real_market: Market) -> None:
    table = DecisionTable(real_market, "sp500")
    assert table.close.shape[1] > 590
    mean = at_close(table, AveragePairwiseCorrelation, "correlation")
    assert mean["2020-03-16"] == mean.max() > 0.7
