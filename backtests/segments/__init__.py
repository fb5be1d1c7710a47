"""Many accounts walked fast, segment by segment between rebalances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.segments.cut import Segments, cut_segments
    from undertow.backtests.segments.follow import Reference, reference_nb
    from undertow.backtests.segments.metrics import METRIC_NAMES, metrics_many_nb
    from undertow.backtests.segments.paths import walk_segments_nb
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "cut": (
                "Segments",
                "cut_segments",
            ),
            "follow": (
                "Reference",
                "reference_nb",
            ),
            "metrics": (
                "METRIC_NAMES",
                "metrics_many_nb",
            ),
            "paths": ("walk_segments_nb",),
        },
    )

__all__ = [
    "METRIC_NAMES",
    "Reference",
    "Segments",
    "cut_segments",
    "metrics_many_nb",
    "reference_nb",
    "walk_segments_nb",
]
