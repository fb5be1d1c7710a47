"""Pictures and pages: one run, many runs side by side. Loaded on first use: one page does not wait for another's."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.comparison.page import write_comparison
    from undertow.tearsheets.comparison.table import comparison_table
    from undertow.tearsheets.events.page import write_event_page
    from undertow.tearsheets.run.figure import write_figure
    from undertow.tearsheets.run.page import write_tearsheet
    from undertow.tearsheets.signals.page import write_signal_page

_HOME = {
    "comparison_table": "comparison.table",
    "write_comparison": "comparison.page",
    "write_event_page": "events.page",
    "write_figure": "run.figure",
    "write_signal_page": "signals.page",
    "write_tearsheet": "run.page",
}

__all__ = [
    "comparison_table",
    "write_comparison",
    "write_event_page",
    "write_figure",
    "write_signal_page",
    "write_tearsheet",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"undertow.tearsheets.{_HOME[name]}"), name)
    raise AttributeError(f"module 'undertow.tearsheets' has no attribute {name!r}")
