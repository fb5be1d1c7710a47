"""Long windows: equal to a loop over every window, and to the bit where nothing is added up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.signals.base.rank_tree import tree_spike_nb
from undertow.signals.base.rolling import rolling_spike_nb, rolling_total_nb
from undertow.signals.base.windows import LOOP_ROWS, window_moments_nb, window_sums_nb
from undertow.signals.contagion import altcoin_contagion_nb
from undertow.signals.open_interest import OpenInterestChange, drop_from_high_nb
from undertow.signals.stabilisation import reclaimed_share_nb
from undertow.signals.volatility import realized_volatility_nb


def sample(rows: int, seed: int, missing: float = 0.1, columns: int = 2) -> Any:
    rng = np.random.default_rng(seed)
    values = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (rows, columns)), axis=0))
    return np.where(rng.random(values.shape) < missing, np.nan, np.round(values, 2))


def plain_drop(values: Any, regimes: Any, window: int) -> Any:
    out = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        start = 0
        for row in range(len(values)):
            if row > 0 and regimes[row, column] != regimes[row - 1, column]:
                start = row
            if row == start and np.isnan(values[row, column]):
                start = row + 1
            part = values[max(row - window + 1, 0) : row + 1, column]
            known = part[~np.isnan(part)]
            if row - start + 1 >= window and not np.isnan(values[row, column]) and 2 * len(known) >= window:
                out[row, column] = values[row, column] / known.max() - 1.0
    return out


def plain_share(close: Any, window: int) -> Any:
    out = np.full(close.shape, np.nan)
    for column in range(close.shape[1]):
        begun = np.flatnonzero(~np.isnan(close[:, column]))
        for row in range(window - 1, len(close)):
            part = close[row - window + 1 : row + 1, column]
            full = row - begun[0] + 1 >= window and 2 * (~np.isnan(part)).sum() >= window
            if np.isnan(part[-1]) or not full:
                continue
            high = np.nanmax(part)
            low = np.nanmin(part[np.flatnonzero(part == high)[-1] :])
            out[row, column] = (part[-1] - low) / (high - low) if high > low else 1.0
    return out


@given(st.data())
@settings(deadline=None)
def test_the_tree_has_the_z_and_rank_of_the_sorted_window_to_the_bit(data: st.DataObject) -> None:
    rows, window = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 16))
    pick = st.one_of(st.just(float("nan")), st.integers(0, 6).map(float), st.floats(-1.0, 1.0))
    values = np.array(data.draw(st.lists(st.tuples(pick, pick), min_size=rows, max_size=rows)))
    borders = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    regimes = np.repeat(np.cumsum(borders).astype(float)[:, None] // 3, 2, axis=1)
    for fast, slow in zip(
        tree_spike_nb(values, regimes, window), rolling_spike_nb(values, regimes, window), strict=True
    ):
        np.testing.assert_array_equal(fast, slow)


@pytest.mark.parametrize("window", [3, 200, 1024])
def test_the_tree_has_the_z_of_the_sorted_window_on_a_long_series(window: int) -> None:
    values = sample(4000, window)
    regimes = np.repeat([0.0, 1.0], [1300, 2700])[:, None].repeat(2, axis=1)
    for fast, slow in zip(
        tree_spike_nb(values, regimes, window), rolling_spike_nb(values, regimes, window), strict=True
    ):
        np.testing.assert_array_equal(fast, slow)


@pytest.mark.parametrize("window", [1, 2, 7, 40, 300])
def test_drop_and_reclaimed_share_by_their_definitions_to_the_bit(window: int) -> None:
    values = sample(900, window)
    regimes = np.repeat([0.0, 1.0, 2.0], [100, 450, 350])[:, None].repeat(2, axis=1)
    np.testing.assert_array_equal(drop_from_high_nb(values, regimes, window), plain_drop(values, regimes, window))
    np.testing.assert_array_equal(reclaimed_share_nb(values, window), plain_share(values, window))


@pytest.mark.parametrize("window", [1, 2, 5, 64, 257, 1000])
def test_sums_and_moments_of_every_window(window: int) -> None:
    x, y = sample(900, 1)[:, 0], sample(900, 2)[:, 0]
    sums, counts = window_sums_nb(x, window)
    moments = window_moments_nb(x, y, window)
    for row in range(len(x)):
        part = slice(max(row - window + 1, 0), row + 1)
        known = ~np.isnan(x[part])
        assert counts[row] == known.sum()
        np.testing.assert_allclose(sums[row], x[part][known].sum(), rtol=1e-13)
        pairs = ~np.isnan(x[part] + y[part])
        assert moments[row, 0] == pairs.sum()
        if pairs.any():
            a, b = x[part][pairs], y[part][pairs]
            da, db = a - a.mean(), b - b.mean()
            expected = [a.mean(), b.mean(), (da * da).sum(), (da * db).sum(), (db * db).sum()]
            np.testing.assert_allclose(moments[row, 1:], expected, rtol=1e-9, atol=1e-9)


def test_a_long_window_leaves_no_rounding_of_what_has_left_it() -> None:
    values = np.zeros(3000)
    values[:500] = 1e15
    sums, _ = window_sums_nb(values, 400)
    assert (sums[900:] == 0.0).all()
    constant = np.full((2000, 1), 123.456)
    assert (realized_volatility_nb(constant, 500, 252.0)[500:] == 0.0).all()


def test_long_windows_equal_the_loop_of_short_ones_to_rounding() -> None:
    window = LOOP_ROWS + 44
    values, regimes = sample(2000, 3), np.zeros((2000, 2))
    total, volatility = rolling_total_nb(values, regimes, window), realized_volatility_nb(values, window, 252.0)
    returns = np.full(values.shape, np.nan)
    returns[1:] = np.log(values[1:] / values[:-1])
    for row in range(window, len(values), 37):
        for column in range(2):
            part = values[row - window + 1 : row + 1, column]
            if np.isnan(part[-1]):
                assert np.isnan(total[row, column])
                continue
            expected = np.nansum(part) / (~np.isnan(part)).sum() * window
            np.testing.assert_allclose(total[row, column], expected, rtol=1e-12)
            moves = returns[row - window + 1 : row + 1, column]
            np.testing.assert_allclose(volatility[row, column], np.nanstd(moves, ddof=1) * np.sqrt(252.0), rtol=1e-12)


def test_contagion_over_a_long_window_is_the_least_squares_fit() -> None:
    rng = np.random.default_rng(4)
    x = np.cumsum(rng.normal(0, 0.01, 2500))
    y = 1.3 * x + np.cumsum(rng.normal(0, 0.004, 2500))
    horizon, window = 24, 900
    residual, z, beta = altcoin_contagion_nb(np.exp(x)[:, None], np.exp(y)[:, None], horizon, window)
    for row in range(horizon + window, 2500, 111):
        dx, dy = (np.diff(path)[row - horizon - window : row - horizon] for path in (x, y))
        slope, constant = np.polyfit(dx, dy, 1)
        deviation = np.sqrt(((dy - slope * dx - constant) ** 2).sum() / (window - 2))
        expected = y[row] - y[row - horizon] - slope * (x[row] - x[row - horizon])
        np.testing.assert_allclose(beta[row, 0], slope, rtol=1e-9)
        np.testing.assert_allclose(residual[row, 0], expected, rtol=1e-9)
        np.testing.assert_allclose(z[row, 0], expected / deviation / np.sqrt(horizon), rtol=1e-9)


def test_open_interest_computes_each_output_by_itself() -> None:
    assert set(OpenInterestChange.spec.output_kernels) == set(OpenInterestChange.spec.outputs)
