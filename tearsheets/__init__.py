"""Pages and figures of runs, comparisons, searches, signals and today's checklist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.checklist.page import write_today
    from undertow.tearsheets.comparison.page import write_comparison
    from undertow.tearsheets.comparison.table import Comparison, compare, comparison_table
    from undertow.tearsheets.events.page import write_event_page
    from undertow.tearsheets.evidence.page import write_evidence
    from undertow.tearsheets.market.page import write_market_page
    from undertow.tearsheets.replay.page import write_replay
    from undertow.tearsheets.run.figure import write_figure
    from undertow.tearsheets.run.page import write_tearsheet
    from undertow.tearsheets.signals.page import write_signal_page
    from undertow.tearsheets.study.page import write_study_page
    from undertow.tearsheets.sweep.heatmap import heat_map, line_chart, write_sweep
    from undertow.tearsheets.walk_forward.page import write_walk_page
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "checklist.page": ("write_today",),
            "comparison.page": ("write_comparison",),
            "comparison.table": (
                "Comparison",
                "compare",
                "comparison_table",
            ),
            "events.page": ("write_event_page",),
            "evidence.page": ("write_evidence",),
            "market.page": ("write_market_page",),
            "replay.page": ("write_replay",),
            "run.figure": ("write_figure",),
            "run.page": ("write_tearsheet",),
            "signals.page": ("write_signal_page",),
            "study.page": ("write_study_page",),
            "sweep.heatmap": (
                "heat_map",
                "line_chart",
                "write_sweep",
            ),
            "walk_forward.page": ("write_walk_page",),
        },
    )

__all__ = [
    "Comparison",
    "compare",
    "comparison_table",
    "heat_map",
    "line_chart",
    "write_comparison",
    "write_event_page",
    "write_evidence",
    "write_figure",
    "write_market_page",
    "write_replay",
    "write_signal_page",
    "write_study_page",
    "write_sweep",
    "write_tearsheet",
    "write_today",
    "write_walk_page",
]
