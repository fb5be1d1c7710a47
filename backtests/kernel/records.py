"""Records that the order kernels take, compiled and plain.

numba passes a NamedTuple of arrays as it passes the arrays. Every array is C-contiguous; amounts, prices and weights
are float64, numbers of names and rows int64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from undertow.market import BoolArray, FloatArray, IntArray

# How lots are sold on a path that records them.
NO_LOTS, HIFO, FIFO = 0, 1, 2


class PriceArrays(NamedTuple):
    """Prices of T sessions and C columns.

    `fill`, `mark`, `close` and `end_price` are (T, C), `cash_fill` and `cash_close` (T,), all as in `PriceGrid`.
    """

    fill: FloatArray
    mark: FloatArray
    close: FloatArray
    end_price: FloatArray
    cash_fill: FloatArray
    cash_close: FloatArray


class Rates(NamedTuple):
    """Decimal rates of trading.

    `sell` is what a sale of value 1 brings in and `buy` what a purchase of value 1 costs, after fee and slippage.
    `maintenance` is the least value of the account as a share of what is sold short. The haircut and the cost of
    borrowing are in the prices of `PriceGrid`.
    """

    fee: float
    slippage: float
    sell: float
    buy: float
    maintenance: float


class Endings(NamedTuple):
    """When names are closed for want of a price.

    `rows` (T,) is true on the sessions on which a name is closed so, or a closed name has a price to fill at again;
    `last` (C,) is the last session on which each name has such a price, -1 where it never has one.
    """

    rows: BoolArray
    last: IntArray


class PathPlan(NamedTuple):
    """Base weights, exposure and selling order of one path.

    `base` (R, N) and `rebalanced` (T,) are as in `Plan`, `exposure` (T,) is the share of the value in stocks. `order`
    (T, N) numbers the names in the order in which they are sold; (T, 0) sells in proportion.
    """

    base: FloatArray
    rebalanced: IntArray
    exposure: FloatArray
    order: IntArray


class SetPlans(NamedTuple):
    """Exposure (P, T) and selling order of P paths.

    `orders` (K, T, N) are the distinct orders of selling; `score_of_set` (P,) numbers the one of each path, negative
    for sales in proportion.
    """

    exposure: FloatArray
    orders: IntArray
    score_of_set: IntArray


class KernelOptions(NamedTuple):
    """Sleeves, stop and lots of one path; arrays without length where it has none.

    `basket` (R, M) are the weights within the basket, a row a rebalance; `rotation` and `hedge` (T,) shares of the
    capital; `known` (T, N) the last close known at each decision, NaN where there is none; `stop` a decimal fall, 0 for
    none; `wait` the sessions before a stopped name can be bought again; `lots` is `NO_LOTS`, or `HIFO` or `FIFO` where
    the holdings on whose sale the least tax is due are sold first.
    """

    basket: FloatArray
    rotation: FloatArray
    hedge: FloatArray
    known: FloatArray
    stop: float
    wait: int
    lots: int


class SetOptions(NamedTuple):
    """`KernelOptions` of P paths.

    `rotation` and `hedge` are (P, T), or of no length; `stop`, `wait` and `lots` are (P,).
    """

    basket: FloatArray
    rotation: FloatArray
    hedge: FloatArray
    known: FloatArray
    stop: FloatArray
    wait: IntArray
    lots: IntArray


class SessionInputs(NamedTuple):
    """Prices (C,) of a session, its base weights (N,) and selling order (N,) or (0,)."""

    fill: FloatArray
    mark: FloatArray
    weights: FloatArray
    order: IntArray


class PathRecord(NamedTuple):
    """Result of a path over T sessions, N stocks and C columns.

    `values` at the close and `before` at the fill before trading (T,); order `amounts` in shares (T, C); `cash_trades`,
    units of the cash symbol bought or sold (T,); `reasons` (T, C); `counts` (6,) and `sums` (3,), whose positions
    `state.py` names; `gains` of each sale of stocks (T, N) where lots are recorded, else (0, 0).
    """

    values: FloatArray
    before: FloatArray
    amounts: FloatArray
    cash_trades: FloatArray
    reasons: IntArray
    counts: IntArray
    sums: FloatArray
    gains: FloatArray


class Holdings(NamedTuple):
    """Positions and waiting orders while a path is walked, an entry a column.

    `units` are the drifted base weights in shares, `peak` the highest known closes and `stopped` the sessions of the
    stops, or -1.
    """

    shares: FloatArray
    units: FloatArray
    waiting: FloatArray
    traded: FloatArray
    gone: BoolArray
    peak: FloatArray
    stopped: IntArray


class Columns(NamedTuple):
    """Number of `stocks`, the first columns, and the column of the `short` symbol."""

    stocks: int
    short: int


class Action(NamedTuple):
    """Why session `row` trades.

    `turned` is true where the rotation changes, `shorted` where the hedge does. `exposure` is its share of the value in
    stocks, `rebalance` the row of the base weights in effect. `barred` is true where a margin call closes the short
    position or has closed it: nothing is sold short.
    """

    row: int
    reason: int
    turned: bool
    shorted: bool
    exposure: float
    rebalance: int
    barred: bool


class Funds(NamedTuple):
    """Cash and value in USD before trading, and the base weight `parked` by stops."""

    cash: float
    value: float
    parked: float


def make_rates(fee: float, slippage: float, maintenance: float = 0.0) -> Rates:
    """The rates of trading at a decimal fee and slippage, and a maintenance margin."""
    return Rates(fee, slippage, (1.0 - slippage) * (1.0 - fee), (1.0 + slippage) * (1.0 + fee), maintenance)


def default_options() -> KernelOptions:
    """The options of a path that holds stocks and cash alone."""
    return KernelOptions(np.zeros((0, 0)), np.zeros(0), np.zeros(0), np.zeros((0, 0)), 0.0, 0, NO_LOTS)
