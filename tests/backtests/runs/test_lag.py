"""How many hours later: from the shock to the fill, the same from a run, a search and a fold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import undertow as ut
from undertow.backtests.runs.backtest import backtest, session_rows
from undertow.backtests.runs.lag_hours import LagHours, lag_hours, summarize_lag
from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.market import Market, simulate_market
from undertow.signals.base.registry import STRATEGIES, load, registered
from undertow.signals.decisions.table import shared_table


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=3, names=6)


@pytest.mark.parametrize("name", list(registered(STRATEGIES)))
@pytest.mark.parametrize("fill", ["open", "close"])
def test_without_its_account_it_is_that_of_the_run(market: Market, name: str, fill: str) -> None:
    strategy = load(STRATEGIES, name)()
    rows = session_rows(market, "2018-06-01", "2020-03-31")
    run = backtest(strategy, market, fill=fill, start="2018-06-01", end="2020-03-31")
    hours = lag_hours(strategy, shared_table(market, "growth", fill), rows)
    assert hours == run.lag_hours
    if hours is not None:
        assert hours.median == run.episodes["lag_hours"].median()
        assert hours.low <= hours.median <= hours.high
        assert hours.episodes <= run.metrics["episodes"]


def test_a_hedge_without_a_price_yet_is_no_episode() -> None:
    market = simulate_market(seed=7, years=2, names=6)
    rule = ut.strategies.HedgeOverlay(drawdown=-0.07, lag=61, window=363, spike=0.86, min_hold=110, max_hold=87)
    all_rows = session_rows(market, None, None)
    assert lag_hours(rule, shared_table(market, "growth", "open"), all_rows) == backtest(rule, market).lag_hours
    # The benchmark is listed late: until then nothing can be sold short.
    prices = market.prices
    late = replace(prices, **{name: np.array(getattr(prices, name)) for name in ("open", "high", "low", "close")})
    column = prices.columns_of([market.benchmark])
    for name in ("open", "high", "low", "close"):
        getattr(late, name)[:300, column] = np.nan
    listed = replace(market, prices=late)
    run = backtest(rule, listed)
    assert 0 < len(run.episodes) < len(backtest(rule, market).episodes)
    assert lag_hours(rule, shared_table(listed, "growth", "open"), all_rows) == run.lag_hours


def test_a_rule_without_shocks_has_none(market: Market) -> None:
    run = backtest(ut.strategies.VolTarget(), market)
    assert run.lag_hours is None
    assert run.summary()["lag_hours"] is None
    assert summarize_lag(np.array([np.nan])) is None
    assert summarize_lag(np.array([])) is None


def test_the_fill_comes_after_the_age_that_was_asked_for(market: Market) -> None:
    results = [backtest(ut.strategies.LiquidityDrain(lag=lag), market).lag_hours for lag in (0, 24, 48)]
    medians = [hours.median for hours in results if hours is not None]
    assert len(medians) == 3
    # A decision half an hour before the open, once a session: never at once, rarely more than a weekend later.
    for lag, median in zip((0, 24, 48), medians, strict=True):
        assert lag + 0.5 < median < lag + 72


def test_what_it_says() -> None:
    assert summarize_lag(np.array([20.0, np.nan, 30.0, 45.0, 50.0])) == LagHours(37.5, 27.5, 46.25, 4)
    text = "From the shock to the fill: 38 h in the median, half of 1,204 episodes within 28 to 46 h."
    assert LagHours(37.6, 27.5, 46.25, 1204).sentence() == text
    assert LagHours(24.5, 24.5, 24.5, 1).sentence() == "From the shock to the fill: 24 h, in one episode."


def test_a_search_has_that_of_its_best(market: Market) -> None:
    tuning = optimize(ut.strategies.LiquidityDrain, market, trials=6, design=2, seed=3, end="2020-03-31")
    assert tuning.lag_hours == tuning.backtest().lag_hours
    assert tuning.lag_hours is not None
    assert tuning.summary()["lag_hours"]["median"] == tuning.lag_hours.median


def test_a_fold_has_that_of_its_choice_in_training(market: Market) -> None:
    split = ut.WalkForward(train=252, test=252)
    walk = walk_forward(ut.strategies.LiquidityDrain, market, split=split, trials=4, seed=3)
    for fold, hours in zip(walk.folds, walk.table["in_lag_hours"], strict=True):
        start, end = (str(day.date()) for day in fold.train)
        run = backtest(ut.strategies.LiquidityDrain(**fold.parameters), market, start=start, end=end)
        assert fold.lag_hours == run.lag_hours
        assert hours == run.episodes["lag_hours"].median()
    assert walk.summary()["lag_hours"]["median"] == walk.run.episodes["lag_hours"].median()
    nothing = walk_forward(ut.strategies.VolTarget, market, split=split, trials=2, seed=3)
    assert nothing.table["in_lag_hours"].isna().all()
