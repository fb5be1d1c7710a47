"""The price grid of a run, with every gap in the prices decided in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from undertow.backtests.kernel.records import PriceArrays
from undertow.market import GAP_SESSIONS, BoolArray, FloatArray, IntArray, Market, Prices
from undertow.signals.decisions import DecisionTable


@dataclass(frozen=True, eq=False)
class PriceGrid:
    """Prices of T sessions and C columns of a run, without gaps where one is held.

    The columns are the stocks, then the names of a basket, then a symbol sold short.

    Args:
        sessions: the sessions (T,).
        symbols: labels of the columns (C,).
        fill: price at the fill (T, C), USD; NaN where nothing can be filled.
        mark: last known price at the fill (T, C); before a name is listed its first known one, at which nothing is
            ever held.
        close: last known price at the close (T, C), before a name is listed as `mark`.
        end_price: price at which a name that has ended, or is in a long gap, is closed (T, C), NaN on all other
            sessions.
        cash_fill: price of the cash symbol at the fill (T,).
        cash_close: price of the cash symbol at the close (T,).
        cash_gaps: sessions on which the cash symbol had no price, so that cash earned nothing.
        members: number of columns of the basket, behind the stocks.
        short: whether the last column is sold short.
        known: last close of each stock known at each decision (T, N), for stops; no rows where no set has a stop.
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
    members: int = 0
    short: bool = False
    known: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def stocks(self) -> int:
        """Number of columns that are stocks of the universe: the first ones."""
        return len(self.symbols) - self.members - int(self.short)

    @property
    def arrays(self) -> PriceArrays:
        """The prices as the compiled kernels take them: float64, C-contiguous."""
        return PriceArrays(*(np.ascontiguousarray(getattr(self, name), np.float64) for name in PriceArrays._fields))

    @property
    def cash_returns(self) -> FloatArray:
        """Return of the cash symbol (T,), close to close, the first from the fill."""
        growth: FloatArray = self.cash_close / np.concatenate((self.cash_fill[:1], self.cash_close[:-1])) - 1.0
        return growth


class Panel(NamedTuple):
    """Fill, mark, close and end prices of some columns (T, C), as in `PriceGrid`."""

    fill: FloatArray
    mark: FloatArray
    close: FloatArray
    end_price: FloatArray


def read_price_grid(table: DecisionTable, rows: slice, haircut: float) -> PriceGrid:
    """The prices of the sessions in `rows`.

    Args:
        table: decisions of a universe, with their market.
        rows: the sessions of the run among those of the table.
        haircut: decimal taken off the last close of a name that has ended.
    """
    at_open = table.decisions.fill == "open"
    cash_close, gaps = _cash_price(table)
    # At the open of t the cash symbol trades at its close of t - 1, in and out: the nights in between are counted and
    # no later price is used.
    cash_fill = np.concatenate((cash_close[:1], cash_close[:-1])) if at_open else cash_close
    fill, mark, close, end_price = read_panel(table.market, table.columns, at_open, haircut)
    return PriceGrid(
        sessions=table.decisions.sessions[rows],
        symbols=table.symbols,
        fill=np.ascontiguousarray(fill[rows]),
        mark=np.ascontiguousarray(mark[rows]),
        close=np.ascontiguousarray(close[rows]),
        end_price=np.ascontiguousarray(end_price[rows]),
        cash_fill=np.ascontiguousarray(cash_fill[rows]),
        cash_close=np.ascontiguousarray(cash_close[rows]),
        cash_gaps=int(gaps[rows].sum()),
    )


def read_panel(market: Market, columns: IntArray, at_open: bool, haircut: float) -> Panel:
    """Prices of some columns of the market over all its sessions, every gap decided.

    Args:
        market: the market.
        columns: columns of its prices (C,).
        at_open: whether fills are at the open, else at the close.
        haircut: decimal taken off the last close of a name that has ended.
    """
    closes = market.prices.close[:, columns]
    close = carried(closes)
    before = np.vstack([np.full((1, close.shape[1]), np.nan), close[:-1]])
    fill = market.prices.open_in_range[:, columns] if at_open else closes
    mark = np.where(np.isfinite(fill), fill, before if at_open else close)
    end_price = np.where(_end_rows(market.prices, columns, fill), before * (1.0 - haircut), np.nan)
    return Panel(fill, _positive(mark), _positive(close), end_price)


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
    return np.where(finite, values, np.where(np.isfinite(first), first, 1.0))


def _end_rows(prices: Prices, columns: IntArray, fill: FloatArray) -> BoolArray:
    """The sessions on which a name is closed for want of a price (T, C).

    The first one with prices, but none to fill the name at, after more than `GAP_SESSIONS - 1` such sessions without a
    close of it. Whether it trades again later makes no difference: that is not known on the session.
    """
    ages = prices.ages(columns)
    due = np.zeros(fill.shape, dtype=np.bool_)
    due[1:] = (ages[:-1] >= GAP_SESSIONS) & prices.priced[1:, None] & ~np.isfinite(fill[1:])
    # Once a gap: how many are due since the last close before the session.
    count = np.cumsum(due, axis=0)
    rows = np.arange(len(fill))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(prices.close[:, columns]), rows, 0), axis=0)
    counted = np.zeros_like(count)
    counted[1:] = np.take_along_axis(count, last, axis=0)[:-1]
    return due & (count - counted == 1)


def _cash_price(table: DecisionTable) -> tuple[FloatArray, BoolArray]:
    market = table.market
    if market.cash is None:
        return np.ones(len(table)), np.zeros(len(table), dtype=np.bool_)
    closes = market.prices.close[:, market.prices.columns_of([market.cash])]
    price = carried(closes)[:, 0]
    known = np.isfinite(price)
    first = price[known][0]
    return np.where(known, price, first), ~np.isfinite(closes[:, 0])
