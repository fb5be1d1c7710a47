"""Why a standing alarm changes nothing."""

from __future__ import annotations

import numpy as np

from undertow.strategies.reasons.formatting import format_distinct
from undertow.strategies.reasons.reasons import Reasons
from undertow.strategies.rules.parts import ALARM
from undertow.strategies.rules.tier_machine import CLEARED, EVENTS, HELD, OVERSTAYED, WRONG


def blocked(reasons: Reasons, row: int) -> str:
    """Why the alarms of a row led to no tier, in one line; empty where nothing stands.

    The reasons: unknown conditions, a score below the first tier, a veto, the cool-down, `to`, and a tier that has to
    be left by the score before it can be entered again.
    """
    score, free, tier = float(reasons.score[row]), float(reasons.ungated[row]), int(reasons.tier[row])
    conditions = reasons.severity[row, : len(reasons.rule.trigger.when)]
    alarms = [name for name, severity in zip(reasons.names, conditions, strict=False) if severity == ALARM]
    if reasons.event[row] != HELD or not (alarms or free > 0.0):
        return ""
    if np.isnan(score):
        unknown = ", ".join(unknown_conditions(reasons, row))
        return f"unknown: {', '.join(alarms)} at alarm, but {unknown} without a value" if alarms and unknown else ""
    reached = reasons.reached(score)
    if reasons.reached(free) > max(reached, tier):
        return _veto(reasons, row, score, free)
    if reached <= tier:
        return _too_low(reasons, score, alarms) if tier == 0 and alarms else ""
    return _closed(reasons, row, reached)


def unknown_conditions(reasons: Reasons, row: int) -> tuple[str, ...]:
    """The conditions of the trigger that have no value."""
    count = len(reasons.rule.trigger.when)
    unknown = np.isnan(reasons.severity[row, :count])
    return tuple(name for name, missing in zip(reasons.names, unknown, strict=False) if missing)


def unarmed(reasons: Reasons, row: int) -> int:
    """The tier that the score of a row reaches and that is not armed; 0 for none.

    It is armed again once the score was below its level.
    """
    score, tier = float(reasons.score[row]), int(reasons.tier[row])
    if np.isnan(score) or reasons.event[row] != HELD:
        return 0
    reached = reasons.reached(score)
    armed = int(reasons.states.before(row).armed)
    return reached if reached > tier and not armed >> reached & 1 else 0


def _veto(reasons: Reasons, row: int, score: float, free: float) -> str:
    goal = reasons.rule.ladder[reasons.reached(free)]
    gates = reasons.gates_on(row)
    hold, name = "holds" if len(gates) == 1 else "hold", ", ".join(gates)
    return (
        f"vetoed: {name} {hold} the score at {format_distinct(score, goal.at, digits=3)}, from"
        f" {format_distinct(free, goal.at, digits=3)}; {goal.name} begins at {goal.at:g}"
    )


def _too_low(reasons: Reasons, score: float, alarms: list[str]) -> str:
    first = reasons.rule.ladder[1] if len(reasons.rule.ladder) > 1 else None
    if first is None:
        return ""
    return (
        f"too little: {', '.join(alarms)} at alarm, but the score of {format_distinct(score, first.at, digits=3)} is"
        f" below {first.at:g}, where {first.name} begins"
    )


def _closed(reasons: Reasons, row: int, reached: int) -> str:
    """Why a tier that the score reaches is not entered."""
    ladder, states, tier = reasons.rule.ladder, reasons.states, int(reasons.tier[row])
    remaining = reasons.rule.reentry.cool_down - float(states.hours[row] - states.calm_since[row])
    if remaining > 0.0:
        return f"cooling down: no tier is entered for {remaining:.0f} hours"
    goal = ladder[reached]
    if unarmed(reasons, row):
        level = f"the score must fall below {goal.at:g} first"
        departure = _last_departure(reasons, row)
        return f"not armed: {departure}; {level}" if departure else f"not armed: {level}"
    allowed = ", ".join(ladder[tier].to or ())
    return f"not allowed: {ladder[tier].name} may be followed by {allowed} only (`to`)"


def _last_departure(reasons: Reasons, row: int) -> str:
    rows = np.flatnonzero(np.isin(reasons.event[:row], (CLEARED, OVERSTAYED, WRONG)))
    if not len(rows):
        return ""
    last = int(rows[-1])
    name = reasons.rule.ladder[int(reasons.states.tier[last])].name
    return f"{name} was left on {reasons.sessions[last].date()} ({event_text(reasons, last)})"


def event_text(reasons: Reasons, row: int) -> str:
    """The event of a row; a rule without an all-clear has other names for it."""
    event, before = int(reasons.event[row]), reasons.rule.ladder[int(reasons.states.tier[row])]
    if event != CLEARED or reasons.rule.reentry.when:
        return EVENTS[event]
    return "shortest stay over" if before.leave is None else "score below its level to leave"
