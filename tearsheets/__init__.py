"""Pictures and pages: one run, many runs side by side."""

from undertow.tearsheets.compare import comparison_table
from undertow.tearsheets.compare_page import write_comparison
from undertow.tearsheets.event_page import write_event_page
from undertow.tearsheets.figure import write_figure
from undertow.tearsheets.page import write_tearsheet
from undertow.tearsheets.signal_page import write_signal_page

__all__ = [
    "comparison_table",
    "write_comparison",
    "write_event_page",
    "write_figure",
    "write_signal_page",
    "write_tearsheet",
]
