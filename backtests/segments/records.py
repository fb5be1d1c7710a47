"""Records that the compiled segment walk takes."""

from __future__ import annotations

from typing import NamedTuple

from undertow.backtests.kernel.records import Rates
from undertow.market import BoolArray, FloatArray, IntArray

# Positions in the state of a path: holdings are SCALE times those at the start of the segment plus ADDED base
# portfolios, none of them more than BOUND times the base portfolio's; UNITS of the cash symbol.
SCALE, ADDED, BOUND, UNITS = 0, 1, 2, 3
STATES = 4

# Positions in the flags of a path: it holds what is not in the base; orders wait for a price.
OFF_BASE, PENDING = 0, 1
FLAGS = 2

# Sums of a path: those of the order kernel, as are its counts.
SUMS = 3


class SegmentPath(NamedTuple):
    """Exposure (T,), selling order (T, N) or (T, 0), rates, capital (USD) of a path."""

    exposure: FloatArray
    order: IntArray
    rates: Rates
    capital: float


class SegmentAccount(NamedTuple):
    """Shares held and waiting (N,), state and flags of a path, changed in place."""

    held: FloatArray
    waiting: FloatArray
    state: FloatArray
    flags: BoolArray


class SegmentResults(NamedTuple):
    """Values at the close (T,), sums (3,) and counts (6,) of a path, written in place."""

    values: FloatArray
    sums: FloatArray
    counts: IntArray


class SessionNames(NamedTuple):
    """Base weights and units, prices (N,) and selling order (N,) or (0,) of a session."""

    weights: FloatArray
    units: FloatArray
    fill: FloatArray
    mark: FloatArray
    order: IntArray


class Session(NamedTuple):
    """One session of a path, with the facts of its segment.

    `level` is the exposure on the session before, `cash` that before trading, USD. `proportional` is true where cash is
    raised in proportion, `rebalanced` on the session of a rebalance; `base_worth` (at the fill), `clean` and `filled`
    as in `Segments`.
    """

    exposure: float
    level: float
    cash: float
    base_worth: float
    proportional: bool
    rebalanced: bool
    clean: bool
    filled: bool
