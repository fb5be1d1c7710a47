"""The segment walk of many paths, in blocks that share the prices in the cache.

Equal to `walk_many_nb` for sets without basket, hedge, stop or tax lots. The result of a path does not depend on the
number of threads nor on the other paths.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from undertow.backtests.kernel.records import Rates, SetPlans
from undertow.backtests.kernel.state import COUNTS, OPEN_AT_END
from undertow.backtests.segments.cut import Segments
from undertow.backtests.segments.follow import Reference, copies_held_nb, follow_nb, fully_invested_nb, resume_nb
from undertow.backtests.segments.metrics import METRIC_COUNT, metrics_nb
from undertow.backtests.segments.records import (
    FLAGS,
    SCALE,
    STATES,
    SUMS,
    SegmentAccount,
    SegmentPath,
    SegmentResults,
)
from undertow.backtests.segments.walk import segment_nb
from undertow.market import FloatArray, IntArray

# Paths that go through a segment together.
BLOCK = 16


@njit(cache=True, parallel=True)
def walk_segments_nb(
    segments: Segments,
    reference: Reference,
    sets: SetPlans,
    rates: Rates,
    capital: float,
    cash_returns: FloatArray,
    year: float,
    keep: bool,
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Walk P paths in parallel.

    Returns metrics (P, M) in the order of `METRIC_NAMES`, values at the close (P, T) where they are kept, else (P, 0),
    turnover, costs and the sum of the share of cash (P, 3), and counts (P, 6).

    Args:
        segments: the segments of the run.
        reference: the fully invested path over them.
        sets: exposure and selling order of each path, over the names of the segments.
        rates: rates of trading.
        capital: starting capital, USD.
        cash_returns: session returns of the cash symbol (T,).
        year: sessions of a year.
        keep: whether to return the values.
    """
    paths, rows = sets.exposure.shape
    names, parts = segments.units.shape[1], len(segments.rebalance)
    metrics, values = np.empty((paths, METRIC_COUNT)), np.empty((paths, rows if keep else 0))
    sums, counts = np.zeros((paths, SUMS)), np.zeros((paths, COUNTS), dtype=np.int64)
    no_order = np.zeros((rows, 0), dtype=np.int64)
    for block in prange((paths + BLOCK - 1) // BLOCK):
        begin = block * BLOCK
        size = min(BLOCK, paths - begin)
        held, waiting = np.zeros((size, names)), np.zeros((size, names))
        state, flags = np.zeros((size, STATES)), np.zeros((size, FLAGS), dtype=np.bool_)
        trades, line, walked = np.zeros(names), np.zeros(segments.longest), np.empty((size, rows))
        # How many times the reference a path holds; 0 where it holds something else.
        copies = np.zeros(size)
        for member in range(size):
            state[member, SCALE] = 1.0
        for part in range(parts):
            first, last = segments.first[part], segments.first[part + 1]
            for member in range(size):
                number = begin + member
                exposure = sets.exposure[number]
                invested = fully_invested_nb(exposure, first, last)
                if copies[member] > 0.0 and invested:
                    results = SegmentResults(walked[member], sums[number], counts[number])
                    follow_nb(reference, part, first, last, copies[member], results)
                    continue
                account = SegmentAccount(held[member], waiting[member], state[member], flags[member])
                if copies[member] > 0.0:
                    resume_nb(reference, part - 1, copies[member], account)
                    copies[member] = 0.0
                score = sets.score_of_set[number]
                segment_nb(
                    part,
                    segments,
                    SegmentPath(exposure, sets.orders[score] if score >= 0 else no_order, rates, capital),
                    account,
                    trades,
                    line,
                    SegmentResults(walked[member], sums[number], counts[number]),
                )
                if invested:
                    copies[member] = copies_held_nb(reference, part, segments, account, walked[member, last - 1])
        for member in range(size):
            if copies[member] > 0.0:
                account = SegmentAccount(held[member], waiting[member], state[member], flags[member])
                resume_nb(reference, parts - 1, copies[member], account)
            for name in range(names):
                counts[begin + member, OPEN_AT_END] += waiting[member, name] != 0.0
            metrics_nb(walked[member], capital, cash_returns, year, metrics[begin + member])
            for row in range(values.shape[1]):
                values[begin + member, row] = walked[member, row]
    return metrics, values, sums, counts
