"""What trading costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from undertow.market.errors import ParameterError


@dataclass(frozen=True)
class Costs:
    """Proportional costs of every stock order, in basis points of its value.

    `fee_bps` is paid on the value traded; `slippage_bps` moves the fill price against the order; `haircut_bps` is
    taken off the last close of a name whose prices have ended. Sweeping cash into and out of the cash symbol is free.
    """

    fee_bps: float = 5.0
    slippage_bps: float = 5.0
    haircut_bps: float = 0.0

    def __post_init__(self) -> None:
        for name, high in (("fee_bps", 1000.0), ("slippage_bps", 1000.0), ("haircut_bps", 10_000.0)):
            value = getattr(self, name)
            if not math.isfinite(value) or not 0.0 <= value <= high:
                raise ParameterError(f"`{name}` must be in [0, {high:g}] basis points, got {value}; 5 bps is 0.05 %")

    @property
    def fee(self) -> float:
        """Decimal fee."""
        return self.fee_bps / 1e4

    @property
    def slippage(self) -> float:
        """Decimal slippage."""
        return self.slippage_bps / 1e4
