"""The policy path, yields and dollar together, the common trend and the precursors, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.market import FloatArray
from undertow.signals import CommonTrend, CompressionWarning, PolicyPath, YieldsAndDollar
from undertow.signals.common_trend import common_trend_nb
from undertow.signals.compression import compression_warning_nb
from undertow.signals.macro import yields_and_dollar_nb
from undertow.signals.policy import policy_path_nb

RNG = np.random.default_rng(3)


def column(values: object) -> FloatArray:
    return np.ascontiguousarray(np.asarray(values, dtype=np.float64)[:, None])


def test_the_gap_its_change_and_moves_of_the_target() -> None:
    two, effective = column([1.5, 1.6, 1.4, 1.1, 1.0]), column([1.6, 1.6, 1.6, 1.6, 1.1])
    target = column([1.75, 1.75, 1.75, 1.25, 1.25])
    gap, change, z, moved = policy_path_nb(two, effective, target, 1, 3, 2)
    np.testing.assert_allclose(gap[:, 0], [-0.1, 0.0, -0.2, -0.5, -0.1])
    np.testing.assert_allclose(change[:, 0], [np.nan, 0.1, -0.2, -0.3, 0.4])
    np.testing.assert_allclose(moved[:, 0], [np.nan, np.nan, 0.0, -0.5, -0.5])
    # The deviation of the last three changes, not centred on their mean.
    assert z[4, 0] == pytest.approx(0.4 / np.std([-0.2, -0.3, 0.4], ddof=1))
    assert PolicyPath.spec.lookback(horizon=5, window=252, since=63) == (1, 6, 257, 64)


def test_together_is_the_smaller_of_the_two_shocks() -> None:
    nominal = column(3.0 + np.cumsum(RNG.normal(0, 0.05, 80)))
    dollar = column(100.0 * np.exp(np.cumsum(RNG.normal(0, 0.004, 80))))
    both, yields, currency = yields_and_dollar_nb(nominal, dollar, 2, 20)
    change = nominal[2:, 0] - nominal[:-2, 0]
    assert yields[-1, 0] == pytest.approx(change[-1] / np.std(change[-20:], ddof=1))
    np.testing.assert_array_equal(both, np.minimum(yields, currency))
    one_missing = yields_and_dollar_nb(nominal, dollar * np.nan, 2, 20)[0]
    assert np.isnan(one_missing).all()
    assert YieldsAndDollar.spec.outputs[0] == "both"


def test_stress_needs_both_trends_down_and_rising_volatility() -> None:
    falling, rising = np.linspace(100, 80, 60), np.linspace(80, 100, 60)
    calm, wild = np.ones(60), np.where(np.arange(60) > 50, 1.0 + 0.02 * (-1.0) ** np.arange(60), 1.0)
    stress, btc, stocks, volatility = common_trend_nb(column(falling * wild), column(falling), 40, 6)
    assert (btc[-1, 0] < 0, stocks[-1, 0] < 0, volatility[-1, 0] > 1, stress[-1, 0]) == (True, True, True, 1.0)
    assert btc[-1, 0] == pytest.approx((falling * wild)[-1] / np.mean((falling * wild)[-40:]) - 1.0)
    assert common_trend_nb(column(falling * wild), column(rising), 40, 6)[0][-1, 0] == 0.0
    # Falling by equal amounts, so the volatility of log returns hardly moves; a fading one is no stress.
    fading = np.where(np.arange(60) < 40, 1.0 + 0.02 * (-1.0) ** np.arange(60), 1.0)
    assert common_trend_nb(column(falling * fading), column(falling * calm), 40, 6)[0][-1, 0] == 0.0
    assert np.isnan(common_trend_nb(column(falling), column(falling * np.nan), 40, 6)[0]).all()
    assert CommonTrend.spec.inputs["stocks"] == ("bars:QQQ", "close")


def test_precursors_are_counted_only_where_all_three_are_known() -> None:
    rows = 60
    vix = np.full(rows, 15.0) * np.exp(RNG.normal(0, 0.01, rows))
    dollar = np.full(rows, 100.0) * np.exp(RNG.normal(0, 0.001, rows))
    nominal, interest, btc = np.full(rows, 4.0), np.full(rows, 1e10), np.full(rows, 50_000.0)
    vix[-1], dollar[-1], nominal[-1], interest[-1], btc[-1] = 25.0, 103.0, 4.1, 1.2e10, 45_000.0
    nominal[:-1] += RNG.normal(0, 0.01, rows - 1)
    regime = np.zeros(rows)

    def last(**changed: FloatArray) -> list[float]:
        series = {"vix": vix, "dollar": dollar, "nominal": nominal, "interest": interest, "btc": btc, "regime": regime}
        return [
            float(out[-1, 0])
            for out in compression_warning_nb(*map(column, {**series, **changed}.values()), 2, 30, 1.0)
        ]

    assert last() == [3.0, 1.0, 1.0, 1.0]
    # A dollar that rises on falling yields is a flight, not a squeeze.
    assert last(nominal=np.where(np.arange(rows) == rows - 1, 3.5, nominal)) == [2.0, 1.0, 0.0, 1.0]
    assert last(btc=btc[::-1].copy() + 1.0 * np.arange(rows)) == [2.0, 1.0, 1.0, 0.0]
    # Open interest of another venue is not comparable.
    border = last(regime=np.where(np.arange(rows) == rows - 1, 1.0, 0.0))
    assert np.isnan(border[0])
    assert border[1:3] == [1.0, 1.0]
    assert CompressionWarning.spec.bounds_of("count").high == 3.0
