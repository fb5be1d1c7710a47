"""Adjusted equity prices as panels, and each name's listing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from undertow.market.calendar import Calendar
from undertow.market.clock import BoolArray, FloatArray, IntArray
from undertow.market.errors import UnknownNameError

PRICE_FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class Prices:
    """Split- and dividend-adjusted bars of every name on every session.

    `open`, `high`, `low`, `close`, `volume` are (sessions, symbols), float64, NaN where there is no row or no value.
    The open is known at the session's open, the rest at its close. The sessions are all those of the calendar from the
    first price to the last.
    """

    calendar: Calendar
    symbols: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """The sessions (T,), dates without a zone."""
        return self.calendar.sessions

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {symbol: position for position, symbol in enumerate(self.symbols)}

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._positions

    def columns_of(self, symbols: Sequence[str]) -> IntArray:
        """The columns of `symbols`, in their order.

        Raises `UnknownNameError` on one that has no prices.
        """
        for symbol in symbols:
            if symbol not in self._positions:
                raise UnknownNameError("symbol", symbol, self.symbols)
        return np.array([self._positions[symbol] for symbol in symbols], dtype=np.int64)

    def frame(self, field: str = "close") -> pd.DataFrame:
        """One field as a DataFrame (sessions, symbols)."""
        if field not in PRICE_FIELDS:
            raise UnknownNameError("price field", field, PRICE_FIELDS)
        return pd.DataFrame(getattr(self, field), index=self.sessions, columns=pd.Index(self.symbols, name="symbol"))

    @cached_property
    def first_rows(self) -> IntArray:
        """The row of each name's first close (N,).

        The number of sessions where it has none.
        """
        return self._edge(np.isfinite(self.close))

    @cached_property
    def last_rows(self) -> IntArray:
        """The row of each name's last close (N,); -1 where it has none."""
        return len(self.sessions) - 1 - self._edge(np.isfinite(self.close)[::-1])

    @staticmethod
    def _edge(finite: BoolArray) -> IntArray:
        return np.where(finite.any(axis=0), finite.argmax(axis=0), len(finite)).astype(np.int64)

    @property
    def ended(self) -> BoolArray:
        """Names whose prices end before the panel does (N,).

        Delisted, acquired, or dropped by the vendor.
        """
        return (self.last_rows >= 0) & (self.last_rows < len(self.sessions) - 1)

    def select(self, rows: slice, columns: IntArray | slice = slice(None)) -> Prices:
        """The panel of some sessions (a slice of rows) and names."""
        sessions = self.sessions[rows]
        names = np.asarray(self.symbols, dtype=object)[columns]
        fields = {field: np.ascontiguousarray(getattr(self, field)[rows][:, columns]) for field in PRICE_FIELDS}
        return Prices(self.calendar.slice(sessions[0], sessions[-1]), tuple(names), **fields)
