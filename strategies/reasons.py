"""Why a rule decided what it decided: what each driver added to the score, and what would have changed the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd

from undertow.market.clock import FloatArray, IntArray
from undertow.market.errors import DataError
from undertow.signals.table import DecisionTable
from undertow.strategies.evaluate import DECIMALS, read, work_out
from undertow.strategies.parts import ALARM, WATCH, Condition
from undertow.strategies.rule import Rule
from undertow.strategies.tier_machine import ENTERED, EVENTS, RESTARTED

# The kind of shock that a signal speaks of.
_LABELS = {
    "liquidation cascade": (
        "drawdown",
        "drop",
        "drawdown-speed",
        "support-breach",
        "volume-spike",
        "liquidation-spike",
        "liquidation-proxy",
        "cascade",
        "funding",
        "open-interest-change",
        "open-interest-divergence",
        "altcoin-contagion",
        "weekend-gap",
        "stabilisation",
        "rows-since-low",
        "btc-equity-correlation",
    ),
    "rates shock": ("rates-shock", "policy-tailwind", "scenario"),
    "dollar shock": ("dollar-shock",),
    "leadership break": ("leadership", "leadership-break", "breadth", "new-lows", "selloff", "basket-selloff", "trend"),
    "volatility event": (
        "vix",
        "volatility-shock",
        "basket-volatility",
        "basket-volatility-shock",
        "realized-volatility",
        "forced-exposure",
        "credit-shock",
        "average-pairwise-correlation",
        "absorption-ratio",
        "regime",
    ),
}
_LABEL_OF = {signal: label for label, signals in _LABELS.items() for signal in signals}
OTHER = "other"
# The most drivers that a counterfactual changes.
MOST_CHANGED = 3

# A driver's number and the severity that it might have had.
Change = tuple[int, float]


def label_of(condition: Condition) -> str:
    """The kind of shock that a condition speaks of: its own label, or that of its signal."""
    return condition.label or _LABEL_OF.get(condition.signal, OTHER)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why the tier of one session is what it is.

    `contributions` add up to `score` less `baseline` (the score were every driver at ease), exactly, by driver: they
    are Shapley values over the drivers (Shapley 1953). `counterfactual` is the smallest change of drivers after which
    the rule would not have gone as far; empty where no tier was entered.
    """

    session: pd.Timestamp
    tier: str
    before: str
    event: str
    score: float
    baseline: float
    contributions: dict[str, float]
    values: dict[str, float]
    label: str
    vetoed: bool
    counterfactual: str

    def sentence(self) -> str:
        """One line for a person."""
        if np.isnan(self.score):
            return f"{self.session.date()}: {self.tier}; the score is unknown, so the last state is held"
        most = sorted(self.contributions.items(), key=lambda item: -abs(item[1]))[:3]
        parts = ", ".join(f"{name} {value:+.2f}" for name, value in most if abs(value) > 1e-12) or "nothing alarms"
        moved = f"{self.before} to {self.tier}" if self.before != self.tier else self.tier
        why = f" ({self.event})" if self.event else ""
        veto = "; a gate held it back" if self.vetoed else ""
        return f"{self.session.date()}: {moved}{why}, score {self.score:.2f}: {parts}{veto}"


@dataclass(frozen=True, eq=False)
class Reasons:
    """What went into every decision of one rule.

    `values` and `severity` (T, D) are of the rule's drivers, conditions first, gates last; `score`, `ungated` and
    `clear` (T,); `tier` and `event` (T,) numbers into the rule's ladder and `EVENTS`.
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

    @property
    def names(self) -> tuple[str, ...]:
        """What the drivers are called, each name once."""
        given = [driver.name for driver in self.rule.drivers]
        return tuple(
            name if given.count(name) == 1 else f"{name} {given[: place + 1].count(name)}"
            for place, name in enumerate(given)
        )

    @property
    def tiers(self) -> pd.Series:
        """The tier of every session by name."""
        names = np.array([tier.name for tier in self.rule.ladder], dtype=object)
        return pd.Series(names[self.tier], index=self.sessions, name="tier")

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
        )

    def frame(self) -> pd.DataFrame:
        """Everything as one table by session, as it is saved; `from_frame` reads it back."""
        names = self.names
        columns = {"tier": self.tier, "event": self.event, "score": self.score}
        table = {**columns, "ungated": self.ungated, "clear": self.clear}
        table |= {f"value: {name}": self.values[:, place] for place, name in enumerate(names)}
        table |= {f"severity: {name}": self.severity[:, place] for place, name in enumerate(names)}
        return pd.DataFrame(table, index=self.sessions.rename("session"))

    @classmethod
    def from_frame(cls, rule: Rule, table: pd.DataFrame) -> Reasons:
        """The reasons of a rule from the table that `frame` made."""
        values = table[[name for name in table if str(name).startswith("value: ")]].to_numpy(dtype=np.float64)
        severity = table[[name for name in table if str(name).startswith("severity: ")]].to_numpy(dtype=np.float64)
        numbers = (table[name].to_numpy(dtype=np.float64) for name in ("score", "ungated", "clear"))
        counts = (table[name].to_numpy(dtype=np.int64) for name in ("tier", "event"))
        return cls(rule, pd.DatetimeIndex(table.index), values, severity, *numbers, *counts)

    def changes(self) -> IntArray:
        """The rows on which the tier changed or was entered again."""
        return np.flatnonzero(self.event != 0)

    def explain(self, session: str | pd.Timestamp) -> Explanation:
        """Why the tier of `session` is what it is; raises `DataError` on a day that is no session of the run."""
        day = pd.Timestamp(session)
        if day not in self.sessions:
            span = f"{self.sessions[0].date()} to {self.sessions[-1].date()}"
            raise DataError(f"{day.date()} is not a session of this run; it has the sessions from {span}")
        return self.explain_row(int(self.sessions.searchsorted(day)))

    def explain_row(self, row: int) -> Explanation:
        """Why the tier of the row is what it is."""
        ladder = [tier.name for tier in self.rule.ladder]
        added = self.contributions(row)
        score = float(self.score[row])
        wanted, without_gates = self.wanted(score), self.wanted(float(self.ungated[row]))
        return Explanation(
            session=self.sessions[row],
            tier=ladder[self.tier[row]],
            before=ladder[self.tier[row - 1] if row else 0],
            event=EVENTS[self.event[row]],
            score=score,
            baseline=0.0,
            contributions=dict(zip(self.names, added.tolist(), strict=True)),
            values=dict(zip(self.names, self.values[row].tolist(), strict=True)),
            label=self._label(added),
            vetoed=wanted < without_gates,
            counterfactual=self.counterfactual(row) if self.event[row] in (ENTERED, RESTARTED) else "",
        )

    def contributions(self, row: int) -> FloatArray:
        """The Shapley value of each driver (D,) for the score of a row; 0 where the score is unknown."""
        count = len(self.rule.drivers)
        if np.isnan(self.score[row]):
            return np.zeros(count)
        members = ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.bool_)
        severity = self._at_hand(row)
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

    def counterfactual(self, row: int) -> str:
        """The nearest change of as few drivers as possible after which the rule would not have gone as far."""
        severity, have = self._at_hand(row), self.wanted(float(self.score[row]))
        options = [
            (driver, to)
            for driver in range(len(self.rule.trigger.when))
            for to in self._milder(severity[driver], driver)
        ]
        most = min(MOST_CHANGED, len({driver for driver, _ in options}))
        for count in range(1, most + 1):
            sets = (each for each in combinations(options, count) if len({driver for driver, _ in each}) == count)
            found = [each for each in sets if self._after(severity, each) < have]
            if found:
                return self._words(row, min(found, key=lambda each: self._distance(row, each)))
        return f"no change of {MOST_CHANGED} drivers or fewer would have held it back" if options else ""

    def _milder(self, severity: float, driver: int) -> tuple[float, ...]:
        if not severity > 0:
            return ()
        return (WATCH, 0.0) if severity == ALARM and self.rule.drivers[driver].watch is not None else (0.0,)

    def _after(self, severity: FloatArray, changes: Sequence[Change]) -> int:
        eased = severity.copy()
        for driver, to in changes:
            eased[driver] = to
        return self.wanted(float(score_of(self.rule, eased[None, :])[0]))

    def _distance(self, row: int, changes: Sequence[Change]) -> float:
        """How far the values are from what they would have to be, in usual deviations of what was seen so far."""
        steps = (abs(self.values[row, each] - self._edge(each, to)) / self._usual(row, each) for each, to in changes)
        return float(sum(steps))

    def _edge(self, driver: int, to: float) -> float:
        """The value on whose calm side the driver is no more alarming than `to`."""
        condition = self.rule.drivers[driver]
        if to == 0.0 and condition.watch is not None:
            return condition.watch
        return condition.level if condition.leave is None else condition.leave

    def _usual(self, row: int, driver: int) -> float:
        seen = self.values[: row + 1, driver]
        seen = seen[np.isfinite(seen)]
        spread = float(np.std(seen)) if len(seen) > 1 else 0.0
        return spread or 1.0

    def _words(self, row: int, changes: Sequence[Change]) -> str:
        parts = []
        for driver, to in changes:
            side = "below" if self.rule.drivers[driver].side > 0 else "above"
            value = self.values[row, driver]
            parts.append(f"{self.names[driver]} been {side} {self._edge(driver, to):.4g} (it was {value:.4g})")
        return f"not {self.rule.ladder[self.tier[row]].name}, had {' and '.join(parts)}"

    def _at_hand(self, row: int) -> FloatArray:
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

    def _label(self, added: FloatArray) -> str:
        totals: dict[str, float] = {}
        for driver, part in zip(self.rule.trigger.when, added, strict=False):
            totals[label_of(driver)] = totals.get(label_of(driver), 0.0) + float(part)
        most = max(totals, key=lambda label: totals[label])
        return most if totals[most] > 0 else ""


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


def reasons(table: DecisionTable, rule: Rule) -> Reasons:
    """The reasons of one rule for every session of a table."""
    outcome = work_out(table, [rule])
    lag = np.array([rule.timing.lag])
    found = [read(table, [driver], lag) for driver in rule.drivers]
    return Reasons(
        rule,
        table.decisions.sessions,
        np.column_stack([each.values for each in found]),
        np.column_stack([each.severity for each in found]),
        outcome.score[:, 0],
        outcome.ungated[:, 0],
        outcome.clear[:, 0],
        outcome.walked.tier[:, 0].astype(np.int64),
        outcome.walked.event[:, 0].astype(np.int64),
    )
