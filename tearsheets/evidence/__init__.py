"""The page of a piece of evidence: its verdict, its picture, its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.evidence.page import Finding, write_evidence
    from undertow.tearsheets.evidence.tables import frame_cells
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "page": (
                "Finding",
                "write_evidence",
            ),
            "tables": ("frame_cells",),
        },
    )

__all__ = ["Finding", "frame_cells", "write_evidence"]
