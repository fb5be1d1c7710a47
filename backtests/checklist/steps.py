"""The checklist in five steps, each with its lines and one conclusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.backtests.checklist.inputs import input_age
from undertow.backtests.checklist.lines import Line, missing_of, state_of
from undertow.backtests.checklist.panel import ACTION, CORRELATION, CRYPTO, LEADERSHIP, MACRO, PanelCheck, panel
from undertow.backtests.checklist.states import needs_benchmark
from undertow.signals.decisions import DecisionTable
from undertow.strategies.reasons import is_decimal
from undertow.strategies.rules import Condition, read_condition


@dataclass(frozen=True)
class Step:
    """One step of the checklist.

    Args:
        name: macro, leadership, crypto structure, correlation and timeframes, or action.
        lines: its checks; of the action those of the rule that are not ok.
        conclusion: one sentence.
    """

    name: str
    lines: tuple[Line, ...]
    conclusion: str


def observed_steps(table: DecisionTable, row: int, instant: np.datetime64) -> tuple[Step, ...]:
    """The four steps before the action, at the decision of a row.

    Args:
        table: decisions up to the present one.
        row: row of the decision.
        instant: present instant, UTC.
    """
    steps = []
    for name, checks in panel(table.market).items():
        lines = tuple(_line(table, check, row, instant) for check in checks)
        steps.append(Step(name, lines, conclusion_of(name, checks, lines)))
    return tuple(steps)


def conclusion_of(name: str, checks: tuple[PanelCheck, ...], lines: tuple[Line, ...]) -> str:
    """One sentence on the states of an observing step's checks."""
    conclude = {MACRO: _macro, LEADERSHIP: _leadership, CRYPTO: _crypto, CORRELATION: _correlation}
    return conclude[name](_States(checks, lines))


def action_step(
    lines: tuple[Line, ...], action: str, stocks: tuple[float, float], hedge: tuple[float, float], tier: str
) -> Step:
    """The last step: one action, and the checks of the rule that are not ok.

    Args:
        lines: lines of the rule.
        action: "reduce", "hedge", "return", "wait" or "hold".
        stocks: share in stocks until then, and from then on.
        hedge: share sold short until then, and from then on.
        tier: tier from then on.
    """
    notable = tuple(line for line in lines if line.state != "ok")
    moves = {
        "reduce": f"stocks from {stocks[0]:.0%} to {stocks[1]:.0%} of capital",
        "hedge": f"sold short from {hedge[0]:.0%} to {hedge[1]:.0%} of capital",
        "return": f"stocks from {stocks[0]:.0%} to {stocks[1]:.0%}, sold short {hedge[1]:.0%}",
        "wait": f"stocks stay at {stocks[1]:.0%} of capital" + (f", {hedge[1]:.0%} sold short" if hedge[1] else ""),
        "hold": f"the tier is unknown, stocks stay at {stocks[1]:.0%} of capital",
    }
    return Step(ACTION, notable, f"{action}: {moves[action]}; tier {tier}")


class _States:
    """The states of a step's checks by their keys."""

    def __init__(self, checks: tuple[PanelCheck, ...], lines: tuple[Line, ...]) -> None:
        self.lines = lines
        self._pairs = [(check.key, line) for check, line in zip(checks, lines, strict=True)]

    def line(self, key: str) -> Line:
        return next(line for name, line in self._pairs if name == key)

    def count(self, key: str, state: str) -> int:
        return sum(name == key and line.state == state for name, line in self._pairs)

    def number(self, key: str) -> int:
        return sum(name == key for name, _ in self._pairs)

    def alarms(self, *keys: str) -> bool:
        return any(name in keys and line.state == "alarm" for name, line in self._pairs)

    def summary(self) -> str:
        """How many checks are not ok, by state."""
        counts = {state: sum(line.state == state for line in self.lines) for state in ("alarm", "watch", "unknown")}
        parts = [f"{number} {state}" for state, number in counts.items() if number]
        return f"of {len(self.lines)} checks {', '.join(parts) or 'none'}" + ("" if parts else " is on")


def _macro(states: _States) -> str:
    sides = {"rates": ("nominal", "real", "path"), "credit": ("credit",), "the dollar": ("dollar",)}
    shocks = [name for name, keys in sides.items() if states.alarms(*keys)]
    lead = "quiet"
    if states.alarms("together"):
        lead = "tightening: yields and dollar rise together"
    elif shocks:
        lead = f"a shock of {' and '.join(shocks)}"
    elif states.alarms("target"):
        lead = "policy tightens"
    elif any(line.state == "watch" for line in states.lines):
        lead = "moving"
    return f"{lead} ({states.summary()})"


def _leadership(states: _States) -> str:
    weak = states.count("basket", "alarm") + states.count("breadth", "alarm")
    of = states.number("basket") + states.number("breadth")
    if states.alarms("lead"):
        lead = "leaders fall behind the index"
    elif weak:
        lead = f"few names hold up in {weak} of {of} baskets"
    else:
        lead = "leaders hold" if states.line("lead").state == "ok" else "leaders weaken"
    return f"{lead} ({states.summary()})"


def _crypto(states: _States) -> str:
    if states.alarms("liquidations") and states.alarms("price", "gap"):
        lead = "a cascade: price falls and positions are closed by force"
    elif states.alarms("price", "gap"):
        lead = "a fall of BTC"
    elif states.alarms("liquidations", "interest"):
        lead = "leverage leaves"
    elif states.alarms("funding"):
        lead = "leverage is crowded"
    else:
        lead = "orderly" if all(line.state in ("ok", "unknown") for line in states.lines) else "stretched"
    return f"{lead} ({states.summary()})"


def _correlation(states: _States) -> str:
    broken = [name for name in ("1h", "4h", "1d") if states.line(f"break {name}").state == "alarm"]
    trades = ", trade smaller" if states.alarms("trend") else ""
    if {"4h", "1d"} <= {*broken}:
        bounce = "" if "1h" in broken else ": a bounce on 1h counts for nothing"
        lead = f"BTC is broken on {', '.join(broken)}{bounce}"
    elif broken:
        lead = f"BTC is broken on {', '.join(broken)} alone, not confirmed"
    else:
        lead = "BTC is not broken on any bars"
    linked = "stocks follow BTC" if states.alarms("sessions") else "stocks go their way"
    return f"{lead}, {linked}{trades} ({states.summary()})"


def _line(table: DecisionTable, check: PanelCheck, row: int, instant: np.datetime64) -> Line:
    condition = check.condition
    if needs_benchmark(condition.spec) and table.market.benchmark is None:
        return _unknown(condition, "the market names no benchmark")
    reading = read_condition(table, [condition], np.zeros(1))
    value, fallback = _number(reading.values[row, 0]), bool(reading.fallback[row, 0])
    state = state_of(float(reading.severity[row, 0]))
    now = condition.model_copy(update={"read": "now"})
    return Line(
        name=condition.name,
        state=state,
        value=value,
        watch=condition.watch,
        alarm=condition.level,
        leave=condition.leave,
        side="above" if condition.side > 0 else "below",
        age_hours=_number(input_age(table, condition, instant, fallback=fallback)),
        lag_hours=0.0,
        now=_number(read_condition(table, [now], np.zeros(1)).values[row, 0]) if condition.how != "last" else value,
        coming="",
        fallback=condition.fallback if fallback else "",
        contribution=np.nan,
        decimal=is_decimal(condition),
        weight=0.0,
        missing=missing_of(table.market, condition, instant) if state == "unknown" else "",
    )


def _number(value: float) -> float:
    # One object for what is missing, so that equal checklists compare as equal.
    return np.nan if np.isnan(value) else float(value)


def _unknown(condition: Condition, missing: str) -> Line:
    nan = np.nan
    return Line(
        name=condition.name,
        state="unknown",
        value=nan,
        watch=condition.watch,
        alarm=condition.level,
        leave=condition.leave,
        side="above" if condition.side > 0 else "below",
        age_hours=nan,
        lag_hours=0.0,
        now=nan,
        coming="",
        fallback="",
        contribution=nan,
        decimal=is_decimal(condition),
        weight=0.0,
        missing=missing,
    )
