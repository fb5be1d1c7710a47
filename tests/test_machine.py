"""The de-risk state machine: by hand, and the compiled one against the plain one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.strategies.machine import banded_nb, banded_np, exposure_nb, exposure_np

NAN = np.nan


def one(trigger: list[float], clear: list[float], **changes: float) -> tuple[list[float], list[bool]]:
    """One set on a clock of 24 hours a session."""
    given = {"cash": 0.5, "min_hold": 0.0, "max_hold": np.inf, "steps": 1, **changes}
    columns = [np.array(part, dtype=float)[:, None] for part in (trigger, clear)]
    hours = np.arange(len(trigger)) * 24.0
    parts = [np.array([given[name]], dtype=float) for name in ("cash", "min_hold", "max_hold")]
    exposure, stale = exposure_nb(*columns, hours, *parts, np.array([int(given["steps"])]))
    return exposure[:, 0].tolist(), stale[:, 0].tolist()


def test_enters_on_the_trigger_and_leaves_on_the_all_clear() -> None:
    assert one([0, 1, 1, 1, 0], [0, 0, 0, 1, 1])[0] == [1, 0.5, 0.5, 1, 1]


def test_a_trigger_that_stays_on_does_not_fire_twice() -> None:
    assert one([1, 1, 1, 1, 0, 1], [0, 1, 1, 1, 1, 1])[0] == [0.5, 1, 1, 1, 1, 0.5]


def test_minimum_and_maximum_hold_count_hours_from_the_entry() -> None:
    assert one([1, 0, 0, 0], [1, 1, 1, 1], min_hold=48)[0] == [0.5, 0.5, 1, 1]
    assert one([1, 0, 0, 0], [0, 0, 0, 0], max_hold=72)[0] == [0.5, 0.5, 0.5, 1]


def test_a_fresh_trigger_restarts_the_clock() -> None:
    assert one([1, 0, 1, 0, 0], [0, 0, 0, 0, 0], max_hold=72)[0] == [0.5] * 5


def test_comes_back_in_equal_steps_and_can_be_called_back() -> None:
    assert one([1, 0, 0, 0, 0], [0, 1, 1, 1, 1], steps=2)[0] == [0.5, 0.75, 1, 1, 1]
    assert one([1, 0, 1, 0, 0], [0, 1, 1, 1, 1], steps=2)[0] == [0.5, 0.75, 0.5, 0.75, 1]


def test_unknown_holds_the_exposure_and_is_stale() -> None:
    assert one([NAN, 1, NAN, NAN, 0], [1, 0, 1, 1, 1]) == ([1, 0.5, 0.5, 0.5, 1], [True, False, True, True, False])
    assert one([1, 0, 0], [0, NAN, 1]) == ([0.5, 0.5, 1], [False, True, False])


@given(seed=st.integers(0, 10_000))
def test_compiled_machine_equals_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trigger, clear = rng.choice([0.0, 0.0, 1.0, NAN], (2, 80, 12))
    hours = np.cumsum(rng.choice([24.0, 23.0, 72.0], 80))
    cash, low, high = rng.random(12), rng.integers(0, 100, 12) * 1.0, rng.integers(24, 300, 12) * 1.0
    given_sets = (trigger, clear, hours, cash, low, high, rng.integers(1, 6, 12))
    for fast, slow in zip(exposure_nb(*given_sets), exposure_np(*given_sets), strict=True):
        np.testing.assert_array_equal(fast, slow)


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
