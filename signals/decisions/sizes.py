"""How many names a universe has, over time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from undertow.market import Market, ParameterError, period_starts
from undertow.signals.decisions.table import DecisionTable


@dataclass(frozen=True)
class UniverseSizes:
    """The size of a universe over time.

    `symbols` ever belonged, of which `unpriced` have no prices in the market. `smallest`, `median` and `largest` count
    the names that could be held, over the sessions from `first` to `last` (the first and last on which any could);
    `by_year` counts those on the first of these sessions in each year.
    """

    name: str
    symbols: int
    unpriced: int
    first: str
    last: str
    smallest: int
    median: float
    largest: int
    by_year: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return asdict(self)


def universe_sizes(market: Market, universe: str) -> UniverseSizes:
    """The size over time of a universe or a screen.

    Raises `ParameterError` where no name can ever be held.
    """
    table = DecisionTable(market, universe)
    counts = table.alive.sum(axis=1)
    rows = np.flatnonzero(counts)
    if not len(rows):
        raise ParameterError(f"universe `{universe}` has no name with prices on any session")
    sessions = table.decisions.sessions
    stretch = counts[rows[0] : rows[-1] + 1]
    starts = [rows[0], *(row for row in period_starts(sessions, "yearly") if row > rows[0])]
    return UniverseSizes(
        name=table.universe.name,
        symbols=len(table.universe.symbols),
        unpriced=len(table.unpriced),
        first=str(sessions[rows[0]].date()),
        last=str(sessions[rows[-1]].date()),
        smallest=int(stretch.min()),
        median=float(np.median(stretch)),
        largest=int(stretch.max()),
        by_year={str(sessions[row].year): int(counts[row]) for row in starts},
    )
