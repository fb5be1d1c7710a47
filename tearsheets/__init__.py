"""Pictures and pages: one run, many runs side by side. Loaded on first use: one page does not wait for another's."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.compare import comparison_table
    from undertow.tearsheets.compare_page import write_comparison
    from undertow.tearsheets.event_page import write_event_page
    from undertow.tearsheets.figure import write_figure
    from undertow.tearsheets.page import write_tearsheet
    from undertow.tearsheets.signal_page import write_signal_page

_HOME = {
    "comparison_table": "compare",
    "write_comparison": "compare_page",
    "write_event_page": "event_page",
    "write_figure": "figure",
    "write_signal_page": "signal_page",
    "write_tearsheet": "page",
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
