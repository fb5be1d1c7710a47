"""The tape of a run: the prices the kernel walks over, with every gap decided in one place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market.clock import BoolArray, FloatArray
from undertow.signals.table import DecisionTable


@dataclass(frozen=True, eq=False)
class Tape:
    """Prices of a run's sessions (T,) and names (N,).

    `fill` (T, N) is NaN where nothing can be filled. `mark` and `close` are the last known price at the fill and at the
    close; before a name is listed they are its first known price, at which nothing is ever held. `end_price` is not
    NaN on the session on which a name that has ended is closed. `cash_fill` and `cash_close` (T,) price the cash
    symbol. `cash_gaps` counts sessions on which the cash symbol had no price of its own, so that cash earned nothing.
    """

    sessions: pd.DatetimeIndex
    symbols: tuple[str, ...]
    fill: FloatArray
    mark: FloatArray
    close: FloatArray
    end_price: FloatArray
    cash_fill: FloatArray
    cash_close: FloatArray
    cash_gaps: int

    @property
    def cash_returns(self) -> FloatArray:
        """Return of the cash symbol (T,), close to close, the first from the fill."""
        growth: FloatArray = self.cash_close / np.concatenate((self.cash_fill[:1], self.cash_close[:-1])) - 1.0
        return growth


def read_tape(table: DecisionTable, rows: slice, haircut: float) -> Tape:
    """The tape of the sessions in `rows`; `haircut` (decimal) is taken off the last close of a name that has ended."""
    prices = table.market.prices
    close = carried(table.close)
    before = np.vstack([np.full((1, close.shape[1]), np.nan), close[:-1]])
    at_open = table.decisions.fill == "open"
    fill = prices.open[:, table.columns] if at_open else table.close
    mark = np.where(np.isfinite(fill), fill, before if at_open else close)
    cash_close, gaps = _cash_price(table)
    # Money swept in at the open of t is priced at the close of t - 1 and so is money taken out: the nights in between
    # are counted right and no later price is used.
    cash_fill = np.concatenate((cash_close[:1], cash_close[:-1])) if at_open else cash_close
    return Tape(
        sessions=table.decisions.sessions[rows],
        symbols=table.symbols,
        fill=np.ascontiguousarray(fill[rows]),
        mark=_positive(mark)[rows],
        close=_positive(close)[rows],
        end_price=_end_prices(table, close, haircut)[rows],
        cash_fill=cash_fill[rows],
        cash_close=cash_close[rows],
        cash_gaps=int(gaps[rows].sum()),
    )


def carried(values: FloatArray) -> FloatArray:
    """The last known value (T, N): for valuing what is held, never for filling."""
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(values), rows, 0), axis=0)
    return np.take_along_axis(values, last, axis=0)


def _positive(values: FloatArray) -> FloatArray:
    # Nothing is held before the first price: any number there keeps the kernel free of NaN, and a flat line keeps
    # vectorbt's own benchmark honest.
    finite = np.isfinite(values)
    first = np.take_along_axis(values, finite.argmax(axis=0)[None, :], axis=0)
    return np.ascontiguousarray(np.where(finite, values, np.where(np.isfinite(first), first, 1.0)))


def _end_prices(table: DecisionTable, close: FloatArray, haircut: float) -> FloatArray:
    last = table.market.prices.last_rows[table.columns]
    out = np.full(close.shape, np.nan)
    ended = np.flatnonzero(table.market.prices.ended[table.columns])
    out[last[ended] + 1, ended] = close[last[ended], ended] * (1.0 - haircut)
    return out


def _cash_price(table: DecisionTable) -> tuple[FloatArray, BoolArray]:
    market = table.market
    if market.cash is None:
        return np.ones(len(table)), np.zeros(len(table), dtype=np.bool_)
    own = market.prices.close[:, market.prices.columns_of([market.cash])]
    price = carried(own)[:, 0]
    known = np.isfinite(price)
    first = price[known][0]
    return np.where(known, price, first), ~np.isfinite(own[:, 0])
