"""Market folders (format 1): load, check and write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.market.folder.load import load_market
    from undertow.market.folder.manifest import FORMAT, FeedEntry, Manifest, read_manifest
    from undertow.market.folder.write import write_market
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "load": ("load_market",),
            "manifest": (
                "FORMAT",
                "FeedEntry",
                "Manifest",
                "read_manifest",
            ),
            "write": ("write_market",),
        },
    )

__all__ = [
    "FORMAT",
    "FeedEntry",
    "Manifest",
    "load_market",
    "read_manifest",
    "write_market",
]
