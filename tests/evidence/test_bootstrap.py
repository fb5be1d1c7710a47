"""The bootstrap of means: the same blocks in plain Python, its variance in closed form, intervals that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from scipy.stats import norm, t

from undertow.evidence import difference
from undertow.evidence.bootstrap import block_length, block_sums_nb, optimal_block, resampled_means, widening


def plain_sums(values: np.ndarray, block: float, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Politis and Romano (1994): blocks that start anywhere, of geometric length, around the end; row by row."""
    rows = len(values)
    out = np.zeros((resamples, values.shape[1]))
    for resample in range(resamples):
        chosen: list[int] = []
        while len(chosen) < rows:
            start = int(random.random() * rows)
            length = 1 + int(math.log1p(-random.random()) / math.log1p(-1.0 / block)) if block > 1 else 1
            chosen += [(start + step) % rows for step in range(length)]
        out[resample] = values[chosen[:rows]].sum(axis=0)
    return out


@pytest.mark.parametrize("block", [1.0, 2.0, 7.0, 40.0])
def test_sums_of_blocks_are_those_of_their_rows(block: float) -> None:
    values = np.random.default_rng(1).normal(size=(70, 3))
    totals = np.zeros((141, 3))
    np.cumsum(np.concatenate((values, values)), axis=0, out=totals[1:])
    fast = block_sums_nb(totals, block, 50, np.random.default_rng(2))
    np.testing.assert_allclose(fast, plain_sums(values, block, 50, np.random.default_rng(2)), atol=1e-12)


def test_means_vary_as_those_of_arch_do_and_chunks_do_not_matter() -> None:
    values = np.random.default_rng(3).normal(size=(200, 2))
    values[1:] += 0.5 * values[:-1]
    means = np.concatenate(list(resampled_means(values, 6, 20_000, 4)))
    other = StationaryBootstrap(6, values, seed=np.random.default_rng(5)).apply(lambda rows: rows.mean(axis=0), 4000)
    np.testing.assert_allclose(means.std(axis=0), other.std(axis=0), rtol=0.05)
    np.testing.assert_allclose(means.mean(axis=0), 0.0, atol=0.004)
    np.testing.assert_array_equal(means, np.concatenate(list(resampled_means(values, 6, 20_000, 4))))


def test_many_columns_are_drawn_by_the_blocks_of_few() -> None:
    values = np.random.default_rng(3).normal(size=(90, 20))
    many = np.concatenate(list(resampled_means(values, 5, 300, 4)))
    few = np.concatenate(list(resampled_means(values[:, :4], 5, 300, 4)))
    np.testing.assert_allclose(many[:, :4], few, atol=1e-14)


def test_the_block_grows_with_dependence_and_has_a_limit() -> None:
    rng = np.random.default_rng(6)
    noise = rng.normal(size=1000)
    slow = noise.copy()
    for row in range(1, len(slow)):
        slow[row] += 0.9 * slow[row - 1]
    assert block_length(noise) < 5 < block_length(slow)
    assert block_length(np.zeros(100)) == 1
    assert block_length(np.cumsum(rng.normal(size=80))) <= 20


@pytest.mark.parametrize("rows", [20, 60, 61, 252, 1000, 2513])
@pytest.mark.parametrize("dependence", [-0.4, 0.0, 0.3, 0.9, 1.0])
def test_the_optimal_block_is_that_of_arch(rows: int, dependence: float) -> None:
    values = np.random.default_rng(rows).standard_t(4, size=rows) * 0.01
    for row in range(1, rows):
        values[row] += dependence * values[row - 1]
    expected = float(optimal_block_length(values)["stationary"].iloc[0])
    assert optimal_block(values) == pytest.approx(expected, rel=1e-14)


def test_no_block_is_known_for_a_handful_of_rows() -> None:
    assert math.isnan(optimal_block(np.array([0.0, 1.0, 0.0, 2.0, 1.0])))
    assert block_length(np.array([0.0, 1.0, 0.0, 2.0, 1.0])) == 1


@pytest.mark.parametrize(("rows", "block", "level"), [(60, 1, 0.95), (252, 7, 0.9), (2513, 3, 0.99), (61, 15, 0.5)])
def test_widening_has_the_quantiles_of_scipy_stats(rows: int, block: int, level: float) -> None:
    tail, bias = 0.5 * (1.0 + level), max(1.0 - (2.0 * block - 1.0) / rows, 0.25)
    quantile = t.ppf(tail, max(rows / (1.5 * block) - 1.0, 3.0)) / norm.ppf(tail)
    assert widening(rows, block, level) == float(quantile / math.sqrt(bias))


def test_widening_is_that_of_student_and_goes_with_the_sessions() -> None:
    # 252 / 1.5 - 1 = 167 degrees of freedom: 1.97427 (R: qt(0.975, 167)); 1.95996; (1 - 1 / 252) for one row's mean.
    assert widening(252, 1, 0.95) == pytest.approx(1.97427 / 1.95996 / math.sqrt(1 - 1 / 252), rel=1e-5)
    assert 1.0 < widening(2500, 3, 0.95) < 1.004 < widening(60, 3, 0.95)


@pytest.mark.parametrize("kind", ["normal", "t", "autocorrelated"])
def test_of_intervals_on_60_sessions_95_in_100_hold_the_truth(kind: str) -> None:
    samples, held = 200, 0
    for seed in range(samples):
        rng = np.random.default_rng([seed, len(kind)])
        returns = rng.standard_t(4, 60) if kind == "t" else rng.normal(size=61)[:60]
        if kind == "autocorrelated":
            for row in range(1, 60):
                returns[row] += 0.15 * returns[row - 1]
        part = difference(0.01 * returns, np.zeros(60), resamples=400, compounded=False).annual_return
        held += part.low <= 0.0 <= part.high
    # Binomial: 200 tries at 0.95 give 179 to 198 but once in a thousand.
    assert 179 <= held <= 199


def test_a_verdict_hardly_depends_on_the_seed() -> None:
    rng = np.random.default_rng(8)
    returns, base = rng.normal(0.0006, 0.012, 2500), rng.normal(0.0, 0.012, 2500)
    parts = [difference(returns, base, seed=seed).annual_return for seed in range(6)]
    ends = np.array([[part.low, part.high] for part in parts])
    width = float((ends[:, 1] - ends[:, 0]).mean())
    # Of 10,000 resamples an end has a deviation of 1.2 % of a normal interval's half width.
    assert np.ptp(ends, axis=0).max() < 0.05 * width
