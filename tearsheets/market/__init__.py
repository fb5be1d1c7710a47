"""The page of a market: what looks wrong in it, and what it covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.market.page import write_market_page
else:
    __getattr__, __dir__ = lazy_names(__name__, {"page": ("write_market_page",)})

__all__ = ["write_market_page"]
