"""What a market covers, what it lacks, and what looks wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market.lazy import lazy_names

if TYPE_CHECKING:
    from undertow.market.coverage.coverage import Coverage, is_extreme, market_coverage, price_changes, split_ratio
    from undertow.market.coverage.findings import market_findings
    from undertow.market.coverage.tables import render_coverage
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "coverage": (
                "Coverage",
                "is_extreme",
                "market_coverage",
                "price_changes",
                "split_ratio",
            ),
            "findings": ("market_findings",),
            "tables": ("render_coverage",),
        },
    )

__all__ = [
    "Coverage",
    "is_extreme",
    "market_coverage",
    "market_findings",
    "price_changes",
    "render_coverage",
    "split_ratio",
]
