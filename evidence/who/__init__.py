"""Who is sold: quintiles of a universe after shocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.evidence.who.record import SoldFirst
    from undertow.evidence.who.sold import sold_first
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "record": ("SoldFirst",),
            "sold": ("sold_first",),
        },
    )

__all__ = ["SoldFirst", "sold_first"]
