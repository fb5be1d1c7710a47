"""Many parameter sets of one strategy at once, and what they are worth.

The functions `sweep` and `design` are those of `undertow`: here their names are modules.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.backtests.sweeps.design import grid, random_sets, stepped
    from undertow.backtests.sweeps.memory import bytes_of
    from undertow.backtests.sweeps.ranking import Ranking, read_ranking
    from undertow.backtests.sweeps.result import CandidateSets, Sweep

_HOME = {
    "CandidateSets": "result",
    "Ranking": "ranking",
    "Sweep": "result",
    "bytes_of": "memory",
    "grid": "design",
    "random_sets": "design",
    "read_ranking": "ranking",
    "stepped": "design",
}

__all__ = [
    "CandidateSets",
    "Ranking",
    "Sweep",
    "bytes_of",
    "grid",
    "random_sets",
    "read_ranking",
    "stepped",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"undertow.backtests.sweeps.{_HOME[name]}"), name)
    raise AttributeError(f"module 'undertow.backtests.sweeps' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
