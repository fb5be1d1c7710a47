"""The nearest change of a rule's inputs after which it would decide otherwise.

Every candidate is replayed through the rule's tier machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from undertow.market import FloatArray
from undertow.strategies.reasons.formatting import format_value
from undertow.strategies.reasons.reasons import Reasons, known_score
from undertow.strategies.rules.parts import ALARM, WATCH, Condition
from undertow.strategies.rules.tier_machine import CLEARED, HELD, OVERSTAYED, RESTARTED, WRONG

# Counterfactuals change at most this many drivers.
MOST_CHANGED = 3


@dataclass(frozen=True)
class Change:
    """Another severity of one driver.

    Args:
        driver: index of the driver
        to: the severity
        edge: the value at the border of that severity
        calmer: whether the value would have to lie on the calm side of `edge`
    """

    driver: int
    to: float
    edge: float
    calmer: bool


def counterfactual(reasons: Reasons, row: int) -> str:
    """The nearest change after which the rule would have decided otherwise for a row.

    Where a tier was entered or held: a change of as few drivers as possible, the nearest in standard deviations, after
    which the rule would have held a lower tier. Where a tier was entered again: after which it would only have been
    held. Where a tier was left: one driver more alarming, the all-clear off, or the limit that was reached. Empty where
    there is none, and for calm after calm.
    """
    event, tier = int(reasons.event[row]), int(reasons.tier[row])
    if event in (CLEARED, OVERSTAYED, WRONG):
        return _after_exit(reasons, row)
    if tier == 0 or np.isnan(reasons.score[row]):
        return ""
    name = reasons.rule.ladder[tier].name

    def is_milder(replayed: tuple[int, int]) -> bool:
        if event == RESTARTED:
            return replayed[0] <= tier and replayed[1] != RESTARTED
        return replayed[0] < tier

    options = [change for driver in range(len(reasons.names)) for change in milder_changes(reasons, row, driver)]
    lead = f"{name} not entered again" if event == RESTARTED else f"not {name}"
    for count in range(1, min(MOST_CHANGED, len({change.driver for change in options})) + 1):
        nearest = _nearest(reasons, row, _of_different_drivers(options, count), is_milder)
        if nearest:
            return f"{lead}, had {_phrase(reasons, row, nearest)}"
    # A tier that is only held is not left by its drivers alone: `exit_conditions` has what it waits for.
    return (
        "" if event == HELD or not options else f"no change of {MOST_CHANGED} drivers or fewer would have held it back"
    )


def escalations(reasons: Reasons, row: int, limit: int = 4) -> tuple[str, ...]:
    """The single changes that would lead to a higher tier, nearest first."""
    tier, phrases = int(reasons.tier[row]), []
    for driver in range(len(reasons.names)):
        for change in harsher_changes(reasons, row, driver):
            goal = reasons.replay(row, _score(reasons, row, [change]))[0]
            if goal > tier:
                side = _side(reasons, change)
                edge = format_value(reasons.rule.drivers[driver], change.edge)
                phrase = f"{reasons.rule.ladder[goal].name}, were {reasons.names[driver]} {side} {edge}"
                phrases.append((_distance(reasons, row, [change]), phrase))
                break
    return tuple(phrase for _, phrase in sorted(phrases, key=lambda pair: pair[0])[:limit])


def _after_exit(reasons: Reasons, row: int) -> str:
    """The change after which the tier that was left would have been held."""
    before, event, score = int(reasons.states.tier[row]), int(reasons.event[row]), float(reasons.score[row])
    lead = f"still {reasons.rule.ladder[before].name}"

    def stays(replayed: tuple[int, int]) -> bool:
        return replayed[0] >= before

    if event == WRONG and stays(reasons.replay(row, score, machine=reasons.machine.without(wrong=np.inf))):
        rise = reasons.states.level[row] / reasons.states.raised_at[row] - 1.0
        return f"{lead}, had stocks risen less than {reasons.rule.reentry.wrong:.2%} (they rose {rise:.2%})"
    if event == OVERSTAYED and stays(reasons.replay(row, score, machine=reasons.machine.without(max_stay=np.inf))):
        held = reasons.states.hours[row] - reasons.states.stayed_since[row]
        return f"{lead}, were its longest stay more than {held:g} hours"
    options = [[change] for driver in range(len(reasons.names)) for change in harsher_changes(reasons, row, driver)]
    phrases = [
        (_distance(reasons, row, changes), _phrase(reasons, row, changes))
        for changes in _passing(reasons, row, options, stays)
    ]
    if event == CLEARED and stays(reasons.replay(row, score, clear=0.0)):
        phrases += _uncleared(reasons, row)
    return f"{lead}, had {min(phrases)[1]}" if phrases else ""


def _uncleared(reasons: Reasons, row: int) -> list[tuple[float, str]]:
    """The conditions of the return that would have to be off, with their distances."""
    phrases = []
    for column, (name, condition) in enumerate(zip(reasons.back_names, reasons.rule.reentry.when, strict=True)):
        values = reasons.back[: row + 1, column]
        if np.isfinite(values[-1]):
            edge = condition.level if condition.leave is None else condition.leave
            side = _side_of_level(condition.side < 0, reached=False)
            value = format_value(condition, float(values[-1]))
            phrase = f"{name} been {side} {format_value(condition, edge)} (it was {value})"
            phrases.append((abs(values[-1] - edge) / _deviation(values), phrase))
    return phrases


def milder_changes(reasons: Reasons, row: int, driver: int) -> tuple[Change, ...]:
    """Changes that lower the score: a condition off or on watch, a gate on."""
    severity, condition = float(reasons.severity[row, driver]), reasons.rule.drivers[driver]
    if driver >= len(reasons.rule.trigger.when):
        return () if severity == ALARM or np.isnan(severity) else (Change(driver, ALARM, condition.level, False),)
    if not severity > 0:
        return ()
    edge = condition.level if severity == ALARM else _watch(condition)
    if severity == ALARM and _was_on(reasons, row, driver) and condition.leave is not None:
        edge = condition.leave
    off = Change(driver, 0.0, _calmer(condition, edge, _watch(condition)), True)
    if severity == ALARM and condition.watch is not None and _calmer(condition, edge, condition.watch) != edge:
        return (Change(driver, WATCH, edge, True), off)
    return (off,)


def harsher_changes(reasons: Reasons, row: int, driver: int) -> tuple[Change, ...]:
    """Changes that raise the score: a condition on or on watch, a gate off."""
    severity, condition = float(reasons.severity[row, driver]), reasons.rule.drivers[driver]
    if driver >= len(reasons.rule.trigger.when):
        if severity != ALARM:
            return ()
        edge = condition.level
        if _was_on(reasons, row, driver) and condition.leave is not None:
            edge = condition.leave
        return (Change(driver, 0.0, edge, True),)
    if severity == ALARM:
        return ()
    watch = () if condition.watch is None or severity > 0 else (Change(driver, WATCH, condition.watch, False),)
    return (*watch, Change(driver, ALARM, condition.level, False))


def _was_on(reasons: Reasons, row: int, driver: int) -> bool:
    """Whether the alarm was on before the row: it then goes off only at `leave`."""
    before = reasons.severity[:row, driver]
    known = before[np.isfinite(before)]
    return bool(len(known) and known[-1] == ALARM)


def _watch(condition: Condition) -> float:
    return condition.level if condition.watch is None else condition.watch


def _calmer(condition: Condition, first: float, second: float) -> float:
    return min(first, second) if condition.side > 0 else max(first, second)


def _of_different_drivers(options: Sequence[Change], count: int) -> Iterable[Sequence[Change]]:
    return (changes for changes in combinations(options, count) if len({c.driver for c in changes}) == count)


def _passing(
    reasons: Reasons, row: int, options: Iterable[Sequence[Change]], accepts: Callable[[tuple[int, int]], bool]
) -> list[Sequence[Change]]:
    return [changes for changes in options if accepts(reasons.replay(row, _score(reasons, row, changes)))]


def _nearest(
    reasons: Reasons, row: int, options: Iterable[Sequence[Change]], accepts: Callable[[tuple[int, int]], bool]
) -> Sequence[Change]:
    passing = _passing(reasons, row, options, accepts)
    return min(passing, key=lambda changes: _distance(reasons, row, changes)) if passing else ()


def _score(reasons: Reasons, row: int, changes: Sequence[Change]) -> float:
    severity = reasons.severity[row].copy()
    for change in changes:
        severity[change.driver] = change.to
    return known_score(reasons.rule, severity)


def _distance(reasons: Reasons, row: int, changes: Sequence[Change]) -> float:
    """The distance of the values from the edges, in standard deviations up to the row."""
    values = reasons.values[: row + 1]
    steps = (abs(values[-1, c.driver] - c.edge) / _deviation(values[:, c.driver]) for c in changes)
    # An unknown value has no distance and comes last.
    return float(np.nan_to_num(sum(steps), nan=np.inf))


def _deviation(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    deviation = float(np.std(known)) if len(known) > 1 else 0.0
    return deviation or 1.0


def _phrase(reasons: Reasons, row: int, changes: Sequence[Change]) -> str:
    return " and ".join(_phrase_of(reasons, row, change) for change in changes)


def _phrase_of(reasons: Reasons, row: int, change: Change) -> str:
    driver, value = reasons.rule.drivers[change.driver], float(reasons.values[row, change.driver])
    lead = f"{reasons.names[change.driver]} been {_side(reasons, change)} {format_value(driver, change.edge)}"
    return f"{lead} (it was {format_value(driver, value)})"


def _side(reasons: Reasons, change: Change) -> str:
    upwards = (reasons.rule.drivers[change.driver].side > 0) != change.calmer
    return _side_of_level(upwards, reached=not change.calmer)


def _side_of_level(upwards: bool, *, reached: bool) -> str:
    """A side of a level in words; an alarm goes on at its level, and off beyond it."""
    return ("at or " if reached else "") + ("above" if upwards else "below")
