"""Paths that hold what the untouched basket holds follow it: no work at all until they raise cash again.

The reference is the path that stays fully invested. A rebalance sells each name down to its weight whatever was held
before, and leaves of a name that is bought only what costs leave lacking, about a thousandth of the gap: what a path
held before its last change of exposure is forgotten by some four rebalances. A path whose holdings are the reference's
to `ALIKE` of its value is a scaled copy of it from there on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from undertow.backtests.segments.cut import Segments
from undertow.backtests.segments.walk import (
    COUNTS,
    FLAGS,
    LOOSE,
    PENDING,
    RESTED,
    SCALE,
    SPENT,
    STATES,
    SUMS,
    TURNED,
    UNITS,
    segment_nb,
)
from undertow.market import BoolArray, FloatArray, IntArray

# Share of the value: far below the 1e-9 to which a sweep equals a backtest, with room for a change every month.
ALIKE = 1e-11


class Reference(NamedTuple):
    """The fully invested path: values (T,) at the close, and its account at the end of each segment (S, ...).

    `sums` and `counts` are those of each segment alone.
    """

    values: FloatArray
    held: FloatArray
    waiting: FloatArray
    state: FloatArray
    flags: BoolArray
    sums: FloatArray
    counts: IntArray


@njit(cache=True)
def reference_nb(segments: Segments, capital: float, fee: float, slippage: float) -> Reference:
    """Walk the fully invested path."""
    parts, names, rows = len(segments.rebalance), segments.units.shape[1], len(segments.worth)
    kept = Reference(
        np.zeros(rows),
        np.zeros((parts, names)),
        np.zeros((parts, names)),
        np.zeros((parts, STATES)),
        np.zeros((parts, FLAGS), dtype=np.bool_),
        np.zeros((parts, SUMS)),
        np.zeros((parts, COUNTS), dtype=np.int64),
    )
    exposure, plain = np.ones(rows), np.zeros((rows, 0), dtype=np.int64)
    wanted, line = np.zeros(names), np.zeros(segments.longest)
    for part in range(parts):
        kept.state[part, SCALE] = 1.0
        if part > 0:
            resume_nb(kept, part - 1, 1.0, kept.held[part], kept.waiting[part], kept.state[part], kept.flags[part])
        segment_nb(
            part,
            segments,
            exposure,
            plain,
            capital,
            fee,
            slippage,
            kept.held[part],
            kept.waiting[part],
            wanted,
            line,
            kept.state[part],
            kept.flags[part],
            kept.values,
            kept.sums[part],
            kept.counts[part],
        )
    return kept


@njit(cache=True)
def resume_nb(
    reference: Reference,
    part: int,
    copies: float,
    held: FloatArray,
    waiting: FloatArray,
    state: FloatArray,
    flags: BoolArray,
) -> None:
    """Write out the account of a path that has followed the reference to the end of a segment."""
    for name in range(len(held)):
        held[name] = copies * reference.held[part, name]
        waiting[name] = copies * reference.waiting[part, name]
    for place in range(STATES):
        state[place] = copies * reference.state[part, place]
    state[SCALE] = 1.0
    for place in range(FLAGS):
        flags[place] = reference.flags[part, place]


@njit(cache=True)
def steady_nb(exposure: FloatArray, first: int, last: int) -> bool:
    """Whether a path is fully invested on every session of a segment."""
    for row in range(first, last):  # noqa: SIM110 (what all() and any() would need, numba does not know)
        if exposure[row] != 1.0:
            return False
    return True


@njit(cache=True)
def follow_nb(
    reference: Reference,
    part: int,
    first: int,
    last: int,
    copies: float,
    values: FloatArray,
    sums: FloatArray,
    counts: IntArray,
) -> None:
    """One segment of a path that holds `copies` times the reference."""
    for row in range(first, last):
        values[row] = copies * reference.values[row]
    sums[TURNED] += reference.sums[part, TURNED]
    sums[SPENT] += copies * reference.sums[part, SPENT]
    sums[RESTED] += reference.sums[part, RESTED]
    for place in range(COUNTS):
        counts[place] += reference.counts[part, place]


@njit(cache=True)
def alike_nb(
    reference: Reference,
    part: int,
    last: int,
    segments: Segments,
    held: FloatArray,
    state: FloatArray,
    flags: BoolArray,
    value: float,
) -> float:
    """How many times the reference a path holds at the end of a segment, 0 where it holds something else."""
    if flags[LOOSE] or flags[PENDING] or reference.flags[part, LOOSE] or reference.flags[part, PENDING]:
        return 0.0
    copies = value / reference.values[last - 1]
    close = segments.close[last - 1]
    apart = abs(state[UNITS] - copies * reference.state[part, UNITS]) * segments.cash_close[last - 1]
    for name in range(len(held)):
        apart += abs(held[name] - copies * reference.held[part, name]) * close[name]
    return copies if apart <= ALIKE * value else 0.0
