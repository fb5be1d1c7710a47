"""In what order a long sweep works through its sets: a signal that one chunk had is not computed in the next."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from undertow.backtests.sweeps.chunk import SweepTask
from undertow.market.clock import IntArray
from undertow.strategies.decided import decided
from undertow.strategies.strategy import Sets


def reading_order(setting: SweepTask, sets: Sets, count: int) -> IntArray:
    """The sets (P,) ordered by the parameter whose values take longest to compute signals for, in all.

    What a new value of a parameter takes is measured with two sets that differ in it alone. The order changes how long
    a sweep takes and nothing of what it finds.
    """
    codes = {name: pd.factorize(values)[0] for name, values in sets.items() if values.ndim == 1}
    many = {name: int(code.max()) + 1 for name, code in codes.items()}
    repeated = [name for name in codes if 1 < many[name] < count]
    costs = {name: _cost(setting, sets, name, codes[name]) * many[name] for name in repeated}
    # The last key of a lexsort is the first to sort by.
    by_cost = sorted(repeated, key=lambda name: costs[name])
    order = np.lexsort([codes[name] for name in by_cost]) if by_cost else np.arange(count)
    return np.asarray(order, dtype=np.int64)


def _cost(setting: SweepTask, sets: Sets, name: str, code: IntArray) -> float:
    """Seconds that a second value of a parameter takes more than a second set without one."""
    other = int(np.argmax(code))
    same = {each: column[[0, 0]] for each, column in sets.items()}
    changed = {**same, name: sets[name][[0, other]]}
    return _seconds(setting, changed) - _seconds(setting, same)


def _seconds(setting: SweepTask, sets: Sets) -> float:
    table = setting.stage.table
    begun = time.perf_counter()
    decided(setting.strategy, table, sets)
    taken = time.perf_counter() - begun
    table.forget()
    return taken
