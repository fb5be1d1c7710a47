"""Paths that hold the fully invested basket: scaled copies of one reference path.

The reference is the path that stays fully invested. A rebalance sells each name down to its weight whatever was held
before, and leaves of a name that is bought only what costs leave lacking, about a thousandth of the gap: what a path
held before its last change of exposure is forgotten after some four rebalances. A path whose holdings are the
reference's to `COPY_TOLERANCE` of its value is a scaled copy of it from there on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from undertow.backtests.kernel.records import Rates
from undertow.backtests.kernel.state import CASH, COUNTS, PAID, TURNOVER
from undertow.backtests.segments.cut import Segments
from undertow.backtests.segments.records import (
    FLAGS,
    OFF_BASE,
    PENDING,
    SCALE,
    STATES,
    SUMS,
    UNITS,
    SegmentAccount,
    SegmentPath,
    SegmentResults,
)
from undertow.backtests.segments.walk import segment_nb
from undertow.market import BoolArray, FloatArray, IntArray

# Share of the value: far below the 1e-9 to which a sweep equals a backtest, with room for a change every month.
COPY_TOLERANCE = 1e-11


class Reference(NamedTuple):
    """The fully invested path: values (T,) and its account at the end of each segment.

    The account is (S, ...), `sums` (S, 3) and `counts` (S, 6) are those of each segment alone.
    """

    values: FloatArray
    held: FloatArray
    waiting: FloatArray
    state: FloatArray
    flags: BoolArray
    sums: FloatArray
    counts: IntArray


@njit(cache=True)
def reference_nb(segments: Segments, rates: Rates, capital: float) -> Reference:
    """Walk the fully invested path."""
    parts, names, rows = len(segments.rebalance), segments.units.shape[1], len(segments.worth)
    reference = Reference(
        np.zeros(rows),
        np.zeros((parts, names)),
        np.zeros((parts, names)),
        np.zeros((parts, STATES)),
        np.zeros((parts, FLAGS), dtype=np.bool_),
        np.zeros((parts, SUMS)),
        np.zeros((parts, COUNTS), dtype=np.int64),
    )
    path = SegmentPath(np.ones(rows), np.zeros((rows, 0), dtype=np.int64), rates, capital)
    trades, line = np.zeros(names), np.zeros(segments.longest)
    for part in range(parts):
        account = _account_nb(reference, part)
        account.state[SCALE] = 1.0
        if part > 0:
            resume_nb(reference, part - 1, 1.0, account)
        results = SegmentResults(reference.values, reference.sums[part], reference.counts[part])
        segment_nb(part, segments, path, account, trades, line, results)
    return reference


@njit(cache=True)
def _account_nb(reference: Reference, part: int) -> SegmentAccount:
    return SegmentAccount(reference.held[part], reference.waiting[part], reference.state[part], reference.flags[part])


@njit(cache=True)
def resume_nb(reference: Reference, part: int, copies: float, account: SegmentAccount) -> None:
    """Write out the account of a path that has followed the reference so far.

    Args:
        reference: the fully invested path.
        part: number of the segment.
        copies: how many times the reference the path holds.
        account: the account, written in place.
    """
    for name in range(len(account.held)):
        account.held[name] = copies * reference.held[part, name]
        account.waiting[name] = copies * reference.waiting[part, name]
    for number in range(STATES):
        account.state[number] = copies * reference.state[part, number]
    account.state[SCALE] = 1.0
    for number in range(FLAGS):
        account.flags[number] = reference.flags[part, number]


@njit(cache=True)
def fully_invested_nb(exposure: FloatArray, first: int, last: int) -> bool:
    """Whether a path is fully invested on every session of a segment."""
    for row in range(first, last):  # noqa: SIM110 (what all() and any() would need, numba does not know)
        if exposure[row] != 1.0:
            return False
    return True


@njit(cache=True)
def follow_nb(reference: Reference, part: int, first: int, last: int, copies: float, results: SegmentResults) -> None:
    """Walk one segment of a path that holds `copies` times the reference.

    Args:
        reference: the fully invested path.
        part: number of the segment.
        first: first session of the segment.
        last: the session after its last one.
        copies: how many times the reference the path holds.
        results: values, sums and counts of the path.
    """
    sums, counts = results.sums, results.counts
    for row in range(first, last):
        results.values[row] = copies * reference.values[row]
    sums[TURNOVER] += reference.sums[part, TURNOVER]
    sums[PAID] += copies * reference.sums[part, PAID]
    sums[CASH] += reference.sums[part, CASH]
    for number in range(COUNTS):
        counts[number] += reference.counts[part, number]


@njit(cache=True)
def copies_held_nb(reference: Reference, part: int, segments: Segments, account: SegmentAccount, value: float) -> float:
    """How many times the reference a path holds at the end of a segment, or 0.

    Args:
        reference: the fully invested path.
        part: number of the segment.
        segments: the segments of the run.
        account: the account of the path.
        value: its value at the last close of the segment, USD.
    """
    flags = account.flags
    if flags[OFF_BASE] or flags[PENDING] or reference.flags[part, OFF_BASE] or reference.flags[part, PENDING]:
        return 0.0
    last = segments.first[part + 1] - 1
    copies = value / reference.values[last]
    close = segments.close[last]
    difference = abs(account.state[UNITS] - copies * reference.state[part, UNITS]) * segments.cash_close[last]
    for name in range(len(account.held)):
        difference += abs(account.held[name] - copies * reference.held[part, name]) * close[name]
    return copies if difference <= COPY_TOLERANCE * value else 0.0
