"""The segment walk of a sweep equals the order kernel, path by path."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.backtests.account import Account
from undertow.backtests.costs import Costs
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.kernel.records import PathPlan, SetPlans, default_options, make_rates
from undertow.backtests.kernel.reference import walk_np
from undertow.backtests.metrics import return_metrics
from undertow.backtests.segments.cut import cut_segments
from undertow.backtests.segments.follow import reference_nb
from undertow.backtests.segments.metrics import METRIC_NAMES, metrics_many_nb
from undertow.backtests.segments.paths import walk_segments_nb
from undertow.backtests.sweeps.chunk import SweepTask
from undertow.backtests.sweeps.paths import WalkedSets, by_kernel, by_segments
from undertow.market import Market
from undertow.market.clock import FloatArray, IntArray
from undertow.strategies import DrawdownDeRisk
from undertow.strategies.plan import Decision, Plan

COST = 7e-4
CAPITAL = 1e6


def random_run(
    rng: np.random.Generator, rows: int, names: int, missing: float, ends: int, every: int
) -> tuple[PriceGrid, FloatArray, IntArray]:
    """Random prices with gaps and ends, base weights and when they are rebalanced."""
    price = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (rows, names)), axis=0))
    fill = np.where(rng.random((rows, names)) < missing, np.nan, price)
    end_price = np.full((rows, names), np.nan)
    for name in range(ends):
        gone = int(rng.integers(1, rows))
        # Some of them trade again after a while.
        fill[gone : gone + int(rng.integers(1, 60)) if name != 1 else rows, name] = np.nan
        end_price[gone, name] = price[gone, name] * 0.9
    rebalanced = np.full(rows, -1)
    rebalanced[::every] = np.arange(len(rebalanced[::every]))
    base = rng.random((len(rebalanced[::every]), names)) * (rng.random((len(rebalanced[::every]), names)) < 0.8)
    base[:, -1] += 0.1
    # One name is never bought.
    base[:, 1 : 2 if names > 3 else 1] = 0.0
    cash = np.cumprod(1 + rng.random(rows) * 1e-4)
    prices = PriceGrid(
        sessions=pd.bdate_range("2020-01-01", periods=rows),
        symbols=tuple(map(str, range(names))),
        fill=fill,
        mark=np.where(np.isnan(fill), price * 1.01, fill),
        close=price * np.exp(rng.normal(0, 0.01, price.shape)),
        end_price=end_price,
        cash_fill=np.concatenate((cash[:1], cash[:-1])),
        cash_close=cash,
        cash_gaps=0,
    )
    return prices, base / base.sum(axis=1, keepdims=True), rebalanced


def exposures(rng: np.random.Generator, rows: int, paths: int) -> Any:
    levels = rng.choice([1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0], (paths, rows // 4 + 1)).repeat(4, axis=1)[:, :rows]
    levels[0], levels[1 % paths] = 1.0, 0.0
    return levels.T


def agree(actual: WalkedSets, expected: WalkedSets) -> None:
    np.testing.assert_allclose(actual.values, expected.values, rtol=1e-9)
    np.testing.assert_allclose(actual.sums, expected.sums, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(actual.counts, expected.counts)
    np.testing.assert_allclose(actual.metrics, expected.metrics, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("scored", [False, True], ids=["proportional", "scored"])
@given(
    seed=st.integers(0, 100_000),
    missing=st.sampled_from([0.0, 0.02, 0.2]),
    ends=st.integers(0, 3),
    every=st.sampled_from([1, 5, 21, 500]),
)
def test_segments_equal_the_kernel(scored: bool, seed: int, missing: float, ends: int, every: int) -> None:
    rng = np.random.default_rng(seed)
    rows, names, paths = int(rng.integers(30, 130)), int(rng.integers(1, 9)), 5
    prices, base, rebalanced = random_run(rng, rows, names, missing, min(ends, names - 1), every)
    scores = tuple(rng.random((2, rows, names))) if scored else ()
    levels, scored_by = (
        exposures(rng, rows, paths),
        rng.integers(-1, len(scores), paths) if scored else np.full(paths, -1),
    )
    plan = Plan(Decision(levels, np.zeros(levels.shape, np.bool_), scored_by, scores), base, rebalanced)
    costs = Costs(7, 2)
    agree(by_segments(prices, plan, costs, CAPITAL, keep=True), by_kernel(prices, plan, costs, CAPITAL, keep=True))


def test_paths_that_follow_the_basket_stay_within_the_kernel() -> None:
    # Long enough, with few changes, that every path goes back to being a copy of the untouched basket.
    prices, base, rebalanced = random_run(np.random.default_rng(3), 1500, 30, 0.0, 4, 21)
    levels = np.ones((1500, 6))
    for path, at in enumerate((1, 30, 200, 210, 900, 1490)):
        levels[at : at + 7, path] = 0.3 * (path % 3)
    plan, costs = Plan(Decision.proportional(levels), base, rebalanced), Costs(50, 50)
    agree(by_segments(prices, plan, costs, CAPITAL, keep=True), by_kernel(prices, plan, costs, CAPITAL, keep=True))


def test_the_plain_twin_agrees_too() -> None:
    rng = np.random.default_rng(8)
    prices, base, rebalanced = random_run(rng, 90, 6, 0.1, 1, 21)
    levels = exposures(rng, 90, 3)
    plan = Plan(Decision.proportional(levels), base, rebalanced)
    walked = by_segments(prices, plan, Costs(), CAPITAL, keep=True)
    for path in range(3):
        path_plan = PathPlan(base, rebalanced, np.ascontiguousarray(levels[:, path]), np.zeros((90, 0), np.int64))
        record = walk_np(prices.arrays, path_plan, make_rates(5e-4, 5e-4), default_options(), CAPITAL)
        np.testing.assert_allclose(walked.values[path], record.values, rtol=1e-10)
        np.testing.assert_array_equal(walked.counts[path], record.counts)


def test_bytes_do_not_depend_on_threads_nor_on_the_other_paths() -> None:
    rng = np.random.default_rng(2)
    parts = cut_segments(*random_run(rng, 300, 11, 0.05, 2, 21))
    levels = np.ascontiguousarray(exposures(rng, 300, 40).T)
    orders, scores, cash = np.zeros((0, 300, 11), np.int64), np.full(40, -1), np.zeros(300)
    rates = make_rates(COST, COST)
    reference = reference_nb(parts, rates, CAPITAL)
    sets = SetPlans(levels, orders, scores)
    before = numba.get_num_threads()
    try:
        results = []
        for threads in {1, before}:
            numba.set_num_threads(threads)
            results.append(walk_segments_nb(parts, reference, sets, rates, CAPITAL, cash, 252.0, True))
    finally:
        numba.set_num_threads(before)
    alone = [
        walk_segments_nb(
            parts, reference, SetPlans(levels[at : at + 1], orders, scores[:1]), rates, CAPITAL, cash, 252.0, True
        )
        for at in range(40)
    ]
    for number in range(4):
        assert len({result[number].tobytes() for result in results}) == 1
        assert np.concatenate([result[number] for result in alone]).tobytes() == results[0][number].tobytes()


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(2, 400),
    flat=st.booleans(),
    year=st.sampled_from([252, 365]),
    unpriced=st.tuples(st.integers(0, 150), st.integers(0, 150)),
)
def test_compiled_metrics_equal_the_plain_ones(
    seed: int, rows: int, flat: bool, year: int, unpriced: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.standard_t(3, rows) * 0.01 * (rng.random(rows) < 0.9)
    cash = np.zeros(rows) if flat else np.full(rows, 1e-4) * rng.random(rows)
    cash[: unpriced[0]], cash[rows - min(rows, unpriced[1]) :] = np.nan, np.nan
    values = CAPITAL * np.cumprod(1 + np.clip(returns, -0.9, 1.0))
    growth = values / np.concatenate(([CAPITAL], values[:-1])) - 1.0
    expected = return_metrics(growth, cash, year)
    assert tuple(expected) == METRIC_NAMES
    np.testing.assert_allclose(
        metrics_many_nb(values[None], CAPITAL, cash, float(year))[0], list(expected.values()), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("weighting", ["equal", "inverse-volatility"])
@pytest.mark.parametrize("universe", ["growth", "sp500"])
def test_segments_equal_the_kernel_on_real_prices(real_market: Market, universe: str, weighting: str) -> None:
    account = Account(costs=Costs(5, 5, 100), weighting=weighting, capital=CAPITAL)
    task = SweepTask(DrawdownDeRisk, real_market, universe, None, None, account)
    prepared, rng = task.prepared, np.random.default_rng(4)
    rows, names = prepared.grid.fill.shape
    levels = np.ones((rows, 8))
    for path in range(2, 8):
        for at in rng.integers(0, rows, 5 * path):
            levels[at : at + int(rng.integers(1, 40)), path] = rng.choice([0.0, 0.3, 0.8])
    levels[:, 1] = 0.6
    scored_by = np.array([-1, -1, -1, -1, 0, 0, -1, 0])
    decision = Decision(levels, np.zeros(levels.shape, np.bool_), scored_by, (rng.random((rows, names)),))
    plan = Plan(decision, prepared.base, prepared.rebalanced)
    walks = (
        walk_sets(prepared.grid, plan, account.costs, CAPITAL, keep=True) for walk_sets in (by_segments, by_kernel)
    )
    agree(*walks)
