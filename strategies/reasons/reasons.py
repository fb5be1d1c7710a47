"""What went into every decision of a rule, and what each driver added to the score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
import pandas as pd

from undertow.market.clock import BoolArray, FloatArray, IntArray
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.reasons.kinds import label_of, largest
from undertow.strategies.rules.evaluate import DECIMALS, evaluate_rules, ladder_of, read
from undertow.strategies.rules.parts import ALARM
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.tier_state import Machine, Observation, States


@dataclass(frozen=True, eq=False)
class Reasons:
    """What went into every decision of one rule.

    `values` and `severity` (T, D) are of the rule's drivers, conditions first, gates last; `score`, `ungated` and
    `clear` (T,); `tier` and `event` (T,) numbers into the rule's ladder and `EVENTS`; `back` (T, C) are the values of
    the conditions of its return, and `states` is what its tier machine knew. `fallback` (T, D) marks the drivers whose
    stand-in was read.
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
        """What the drivers are called, each name once."""
        return _each_once([driver.name for driver in self.rule.drivers])

    @cached_property
    def back_names(self) -> tuple[str, ...]:
        """What the conditions of the return are called, each name once."""
        return _each_once([each.name for each in self.rule.reentry.when])

    @property
    def tiers(self) -> pd.Series:
        """The tier of every session by name."""
        names = np.array([tier.name for tier in self.rule.ladder], dtype=object)
        return pd.Series(names[self.tier], index=self.sessions, name="tier")

    @cached_property
    def machine(self) -> Machine:
        """The rule's tier machine, for what another score would have made of a decision."""
        return Machine(ladder_of([self.rule]))

    def outcome(
        self, row: int, score: float, clear: float | None = None, machine: Machine | None = None
    ) -> tuple[int, int]:
        """The tier and the event that another score, or another all-clear, would have made of a row."""
        states = self.states
        known = float(self.clear[row]) if clear is None else clear
        seen = Observation(score, known, float(states.hours[row]), float(states.level[row]))
        memory, event = (machine or self.machine).step(states.memory(row), seen)
        return memory.tier, event

    def rows(self, which: slice) -> Reasons:
        """The reasons of a stretch of sessions."""
        return Reasons(
            self.rule,
            self.sessions[which],
            self.values[which],
            self.severity[which],
            self.score[which],
            self.ungated[which],
            self.clear[which],
            self.tier[which],
            self.event[which],
            self.back[which],
            self.states.rows(which),
            self.fallback[which],
        )

    def frame(self) -> pd.DataFrame:
        """Everything as one table by session, as it is saved; `from_frame` reads it back."""
        columns = {"tier": self.tier, "event": self.event, "score": self.score}
        table = {**columns, "ungated": self.ungated, "clear": self.clear}
        table |= {f"value: {name}": self.values[:, place] for place, name in enumerate(self.names)}
        table |= {f"severity: {name}": self.severity[:, place] for place, name in enumerate(self.names)}
        table |= {f"stand-in: {name}": 1.0 * self.fallback[:, place] for place, name in enumerate(self.names)}
        table |= {f"back: {name}": self.back[:, place] for place, name in enumerate(self.back_names)}
        table |= {f"state: {name}": values for name, values in self.states.columns().items()}
        return pd.DataFrame(table, index=self.sessions.rename("session"))

    @classmethod
    def from_frame(cls, rule: Rule, table: pd.DataFrame) -> Reasons:
        """The reasons of a rule from the table that `frame` made; raises `KeyError` on one that lacks a column."""

        def several(kind: str) -> FloatArray:
            return table[[name for name in table if str(name).startswith(f"{kind}: ")]].to_numpy(dtype=np.float64)

        severity = several("severity")
        # A run of an earlier version was saved without them.
        fallback = several("stand-in") if any(str(name).startswith("stand-in: ") for name in table) else 0.0 * severity
        fields = States.__dataclass_fields__
        return cls(
            rule,
            pd.DatetimeIndex(table.index),
            several("value"),
            severity,
            **{name: table[name].to_numpy(dtype=np.float64) for name in ("score", "ungated", "clear")},
            **{name: table[name].to_numpy(dtype=np.int64) for name in ("tier", "event")},
            back=several("back"),
            states=States(**{name: table[f"state: {name}"].to_numpy(dtype=np.float64) for name in fields}),
            fallback=fallback > 0.0,
        )

    def changes(self) -> IntArray:
        """The rows on which the tier changed or was entered again."""
        return np.flatnonzero(self.event != 0)

    def gates_on(self, row: int) -> tuple[str, ...]:
        """The names of the gates that scale the score of a row."""
        first = len(self.rule.trigger.when)
        return tuple(self.names[place] for place in range(first, len(self.names)) if self.severity[row, place] == ALARM)

    def vetoed(self) -> BoolArray:
        """The rows (T,) on which a gate kept the score from the level of a higher tier."""
        return np.array(
            [self.wanted(own) < self.wanted(free) for own, free in zip(self.score, self.ungated, strict=True)],
            dtype=np.bool_,
        )

    def contributions(self, row: int) -> FloatArray:
        """The Shapley value of each driver (D,) for the score of a row; 0 where the score is unknown."""
        count = len(self.rule.drivers)
        if np.isnan(self.score[row]):
            return np.zeros(count)
        members = ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.bool_)
        severity = self.at_hand(row)
        # What is unknown and dropped out of a score stays out of it in every subset.
        worth = score_of(self.rule, np.where(members | np.isnan(severity), severity, 0.0))
        size = members.sum(axis=1)
        weight = np.array([factorial(k) * factorial(count - k - 1) / factorial(count) for k in range(count)])
        added = np.zeros(count)
        for driver in range(count):
            without = np.flatnonzero(~members[:, driver])
            added[driver] = (weight[size[without]] * (worth[without | (1 << driver)] - worth[without])).sum()
        return added

    def wanted(self, score: float) -> int:
        """The tier whose level the score reaches."""
        return max(place for place, tier in enumerate(self.rule.ladder) if place == 0 or score >= tier.at)

    def at_hand(self, row: int) -> FloatArray:
        """The severities of a row as the score uses them: an unknown driver is at ease."""
        severity = self.severity[row].copy()
        unknown = np.isnan(severity)
        if self.rule.trigger.combine == "all":
            # Unknown and still settled means that another condition is off: the unknown one does not matter.
            severity[unknown] = 1.0
        severity[unknown & (np.arange(len(severity)) >= len(self.rule.trigger.when))] = 0.0
        if self.rule.trigger.combine == "score":
            severity[unknown] = np.nan
        return np.where(unknown & (self.rule.trigger.combine == "any"), 0.0, severity)

    def label(self, row: int, added: FloatArray) -> str:
        """The kind of shock that added most (D,) to the score of a row; empty where nothing did, and in calm."""
        if self.tier[row] == 0:
            return ""
        conditions = zip(self.rule.trigger.when, self.fallback[row].tolist(), added.tolist(), strict=False)
        return largest([(each, label_of(each, fallback=other), part) for each, other, part in conditions])


def _each_once(given: list[str]) -> tuple[str, ...]:
    return tuple(
        name if given.count(name) == 1 else f"{name} {given[: place + 1].count(name)}"
        for place, name in enumerate(given)
    )


def score_of(rule: Rule, severity: FloatArray) -> FloatArray:
    """The score (K,) of severities (K, D) of the drivers; NaN in a condition takes it out of a "score"."""
    count = len(rule.trigger.when)
    conditions = severity[:, :count]
    if rule.trigger.combine == "any":
        score = conditions.max(axis=1)
    elif rule.trigger.combine == "all":
        score = conditions.min(axis=1)
    else:
        weight = np.array([each.weight for each in rule.trigger.when]) * np.isfinite(conditions)
        score = (np.nan_to_num(conditions) * weight).sum(axis=1) / weight.sum(axis=1)
    for place, gate in enumerate(rule.gates):
        score = np.where(severity[:, count + place] == ALARM, score * gate.scale, score)
    return np.asarray(np.round(score, DECIMALS), dtype=np.float64)


def known_score(rule: Rule, severity: FloatArray) -> float:
    """The score of severities (D,), NaN where the unknown ones among them could change it: as a backtest scores."""
    conditions = severity[: len(rule.trigger.when)]
    known = np.isfinite(conditions)
    weight = np.array([each.weight for each in rule.trigger.when])
    if rule.trigger.combine == "score":
        settled = weight[known].sum() >= rule.trigger.known * weight.sum() * (1.0 - 1e-12) and known.any()
    elif rule.trigger.combine == "any":
        settled = known.all() or bool((conditions[known] == ALARM).any())
    else:
        settled = known.all() or bool((conditions[known] == 0.0).any())
    if not settled:
        return float("nan")
    at_hand = severity.copy()
    if rule.trigger.combine != "score":
        at_hand[: len(known)][~known] = 0.0 if rule.trigger.combine == "any" else ALARM
    return float(score_of(rule, at_hand[None, :])[0])


def reasons(table: DecisionTable, rule: Rule) -> Reasons:
    """The reasons of one rule for every session of a table."""
    outcome = evaluate_rules(table, [rule])
    lag = np.array([rule.timing.lag])
    found = [read(table, [driver], lag) for driver in rule.drivers]
    back = [read(table, [each], lag).values[:, 0] for each in rule.reentry.when]
    score, clear = outcome.score[:, 0], outcome.clear[:, 0]
    return Reasons(
        rule,
        table.decisions.sessions,
        np.column_stack([each.values for each in found]),
        np.column_stack([each.severity for each in found]),
        score,
        outcome.ungated[:, 0],
        clear,
        outcome.walked.tier[:, 0].astype(np.int64),
        outcome.walked.event[:, 0].astype(np.int64),
        np.column_stack(back) if back else np.zeros((len(table), 0)),
        States.of(Machine(ladder_of([rule])), score, clear, table.hours, outcome.level),
        np.column_stack([each.fallback for each in found]),
    )
