"""Two ways to walk many paths, with one kind of result: segment by segment, and the order kernel name by name."""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

import numpy as np

from undertow.backtests.kernel import walk_many_nb
from undertow.backtests.orders import CLOSED, DEFERRED, OPEN_AT_END, PAID, TURNOVER
from undertow.backtests.segment_follow import reference_nb
from undertow.backtests.segment_paths import walk_segments_nb
from undertow.backtests.segments import Prices, cut
from undertow.backtests.sweep_metrics import metrics_of
from undertow.market.clock import FloatArray, IntArray

# Not every threading layer of numba bears being entered by two threads at once.
_ONE_AT_A_TIME = Lock()


class Walked(NamedTuple):
    """What P paths came to: `metrics` (P, M) in the order of `sweep_metrics.NAMES`, `values` at the close (P, T) or
    (P, 0), `sums` (P, 2) turnover and costs paid, `counts` (P, 3) deferred fills, names closed, orders open at the end.
    """

    metrics: FloatArray
    values: FloatArray
    sums: FloatArray
    counts: IntArray


def by_segments(
    prices: Prices,
    exposure: FloatArray,
    orders: IntArray,
    which: IntArray,
    capital: float,
    fee: float,
    slippage: float,
    cash_returns: FloatArray,
    *,
    keep: bool = False,
) -> Walked:
    """Walk paths without basket, hedge, stop or lots; `exposure` (P, T), `orders` and `which` as in `walk_many_nb`."""
    segments = cut(prices)
    reference = reference_nb(segments, capital, fee, slippage)
    among = _among(orders, segments.names, prices.base.shape[1])
    with _ONE_AT_A_TIME:
        metrics, values, sums, counts = walk_segments_nb(
            segments, reference, exposure, among, which, capital, fee, slippage, cash_returns, keep
        )
    return Walked(metrics, values, sums[:, :2], counts)


def by_kernel(
    prices: Prices,
    exposure: FloatArray,
    orders: IntArray,
    which: IntArray,
    capital: float,
    fee: float,
    slippage: float,
    cash_returns: FloatArray,
    *,
    keep: bool = True,
) -> Walked:
    """The same by the order kernel, session by session and name by name."""
    with _ONE_AT_A_TIME:
        values, sums, counts = walk_many_nb(
            prices.fill,
            prices.mark,
            prices.close,
            prices.end_price,
            prices.base,
            prices.renewed,
            exposure,
            orders,
            which,
            prices.cash_fill,
            prices.cash_close,
            capital,
            fee,
            slippage,
        )
        metrics = metrics_of(values, capital, cash_returns)
    kept = values if keep else values[:, :0]
    return Walked(metrics, kept, sums[:, [TURNOVER, PAID]], counts[:, [DEFERRED, CLOSED, OPEN_AT_END]])


def _among(orders: IntArray, names: IntArray, count: int) -> IntArray:
    """Selling orders (K, T, N) of all columns as those of `names` alone, numbered as in `names`."""
    place = np.full(count, -1, dtype=np.int64)
    place[names] = np.arange(len(names))
    numbered = place[orders]
    return np.ascontiguousarray(numbered[numbered >= 0].reshape(*orders.shape[:2], len(names)))
