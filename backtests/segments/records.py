"""Records that go down into the compiled segment walk; their arrays are changed in place where a docstring says so."""

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

# Sums and counts of a path: the first ones of the order kernel, at the same positions.
SUMS, COUNTS = 3, 3


class SegmentPath(NamedTuple):
    """What a path holds, unchanged by the walk: `exposure` (T,), selling `order` (T, N) or (T, 0), capital in USD."""

    exposure: FloatArray
    order: IntArray
    rates: Rates
    capital: float


class SegmentAccount(NamedTuple):
    """Shares `held` and `waiting` (N,), and the `state` and `flags` whose positions are named above."""

    held: FloatArray
    waiting: FloatArray
    state: FloatArray
    flags: BoolArray


class SegmentResults(NamedTuple):
    """Values at the close (T,), sums (3,) and counts (3,) of a path."""

    values: FloatArray
    sums: FloatArray
    counts: IntArray


class SessionNames(NamedTuple):
    """The names (N,) of a session: base weights and units, prices, selling order (N,) or (0,); none is changed."""

    weights: FloatArray
    units: FloatArray
    fill: FloatArray
    mark: FloatArray
    order: IntArray


class Session(NamedTuple):
    """One session of a path: exposure now and before, cash before trading in USD, and facts of its segment.

    `proportional` is true where cash is raised in proportion, `rebalanced` on the session of a rebalance, `ending`
    where a name is closed; `base_worth` (at the fill), `clean` and `filled` as in `Segments`.
    """

    exposure: float
    level: float
    cash: float
    base_worth: float
    proportional: bool
    rebalanced: bool
    clean: bool
    filled: bool
    ending: bool
