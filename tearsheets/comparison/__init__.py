"""Several runs side by side on the sessions that all of them share."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.comparison.columns import ComparisonColumn
    from undertow.tearsheets.comparison.page import check_page, write_comparison, write_comparison_page
    from undertow.tearsheets.comparison.table import Comparison, compare, comparison_table

_HOME = {
    "Comparison": "table",
    "ComparisonColumn": "columns",
    "check_page": "page",
    "compare": "table",
    "comparison_table": "table",
    "write_comparison": "page",
    "write_comparison_page": "page",
}

__all__ = [
    "Comparison",
    "ComparisonColumn",
    "check_page",
    "compare",
    "comparison_table",
    "write_comparison",
    "write_comparison_page",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
