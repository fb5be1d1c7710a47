"""The drivers of every decision of a rule, and their contributions to the score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
import pandas as pd

from undertow.market import BoolArray, FloatArray, IntArray
from undertow.signals.decisions import DecisionTable
from undertow.strategies.reasons.kinds import label_of, largest
from undertow.strategies.rules.evaluate import evaluate_rules, ladder_of, read_condition
from undertow.strategies.rules.parts import ALARM
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.scoring import DECIMALS
from undertow.strategies.rules.tier_state import Machine, Observation, States


@dataclass(frozen=True, eq=False)
class Reasons:
    """The inputs and the result of every decision of one rule.

    Args:
        rule: the rule, with D drivers and C conditions of the return
        sessions: the T sessions
        values: (T, D) values of the drivers, conditions first, gates last
        severity: (T, D) 0 ok, 0.5 watch, 1 alarm, or NaN
        score: (T,) score after the gates
        ungated: (T,) score before the gates
        clear: (T,) all-clear, 1, 0 or NaN
        tier: (T,) index into the rule's ladder
        event: (T,) index into `EVENTS`
        back: (T, C) values of the conditions of the return
        states: the tier machine before each decision
        fallback: (T, D) whether the driver's fallback was read
    """

    rule: Rule
    sessions: pd.DatetimeIndex
    values: FloatArray
    severity: FloatArray
    score: FloatArray
    ungated: FloatArray
    clear: FloatArray
    tier: IntArray
    event: IntArray
    back: FloatArray
    states: States
    fallback: BoolArray

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the drivers, numbered where they are equal."""
        return _distinct([driver.name for driver in self.rule.drivers])

    @cached_property
    def back_names(self) -> tuple[str, ...]:
        """The names of the conditions of the return, numbered where they are equal."""
        return _distinct([condition.name for condition in self.rule.reentry.when])

    @property
    def tiers(self) -> pd.Series:
        """The name of the tier of every session."""
        names = np.array([tier.name for tier in self.rule.ladder], dtype=object)
        return pd.Series(names[self.tier], index=self.sessions, name="tier")

    @cached_property
    def machine(self) -> Machine:
        """The rule's tier machine, to replay decisions."""
        return Machine(ladder_of([self.rule]))

    def replay(
        self, row: int, score: float, clear: float | None = None, machine: Machine | None = None
    ) -> tuple[int, int]:
        """The tier and the event of a row with another score, all-clear or machine.

        Args:
            row: the row of the decision
            score: the score to replay with
            clear: the all-clear, 1 or 0; that of the row where None
            machine: a tier machine with other limits; the rule's where None
        """
        states = self.states
        clear = float(self.clear[row]) if clear is None else clear
        observation = Observation(score, clear, float(states.hours[row]), float(states.level[row]))
        state, event = (machine or self.machine).step(states.before(row), observation)
        return state.tier, event

    def rows(self, span: slice) -> Reasons:
        """The reasons of a span of sessions."""
        return Reasons(
            rule=self.rule,
            sessions=self.sessions[span],
            values=self.values[span],
            severity=self.severity[span],
            score=self.score[span],
            ungated=self.ungated[span],
            clear=self.clear[span],
            tier=self.tier[span],
            event=self.event[span],
            back=self.back[span],
            states=self.states.rows(span),
            fallback=self.fallback[span],
        )

    def frame(self) -> pd.DataFrame:
        """One table by session, as it is saved; `from_frame` reads it back."""
        columns = {"tier": self.tier, "event": self.event, "score": self.score}
        table = {**columns, "ungated": self.ungated, "clear": self.clear}
        table |= {f"value: {name}": self.values[:, column] for column, name in enumerate(self.names)}
        table |= {f"severity: {name}": self.severity[:, column] for column, name in enumerate(self.names)}
        table |= {f"fallback: {name}": 1.0 * self.fallback[:, column] for column, name in enumerate(self.names)}
        table |= {f"back: {name}": self.back[:, column] for column, name in enumerate(self.back_names)}
        table |= {f"state: {name}": values for name, values in self.states.columns().items()}
        return pd.DataFrame(table, index=self.sessions.rename("session"))

    @classmethod
    def from_frame(cls, rule: Rule, table: pd.DataFrame) -> Reasons:
        """The reasons of a rule from the table of `frame`.

        Raises `KeyError` where a column is missing.
        """

        def columns(prefix: str) -> FloatArray:
            return table[[name for name in table if str(name).startswith(f"{prefix}: ")]].to_numpy(dtype=np.float64)

        severity = columns("severity")
        # Runs of an earlier version were saved without these columns.
        fallback = columns("fallback") if any(str(name).startswith("fallback: ") for name in table) else 0.0 * severity
        fields = States.__dataclass_fields__
        return cls(
            rule,
            pd.DatetimeIndex(table.index),
            columns("value"),
            severity,
            **{name: table[name].to_numpy(dtype=np.float64) for name in ("score", "ungated", "clear")},
            **{name: table[name].to_numpy(dtype=np.int64) for name in ("tier", "event")},
            back=columns("back"),
            states=States(**{name: table[f"state: {name}"].to_numpy(dtype=np.float64) for name in fields}),
            fallback=fallback > 0.0,
        )

    def changes(self) -> IntArray:
        """The rows with an event: the tier changed or was entered again."""
        return np.flatnonzero(self.event != 0)

    def gates_on(self, row: int) -> tuple[str, ...]:
        """The names of the gates that scale the score of a row."""
        gates = range(len(self.rule.trigger.when), len(self.names))
        return tuple(self.names[column] for column in gates if self.severity[row, column] == ALARM)

    def vetoed(self) -> BoolArray:
        """The rows (T,) on which a gate kept the score from the level of a higher tier."""
        scores = zip(self.score, self.ungated, strict=True)
        return np.array([self.reached(gated) < self.reached(free) for gated, free in scores], dtype=np.bool_)

    def contributions(self, row: int) -> FloatArray:
        """The Shapley value of each driver (D,) for the score of a row.

        0 where the score is unknown.
        """
        count = len(self.rule.drivers)
        if np.isnan(self.score[row]):
            return np.zeros(count)
        members = ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.bool_)
        severity = self.effective_severity(row)
        # An unknown driver that dropped out of a score stays out of it in every subset.
        worth = score_of(self.rule, np.where(members | np.isnan(severity), severity, 0.0))
        size = members.sum(axis=1)
        weight = np.array([factorial(k) * factorial(count - k - 1) / factorial(count) for k in range(count)])
        added = np.zeros(count)
        for driver in range(count):
            without = np.flatnonzero(~members[:, driver])
            added[driver] = (weight[size[without]] * (worth[without | (1 << driver)] - worth[without])).sum()
        return added

    def reached(self, score: float) -> int:
        """The highest tier whose level the score reaches."""
        return max(number for number, tier in enumerate(self.rule.ladder) if number == 0 or score >= tier.at)

    def effective_severity(self, row: int) -> FloatArray:
        """The severities (D,) of a row as the score uses them: an unknown driver is off."""
        severity = self.severity[row].copy()
        unknown = np.isnan(severity)
        if self.rule.trigger.combine == "all":
            # A known score means that another condition is off, so the unknown one does not matter.
            severity[unknown] = 1.0
        severity[unknown & (np.arange(len(severity)) >= len(self.rule.trigger.when))] = 0.0
        if self.rule.trigger.combine == "score":
            severity[unknown] = np.nan
        return np.where(unknown & (self.rule.trigger.combine == "any"), 0.0, severity)

    def label(self, row: int, added: FloatArray) -> str:
        """The kind of shock with the largest contribution to the score of a row.

        `added` (D,) are the contributions. Empty in calm, and where no condition contributed.
        """
        if self.tier[row] == 0:
            return ""
        conditions = zip(self.rule.trigger.when, self.fallback[row].tolist(), added.tolist(), strict=False)
        return largest([(c, label_of(c, fallback=fallback), part) for c, fallback, part in conditions])


def _distinct(names: list[str]) -> tuple[str, ...]:
    return tuple(
        name if names.count(name) == 1 else f"{name} {names[: index + 1].count(name)}"
        for index, name in enumerate(names)
    )


def score_of(rule: Rule, severity: FloatArray) -> FloatArray:
    """The score (K,) of severities (K, D) of the drivers.

    A NaN takes its condition out of a "score".
    """
    count = len(rule.trigger.when)
    conditions = severity[:, :count]
    if rule.trigger.combine == "any":
        score = conditions.max(axis=1)
    elif rule.trigger.combine == "all":
        score = conditions.min(axis=1)
    else:
        weight = np.array([condition.weight for condition in rule.trigger.when]) * np.isfinite(conditions)
        score = (np.nan_to_num(conditions) * weight).sum(axis=1) / weight.sum(axis=1)
    for index, gate in enumerate(rule.gates):
        score = np.where(severity[:, count + index] == ALARM, score * gate.scale, score)
    return np.asarray(np.round(score, DECIMALS), dtype=np.float64)


def known_score(rule: Rule, severity: FloatArray) -> float:
    """The score of severities (D,) as in a backtest.

    NaN where unknown severities could change it.
    """
    conditions = severity[: len(rule.trigger.when)]
    known = np.isfinite(conditions)
    weight = np.array([condition.weight for condition in rule.trigger.when])
    if rule.trigger.combine == "score":
        settled = weight[known].sum() >= rule.trigger.known * weight.sum() * (1.0 - 1e-12) and known.any()
    elif rule.trigger.combine == "any":
        settled = known.all() or bool((conditions[known] == ALARM).any())
    else:
        settled = known.all() or bool((conditions[known] == 0.0).any())
    if not settled:
        return float("nan")
    filled = severity.copy()
    if rule.trigger.combine != "score":
        filled[: len(known)][~known] = 0.0 if rule.trigger.combine == "any" else ALARM
    return float(score_of(rule, filled[None, :])[0])


def reasons(table: DecisionTable, rule: Rule) -> Reasons:
    """The reasons of one rule for every session of a table."""
    evaluation = evaluate_rules(table, [rule])
    lag = np.array([rule.timing.lag])
    drivers = [read_condition(table, [driver], lag) for driver in rule.drivers]
    back = [read_condition(table, [condition], lag).values[:, 0] for condition in rule.reentry.when]
    score, clear = evaluation.score[:, 0], evaluation.clear[:, 0]
    return Reasons(
        rule=rule,
        sessions=table.decisions.sessions,
        values=np.column_stack([driver.values for driver in drivers]),
        severity=np.column_stack([driver.severity for driver in drivers]),
        score=score,
        ungated=evaluation.ungated[:, 0],
        clear=clear,
        tier=evaluation.path.tier[:, 0].astype(np.int64),
        event=evaluation.path.event[:, 0].astype(np.int64),
        back=np.column_stack(back) if back else np.zeros((len(table), 0)),
        states=States.of(Machine(ladder_of([rule])), score, clear, table.hours, evaluation.level),
        fallback=np.column_stack([driver.fallback for driver in drivers]),
    )
