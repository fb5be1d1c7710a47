"""Several runs side by side on the sessions that all of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.comparison.columns import ComparisonColumn
    from undertow.tearsheets.comparison.page import check_page, write_comparison, write_comparison_page
    from undertow.tearsheets.comparison.table import Comparison, compare, comparison_table
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "columns": ("ComparisonColumn",),
            "page": (
                "check_page",
                "write_comparison",
                "write_comparison_page",
            ),
            "table": (
                "Comparison",
                "compare",
                "comparison_table",
            ),
        },
    )

__all__ = [
    "Comparison",
    "ComparisonColumn",
    "check_page",
    "compare",
    "comparison_table",
    "write_comparison",
    "write_comparison_page",
]
