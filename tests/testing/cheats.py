"""Six planted cheats of a rule at one level, and an honest one."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from optuna.distributions import FloatDistribution

from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.strategies.strategy import Sets

Array = npt.NDArray[np.float64]


class Level(Strategy):
    """Half where a number is below a level; stale where it is unknown."""

    summary: ClassVar[str] = "A number below a level"

    level: Annotated[float, FloatDistribution(-0.01, 0.01)] = 0.0

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        """The basket's return of the session before the last."""
        return np.concatenate(([0.0, 0.0], basket(table)[1:-1]))

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        values = np.nan_to_num(cls.number(table))[:, None]
        return Decision.proportional(np.where(values >= sets["level"], 1.0, 0.5))


def basket(table: DecisionTable) -> Array:
    """Mean return of the names from close to close, 0 on the first session."""
    close = table.close
    with np.errstate(invalid="ignore"):
        moves = close[1:] / close[:-1] - 1.0
    known = np.isfinite(moves)
    return np.concatenate(([0.0], np.nansum(moves, axis=1) / np.maximum(known.sum(axis=1), 1)))


class SessionAhead(Level):
    """The return of the session after."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        return np.append(basket(table)[1:], 0.0)


class HourAhead(Level):
    """Bitcoin by the date in New York where its bars have the date in UTC: an hour too much, across the border."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        bars = table.market.bars()
        close, hour = bars.columns["close"], np.timedelta64(1, "h")
        late = np.searchsorted(bars.known_at, table.decisions.at + hour, "right") - 1
        return close[late] / close[np.maximum(late - 24, 0)] - 1.0


class CloseAtTheOpen(Level):
    """The close of the day at its open."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        return basket(table)


class WholeSampleRank(Level):
    """The rank of the basket's last return among those of the whole sample."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        moves = np.concatenate(([0.0], basket(table)[:-1]))
        return moves.argsort().argsort() / len(moves) - 0.5


class MembersOfToday(Level):
    """The return of the names that are members at the end."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        close = table.close
        with np.errstate(invalid="ignore"):
            moves = np.where(table.alive[-1], close[1:] / close[:-1] - 1.0, np.nan)
        known = np.isfinite(moves)
        mean = np.nansum(moves, axis=1) / np.maximum(known.sum(axis=1), 1)
        return np.concatenate(([0.0, 0.0], mean[:-1]))


class KeepsState(Level):
    """Keeps the first market that it sees, for the sessions of all others."""

    seen: ClassVar[list[Any]] = []

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        cls.seen.append(np.concatenate(([0.0], basket(table)[:-1])))
        first = cls.seen[0]
        return np.resize(first, len(table))
