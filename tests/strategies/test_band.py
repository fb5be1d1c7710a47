"""The band around what is held: by hand, and the compiled one against the plain one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.strategies.band import banded_nb, banded_np

NAN = np.nan


@given(seed=st.integers(0, 10_000))
def test_compiled_band_equals_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wanted = np.where(rng.random((50, 6)) < 0.1, NAN, rng.random((50, 6)))
    band = rng.random(6) * 0.3
    for fast, slow in zip(banded_nb(wanted, band), banded_np(wanted, band), strict=True):
        np.testing.assert_array_equal(fast, slow)


def test_band_by_hand() -> None:
    wanted = np.array([[0.95], [0.85], [NAN], [0.80], [0.70]])
    exposure, stale = banded_nb(wanted, np.array([0.10]))
    assert exposure[:, 0].tolist() == pytest.approx([1.0, 0.85, 0.85, 0.85, 0.70])
    assert stale[:, 0].tolist() == [False, False, True, False, False]
