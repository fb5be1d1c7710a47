"""What a market covers, what it lacks, and what looks wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market.lazy import lazy_names

if TYPE_CHECKING:
    from undertow.market.coverage.coverage import Coverage, market_coverage
    from undertow.market.coverage.findings import market_findings
    from undertow.market.coverage.tables import render_coverage
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "coverage": (
                "Coverage",
                "market_coverage",
            ),
            "findings": ("market_findings",),
            "tables": ("render_coverage",),
        },
    )

__all__ = [
    "Coverage",
    "market_coverage",
    "market_findings",
    "render_coverage",
]
