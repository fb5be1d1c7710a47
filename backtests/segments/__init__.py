"""Many accounts walked fast, segment by segment between rebalances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.segments.metrics import METRIC_NAMES
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "metrics": ("METRIC_NAMES",),
        },
    )

__all__ = [
    "METRIC_NAMES",
]
