"""Designs: even, within the space, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from undertow.backtests.sweeps.design import design, grid, random_sets, values_at
from undertow.market import ParameterError

SPACE: dict[str, BaseDistribution] = {
    "lag": IntDistribution(0, 96, step=12),
    "window": IntDistribution(1, 100, log=True),
    "threshold": FloatDistribution(-0.4, -0.05),
    "cost": FloatDistribution(0.1, 10.0, log=True),
    "share": FloatDistribution(0.0, 1.0, step=0.25),
    "source": CategoricalDistribution(("one", "two", "three", "four")),
}


@pytest.mark.parametrize("make", [design, random_sets])
@given(count=st.integers(1, 300), seed=st.integers(0, 99))
def test_every_set_lies_in_the_space_and_a_seed_decides_it(make: object, count: int, seed: int) -> None:
    sets = make(SPACE, count, seed=seed)  # type: ignore[operator]
    assert list(sets.columns) == list(SPACE)
    assert len(sets) == count
    for name, distribution in SPACE.items():
        assert all(distribution._contains(distribution.to_internal_repr(value)) for value in sets[name])
    pd.testing.assert_frame_equal(sets, make(SPACE, count, seed=seed))  # type: ignore[operator]


def test_a_sobol_design_fills_every_parameter_evenly() -> None:
    sets = design(SPACE, 256, seed=3)
    assert sets["source"].value_counts().to_dict() == dict.fromkeys(("one", "two", "three", "four"), 64)
    # Each of 16 equal parts of a range holds 256 / 16 points, in the logarithm where the range is logarithmic.
    even = (sets["threshold"] + 0.4) / 0.35
    logarithmic = np.log(sets["cost"] / 0.1) / np.log(100.0)
    for part in (even, logarithmic):
        assert set(np.bincount((part * 16).astype(int))) == {16}


def test_the_ends_of_a_range_are_reached() -> None:
    points = np.array([0.0, 0.5, np.nextafter(1.0, 0.0)])
    assert list(values_at(IntDistribution(0, 96, step=12), points)) == [0, 48, 96]
    assert list(values_at(IntDistribution(1, 100, log=True), points)) == [1, 7, 100]
    assert list(values_at(FloatDistribution(0.0, 1.0, step=0.25), points)) == [0.0, 0.5, 1.0]
    assert list(values_at(CategoricalDistribution(("a", None)), points)) == ["a", None, None]


def test_a_grid_is_every_combination_in_order() -> None:
    sets = grid({"lag": [0, 24], "source": ["beta", "winners"]})
    assert sets.to_dict("list") == {"lag": [0, 0, 24, 24], "source": ["beta", "winners"] * 2}


def test_nothing_to_vary_and_no_sets_are_refused() -> None:
    with pytest.raises(ParameterError, match="`count` must be a whole number of sets, 1 or more, got 0"):
        design(SPACE, 0, seed=1)
    with pytest.raises(ParameterError, match="the search space is empty"):
        random_sets({}, 5, seed=1)


@pytest.mark.parametrize("make", [design, random_sets])
@pytest.mark.parametrize("seed", [-1, 1.5, None, True])
def test_a_seed_that_is_none_is_refused(make: object, seed: object) -> None:
    with pytest.raises(ParameterError, match="`seed` must be a whole number, 0 or more, got"):
        make(SPACE, 4, seed=seed)
