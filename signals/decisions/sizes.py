"""How many names a universe has, over time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from undertow.market.calendar import period_starts
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.signals.decisions.table import DecisionTable


@dataclass(frozen=True)
class Sizes:
    """A universe's size: `symbols` that ever belonged, of which `unpriced` have no prices in the market.

    `smallest`, `median` and `largest` count the names that could be held, over the sessions from `first` to `last` (the
    first and last on which any could); `by_year` those of the first session of each year, or of the stretch.
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


def sizes(market: Market, universe: str) -> Sizes:
    """The size over time of a universe or a screen; raises `ParameterError` where no name can ever be held."""
    table = DecisionTable(market, universe)
    held = table.alive.sum(axis=1)
    there = np.flatnonzero(held)
    if not len(there):
        raise ParameterError(f"universe `{universe}` has no name with prices on any session")
    sessions = table.decisions.sessions
    stretch = held[there[0] : there[-1] + 1]
    starts = [there[0], *(row for row in period_starts(sessions, "yearly") if row > there[0])]
    return Sizes(
        name=table.universe.name,
        symbols=len(table.universe.symbols),
        unpriced=len(table.unpriced),
        first=str(sessions[there[0]].date()),
        last=str(sessions[there[-1]].date()),
        smallest=int(stretch.min()),
        median=float(np.median(stretch)),
        largest=int(stretch.max()),
        by_year={str(sessions[row].year): int(held[row]) for row in starts},
    )
