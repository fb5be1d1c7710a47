"""The segment walk of a sweep: equal to the order kernel, path by path, whatever the gaps, ends and selling orders."""

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
from undertow.backtests.kernel.reference import walk_np
from undertow.backtests.kernel.state import CLOSED, DEFERRED, OPEN_AT_END, default_options
from undertow.backtests.metrics import return_metrics
from undertow.backtests.segments.cut import cut
from undertow.backtests.segments.follow import reference_nb
from undertow.backtests.segments.metrics import NAMES, metrics_of
from undertow.backtests.segments.paths import walk_segments_nb
from undertow.backtests.sweeps.chunk import SweepTask
from undertow.backtests.sweeps.paths import WalkedSets, by_kernel, by_segments
from undertow.market import Market
from undertow.market.clock import FloatArray, IntArray
from undertow.strategies import DrawdownDeRisk
from undertow.strategies.plan import Decision, Plan

COST = 7e-4
CAPITAL = 1e6


def tape(
    rng: np.random.Generator, rows: int, names: int, missing: float, ends: int, every: int
) -> tuple[PriceGrid, FloatArray, IntArray]:
    """Random prices with gaps and ends, base weights and when they are rebalanced."""
    price = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (rows, names)), axis=0))
    fill = np.where(rng.random((rows, names)) < missing, np.nan, price)
    end_price = np.full((rows, names), np.nan)
    for name in range(ends):
        gone = int(rng.integers(1, rows))
        fill[gone:, name] = np.nan
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


def agree(found: WalkedSets, wanted: WalkedSets) -> None:
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-9)
    np.testing.assert_allclose(found.sums, wanted.sums, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found.counts, wanted.counts)
    np.testing.assert_allclose(found.metrics, wanted.metrics, rtol=1e-8, atol=1e-12)


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
    prices, base, rebalanced = tape(rng, rows, names, missing, min(ends, names - 1), every)
    scores = tuple(rng.random((2, rows, names))) if scored else ()
    levels, which = exposures(rng, rows, paths), rng.integers(-1, len(scores), paths) if scored else np.full(paths, -1)
    plan = Plan(Decision(levels, np.zeros(levels.shape, np.bool_), which, scores), base, rebalanced)
    costs = Costs(7, 2)
    agree(by_segments(prices, plan, costs, CAPITAL, keep=True), by_kernel(prices, plan, costs, CAPITAL, keep=True))


def test_paths_that_follow_the_basket_stay_within_the_kernel() -> None:
    # Long enough, with few changes, that every path goes back to being a copy of the untouched basket.
    prices, base, rebalanced = tape(np.random.default_rng(3), 1500, 30, 0.0, 4, 21)
    levels = np.ones((1500, 6))
    for path, at in enumerate((1, 30, 200, 210, 900, 1490)):
        levels[at : at + 7, path] = 0.3 * (path % 3)
    plan, costs = Plan(Decision.proportional(levels), base, rebalanced), Costs(50, 50)
    agree(by_segments(prices, plan, costs, CAPITAL, keep=True), by_kernel(prices, plan, costs, CAPITAL, keep=True))


def test_the_plain_twin_agrees_too() -> None:
    rng = np.random.default_rng(8)
    prices, base, rebalanced = tape(rng, 90, 6, 0.1, 1, 21)
    levels = exposures(rng, 90, 3)
    plan = Plan(Decision.proportional(levels), base, rebalanced)
    found = by_segments(prices, plan, Costs(), CAPITAL, keep=True)
    for path in range(3):
        outcome = walk_np(
            prices.fill,
            prices.mark,
            prices.close,
            prices.end_price,
            base,
            rebalanced,
            np.ascontiguousarray(levels[:, path]),
            np.zeros((90, 0), np.int64),
            prices.cash_fill,
            prices.cash_close,
            CAPITAL,
            5e-4,
            5e-4,
            default_options(),
        )
        np.testing.assert_allclose(found.values[path], outcome[0], rtol=1e-10)
        np.testing.assert_array_equal(found.counts[path], outcome[5][[DEFERRED, CLOSED, OPEN_AT_END]])


def test_bytes_do_not_depend_on_threads_nor_on_the_other_paths() -> None:
    rng = np.random.default_rng(2)
    parts = cut(*tape(rng, 300, 11, 0.05, 2, 21))
    levels = np.ascontiguousarray(exposures(rng, 300, 40).T)
    orders, which, cash = np.zeros((0, 300, 11), np.int64), np.full(40, -1), np.zeros(300)
    reference = reference_nb(parts, CAPITAL, COST, COST)
    before = numba.get_num_threads()
    try:
        outcomes = []
        for threads in {1, before}:
            numba.set_num_threads(threads)
            outcomes.append(walk_segments_nb(parts, reference, levels, orders, which, CAPITAL, COST, COST, cash, True))
    finally:
        numba.set_num_threads(before)
    alone = [
        walk_segments_nb(parts, reference, levels[at : at + 1], orders, which[:1], CAPITAL, COST, COST, cash, True)
        for at in range(40)
    ]
    for number in range(4):
        assert len({outcome[number].tobytes() for outcome in outcomes}) == 1
        assert np.concatenate([each[number] for each in alone]).tobytes() == outcomes[0][number].tobytes()


@given(seed=st.integers(0, 10_000), rows=st.integers(2, 400), flat=st.booleans())
def test_compiled_metrics_equal_the_plain_ones(seed: int, rows: int, flat: bool) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.standard_t(3, rows) * 0.01 * (rng.random(rows) < 0.9)
    cash = np.zeros(rows) if flat else np.full(rows, 1e-4) * rng.random(rows)
    values = CAPITAL * np.cumprod(1 + np.clip(returns, -0.9, 1.0))
    own = values / np.concatenate(([CAPITAL], values[:-1])) - 1.0
    expected = return_metrics(own, cash)
    assert tuple(expected) == NAMES
    np.testing.assert_allclose(
        metrics_of(values[None], CAPITAL, cash)[0], list(expected.values()), rtol=1e-9, atol=1e-12
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
    which = np.array([-1, -1, -1, -1, 0, 0, -1, 0])
    decision = Decision(levels, np.zeros(levels.shape, np.bool_), which, (rng.random((rows, names)),))
    plan = Plan(decision, prepared.base, prepared.rebalanced)
    walks = (way(prepared.grid, plan, account.costs, CAPITAL, keep=True) for way in (by_segments, by_kernel))
    agree(*walks)
