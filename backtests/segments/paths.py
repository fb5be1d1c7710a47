"""Many paths at once, segment by segment, in blocks that share the prices in the cache; metrics of each path at once.

Equal to `walk_many_nb` for sets without basket, hedge, stop or tax lots. The result of a path does not depend on the
number of threads nor on the other paths.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from undertow.backtests.segments.cut import Segments
from undertow.backtests.segments.follow import Reference, alike_nb, follow_nb, resume_nb, steady_nb
from undertow.backtests.segments.metrics import METRICS, metrics_nb
from undertow.backtests.segments.walk import COUNTS, FLAGS, OPENS, SCALE, STATES, SUMS, segment_nb
from undertow.market import FloatArray, IntArray

# Paths that go through a segment together.
BLOCK = 16


@njit(cache=True, parallel=True)
def walk_segments_nb(
    segments: Segments,
    reference: Reference,
    exposure: FloatArray,
    orders: IntArray,
    which: IntArray,
    capital: float,
    fee: float,
    slippage: float,
    cash_returns: FloatArray,
    keep: bool,
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Walk P paths; `exposure` (P, T), `orders` (K, T, N) and `which` (P,) as in `walk_many_nb`.

    Returns metrics (P, M) in the order of `METRICS`, values at the close (P, T) where they are to be kept, else
    (P, 0), turnover, costs and the sum of the share of cash (P, 3), and counts (P, 3).
    """
    paths, rows = exposure.shape
    names = segments.units.shape[1]
    metrics, values = np.empty((paths, METRICS)), np.empty((paths, rows if keep else 0))
    sums, counts = np.zeros((paths, SUMS)), np.zeros((paths, COUNTS), dtype=np.int64)
    plain = np.zeros((rows, 0), dtype=np.int64)
    for block in prange((paths + BLOCK - 1) // BLOCK):
        begin = block * BLOCK
        size = min(BLOCK, paths - begin)
        held, waiting = np.zeros((size, names)), np.zeros((size, names))
        wanted, line, walked = np.zeros(names), np.zeros(segments.longest), np.empty((size, rows))
        state, flags = np.zeros((size, STATES)), np.zeros((size, FLAGS), dtype=np.bool_)
        # How many times the reference a path holds; 0 where it goes its own way.
        copies = np.zeros(size)
        for place in range(size):
            state[place, SCALE] = 1.0
        for part in range(len(segments.first) - 1):
            for place in range(size):
                path = begin + place
                first, last = segments.first[part], segments.first[part + 1]
                steady = steady_nb(exposure[path], first, last)
                if copies[place] > 0.0:
                    if steady:
                        follow_nb(reference, part, first, last, copies[place], walked[place], sums[path], counts[path])
                        continue
                    resume_nb(
                        reference, part - 1, copies[place], held[place], waiting[place], state[place], flags[place]
                    )
                    copies[place] = 0.0
                segment_nb(
                    part,
                    segments,
                    exposure[path],
                    orders[which[path]] if which[path] >= 0 else plain,
                    capital,
                    fee,
                    slippage,
                    held[place],
                    waiting[place],
                    wanted,
                    line,
                    state[place],
                    flags[place],
                    walked[place],
                    sums[path],
                    counts[path],
                )
                if steady:
                    copies[place] = alike_nb(
                        reference,
                        part,
                        last,
                        segments,
                        held[place],
                        state[place],
                        flags[place],
                        walked[place, last - 1],
                    )
        for place in range(size):
            if copies[place] > 0.0:
                last_part = len(segments.rebalance) - 1
                resume_nb(reference, last_part, copies[place], held[place], waiting[place], state[place], flags[place])
            for name in range(names):
                counts[begin + place, OPENS] += waiting[place, name] != 0.0
            metrics_nb(walked[place], capital, cash_returns, metrics[begin + place])
            for row in range(values.shape[1]):
                values[begin + place, row] = walked[place, row]
    return metrics, values, sums, counts
