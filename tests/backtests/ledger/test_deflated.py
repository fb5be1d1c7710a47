"""Published figures of the probabilistic and the deflated Sharpe ratio, and of what trials give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from undertow.backtests.ledger import (
    SharpeMoments,
    deflated_returns,
    deflated_sentence,
    deflated_sharpe,
    expected_maximum,
    minimum_backtest_years,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_moments,
)
from undertow.market import ParameterError


def test_the_probabilistic_ratio_is_the_published_one() -> None:
    # Bailey and López de Prado (2012): 24 months, annual ratio 1.585.
    monthly = 1.585 / math.sqrt(12)
    assert probabilistic_sharpe(SharpeMoments(monthly, 0.0, 3.0, 24)) == pytest.approx(0.9816, abs=5e-5)
    assert probabilistic_sharpe(SharpeMoments(monthly, -2.448, 10.164, 24)) == pytest.approx(0.9132, abs=5e-5)


def test_the_deflated_ratio_is_the_published_one() -> None:
    # Bailey and López de Prado (2014): five years of days, annual ratio 2.5, variance of the trials 1/2 a year.
    moments = SharpeMoments(2.5 / math.sqrt(250), -3.0, 10.0, 1250)
    assert deflated_sharpe(moments, 100, 0.5 / 250).dsr == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(moments, 46, 0.5 / 250).dsr == pytest.approx(0.9505, abs=5e-5)


def test_the_expected_maximum_is_the_published_one_and_near_the_exact_one() -> None:
    assert expected_maximum(100) == pytest.approx(2.5306, abs=5e-5)
    assert expected_maximum(1) == 0.0
    for trials in (20, 1000):
        exact, _ = integrate.quad(
            lambda x, n=trials: x * n * stats.norm.pdf(x) * stats.norm.cdf(x) ** (n - 1), -10, 10, limit=200
        )
        assert expected_maximum(trials) == pytest.approx(exact, abs=0.04)
    with pytest.raises(ParameterError, match="`trials` must be 1 or more, got 0"):
        expected_maximum(0)


def test_the_minimum_backtest_length_is_the_published_one() -> None:
    assert minimum_backtest_years(45, 1.0) == pytest.approx(5.0, abs=0.01)
    assert math.isinf(minimum_backtest_years(45, -0.2))


def test_the_minimum_track_record_is_where_the_ratio_reaches_the_level() -> None:
    moments = SharpeMoments(0.1, -0.5, 5.0, 500)
    sessions = minimum_track_record(moments)
    at = SharpeMoments(0.1, -0.5, 5.0, math.ceil(sessions))
    before = SharpeMoments(0.1, -0.5, 5.0, math.floor(sessions) - 1)
    assert probabilistic_sharpe(before) < 0.95 <= probabilistic_sharpe(at)
    assert math.isinf(minimum_track_record(SharpeMoments(-0.1, 0.0, 3.0, 500)))


def test_moments_are_those_of_scipy() -> None:
    returns = np.random.default_rng(4).standard_t(5, 700) * 0.01 + 0.0004
    moments = sharpe_moments(returns)
    assert moments.sharpe == pytest.approx(returns.mean() / returns.std(), rel=1e-12)
    assert moments.skew == pytest.approx(float(stats.skew(returns)), rel=1e-9)
    assert moments.kurtosis == pytest.approx(float(stats.kurtosis(returns, fisher=False)), rel=1e-9)
    assert math.isnan(sharpe_moments(np.full(10, 0.01)).sharpe)


def test_returns_over_hold_of_a_run_that_never_acts_have_no_ratio() -> None:
    hold = np.random.default_rng(1).normal(0.001, 0.01, 300)
    ratios = deflated_returns(hold, hold, 3)
    assert math.isnan(ratios["over_hold"].dsr)
    assert ratios["absolute"].trials == 3
    assert ratios["absolute"].variance == pytest.approx(1 / 299)
    assert deflated_sentence(ratios) == "It never differs from buy-and-hold: there is no skill to judge."
    better = deflated_returns(hold + 0.001 * np.sign(hold), hold, 3)
    assert deflated_sentence(better).startswith("After 3 trials its Sharpe ratio over buy-and-hold is above what luck")
