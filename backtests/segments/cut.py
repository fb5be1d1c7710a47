"""The sessions of a run cut into segments, shared by every path of a sweep.

A segment runs from one rebalance of the base weights, or one end of a name's prices, to the next. Within it the
holdings of a path whose cash is raised in proportion are always `scale` times what it held at the start of the
segment plus `added` times the drifted base portfolio, so that a change of exposure costs a few operations whatever
the number of names, and the value of the base portfolio is computed once for all paths.

Holdings right after a rebalance differ between paths: names above their new weight are sold to it, names below are
bought short of it by the costs of all trades, which depend on what was held before. So rebalances go through the
names, and the holdings are valued over a segment in one pass over a block of prices that stays in the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from undertow.backtests.kernel.prices import PriceGrid
from undertow.market import BoolArray, FloatArray, IntArray


class Segments(NamedTuple):
    """The segments of a run, for N names that are in the base at least once.

    `first` (S + 1,) is the first session of each segment and, last, the number of sessions. `rebalance` (S,) is true
    where base weights are rebalanced, `weights` (S, N) are those weights without names that have ended, and `units`
    (S, N) the shares of the base portfolio for one unit of money. `worth` and `worth_fill` (T,) value those shares at
    the close and at the fill. `clean` (S,) is true where every name sold or bought at the rebalance has a price,
    `filled` (T,) where every name of the base has one that session. `ending` (T,) is true where a name is closed,
    `last` (N,) is the last session with a price to fill each name at, -1 for none.
    `names` (N,) are their columns in the price grid, `longest` is the number of sessions of the longest segment;
    prices are those of the grid.
    """

    first: IntArray
    rebalance: BoolArray
    weights: FloatArray
    units: FloatArray
    worth: FloatArray
    worth_fill: FloatArray
    clean: BoolArray
    filled: BoolArray
    close: FloatArray
    fill: FloatArray
    mark: FloatArray
    end_price: FloatArray
    ending: BoolArray
    last: IntArray
    cash_fill: FloatArray
    cash_close: FloatArray
    names: IntArray
    longest: int


def cut_segments(grid: PriceGrid, base: FloatArray, rebalanced: IntArray) -> Segments:
    """The segments of a run over the stocks of a price grid.

    `base` (R, N) and `rebalanced` (T,) are as in `Plan`.
    """
    names = np.flatnonzero(base.any(axis=0))
    fill, mark, close, end_price = (
        np.ascontiguousarray(part[:, names]) for part in (grid.fill, grid.mark, grid.close, grid.end_price)
    )
    ending = np.asarray((~np.isnan(end_price)).any(axis=1))
    starts = (rebalanced >= 0) | ending
    starts[0] = True
    first = np.append(np.flatnonzero(starts), len(fill)).astype(np.int64)
    rebalance = rebalanced[first[:-1]] >= 0
    gone = gone_names(fill, end_price)
    weights, units = _base(base[:, names], rebalanced, first, mark, gone)
    priced = np.isfinite(fill) & (fill == mark)
    held = units > 0.0
    before = np.vstack([np.zeros((1, len(names)), np.bool_), held[:-1]]) & np.isnan(end_price[first[:-1]])
    of_row = np.repeat(np.arange(len(first) - 1), np.diff(first))
    return Segments(
        first=first,
        rebalance=rebalance,
        weights=weights,
        units=units,
        worth=np.einsum("tn,tn->t", units[of_row], close),
        worth_fill=np.einsum("tn,tn->t", units[of_row], mark),
        clean=rebalance & (priced[first[:-1]] | ~(held | before)).all(axis=1),
        filled=(priced | ~held[of_row]).all(axis=1),
        close=close,
        fill=fill,
        mark=mark,
        end_price=end_price,
        ending=ending,
        last=_last_rows(np.isfinite(fill)).max(axis=0, initial=-1),
        cash_fill=np.ascontiguousarray(grid.cash_fill),
        cash_close=np.ascontiguousarray(grid.cash_close),
        names=names,
        longest=int(np.diff(first).max()),
    )


def gone_names(fill: FloatArray, end_price: FloatArray) -> BoolArray:
    """Where a closed name has no price to fill at yet again (T, N)."""
    closed, priced = np.isfinite(end_price), np.isfinite(fill)
    ended = _last_rows(closed)
    return (ended >= 0) & (ended >= _last_rows(priced))


def _last_rows(flags: BoolArray) -> IntArray:
    """The last row up to each one that is true (T, N), -1 for none."""
    return np.maximum.accumulate(np.where(flags, np.arange(len(flags))[:, None], -1), axis=0)


def _base(
    base: FloatArray, rebalanced: IntArray, first: IntArray, mark: FloatArray, gone: BoolArray
) -> tuple[FloatArray, FloatArray]:
    weights, units = np.zeros((len(first) - 1, base.shape[1])), np.zeros((len(first) - 1, base.shape[1]))
    last = np.zeros(base.shape[1])
    for number, row in enumerate(first[:-1]):
        if rebalanced[row] >= 0:
            weights[number] = _without(base[rebalanced[row]], gone[row])
            last = weights[number] / mark[row]
        last = np.where(gone[row], 0.0, last)
        units[number] = last
    return weights, units


def _without(weights: FloatArray, gone: BoolArray) -> FloatArray:
    surviving = np.where(gone, 0.0, weights)
    total = surviving.sum()
    return surviving * (weights.sum() / total) if total > 0.0 else surviving
