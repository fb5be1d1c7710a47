"""A decision table that threads share: what one lets go of, another still has."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from undertow.market import simulate_market
from undertow.signals import Drawdown
from undertow.signals.decisions.table import DecisionTable

THREADS, ROUNDS = 4, 3000


@pytest.fixture
def table() -> DecisionTable:
    return DecisionTable(simulate_market(seed=3, years=1, names=5), "growth")


@pytest.fixture
def often_switched() -> Iterator[None]:
    """Threads take turns far more often than they would by themselves."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("often_switched")
def test_a_series_that_another_thread_lets_go_of_is_there_for_the_one_that_asked(table: DecisionTable) -> None:
    table.series_bytes = 20.0

    def work(number: int) -> None:
        for key in np.random.default_rng(number).integers(5, size=ROUNDS).tolist():
            (values,) = table.cached((key,), lambda key=key: (np.array([key], dtype=np.float64),))  # type: ignore[misc]
            assert values[0] == key

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    held = sum(values.nbytes for series in table._series.values() for values in series)
    assert held == table._series_size <= table.series_bytes


class Forgetful(dict[Any, Any]):
    """What another thread empties as soon as anything is in it."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self.clear()


def test_a_sweep_that_forgets_takes_nothing_from_another(table: DecisionTable) -> None:
    windows = {"window": np.array([24.0, 48.0])}
    expected = table.signal(Drawdown, windows)
    table._aligned = Forgetful()
    np.testing.assert_array_equal(table.signal(Drawdown, windows), expected)
