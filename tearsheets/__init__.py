"""Pages and figures of runs, comparisons, searches, signals and today's checklist."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.checklist.page import write_today
    from undertow.tearsheets.comparison.page import write_comparison
    from undertow.tearsheets.comparison.table import Comparison, compare, comparison_table
    from undertow.tearsheets.events.page import write_event_page
    from undertow.tearsheets.run.figure import write_figure
    from undertow.tearsheets.run.page import write_tearsheet
    from undertow.tearsheets.signals.page import write_signal_page
    from undertow.tearsheets.study.page import write_study_page
    from undertow.tearsheets.sweep.heatmap import heat_map, line_chart, write_sweep
    from undertow.tearsheets.walk_forward.page import write_walk_page

_HOME = {
    "Comparison": "comparison.table",
    "compare": "comparison.table",
    "comparison_table": "comparison.table",
    "heat_map": "sweep.heatmap",
    "line_chart": "sweep.heatmap",
    "write_comparison": "comparison.page",
    "write_event_page": "events.page",
    "write_figure": "run.figure",
    "write_signal_page": "signals.page",
    "write_study_page": "study.page",
    "write_sweep": "sweep.heatmap",
    "write_tearsheet": "run.page",
    "write_today": "checklist.page",
    "write_walk_page": "walk_forward.page",
}

__all__ = [
    "Comparison",
    "compare",
    "comparison_table",
    "heat_map",
    "line_chart",
    "write_comparison",
    "write_event_page",
    "write_figure",
    "write_signal_page",
    "write_study_page",
    "write_sweep",
    "write_tearsheet",
    "write_today",
    "write_walk_page",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
