"""Returns, and what is taken for returns: values, growth of 1, gross returns and percent are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from undertow.market import ParameterError, check_returns

RNG = np.random.default_rng(7)
RETURNS = RNG.normal(0.0005, 0.012, 300)
GROWTH = np.cumprod(1.0 + RETURNS)
SLUMP = np.cumprod(1.0 + RNG.normal(-0.001, 0.01, 300))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (100_000 * GROWTH, r"looks like account values: use values\.pct_change"),
        (37.5 * GROWTH, "looks like account values"),
        (GROWTH, r"looks like growth of 1: use growth\.pct_change"),
        (SLUMP, "looks like growth of 1"),
        (1.0 + RETURNS, r"looks like gross returns, 1 \+ r: subtract 1"),
        (1.0 + 0.1 * RETURNS, "looks like gross returns"),
        (100 * RETURNS, "divide percent by 100"),
        (np.abs(100 * RETURNS) - 0.9, "looks like percent: divide by 100"),
        (np.array([0.4, -3.0]), "divide percent by 100"),
        (["a", "b"], "an array or a Series"),
    ],
)
def test_what_is_no_return_is_refused_with_the_way_to_convert(values: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=f"`mine` must be .*{message}"):
        check_returns("mine", values)


@pytest.mark.parametrize(
    "values",
    [
        RETURNS,
        np.zeros(100),
        np.full(100, 0.0001),
        np.full(100, np.nan),
        np.append(RETURNS, [0.6, 1.4, -0.95, -1.0, 9.0, np.nan]),
        RNG.standard_t(2.5, 2000).clip(-10, 100) * 0.06,  # a small coin: days of more than 60 %
        np.array([0.8, 0.9]),
        np.array([]),
        np.where(RNG.random(300) < 0.9, 0.0, 0.3 * RNG.normal(size=300).clip(-3, 3)),
        np.vstack([RETURNS, 2 * RETURNS, np.zeros(300)]),
    ],
)
def test_returns_of_every_kind_are_accepted(values: Any) -> None:
    np.testing.assert_array_equal(check_returns("mine", values), values)


BAD = {"account values": 1e5 * GROWTH, "growth of 1": GROWTH, "gross returns": 1 + RETURNS, "percent": 100 * RETURNS}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_every_function_that_takes_returns_refuses_them(bad: np.ndarray) -> None:
    good = pd.Series(RETURNS)
    calls = [
        lambda: ut.difference(bad, good),
        lambda: ut.difference(good, pd.Series(bad)),
        lambda: ut.confidence_set(np.vstack([RETURNS, bad])),
        lambda: ut.SPATest()(bad, RETURNS),
        lambda: ut.SPATest()(np.vstack([RETURNS, bad]), RETURNS),
        lambda: ut.SPATest()(RETURNS, bad),
    ]
    for call in calls:
        with pytest.raises(ParameterError, match=r"must be decimal session returns, 0\.01 for 1 %; "):
            call()
