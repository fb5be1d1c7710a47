"""A seeded market with a known effect of crypto selling on stocks, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.market.simulator.simulate import simulate_market
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "simulate": ("simulate_market",),
        },
    )

__all__ = [
    "simulate_market",
]
