"""Several strategies of one class as one, each deciding on its own sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd

from undertow.market import FloatArray, InstantArray, IntArray, ParameterError
from undertow.signals.decisions import DecisionTable
from undertow.strategies import LEAST_TAX, PROPORTIONAL, Constant, Decision, Sets, Strategy, decided, shocks_of


@dataclass(frozen=True)
class ScheduledSpan:
    """A strategy, None for buy-and-hold, with its first and last session."""

    strategy: Strategy | None
    first: pd.Timestamp
    last: pd.Timestamp


@dataclass(frozen=True)
class Schedule:
    """The spans of one account in order of time, and the parameters in its recipe."""

    spans: tuple[ScheduledSpan, ...]
    description: tuple[tuple[str, Any], ...] = ()

    def span_numbers(self, sessions: pd.DatetimeIndex) -> IntArray:
        """The number of the span of every session (T,), from 0; -1 outside all spans."""
        numbers = np.full(len(sessions), -1, dtype=np.int64)
        for number, span in enumerate(self.spans):
            numbers[sessions.searchsorted(span.first) : sessions.searchsorted(span.last, "right")] = number
        return numbers


class ScheduledStrategy(Strategy):
    """Strategies of one class, each in charge of a span; fully invested outside.

    The first strategy is in charge of the session before its span too. Every strategy decides on the whole table, as if
    it had always run; a session takes the decision of the strategy in charge. Where two strategies differ at a border
    of spans the account trades, and pays.
    """

    summary: ClassVar[str] = "The choice of every fold, one after the other"

    schedule: Annotated[Any, Constant()]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters in the recipe: the walk's settings, then every fold."""
        return dict(self.schedule.description)

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """One column per schedule; every distinct strategy decides once."""
        schedules: list[Schedule] = list(sets["schedule"])
        distinct: list[Strategy] = []
        for span in (span for schedule in schedules for span in schedule.spans):
            if span.strategy is not None and span.strategy not in distinct:
                distinct.append(span.strategy)
        if not distinct:
            shape = len(table), len(schedules)
            return Decision.proportional(np.ones(shape), np.zeros(shape, dtype=np.bool_))
        strategy_class = type(distinct[0])
        decision = decided(strategy_class, table, strategy_class.stack(distinct))
        holds = any(span.strategy is None for schedule in schedules for span in schedule.spans)
        if decision.stop is not None and holds:
            raise ParameterError("a stop is that of the whole account: no fold may hold without it; leave `gate` out")
        columns = np.stack([_columns(schedule, table, distinct) for schedule in schedules], axis=1)
        return schedule_decision(decision, columns, len(table.symbols))

    def shocks(self, table: DecisionTable) -> InstantArray:
        """The shocks of the strategy in charge of every session (T,)."""
        shocks = super().shocks(table)
        numbers = self.schedule.span_numbers(table.decisions.sessions)
        for number, span in enumerate(self.schedule.spans):
            if span.strategy is None:
                continue
            shocks[numbers == number] = shocks_of(span.strategy, table)[numbers == number]
        return shocks


def _columns(schedule: Schedule, table: DecisionTable, distinct: list[Strategy]) -> IntArray:
    by_span = [-1 if span.strategy is None else distinct.index(span.strategy) for span in schedule.spans]
    numbers = schedule.span_numbers(table.decisions.sessions)
    # What was under way before the first span is known by the session before it.
    first = int((numbers >= 0).argmax())
    numbers[max(first - 1, 0)] = numbers[first]
    # Outside all spans the number is -1, which picks the last entry.
    columns: IntArray = np.array([*by_span, -1], dtype=np.int64)[numbers]
    return columns


def schedule_decision(decision: Decision, columns: IntArray, symbols: int) -> Decision:
    """A decision (T, P) composed row by row from the columns of another.

    Args:
        decision: the decision of every distinct strategy, one column each.
        columns: column of `decision` for every session and schedule (T, P), -1 for fully invested.
        symbols: number of symbols.

    Raises `ParameterError` where the columns differ in a setting of the whole account: a stop, or the sale of the lots
    that are taxed least.
    """
    shape = decision.exposure.shape
    scores: dict[tuple[bytes, ...], int] = {}
    orders: list[FloatArray] = []
    score_of_set = np.array([_score(decision, column, symbols, scores, orders) for column in columns.T], dtype=np.int64)
    return Decision(
        exposure=_pick(decision.exposure, columns, 1.0),
        stale=_pick(decision.stale, columns, 0.0).astype(np.bool_),
        score_of_set=score_of_set,
        scores=tuple(orders),
        flags={name: _pick(flag, columns, 0.0).astype(np.bool_) for name, flag in decision.flags.items()},
        rotation=None if decision.rotation is None else _pick(decision.rotation, columns, 0.0),
        basket=decision.basket,
        hedge=None if decision.hedge is None else _pick(decision.hedge, columns, 0.0),
        hedge_symbol=decision.hedge_symbol,
        stop=_common("stop", decision.stop, columns),
        stop_wait=_common("stop_wait", decision.stop_wait, columns),
        above=None if decision.above is None else _pick(decision.above, columns, 0.0).astype(np.bool_),
        resting=(None if decision.resting is None else _pick(np.broadcast_to(decision.resting, shape), columns, 1.0)),
    )


def _pick(values: Any, columns: IntArray, outside: float) -> FloatArray:
    inside = np.take_along_axis(np.asarray(values, dtype=np.float64), np.maximum(columns, 0), axis=1)
    return np.where(columns >= 0, inside, outside)


def _common(name: str, values: Any, columns: IntArray) -> Any:
    """The value of every schedule (P,), in which its spans may not differ."""
    if values is None:
        return None
    distinct = [np.unique(values[np.unique(column[column >= 0])]) for column in columns.T]
    if any(len(chosen) > 1 for chosen in distinct):
        raise ParameterError(f"`{name}` must be the same in every fold of one account; fix it and tune the rest")
    return np.array([chosen[0] for chosen in distinct])


def _score(
    decision: Decision, column: IntArray, symbols: int, scores: dict[tuple[bytes, ...], int], orders: list[FloatArray]
) -> int:
    """The number of a schedule's order of selling; a new order is added to `orders`."""
    numbers = np.where(column >= 0, decision.score_of_set[np.maximum(column, 0)], PROPORTIONAL)
    distinct = set(numbers[column >= 0].tolist())
    if distinct <= {PROPORTIONAL} or distinct == {LEAST_TAX}:
        return distinct.pop() if distinct else PROPORTIONAL
    if LEAST_TAX in distinct:
        raise ParameterError("`source` must be least-tax in every fold of one account or in none; fix or narrow it")
    key = (numbers.tobytes(),)
    if key not in scores:
        # Without a score on a session, cash is raised in proportion.
        rows = np.full((len(column), symbols), -np.inf)
        for number in distinct - {PROPORTIONAL}:
            rows[numbers == number] = decision.scores[number][numbers == number]
        scores[key] = len(orders)
        orders.append(rows)
    return scores[key]
