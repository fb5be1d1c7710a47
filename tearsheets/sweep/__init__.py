"""Heat maps, line charts and the page of a sweep."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.sweep.bins import assign_bins
    from undertow.tearsheets.sweep.colours import diverging_colours
    from undertow.tearsheets.sweep.heatmap import heat_map, line_chart, write_sweep

_HOME = {
    "assign_bins": "bins",
    "diverging_colours": "colours",
    "heat_map": "heatmap",
    "line_chart": "heatmap",
    "write_sweep": "heatmap",
}

__all__ = [
    "assign_bins",
    "diverging_colours",
    "heat_map",
    "line_chart",
    "write_sweep",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
