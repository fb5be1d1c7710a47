"""What a market covers, what it lacks, and what looks wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market.lazy import lazy_names

if TYPE_CHECKING:
    from undertow.market.inspection.changes import is_extreme, price_changes, split_ratio
    from undertow.market.inspection.coverage import Coverage, market_coverage
    from undertow.market.inspection.doctor import error_findings, market_doubts
    from undertow.market.inspection.doubt import Doubt
    from undertow.market.inspection.findings import market_findings
    from undertow.market.inspection.tables import CoverageTable, coverage_tables, render_coverage
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "changes": (
                "is_extreme",
                "price_changes",
                "split_ratio",
            ),
            "coverage": (
                "Coverage",
                "market_coverage",
            ),
            "doctor": ("error_findings", "market_doubts"),
            "doubt": ("Doubt",),
            "findings": ("market_findings",),
            "tables": ("CoverageTable", "coverage_tables", "render_coverage"),
        },
    )

__all__ = [
    "Coverage",
    "CoverageTable",
    "Doubt",
    "coverage_tables",
    "error_findings",
    "is_extreme",
    "market_coverage",
    "market_doubts",
    "market_findings",
    "price_changes",
    "render_coverage",
    "split_ratio",
]
