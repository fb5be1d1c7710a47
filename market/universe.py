"""Universes: which names belong, and from when to when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market.clock import BoolArray


@dataclass(frozen=True, eq=False)
class Universe:
    """A named list of symbols with point-in-time membership.

    `spans` has the columns symbol, start, end (dates; both ends included, NaT = open-ended); a symbol may have several.
    """

    name: str
    spans: pd.DataFrame

    @classmethod
    def of_symbol(cls, symbol: str) -> Universe:
        """A universe of one name, a member throughout."""
        open_ended = pd.DatetimeIndex([pd.NaT])
        return cls(symbol, pd.DataFrame({"symbol": [symbol], "start": open_ended, "end": open_ended}))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that ever belonged, in alphabetical order."""
        return tuple(sorted(set(self.spans["symbol"])))

    def members(self, sessions: pd.DatetimeIndex, symbols: tuple[str, ...]) -> BoolArray:
        """Membership (sessions, symbols) of names, both ends of a span included."""
        out = np.zeros((len(sessions), len(symbols)), dtype=np.bool_)
        column = {symbol: position for position, symbol in enumerate(symbols)}
        for symbol, start, end in zip(self.spans["symbol"], self.spans["start"], self.spans["end"], strict=True):
            if symbol not in column:
                continue
            first = 0 if pd.isna(start) else sessions.searchsorted(start, "left")
            last = len(sessions) if pd.isna(end) else sessions.searchsorted(end, "right")
            out[first:last, column[symbol]] = True
        return out
