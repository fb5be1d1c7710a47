"""What the user holds: lots of shares and cash, from a file."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from undertow.market.clock import BoolArray, FloatArray, InstantArray
from undertow.market.errors import DataError, ParameterError, safe_text
from undertow.market.folder.names import symbol_column
from undertow.market.folder.tables import date_column, number_column
from undertow.market.portfolio.source import check_user_columns, read_user_table

CASH_ROW = "cash"
_REQUIRED, _OPTIONAL = ("symbol", "shares"), ("cost", "acquired")


@dataclass(frozen=True)
class HeldLot:
    """Shares of a name that were bought together.

    Args:
        symbol: the name.
        shares: number of shares, above 0.
        cost: what one share had cost with its fee, USD; NaN where it is unknown.
        acquired: the day of the purchase, NaT where it is unknown.
    """

    symbol: str
    shares: float
    cost: float
    acquired: np.datetime64


@dataclass(frozen=True, repr=False)
class HeldPortfolio:
    """What the user holds.

    Args:
        lots: lots in the order of the file, several a name where it has several rows.
        cash: cash, USD.
        name: the file, for messages.
    """

    lots: tuple[HeldLot, ...]
    cash: float
    name: str

    def __repr__(self) -> str:
        return f"<HeldPortfolio of {len(self.symbols)} names in {len(self.lots)} lots, {self.cash:,.2f} USD>"

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names held, in the order of the file."""
        return tuple(dict.fromkeys(lot.symbol for lot in self.lots))

    def lots_of(self, symbol: str) -> tuple[HeldLot, ...]:
        """The lots of a name."""
        return tuple(lot for lot in self.lots if lot.symbol == symbol)

    def check_dates(self, instant: np.datetime64) -> None:
        """Raise `DataError` where a lot was acquired after the day of `instant`, UTC."""
        today = instant.astype("datetime64[D]")
        for lot in self.lots:
            if not np.isnat(lot.acquired) and lot.acquired.astype("datetime64[D]") > today:
                raise DataError(
                    f"{self.name}: {safe_text(lot.symbol)}: `acquired` {lot.acquired.astype('datetime64[D]')} is after"
                    f" {today}, the day of the checklist; fix the date, or leave it blank"
                )


HoldingsSource = HeldPortfolio | str | PathLike[str] | pd.DataFrame


def read_holdings(source: object) -> HeldPortfolio:
    """What is held, from a file (.csv, .csv.gz, .parquet) or a DataFrame.

    The columns are symbol and shares, and perhaps cost (USD a share, as it was paid) and acquired (the day,
    YYYY-MM-DD); both may be blank. A name may have several rows, one a lot. The row `cash` has the cash in USD in place
    of shares.

    Raises `DataError` with file, row and value, and `ParameterError` where `source` is neither.
    """
    if isinstance(source, HeldPortfolio):
        return source
    if isinstance(source, str | PathLike):
        table, name = read_user_table(Path(source), _REQUIRED, _OPTIONAL, "holdings")
    elif isinstance(source, pd.DataFrame):
        table, name = source.reset_index(drop=True), "`holdings`"
        check_user_columns(table, name, _REQUIRED, _OPTIONAL)
    else:
        raise ParameterError(f"`holdings` must be a file or a DataFrame, got {type(source).__name__}")
    symbols, shares = symbol_column(table, name), number_column(table, "shares", name)
    blank = np.full(len(table), np.nan)
    cost = number_column(table, "cost", name) if "cost" in table.columns else blank
    acquired: InstantArray = np.full(len(table), np.datetime64("NaT", "ns"))
    if "acquired" in table.columns:
        acquired = date_column(table, "acquired", name, open_ended=True)
    is_cash = np.array([symbol.lower() == CASH_ROW for symbol in symbols])
    _check_amounts(name, symbols, shares, cost, is_cash)
    lots = tuple(
        HeldLot(str(symbol), float(count), float(price), np.datetime64(day))
        for symbol, count, price, day in zip(
            symbols[~is_cash], shares[~is_cash], cost[~is_cash], acquired[~is_cash], strict=True
        )
        if count > 0.0
    )
    return HeldPortfolio(lots, float(shares[is_cash].sum()), name)


def _check_amounts(name: str, symbols: pd.Series, shares: FloatArray, cost: FloatArray, is_cash: BoolArray) -> None:
    for column, values, bad, problem in (
        ("shares", shares, np.isnan(shares), "is blank; write the number of shares, or remove the row"),
        ("shares", shares, (shares < 0) & ~is_cash, "is negative; leave out what is sold short"),
        ("shares", shares, shares < 0, "is negative; cash that is owed cannot be raised from, leave the row out"),
        ("cost", cost, cost < 0, "is negative; it is what one share had cost, USD"),
    ):
        if bad.any():
            row = int(bad.argmax())
            value = "" if np.isnan(values[row]) else f" {values[row]:g}"
            raise DataError(f"{name}: row {row + 1} ({safe_text(symbols.iloc[row])}): `{column}`{value} {problem}")
    if is_cash.sum() > 1:
        row = int(np.flatnonzero(is_cash)[1])
        raise DataError(f"{name}: row {row + 1}: `{CASH_ROW}` appears twice; add them up")
