"""What trading costs."""

from __future__ import annotations

from dataclasses import dataclass

from undertow.market.checks import is_number
from undertow.market.errors import ParameterError, did_you_mean

LOTS = ("hifo", "fifo")
# Name, upper bound and unit of what must be 0 or more. A name that has ended is closed by an order, which has a price.
_BOUNDS = (
    ("fee_bps", 1000.0, "basis points", "5 bps is 0.05 %"),
    ("slippage_bps", 1000.0, "basis points", "5 bps is 0.05 %"),
    ("haircut_bps", 9_999.0, "basis points", "5 bps is 0.05 %, 9999 bps all but nothing"),
    ("borrow_bps", 10_000.0, "basis points a year", "50 bps a year is 0.5 %"),
    ("tax_rate", 1.0, "as a decimal", "20 % is 0.2"),
)


@dataclass(frozen=True)
class Costs:
    """Proportional costs of every order of stocks, basket and hedge, in basis points of its value.

    `fee_bps` is paid on the value traded; `slippage_bps` moves the fill price against the order; `haircut_bps` is
    taken off the last close of a name whose prices have ended; `borrow_bps` is paid a year, by calendar days over 365,
    on what is sold short. Sweeping cash into and out of the cash symbol is free.

    `tax_rate` (decimal) on realised gains is stated and reported and never taken from the account; `lots` says which
    lots a partial sale sells: "hifo", the dearest first, or "fifo", the oldest first.
    """

    fee_bps: float = 5.0
    slippage_bps: float = 5.0
    haircut_bps: float = 0.0
    borrow_bps: float = 50.0
    tax_rate: float = 0.20
    lots: str = "hifo"

    def __post_init__(self) -> None:
        for name, high, unit, example in _BOUNDS:
            value = getattr(self, name)
            if not is_number(value) or not 0.0 <= value <= high:
                raise ParameterError(f"`{name}` must be in [0, {high:g}] {unit}, got {value!r}; {example}")
            # 5 and 5.0 are one cost: a study and a ledger compare them as they are written.
            object.__setattr__(self, name, float(value))
        if self.lots not in LOTS:
            near = did_you_mean(str(self.lots), LOTS)
            raise ParameterError(f"`lots` must be one of {', '.join(LOTS)}; got {self.lots!r}{near}")

    @property
    def fee(self) -> float:
        """Decimal fee."""
        return self.fee_bps / 1e4

    @property
    def slippage(self) -> float:
        """Decimal slippage."""
        return self.slippage_bps / 1e4

    @property
    def haircut(self) -> float:
        """Decimal haircut."""
        return self.haircut_bps / 1e4

    @property
    def borrow(self) -> float:
        """Decimal cost of borrowing a year."""
        return self.borrow_bps / 1e4
