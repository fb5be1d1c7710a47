"""The order of sets in a long sweep: signals of one chunk serve the next."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from undertow.backtests.sweeps.chunk import SweepTask
from undertow.market import IntArray
from undertow.strategies import Sets, decided


def reading_order(task: SweepTask, sets: Sets, count: int) -> IntArray:
    """The sets (P,) ordered by the parameters whose signals take longest.

    The time of a new value of a parameter is measured with two sets that differ in it alone. The order changes how long
    a sweep takes, not its figures.
    """
    codes = {name: pd.factorize(values)[0] for name, values in sets.items() if values.ndim == 1}
    distinct = {name: int(code.max()) + 1 for name, code in codes.items()}
    repeated = [name for name in codes if 1 < distinct[name] < count]
    costs = {name: _cost(task, sets, name, codes[name]) * distinct[name] for name in repeated}
    # The last key of a lexsort is the first to sort by.
    by_cost = sorted(repeated, key=lambda name: costs[name])
    order = np.lexsort([codes[name] for name in by_cost]) if by_cost else np.arange(count)
    return np.asarray(order, dtype=np.int64)


def _cost(task: SweepTask, sets: Sets, name: str, code: IntArray) -> float:
    """Seconds that a second value of a parameter takes beyond an equal set."""
    second = int(np.argmax(code))
    repeated = {parameter: column[[0, 0]] for parameter, column in sets.items()}
    changed = {**repeated, name: sets[name][[0, second]]}
    return _seconds(task, changed) - _seconds(task, repeated)


def _seconds(task: SweepTask, sets: Sets) -> float:
    table = task.prepared.table
    start = time.perf_counter()
    decided(task.strategy, table, sets)
    elapsed = time.perf_counter() - start
    table.forget()
    return elapsed
