"""The study of the lag, kept tiny: what the whole of it says is in benchmarks/lag_study.py."""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from support.paths import PROJECT
from undertow.backtests.runs.backtest import backtest
from undertow.market import simulate_market
from undertow.strategies import LiquidityDrain

SCRIPT = PROJECT / "benchmarks" / "lag_study.py"
SEEDS = range(4)


@cache
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lag_study", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def tuned(effect: float, at_the_open: float = 0.5) -> list[tuple[float, float, float]]:
    """For each seed: the best lag, the median hours from shock to sale there, and best less worst objective."""
    found = []
    for seed in SEEDS:
        market = simulate_market(seed=seed, effect=effect, lag_hours=36, at_the_open=at_the_open, names=5)
        curve, _ = script().lag_curve(market, script().FIXED, step=6)
        lag = script().best_lag(curve)
        run = backtest(LiquidityDrain(lag=int(lag), **script().FIXED), market)
        found.append((lag, run.lag_hours.median, float(np.ptp(curve))))
    return found


def test_the_tuned_rule_sells_a_day_or_two_after_the_shock() -> None:
    assert 24 <= np.median([hours for _, hours, _ in tuned(1.0)]) <= 48


def test_the_lag_asked_for_is_later_where_none_of_the_selling_is_in_the_opening_print() -> None:
    worked, usual = ([lag for lag, _, _ in tuned(1.0, share)] for share in (0.0, 0.5))
    assert np.median(worked) > np.median(usual)
    assert 24 <= np.median(worked) <= 48


def test_without_the_effect_the_lag_matters_less_and_wanders() -> None:
    spreads = [np.ptp([lag for lag, _, _ in tuned(effect)]) for effect in (1.0, 0.0)]
    gains = [np.mean([gain for _, _, gain in tuned(effect)]) for effect in (1.0, 0.0)]
    assert spreads[0] < spreads[1]
    assert gains[0] > 2 * gains[1]


def test_the_data_say_which_lags_are_as_good_as_the_best_and_nothing_without_the_effect() -> None:
    told = []
    for effect in (1.0, 0.0):
        market = simulate_market(seed=1, effect=effect, names=5)
        told.append(script().alike(market, script().lag_curve(market, script().FIXED, step=6)[1]))
    found, null = told
    # A confidence set that holds its level keeps a little more than one that does not: 9 of the 17 lags.
    assert found["alike"] < 0.6 < null["alike"]
    assert (found["hold_in"], null["hold_in"]) == (0.0, 1.0)


def test_the_middle_of_a_plateau_is_the_best_lag() -> None:
    assert script().best_lag(pd.Series([0.1, 0.3, 0.3, 0.3, 0.2], index=[0, 1, 2, 3, 4])) == 2.0


def test_one_seed_of_the_study_reports(capsys: pytest.CaptureFixture[str]) -> None:
    row = script().study(1, effect=1.0, lag_hours=36.0, years=3.6, trials=2, step=24)
    assert set(row) >= {"lag", "tuned", "fold_tuned", "fold_lag", "fold_spread", "net", "net_low", "net_high", "timing"}
    assert row["net_low"] < row["net"] < row["net_high"]
    script().report(pd.DataFrame([row]))
    assert "tuned lag, from the shock to the fill" in capsys.readouterr().out
