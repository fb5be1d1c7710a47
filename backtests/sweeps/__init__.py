"""Many parameter sets of one strategy at once, and what they are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.sweeps.axes import MOST_SETS, read_axes, read_value
    from undertow.backtests.sweeps.candidates import CandidateSets
    from undertow.backtests.sweeps.chunk import is_less_better
    from undertow.backtests.sweeps.design import design, grid, random_sets, stepped
    from undertow.backtests.sweeps.memory import bytes_of
    from undertow.backtests.sweeps.ranking import Ranking, read_ranking
    from undertow.backtests.sweeps.rearranged import Rearranged, rearranged
    from undertow.backtests.sweeps.result import MOST_COMPARED, Sweep
    from undertow.backtests.sweeps.sweep import sweep
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "axes": (
                "MOST_SETS",
                "read_axes",
                "read_value",
            ),
            "candidates": ("CandidateSets",),
            "chunk": ("is_less_better",),
            "design": (
                "design",
                "grid",
                "random_sets",
                "stepped",
            ),
            "memory": ("bytes_of",),
            "ranking": (
                "Ranking",
                "read_ranking",
            ),
            "rearranged": (
                "Rearranged",
                "rearranged",
            ),
            "result": (
                "MOST_COMPARED",
                "Sweep",
            ),
            "sweep": ("sweep",),
        },
    )

__all__ = [
    "MOST_COMPARED",
    "MOST_SETS",
    "CandidateSets",
    "Ranking",
    "Rearranged",
    "Sweep",
    "bytes_of",
    "design",
    "grid",
    "is_less_better",
    "random_sets",
    "read_axes",
    "read_ranking",
    "read_value",
    "rearranged",
    "stepped",
    "sweep",
]
