"""Adjusted equity prices as panels, and each name's listing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from undertow.market.calendar import Calendar
from undertow.market.clock import BoolArray, FloatArray, IntArray
from undertow.market.errors import UnknownNameError
from undertow.market.universe import Universe

PRICE_FIELDS = ("open", "high", "low", "close", "volume")
# A name without a close on more sessions than these in a row has ended; a halt of a week is not an end.
GAP_SESSIONS = 5
# Share of a price that adjustment and storage round off: no open is outside its range by so little.
_RANGE_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Prices:
    """Split- and dividend-adjusted bars of every name on every session.

    `open`, `high`, `low`, `close`, `volume` are (sessions, symbols), float64, NaN where there is no row or no value.
    The open is known at the session's open, the rest at its close. The sessions are all those of the calendar from the
    first price to the last. `universes` are those of the market that has the prices, by name.
    """

    calendar: Calendar
    symbols: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    universes: Mapping[str, Universe] = field(default_factory=dict, init=False)

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """The sessions (T,), dates without a zone."""
        return self.calendar.sessions

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {symbol: position for position, symbol in enumerate(self.symbols)}

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._positions

    def of_universes(self, universes: Mapping[str, Universe]) -> Prices:
        """The same panel with the universes of a market, for `frame`."""
        prices = replace(self)
        object.__setattr__(prices, "universes", universes)
        return prices

    def columns_of(self, symbols: Sequence[str]) -> IntArray:
        """The columns of `symbols`, in their order.

        Raises `UnknownNameError` on one that has no prices.
        """
        for symbol in symbols:
            if symbol not in self._positions:
                raise UnknownNameError("symbol", symbol, self.symbols)
        return np.array([self._positions[symbol] for symbol in symbols], dtype=np.int64)

    def frame(self, field: str = "close", universe: str | None = None) -> pd.DataFrame:
        """One field as a DataFrame (sessions, symbols), ready for vectorbt.

        Of the symbols of a universe, in alphabetical order, with all their prices: those before a name belonged too.
        `members` of `undertow.at_decisions` says when it belonged. Raises `UnknownNameError` on a field or universe
        that does not exist, a screen included.
        """
        if field not in PRICE_FIELDS:
            raise UnknownNameError("price field", field, PRICE_FIELDS)
        frame = pd.DataFrame(getattr(self, field), index=self.sessions, columns=pd.Index(self.symbols, name="symbol"))
        if universe is None:
            return frame
        if universe not in self.universes:
            raise UnknownNameError("universe", str(universe), self.universes)
        return frame[[symbol for symbol in self.universes[universe].symbols if symbol in self]]

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

    @cached_property
    def priced(self) -> BoolArray:
        """Sessions on which any name has an open or a close (T,)."""
        return np.asarray((np.isfinite(self.open) | np.isfinite(self.close)).any(axis=1))

    def ages(self, columns: IntArray | slice = slice(None)) -> IntArray:
        """Sessions with prices since the last close of each name (T, N).

        0 on a session with a close, -1 before the first one. Sessions on which no name has a price do not count, so
        that a blank row ages nothing.
        """
        rows = np.arange(len(self.sessions))[:, None]
        last = np.maximum.accumulate(np.where(np.isfinite(self.close[:, columns]), rows, -1), axis=0)
        count = np.cumsum(self.priced)
        return np.where(last >= 0, count[:, None] - count[last], -1).astype(np.int64)

    @property
    def ended(self) -> BoolArray:
        """Names whose prices end before the panel does (N,).

        Delisted, acquired, or dropped by the vendor: the last close lies more than `GAP_SESSIONS` sessions before the
        last session that has any prices.
        """
        count = np.cumsum(self.priced)
        return np.asarray((self.last_rows >= 0) & (count[-1] - count[self.last_rows] > GAP_SESSIONS))

    @cached_property
    def open_in_range(self) -> FloatArray:
        """Opens to fill an order at (T, N); NaN outside the session's [low, high]."""
        above = self.open > self.high * (1.0 + _RANGE_ROUNDING)
        below = self.open < self.low * (1.0 - _RANGE_ROUNDING)
        return np.where(above | below, np.nan, self.open)

    def select(self, rows: slice, columns: IntArray | slice = slice(None)) -> Prices:
        """The panel of some sessions (a slice of rows) and names."""
        sessions = self.sessions[rows]
        names = np.asarray(self.symbols, dtype=object)[columns]
        fields = {field: np.ascontiguousarray(getattr(self, field)[rows][:, columns]) for field in PRICE_FIELDS}
        return Prices(self.calendar.slice(sessions[0], sessions[-1]), tuple(names), **fields)
