"""Several strategies of one class as one: each decides on its own sessions, in one account that never stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd

from undertow.market.clock import FloatArray, InstantArray, IntArray
from undertow.market.errors import ParameterError
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.decided import decided, shocks_of
from undertow.strategies.plan import LEAST_TAX, PROPORTIONAL, Decision
from undertow.strategies.strategy import Constant, Sets, Strategy


@dataclass(frozen=True)
class ScheduledSpan:
    """One strategy, or None for buy-and-hold, and the sessions that it rules, both ends included."""

    strategy: Strategy | None
    first: pd.Timestamp
    last: pd.Timestamp


@dataclass(frozen=True)
class Schedule:
    """The pieces of one path in order of time, and what a recipe says about them."""

    pieces: tuple[ScheduledSpan, ...]
    described: tuple[tuple[str, Any], ...] = ()

    def rulers(self, sessions: pd.DatetimeIndex) -> IntArray:
        """The number of the piece that rules each session (T,), -1 where none does."""
        ruling = np.full(len(sessions), -1, dtype=np.int64)
        for number, piece in enumerate(self.pieces):
            ruling[sessions.searchsorted(piece.first) : sessions.searchsorted(piece.last, "right")] = number
        return ruling


class ScheduledStrategy(Strategy):
    """Strategies of one class, each in charge of its own stretch of sessions; fully invested where none is.

    Every strategy decides on the whole table, as if it had always run; a session takes the decision of the one that
    rules it. Where two differ at a seam the account trades, and pays.
    """

    summary: ClassVar[str] = "What was chosen in each fold, one after the other"

    seams: Annotated[Any, Constant()]

    @property
    def parameters(self) -> dict[str, Any]:
        """What the recipe says: the rule of the walk, and each fold with its parameters."""
        return dict(self.seams.described)

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """One column a path; every distinct strategy decides once."""
        paths: list[Schedule] = list(sets["seams"])
        distinct: list[Strategy] = []
        for piece in (piece for path in paths for piece in path.pieces):
            if piece.strategy is not None and piece.strategy not in distinct:
                distinct.append(piece.strategy)
        if not distinct:
            shape = len(table), len(paths)
            return Decision.proportional(np.ones(shape), np.zeros(shape, dtype=np.bool_))
        kind = type(distinct[0])
        found = decided(kind, table, kind.stack(distinct))
        if found.stop is not None and any(piece.strategy is None for path in paths for piece in path.pieces):
            raise ParameterError("a stop is that of the whole account: no fold may hold without it; leave `gate` out")
        which = np.stack([_columns(path, table, distinct) for path in paths], axis=1)
        return scheduled(found, which, len(table.symbols))

    def shocks(self, table: DecisionTable) -> InstantArray:
        """The shocks of the strategy that rules each session (T,)."""
        out = super().shocks(table)
        ruling = self.seams.rulers(table.decisions.sessions)
        for number, piece in enumerate(self.seams.pieces):
            if piece.strategy is None:
                continue
            out[ruling == number] = shocks_of(piece.strategy, table)[ruling == number]
        return out


def _columns(path: Schedule, table: DecisionTable, distinct: list[Strategy]) -> IntArray:
    kept = [-1 if piece.strategy is None else distinct.index(piece.strategy) for piece in path.pieces]
    columns = np.array([*kept, -1], dtype=np.int64)
    picked: IntArray = columns[path.rulers(table.decisions.sessions)]
    return picked


def scheduled(found: Decision, which: IntArray, names: int) -> Decision:
    """A decision (T, P) put together row by row: `which` (T, P) is the column of `found`, -1 for fully invested.

    Raises `ParameterError` where the columns differ in what holds for a whole account: a stop, or the sale of what is
    taxed least.
    """
    shape = found.exposure.shape
    scores: dict[tuple[bytes, ...], int] = {}
    orders: list[FloatArray] = []
    score_of_set = np.array([_score(found, column, names, scores, orders) for column in which.T], dtype=np.int64)
    return Decision(
        exposure=_picked(found.exposure, which, 1.0),
        stale=_picked(found.stale, which, 0.0).astype(np.bool_),
        score_of_set=score_of_set,
        scores=tuple(orders),
        flags={name: _picked(mark, which, 0.0).astype(np.bool_) for name, mark in found.flags.items()},
        rotation=None if found.rotation is None else _picked(found.rotation, which, 0.0),
        basket=found.basket,
        hedge=None if found.hedge is None else _picked(found.hedge, which, 0.0),
        hedge_symbol=found.hedge_symbol,
        stop=_one_of_each("stop", found.stop, which),
        stop_wait=_one_of_each("stop_wait", found.stop_wait, which),
        above=None if found.above is None else _picked(found.above, which, 0.0).astype(np.bool_),
        resting=None if found.resting is None else _picked(np.broadcast_to(found.resting, shape), which, 1.0),
    )


def _picked(values: Any, which: IntArray, outside: float) -> FloatArray:
    inside = np.take_along_axis(np.asarray(values, dtype=np.float64), np.maximum(which, 0), axis=1)
    return np.where(which >= 0, inside, outside)


def _one_of_each(name: str, values: Any, which: IntArray) -> Any:
    if values is None:
        return None
    chosen = [np.unique(values[np.unique(column[column >= 0])]) for column in which.T]
    if any(len(each) > 1 for each in chosen):
        raise ParameterError(f"`{name}` must be the same in every fold of one account; fix it and tune the rest")
    return np.array([each[0] for each in chosen])


def _score(
    found: Decision, column: IntArray, names: int, scores: dict[tuple[bytes, ...], int], orders: list[FloatArray]
) -> int:
    """The order of selling of one path: added to `orders` unless an equal one is there."""
    wanted = np.where(column >= 0, found.score_of_set[np.maximum(column, 0)], PROPORTIONAL)
    kinds = set(wanted[column >= 0].tolist())
    if kinds <= {PROPORTIONAL} or kinds == {LEAST_TAX}:
        return kinds.pop() if kinds else PROPORTIONAL
    if LEAST_TAX in kinds:
        raise ParameterError("`source` must be least-tax in every fold of one account or in none; fix or narrow it")
    key = (wanted.tobytes(),)
    if key not in scores:
        # No score at all on a session: cash is raised in proportion.
        rows = np.full((len(column), names), -np.inf)
        for kind in kinds - {PROPORTIONAL}:
            rows[wanted == kind] = found.scores[kind][wanted == kind]
        scores[key] = len(orders)
        orders.append(rows)
    return scores[key]
