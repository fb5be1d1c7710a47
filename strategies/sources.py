"""Where cash is raised from: the order in which names are sold."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from undertow.market.clock import FloatArray, IntArray
from undertow.signals.beta import beta_nb
from undertow.signals.drawdown import drop_nb
from undertow.signals.table import DecisionTable

Source = Literal["proportional", "winners", "beta"]
SOURCES: tuple[Source, ...] = ("proportional", "winners", "beta")
QUARTER = 63  # sessions
HALF_YEAR = 126  # sessions


def winners(table: DecisionTable) -> FloatArray:
    """Return over the last quarter (T, N), known at the decision: last quarter's winners are sold first."""
    return table.known(drop_nb(table.close, QUARTER))


def beta(table: DecisionTable) -> FloatArray:
    """Beta to the benchmark over half a year (T, N), known at the decision: the highest is sold first."""
    benchmark = np.ascontiguousarray(table.benchmark[:, None])
    return table.known(beta_nb(table.close, benchmark, HALF_YEAR))


_SCORES = {"winners": winners, "beta": beta}


def selling_orders(table: DecisionTable, source: npt.NDArray[np.str_]) -> tuple[tuple[FloatArray, ...], IntArray]:
    """The distinct scores (T, N) that `source` (P,) asks for and which one each set uses (-1: proportional)."""
    needed = [name for name in _SCORES if (source == name).any()]
    which = np.full(len(source), -1, dtype=np.int64)
    for position, name in enumerate(needed):
        which[source == name] = position
    return tuple(_SCORES[name](table) for name in needed), which
