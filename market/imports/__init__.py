"""Import: files of data vendors to market folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market.lazy import lazy_names

if TYPE_CHECKING:
    from undertow.market.imports.frames import market_from_frames
    from undertow.market.imports.options import ImportOptions
    from undertow.market.imports.plan import ImportPlan, Roles, import_market, plan_import
    from undertow.market.imports.update import FolderUpdate, plan_update
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "frames": ("market_from_frames",),
            "options": ("ImportOptions",),
            "plan": ("ImportPlan", "Roles", "import_market", "plan_import"),
            "update": ("FolderUpdate", "plan_update"),
        },
    )

__all__ = [
    "FolderUpdate",
    "ImportOptions",
    "ImportPlan",
    "Roles",
    "import_market",
    "market_from_frames",
    "plan_import",
    "plan_update",
]
