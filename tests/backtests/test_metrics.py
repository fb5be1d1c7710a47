"""Metrics: by hand, and as vectorbt has them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vectorbt  # noqa: F401  registers the .vbt accessor

from undertow.backtests import backtest, metrics, read_objectives
from undertow.backtests.segments.metrics import METRIC_NAMES, metrics_many_nb
from undertow.backtests.sweeps.chunk import FIGURES, LESS_IS_BETTER
from undertow.backtests.tuning.study import judge
from undertow.evidence import difference
from undertow.market import ParameterError, simulate_market
from undertow.strategies import BuyAndHold, LiquidityDrain
from undertow.tearsheets.run.headline import sharpe_sentence

RETURNS = np.random.default_rng(4).normal(0.0005, 0.012, 1000)


def test_by_hand() -> None:
    returns = np.array([0.10, -0.50, 0.20])
    assert metrics.total_return(returns) == pytest.approx(1.1 * 0.5 * 1.2 - 1)
    assert metrics.cagr(returns) == pytest.approx(0.66 ** (252 / 3) - 1)
    assert metrics.max_drawdown(returns) == pytest.approx(-0.5)
    assert metrics.cvar_95(returns) == pytest.approx(-0.5)
    assert metrics.annual_sharpe(returns) == pytest.approx(np.mean(returns) / np.std(returns, ddof=1) * math.sqrt(252))
    assert metrics.annual_sortino(returns) == pytest.approx(np.mean(returns) / math.sqrt(0.25 / 3) * math.sqrt(252))


def test_a_first_session_of_loss_is_a_drawdown() -> None:
    assert metrics.max_drawdown(np.array([-0.2, 0.1])) == pytest.approx(-0.2)


def test_what_does_not_exist_is_nan() -> None:
    assert math.isnan(metrics.annual_sharpe(np.zeros(5)))
    assert math.isnan(metrics.annual_sortino(np.ones(5) * 0.01))
    assert math.isnan(metrics.calmar(np.ones(5) * 0.01))
    assert metrics.cagr(np.array([-1.0, 0.0])) == -1.0


def test_as_vectorbt_has_them() -> None:
    index = pd.bdate_range("2020-01-01", periods=1000)
    accessor = pd.Series(RETURNS, index).vbt.returns(freq="1D", year_freq="252 days")
    assert metrics.total_return(RETURNS) == pytest.approx(accessor.total())
    assert metrics.annual_sharpe(RETURNS) == pytest.approx(accessor.sharpe_ratio())
    assert metrics.annual_sortino(RETURNS) == pytest.approx(accessor.sortino_ratio())
    assert metrics.max_drawdown(RETURNS) == pytest.approx(accessor.max_drawdown())
    assert metrics.cagr(RETURNS) == pytest.approx(accessor.annualized())
    assert metrics.calmar(RETURNS) == pytest.approx(accessor.calmar_ratio())
    assert metrics.annual_volatility(RETURNS) == pytest.approx(accessor.annualized_volatility())


def test_sharpe_over_cash_takes_off_what_cash_earned() -> None:
    cash = np.full(1000, 0.0001)
    assert metrics.annual_sharpe(RETURNS, cash) == pytest.approx(metrics.annual_sharpe(RETURNS - 0.0001))


def test_difference_of_equal_series_is_nothing() -> None:
    result = difference(RETURNS, RETURNS)
    assert (result.annual_return.low, result.annual_return.estimate, result.annual_return.high) == (0, 0, 0)
    assert not result.annual_return.excludes_zero


def test_difference_finds_a_real_one_and_is_deterministic() -> None:
    better = RETURNS + np.random.default_rng(1).normal(0.0005, 0.001, 1000)
    result = difference(better, RETURNS, seed=3)
    assert result == difference(better, RETURNS, seed=3)
    assert result != difference(better, RETURNS, seed=4)
    assert result.annual_return.excludes_zero
    growth = (np.log1p(better) - np.log1p(RETURNS)).mean() * 252
    assert result.annual_return.estimate == pytest.approx(growth)
    # Independent differences: the interval is close to the normal one.
    spread = 1.96 * (np.log1p(better) - np.log1p(RETURNS)).std() * math.sqrt(252 / 1000 * 252)
    assert result.annual_return.high - growth == pytest.approx(spread, rel=0.15)


def test_a_difference_is_annualised_by_its_calendar() -> None:
    base = np.random.default_rng(5).normal(0.0003, 0.01, 1000)
    plain, clock = (difference(RETURNS, base, seed=3, sessions_a_year=year) for year in (252, 365))
    assert clock.annual_return.estimate == pytest.approx(plain.annual_return.estimate * 365 / 252)
    assert clock.annual_return.high == pytest.approx(plain.annual_return.high * 365 / 252)
    assert clock.annual_sharpe.estimate == pytest.approx(plain.annual_sharpe.estimate * math.sqrt(365 / 252))
    assert plain == difference(RETURNS, base, seed=3)


def test_difference_covers_nothing_in_about_95_of_100_null_worlds() -> None:
    rng = np.random.default_rng(8)
    inside = 0
    for seed in range(60):
        base = rng.normal(0, 0.01, 250)
        result = difference(base + rng.normal(0, 0.003, 250), base, seed=seed, resamples=300)
        inside += not result.annual_return.excludes_zero
    assert 52 <= inside <= 60


def test_difference_refuses_what_it_cannot_tell() -> None:
    with pytest.raises(ParameterError, match="both need the same sessions"):
        difference(RETURNS, RETURNS[1:])
    with pytest.raises(ParameterError, match="needs 60 sessions or more, got 10"):
        difference(RETURNS[:10], RETURNS[:10])


def test_rounding_is_no_spread() -> None:
    # An account in cash alone: its returns are those of cash but for the last digit.
    cash = 1e-4 * (1.0 + 0.3 * np.sin(np.arange(500)))
    values = 12_345.678 * np.cumprod(1.0 + cash)
    returns = values / np.concatenate(([12_345.678], values[:-1])) - 1.0
    assert 0.0 < np.std(returns - cash) < 1e-15
    assert math.isnan(metrics.annual_sharpe(returns, cash))
    assert math.isnan(
        metrics_many_nb(values[None], 12_345.678, cash, 252.0)[0, METRIC_NAMES.index("annual_sharpe_over_cash")]
    )
    assert metrics.annual_sharpe(returns) > 1.0


@pytest.mark.parametrize("growth", [0.0, 1e-4])
def test_an_account_that_never_falls_has_no_calmar(growth: float) -> None:
    # Its values rise, or stand still, but for the rounding of their sums: 1 unit in the last place, up and down.
    capital = 1_000_000.0
    values = capital * (1.0 + growth) ** np.arange(1, 401)
    if not growth:
        values[::3] = np.nextafter(values[::3], 0.0)
    returns = values / np.concatenate(([capital], values[:-1])) - 1.0
    plain = metrics.return_metrics(returns, np.zeros(400))
    compiled = dict(zip(METRIC_NAMES, metrics_many_nb(values[None], capital, np.zeros(400), 252.0)[0], strict=True))
    assert growth or -1e-15 < returns.min() < 0.0
    for figures in (plain, compiled):
        assert figures["max_drawdown"] == figures["ulcer_index"] == 0.0
        assert math.isnan(figures["calmar"])
        assert math.isnan(figures["annual_sortino"])
        assert math.isnan(figures["annual_sharpe"]) or growth
    # A fall of a millionth of a cent is none of rounding.
    values[200] = values[199] * (1.0 - 1e-10)
    (figures,) = metrics_many_nb(values[None], capital, np.zeros(400), 252.0)
    assert figures[METRIC_NAMES.index("max_drawdown")] == pytest.approx(-1e-10, rel=1e-4)


def test_no_objective_is_won_by_rounding() -> None:
    (over,) = read_objectives("sharpe:buy-and-hold")
    row = {"annual_sharpe": 0.8123456789}
    # A set that never acted is the basket, walked in another order of sums.
    assert over.value({"annual_sharpe": 0.8123456789 * (1 + 1e-13)}, {"buy-and-hold": row}) == 0.0
    assert over.value({"annual_sharpe": 0.8123466789}, {"buy-and-hold": row}) == pytest.approx(1e-6)
    assert math.isnan(over.value({"annual_sharpe": math.nan}, {"buy-and-hold": row}))
    calm = {"calmar": math.nan, "total_return": 0.1, "annual_volatility": 0.1}
    failed = judge(calm, read_objectives("calmar"), [], {})
    assert failed.error == "`calmar` is nan, not a number: the account never fell"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resamples": 0}, "`resamples` must be a whole number, 1 or more, got 0"),
        ({"resamples": 10.5}, "`resamples` must be a whole number, 1 or more, got 10.5"),
        ({"level": 95}, r"`level` must be in \(0, 1\), a decimal, got 95; 95 % is 0.95"),
        ({"level": math.nan}, r"`level` must be in \(0, 1\)"),
        ({"seed": -1}, "`seed` must be a whole number, 0 or more, got -1"),
        ({"returns": np.append(RETURNS[1:], np.inf)}, "needs finite returns above -100 %"),
        ({"baseline": np.append(RETURNS[1:], np.nan)}, "needs finite returns above -100 %"),
        ({"returns": RETURNS[None]}, r"`returns` has the shape \(1, 1000\), `baseline` 1000 sessions"),
    ],
)
def test_difference_names_what_it_refuses(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        difference(**{"returns": RETURNS, "baseline": RETURNS, **settings})


def test_resamples_without_a_sharpe_ratio_are_counted_and_left_out() -> None:
    base = np.full(250, 0.0001)
    base[[40, 120, 200]] = 0.02
    some = difference(RETURNS[:250], base)
    assert 0 < some.without_sharpe < 500
    assert some.annual_sharpe.low < some.annual_sharpe.estimate < some.annual_sharpe.high
    assert difference(RETURNS[:250], RETURNS[250:500]).without_sharpe == 0
    flat = difference(RETURNS[:250], np.full(250, 0.0001))
    assert flat.without_sharpe == 1000
    assert np.isnan([flat.annual_sharpe.low, flat.annual_sharpe.high]).all()
    assert np.isfinite([flat.annual_return.low, flat.annual_return.high]).all()
    assert "1,000 resamples with constant returns have no Sharpe ratio" in sharpe_sentence(flat)


def test_series_of_other_sessions_are_not_paired_by_position() -> None:
    days = pd.bdate_range("2020-01-01", periods=100)
    series = pd.Series(np.linspace(-0.01, 0.02, 100), days)
    base = pd.Series(np.linspace(0.01, -0.01, 100), days)
    assert difference(series, base) == difference(series.to_numpy(), base.to_numpy())
    for other in (base[::-1], base.set_axis(days + pd.Timedelta(days=1)), base.tz_localize("UTC")):
        with pytest.raises(ParameterError, match="are of different sessions: row 1 is 2020-01-01"):
            difference(series, other)
    with pytest.raises(ParameterError, match="`returns` must be session returns, an array or a Series"):
        difference("returns", base)


def test_one_catalogue_lists_every_figure_of_a_set_in_its_order() -> None:
    keys = [metric.key for metric in metrics.METRICS]
    assert (
        keys[: len(METRIC_NAMES)] == list(METRIC_NAMES) == list(metrics.return_metrics(RETURNS, np.zeros(len(RETURNS))))
    )
    assert keys == list(FIGURES)
    assert {metric.key for metric in metrics.METRICS if metric.direction == "minimize"} == LESS_IS_BETTER
    run = backtest(BuyAndHold(), simulate_market(seed=3, years=1, names=5))
    assert list(run.metrics) == [metric.key for metric in metrics.METRICS[: -len(metrics.COUNT_METRICS)]]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("cagr", -0.1234, "\N{MINUS SIGN}12.3%"),
        ("cagr", -0.0001, "0.0%"),
        ("cvar_95", -0.0123, "\N{MINUS SIGN}1.23%"),
        ("annual_volatility", 0.2, "20.0%"),
        ("annual_turnover", 4.5, "4.50×"),
        ("costs_paid", 12345.6, "12,346"),
        ("calmar", math.nan, "\N{EN DASH}"),
    ],
)
def test_a_value_has_the_same_text_everywhere(key: str, value: float, text: str) -> None:
    (metric,) = (metric for metric in metrics.METRICS if metric.key == key)
    assert metric.text(value) == text


def test_a_metric_is_between_its_bounds() -> None:
    run = backtest(LiquidityDrain(), simulate_market(seed=3, years=1, names=5))
    for metric in metrics.METRICS:
        low, high = metric.bounds
        assert low <= run.metrics.get(metric.key, low) <= high
