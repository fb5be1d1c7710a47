"""Heat maps, line charts and the page of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.sweep.bins import assign_bins
    from undertow.tearsheets.sweep.colours import diverging_colours
    from undertow.tearsheets.sweep.heatmap import heat_map, line_chart, write_sweep
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "bins": ("assign_bins",),
            "colours": ("diverging_colours",),
            "heatmap": (
                "heat_map",
                "line_chart",
                "write_sweep",
            ),
        },
    )

__all__ = [
    "assign_bins",
    "diverging_colours",
    "heat_map",
    "line_chart",
    "write_sweep",
]
