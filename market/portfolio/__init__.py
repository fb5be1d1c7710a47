"""The user's own portfolio: weights of a basket, and what is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.market.portfolio.holdings import CASH_ROW, HeldLot, HeldPortfolio, HoldingsSource, read_holdings
    from undertow.market.portfolio.weights import (
        WEIGHTS_PREFIX,
        WeightSource,
        WeightTable,
        read_weights,
        weights_of_text,
    )
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "holdings": (
                "CASH_ROW",
                "HeldLot",
                "HeldPortfolio",
                "HoldingsSource",
                "read_holdings",
            ),
            "weights": (
                "WEIGHTS_PREFIX",
                "WeightSource",
                "WeightTable",
                "read_weights",
                "weights_of_text",
            ),
        },
    )

__all__ = [
    "CASH_ROW",
    "WEIGHTS_PREFIX",
    "HeldLot",
    "HeldPortfolio",
    "HoldingsSource",
    "WeightSource",
    "WeightTable",
    "read_holdings",
    "read_weights",
    "weights_of_text",
]
