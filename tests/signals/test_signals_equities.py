"""Breadth, leadership, selloff, regime and scenario signals: by hand, against pandas and ta, on the real market."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from ta.trend import SMAIndicator
from ta.volatility import DonchianChannel

from undertow.market import Market
from undertow.signals import (
    BasketSelloff,
    Breadth,
    Leadership,
    LeadershipBreak,
    NewLows,
    Regime,
    Scenario,
    Selloff,
)
from undertow.signals.decisions.table import DecisionTable

NAN = np.nan
RNG = np.random.default_rng(7)
DAYS = pd.date_range("2021-01-04", periods=400, freq="B")
PANEL = pd.DataFrame(100 * np.exp(np.cumsum(RNG.normal(0, 0.02, (400, 12)), axis=0)), DAYS)
ONE, TWO, THREE = PANEL[0], PANEL[1], PANEL[2]
MEMBER = pd.DataFrame(1.0, DAYS, PANEL.columns)


def days(count: int) -> pd.DatetimeIndex:
    return pd.date_range("2024-01-01", periods=count, freq="D")


def series(values: Sequence[float]) -> pd.Series:
    return pd.Series(values, days(len(values)), dtype=float)


def panel(*columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(np.column_stack(columns), days(len(columns[0])), dtype=float)


def ones(close: pd.DataFrame) -> pd.DataFrame:
    return close * 0 + 1


def column(output: pd.DataFrame) -> pd.Series:
    """The first column, after looking that every other is the same."""
    assert_array_equal(output.to_numpy(), output.iloc[:, [0]].to_numpy().repeat(output.shape[1], axis=1))
    return output.iloc[:, 0]


# ---------------------------------------------------------------- breadth


def test_breadth_by_hand() -> None:
    # Averages of two: 1.5 2.5 2.0, then 9.5 8.5 9.0, then 5 5 5; a close at its average is not above it.
    close = panel([1, 2, 3, 1], [10, 9, 8, 10], [5, 5, 5, 5])
    ran = Breadth.run(close, ones(close), window=2, horizon=1)
    assert_allclose(column(ran.share), [NAN, 1 / 3, 1 / 3, 1 / 3])
    assert_allclose(column(ran.change), [NAN, NAN, 0, 0], atol=1e-15)
    member = ones(close)
    member[1] = 0.0
    assert_allclose(column(Breadth.run(close, member, window=2).share), [NAN, 0.5, 0.5, 0])


def test_breadth_as_ta_has_the_moving_average() -> None:
    average = PANEL.apply(lambda close: SMAIndicator(close, 20).sma_indicator())
    expected = (average < PANEL).mean(axis=1).where(average.notna().all(axis=1))
    ran = Breadth.run(PANEL, MEMBER, window=20, horizon=5)
    assert_allclose(column(ran.share), expected)
    assert_allclose(column(ran.change), expected.diff(5), atol=1e-15)


def test_breadth_needs_half_of_the_members() -> None:
    early, first = (np.arange(400) < 200)[:, None], np.arange(12) < 6
    late = PANEL.where(~early | first)
    share = column(Breadth.run(late, MEMBER, window=20).share)
    assert share[100:].notna().all()
    assert_allclose(share[100:219], column(Breadth.run(PANEL.loc[:, :5], MEMBER.loc[:, :5], window=20).share)[100:219])
    assert column(Breadth.run(late.where(~early | (np.arange(12) < 5)), MEMBER, window=20).share)[:219].isna().all()
    assert Breadth.run(PANEL, MEMBER * 0, window=20).share.isna().to_numpy().all()


def test_new_lows_by_hand() -> None:
    close = panel([3, 2, 1, 4], [1, 2, 3, 2], [5, 4, 6, 5])
    ran = NewLows.run(close, ones(close), window=3)
    assert_allclose(column(ran.lows), [NAN, NAN, 1 / 3, 1 / 3])  # a tie is a low too
    assert_allclose(column(ran.highs), [NAN, NAN, 2 / 3, 1 / 3])
    assert_allclose(column(ran.net), [NAN, NAN, 1 / 3, 0])
    still = ones(close)
    flat = NewLows.run(still, still, window=3)
    assert (flat.lows.iloc[-1, 0], flat.highs.iloc[-1, 0], flat.net.iloc[-1, 0]) == (1, 1, 0)


def test_new_lows_as_ta_has_the_donchian_channel() -> None:
    channels = {name: DonchianChannel(PANEL[name], PANEL[name], PANEL[name], window=40) for name in PANEL}
    lows = pd.DataFrame({name: channel.donchian_channel_lband() for name, channel in channels.items()})
    highs = pd.DataFrame({name: channel.donchian_channel_hband() for name, channel in channels.items()})
    ran = NewLows.run(PANEL, MEMBER, window=40)
    assert_allclose(column(ran.lows)[39:], (lows == PANEL).mean(axis=1)[39:])
    assert_allclose(column(ran.highs)[39:], (highs == PANEL).mean(axis=1)[39:])


@settings(max_examples=8)
@given(order=st.permutations(range(12)), factor=st.floats(1e-3, 1e3))
def test_order_and_price_level_of_names_change_nothing(order: list[int], factor: float) -> None:
    other = PANEL[order] * np.where(np.arange(12) % 2, factor, 1.0)
    for signal, kwargs in ((Breadth, {"window": 20}), (NewLows, {"window": 40})):
        for name in signal.spec.outputs:
            plain, changed = (getattr(signal.run(panel, MEMBER, **kwargs), name) for panel in (PANEL, other))
            assert_allclose(column(plain), column(changed), atol=1e-12)
    plain, changed = (LeadershipBreak.run(panel, MEMBER, ONE, formation=40).leaders for panel in (PANEL, other))
    assert_allclose(column(plain), column(changed), atol=1e-12)


# ---------------------------------------------------------------- leadership


def test_leadership_by_hand() -> None:
    # Leads of 10 %, 0 and -10 %: mean 0, deviation 10 %.
    basket, index = series([100, 110, 110, 99]), series([100, 100, 100, 100])
    ran = Leadership.run(basket, index, horizon=1, window=3)
    assert_allclose(ran.lead, [NAN, 0.1, 0, -0.1], atol=1e-15)
    assert_allclose(ran.z, [NAN, NAN, NAN, -1])


def test_leadership_as_pandas_has_it() -> None:
    lead = ONE.pct_change(10) - TWO.pct_change(10)
    ran = Leadership.run(ONE, TWO, horizon=10, window=60)
    assert_allclose(ran.lead, lead, atol=1e-14)
    assert_allclose(ran.z, (lead - lead.rolling(60).mean()) / lead.rolling(60).std(), rtol=1e-8)
    assert Leadership.run(ONE, ONE, horizon=10, window=60).z.isna().all()


# Formation 100 to 200 and 100 to 150 lead, the others lag; in the last session the two leaders lose 10 and 20 percent.
LEADERS = panel([100, 200, 180], [100, 150, 120], [100, 100, 130], [100, 90, 99])


def test_leadership_break_by_hand() -> None:
    index = series([100, 101, 100.5])
    kwargs = {"formation": 1, "horizon": 1, "hold": 0.02}
    ran = LeadershipBreak.run(LEADERS, ones(LEADERS), index, quantile=0.5, fall=0.15, **kwargs)
    assert_allclose(column(ran.broken), [NAN, NAN, 1])
    assert_allclose(column(ran.leaders), [NAN, NAN, -0.15])
    assert_allclose(column(ran.index_return), [NAN, 0.01, 100.5 / 101 - 1])
    one = LeadershipBreak.run(LEADERS, ones(LEADERS), index, quantile=0.05, fall=0.15, **kwargs)
    assert (one.leaders.iloc[-1, 0], one.broken.iloc[-1, 0]) == (pytest.approx(-0.10), 0)
    fallen = LeadershipBreak.run(LEADERS, ones(LEADERS), series([100, 100, 98]), quantile=0.5, fall=0.15, **kwargs)
    assert column(fallen.broken).iloc[-1] == 0


def test_leaders_are_the_members_of_then_and_a_lost_one_is_left_out() -> None:
    member, index = ones(LEADERS), series([100, 100, 100])
    kwargs = {"formation": 1, "horizon": 1, "quantile": 0.5, "fall": 0.05}
    member.iloc[2, 0] = 0.0  # left the universe after it was chosen
    assert column(LeadershipBreak.run(LEADERS, member, index, **kwargs).leaders).iloc[-1] == pytest.approx(-0.15)
    member.iloc[1, 0] = 0.0  # was never chosen: of three, two lead
    assert column(LeadershipBreak.run(LEADERS, member, index, **kwargs).leaders).iloc[-1] == pytest.approx(0.05)
    lost = LEADERS.copy()
    lost.iloc[2, 1] = NAN
    assert column(LeadershipBreak.run(lost, ones(LEADERS), index, **kwargs).leaders).iloc[-1] == pytest.approx(-0.10)
    lost.iloc[2, 0] = NAN
    assert column(LeadershipBreak.run(lost, ones(LEADERS), index, **kwargs).leaders).isna().all()
    unknown = LEADERS.copy()
    unknown.iloc[0, :3] = NAN
    assert column(LeadershipBreak.run(unknown, ones(LEADERS), index, **kwargs).leaders).isna().all()


def test_leaders_as_pandas_has_them() -> None:
    then, now = PANEL.pct_change(60).shift(10), PANEL.pct_change(10)
    leading = then.rank(axis=1, ascending=False) <= 3
    expected = now.where(leading).mean(axis=1)[70:]
    ran = LeadershipBreak.run(PANEL, MEMBER, ONE, formation=60, horizon=10, quantile=0.25, fall=0.05, hold=0.02)
    assert_allclose(column(ran.leaders)[70:], expected)
    index = ONE.pct_change(10)[70:]
    assert_array_equal(column(ran.broken)[70:], ((expected <= -0.05) & (index > -0.02)).astype(float))


# ---------------------------------------------------------------- selloff


def test_selloff_by_hand() -> None:
    close = series([100, 96, 95, 90, 80, 99, 110])
    ran = Selloff.run(close, window=2)
    assert_allclose(ran.state, [NAN, 0, 0, 1, 2, 0, 0])
    assert_allclose(ran.drawdown[1:4], [-0.04, 95 / 96 - 1, 90 / 95 - 1])
    # From 100: exactly 5, 10 and 20 percent belong to the state that they name.
    assert_allclose(BasketSelloff.run(close, window=5).state, [NAN] * 4 + [3, 0, 0])
    assert_allclose(Selloff.run(series([100, 95]), window=2).state, [NAN, 1])
    assert_allclose(Selloff.run(series([100, 90]), window=2).state, [NAN, 2])
    assert_allclose(Selloff.run(series([100, 95]), window=2, pullback=-0.06).state, [NAN, 0])


def test_selloff_as_pandas_has_it_and_is_nan_without_a_close() -> None:
    ran = Selloff.run(ONE, window=60)
    drawdown = ONE / ONE.rolling(60).max() - 1
    expected = pd.cut(-drawdown, [-1, 0.05, 0.10, 0.20, 1], labels=False, right=False)
    assert_allclose(ran.drawdown, drawdown, atol=1e-15)
    assert_array_equal(ran.state, expected)
    assert np.isnan(Selloff.run(ONE.where(ONE.index != DAYS[200]), window=60).state.iloc[200])
    assert Selloff.run(ONE.where(np.arange(400) % 3 == 0), window=60).state.isna().all()


# ---------------------------------------------------------------- regime and scenario


def regime_of(benchmark: pd.Series, btc: pd.Series, vix: pd.Series | float = NAN) -> Any:
    return Regime.run(benchmark, btc, vix, horizon=1, short=2, trend=5, window=5).regime


def compounded(returns: list[float]) -> pd.Series:
    return series(list(100 * np.exp(np.cumsum([0.0, *returns]))))


def test_regime_by_hand() -> None:
    # 0: nothing; 3: both fall; 2: below the mean of five; 1: above it again while the last two moves are large.
    benchmark = compounded([0.01, 0.02, 0.01, 0.02, 0.01, 0.02, 0.01, -0.06, 0.01, 0.12])
    btc = compounded([0.01, 0.02, 0.01, 0.02, 0.01, 0.02, 0.01, -0.10, 0.01, 0.02])
    assert_array_equal(regime_of(benchmark, btc), [NAN] * 6 + [0, 0, 3, 2, 1])
    # Without the fall of bitcoin the same session is a break of the trend.
    calm = compounded([0.01, 0.02] * 5)
    assert_array_equal(regime_of(benchmark, calm), [NAN] * 6 + [0, 0, 2, 2, 1])
    assert regime_of(benchmark, calm * NAN).isna().all()


def test_regime_takes_the_higher_of_implied_and_realised_volatility() -> None:
    calm = compounded([0.01, 0.02] * 5)
    vix = series([10.0] * 9 + [15.0, 14.0])
    assert_array_equal(regime_of(calm, calm, vix), [NAN] * 6 + [0, 0, 0, 1, 0])
    assert_array_equal(regime_of(calm, calm), [NAN] * 6 + [0] * 5)


def test_regime_ingredients_as_pandas_has_them() -> None:
    ran = Regime.run(ONE, TWO, NAN, horizon=5, short=10, trend=50, window=60)
    fall = np.log(ONE).diff(5)
    volatility = np.log(ONE).diff().rolling(10).std()
    assert_allclose(ran.benchmark_z, fall / fall.rolling(60).std(), rtol=1e-9)
    assert_allclose(ran.trend_distance, ONE / ONE.rolling(50).mean() - 1, atol=1e-12)
    assert_allclose(ran.volatility, volatility / volatility.rolling(60).median(), rtol=1e-9)


# The last two changes are 0 and 1, of deviation root one half: the move is 1.4 of them up, down, or 0.
UP, FLAT = [1, 2, 2, 3], [1, 1, 2, 2]
DOWN = [9, 8, 8, 7]


@pytest.mark.parametrize(
    ("nominal", "real", "dollar", "spread", "vix", "expected"),
    [
        (FLAT, FLAT, FLAT, FLAT, [10, 20, 20, 10], 1),  # eases below peak and median, spread as it was
        (FLAT, FLAT, FLAT, UP, [10, 20, 20, 10], 0),  # eases, but the spread widens
        (FLAT, UP, UP, FLAT, [10, 10, 10, 10], 2),
        (FLAT, UP, UP, FLAT, [10, 20, 20, 10], 2),  # tightening over normalisation
        (UP, UP, UP, DOWN, [10, 20, 20, 10], 3),  # reflation over both
        (UP, UP, FLAT, UP, [10, 10, 10, 10], 0),
        (NAN, NAN, NAN, NAN, NAN, NAN),
        (UP, UP, UP, DOWN, NAN, 3),  # known without the VIX
        (UP, UP, NAN, UP, NAN, 0),  # reflation is known and does not hold
    ],
)
def test_scenario_by_hand(nominal: Any, real: Any, dollar: Any, spread: Any, vix: Any, expected: float) -> None:
    inputs = [
        series(UP),
        *(macro if macro is NAN else series(macro) for macro in (nominal, real, dollar, spread, vix)),
    ]
    ran = Scenario.run(*inputs, horizon=1, window=2, peak=2, ease=0.3, move=0.5)
    assert_array_equal(ran.scenario.iloc[-1], expected)
    assert ran.scenario[:2].isna().all()


def test_scenario_says_which_it_does_not_know() -> None:
    ran = Scenario.run(series(UP), series(UP), series(UP), NAN, series(DOWN), NAN, horizon=1, window=2, peak=2)
    assert ran.tightening.isna().all()
    assert ran.normalisation.isna().all()
    assert (ran.reflation.iloc[-1], ran.scenario.iloc[-1]) == (1, 3)


def test_scenario_as_pandas_has_it() -> None:
    def z(values: pd.Series, change: Callable[[pd.Series], Any] = lambda x: x.diff(10)) -> Any:
        return change(values) / change(values).rolling(60).std()

    def logs(values: pd.Series) -> Any:
        return np.log(values).diff(10)

    nominal, spread, vix = PANEL[3], PANEL[4], PANEL[5]
    ran = Scenario.run(ONE, nominal, TWO, THREE, spread, vix, horizon=10, window=60, peak=30, ease=0.1, move=0.5)
    normal = (vix <= 0.9 * vix.rolling(30).max()) & (vix < vix.rolling(60).median()) & (z(spread) < 0.5)
    tight = (z(TWO) >= 0.5) & (z(THREE, logs) >= 0.5)
    reflation = (z(nominal) >= 0.5) & (z(spread) <= -0.5) & (z(ONE, logs) >= 0.5)
    expected = np.select([reflation, tight, normal], [3.0, 2.0, 1.0], 0.0)
    assert_array_equal(ran.scenario[69:], expected[69:])
    assert set(expected[69:]) == {0, 1, 2, 3}


# ---------------------------------------------------------------- on the real market


@pytest.fixture(scope="module")
def table(real_market: Market) -> DecisionTable:
    return DecisionTable(real_market, "growth")


def at_close(table: DecisionTable, signal: Any, output: str, **parameters: float) -> pd.Series:
    values = table.sessions(signal, parameters)[signal.spec.outputs.index(output)][:, 0]
    return pd.Series(values, table.market.sessions)


def test_breadth_collapses_in_the_real_selloffs(table: DecisionTable) -> None:
    share = at_close(table, Breadth, "share")
    assert share["2020-03-12"] < 0.05
    assert share["2022-06-13"] < 0.05
    assert at_close(table, Breadth, "change")["2024-08-05"] < -0.4
    net = at_close(table, NewLows, "net")
    assert net["2022-06-13"] < -0.4
    assert net["2021-05-19"] == 0  # bitcoin fell by a third, growth stocks did not make new lows


def test_leadership_breaks_when_momentum_cracked(table: DecisionTable) -> None:
    broken = at_close(table, LeadershipBreak, "broken")
    # The momentum reversals of September 2019 and of December 2021, with the index within 2 percent.
    assert broken["2019-09-10":"2019-09-13"].eq(1).all()
    assert broken["2021-12-09":"2021-12-14"].eq(1).all()
    assert broken["2020-03-12"] == 0  # everything fell
    assert 0.005 < broken.mean() < 0.05
    assert at_close(table, Leadership, "z")["2020-03-16"] < -2


def test_states_of_the_real_market(table: DecisionTable) -> None:
    state, drawdown = (at_close(table, Selloff, name) for name in ("state", "drawdown"))
    assert [state[day] for day in ("2020-03-12", "2021-05-19", "2022-06-13", "2024-08-05")] == [3, 1, 3, 2]
    assert drawdown["2022-06-13"] == pytest.approx(-0.317, abs=0.001)
    regime = at_close(table, Regime, "regime")
    days_of_shock = ("2020-03-12", "2022-06-13", "2024-08-05")
    assert [regime[day] for day in days_of_shock] == [3, 3, 3]
    assert regime["2021-05-19"] == 0  # bitcoin alone
    assert regime["2022-11-09"] == 2
    assert 0.005 < regime.eq(3).mean() < 0.03
    assert regime["2017-02":].notna().all()


def test_scenarios_of_the_real_market(table: DecisionTable) -> None:
    scenario = at_close(table, Scenario, "scenario")
    assert scenario["2017-03":].notna().all()
    by_year = scenario.groupby(table.market.sessions.year)
    assert by_year.apply(lambda year: year.eq(2).mean()).idxmax() == 2022
    assert by_year.apply(lambda year: year.eq(1).mean()).idxmax() == 2021
