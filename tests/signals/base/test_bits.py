"""Rolling rank and median of bits: equal to a slower way, to the last bit, whatever is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.signals.base.bits import (
    bit_places_nb,
    medians_nb,
    order_rows_nb,
    ranks_nb,
    rolling_median_nb,
    rolling_rank_nb,
)
from undertow.signals.base.rolling import rolling_spike_nb


def plain_rank(values: Any, regimes: Any, window: int) -> Any:
    """The definition: the window's values of the same regime, counted one by one."""
    out = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        start = 0
        for row in range(len(values)):
            if row > 0 and regimes[row, column] != regimes[row - 1, column]:
                start = row
            value = values[row, column]
            if np.isnan(value):
                start = row + 1 if start == row else start
                continue
            if row - start + 1 < window:
                continue
            part = values[row - window + 1 : row + 1, column]
            part = part[~np.isnan(part)]
            if 2 * len(part) >= window:
                out[row, column] = ((part < value).sum() + 0.5 * ((part == value).sum() + 1)) / len(part)
    return out


@given(st.data())
def test_rank_by_the_definition(data: st.DataObject) -> None:
    rows, window = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 12))
    pick = st.one_of(st.just(float("nan")), st.integers(0, 6).map(float))
    values = np.array(data.draw(st.lists(st.tuples(pick, pick), min_size=rows, max_size=rows)))
    borders = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    regimes = np.repeat(np.cumsum(borders).astype(float)[:, None], 2, axis=1)
    ranks = rolling_rank_nb(values, regimes, window)
    np.testing.assert_array_equal(ranks, plain_rank(values, regimes, window))
    np.testing.assert_array_equal(ranks, rolling_spike_nb(values, regimes, window)[1])


@pytest.mark.parametrize("window", [1, 2, 25, 168])
def test_rank_and_median_as_pandas_has_them(window: int) -> None:
    rng = np.random.default_rng(window)
    values = np.round(rng.lognormal(size=(700, 2)), 1)
    frame = pd.DataFrame(values)
    ranks = rolling_rank_nb(values, np.zeros(values.shape), window)
    np.testing.assert_array_equal(ranks, frame.rolling(window).rank(pct=True))
    np.testing.assert_array_equal(rolling_median_nb(values, window), frame.rolling(window).median())


def test_a_median_needs_half_of_its_window_and_a_value_of_its_own() -> None:
    values = np.array([[1.0], [np.nan], [3.0], [np.nan], [np.nan], [np.nan], [7.0], [9.0]])
    medians = rolling_median_nb(values, 4)[:, 0]
    np.testing.assert_array_equal(medians, [np.nan] * 6 + [np.nan, 8.0])
    # Two of four are there at the third row, but its window has only three rows.
    np.testing.assert_array_equal(rolling_median_nb(values[:3], 3)[:, 0], [np.nan, np.nan, 2.0])


@given(st.lists(st.one_of(st.floats(allow_nan=True), st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-15])), max_size=60))
def test_the_order_of_rows_is_that_of_a_stable_sort(values: list[float]) -> None:
    given_values = np.array(values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(given_values))
    expected = known[np.argsort(given_values[known], kind="stable")]
    np.testing.assert_array_equal(order_rows_nb(given_values), expected)


def test_numbers_that_differ_in_their_last_digits_alone_are_sorted_too() -> None:
    values = 1.0 + 1e-13 * np.random.default_rng(0).permutation(3000)
    np.testing.assert_array_equal(order_rows_nb(values), np.argsort(values, kind="stable"))


def test_a_rank_is_the_same_at_some_rows_and_a_median_starts_where_it_is_told() -> None:
    rng = np.random.default_rng(3)
    values = np.round(rng.lognormal(size=5000), 2)
    values[rng.random(5000) < 0.2] = np.nan
    regimes = np.repeat([0.0, 1.0], 2500)
    places, rows = bit_places_nb(values), np.flatnonzero(rng.random(5000) < 0.1)
    whole = rolling_rank_nb(values[:, None], regimes[:, None], 500)[:, 0]
    np.testing.assert_array_equal(ranks_nb(places, regimes, 500, rows), whole[rows])
    median = np.full(5000, -1.0)
    medians_nb(places, 2500, 4000, 500, median)
    assert (np.concatenate((median[:2500], median[4000:])) == -1.0).all()
    np.testing.assert_array_equal(median[2500:4000], rolling_median_nb(values[2500:4000, None].copy(), 500)[:, 0])
