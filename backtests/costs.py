"""The costs of trading."""

from __future__ import annotations

from dataclasses import dataclass

from undertow.market import ParameterError, did_you_mean, is_number

LOTS = ("hifo", "fifo")
# Name, upper bound and unit of each rate; the lower bound is 0. A position in an ended name is closed at a price
# above 0, so the haircut is below 10,000.
_BOUNDS = (
    ("fee_bps", 1000.0, "basis points", "5 bps is 0.05 %"),
    ("slippage_bps", 1000.0, "basis points", "5 bps is 0.05 %"),
    ("haircut_bps", 9_999.0, "basis points", "5 bps is 0.05 %, 9999 bps all but nothing"),
    ("borrow_bps", 10_000.0, "basis points a year", "50 bps a year is 0.5 %"),
    ("maintenance", 1.0, "as a decimal", "30 % is 0.3"),
    ("tax_rate", 1.0, "as a decimal", "20 % is 0.2"),
)


@dataclass(frozen=True)
class Costs:
    """Proportional costs of every order of stocks, basket and hedge.

    Trades of the cash symbol are free.

    Raises `ParameterError` on a rate outside its bounds.

    Args:
        fee_bps: fee, basis points of the value traded.
        slippage_bps: difference of the fill price against the order, basis points.
        haircut_bps: discount on the last close of a name whose prices have ended, or have a long gap, basis points.
        borrow_bps: cost of borrowing what is sold short, basis points a year, by calendar days over 365.
        tax_rate: tax on realised gains, decimal; reported, never deducted from the account.
        lots: lots that a partial sale closes first, "hifo" (the highest price) or "fifo" (the oldest).
        maintenance: least value of the account as a share of what is sold short, decimal; below it, at a close, the
            short position is closed at the next fill. 0.30 is the rule of FINRA (4210) for stocks sold short.
        wash_sales: whether a loss is deferred as far as shares of the name are bought within 30 days before or after
            the sale (26 U.S. Code 1091).
    """

    fee_bps: float = 5.0
    slippage_bps: float = 5.0
    haircut_bps: float = 0.0
    borrow_bps: float = 50.0
    tax_rate: float = 0.20
    lots: str = "hifo"
    maintenance: float = 0.30
    wash_sales: bool = False

    def __post_init__(self) -> None:
        for name, high, unit, example in _BOUNDS:
            value = getattr(self, name)
            if not is_number(value) or not 0.0 <= value <= high:
                raise ParameterError(f"`{name}` must be in [0, {high:g}] {unit}, got {value!r}; {example}")
            # 5 and 5.0 are one cost: studies and ledgers compare the text.
            object.__setattr__(self, name, float(value))
        if self.lots not in LOTS:
            suggestion = did_you_mean(str(self.lots), LOTS)
            raise ParameterError(f"`lots` must be one of {', '.join(LOTS)}; got {self.lots!r}{suggestion}")
        if not isinstance(self.wash_sales, bool):
            raise ParameterError(f"`wash_sales` must be true or false, got {self.wash_sales!r}")

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
