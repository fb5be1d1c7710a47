"""The link between an asset and a basket: correlations, leads and lags, weekends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.evidence.link.linkage import linkage
    from undertow.evidence.link.record import Linkage
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "linkage": ("linkage",),
            "record": ("Linkage",),
        },
    )

__all__ = ["Linkage", "linkage"]
