"""What would have changed the answer of a rule: every candidate is put through the rule's own tier machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from undertow.market.clock import FloatArray
from undertow.strategies.reasons.formatting import format_value
from undertow.strategies.reasons.reasons import Reasons, known_score
from undertow.strategies.rules.parts import ALARM, WATCH, Condition
from undertow.strategies.rules.tier_machine import CLEARED, HELD, OVERSTAYED, RESTARTED, WRONG

# The most drivers that a counterfactual changes.
MOST_CHANGED = 3


@dataclass(frozen=True)
class Change:
    """A driver's number, the severity that it might have had, and the value at which it would have had it.

    `calmer` says on which side of `edge` the value would have to lie.
    """

    driver: int
    to: float
    edge: float
    calmer: bool


def counterfactual(why: Reasons, row: int) -> str:
    """The nearest change after which the rule would not have decided for a row what it did; empty for none.

    Where a tier is entered or held: of as few drivers as possible, the nearest in their own usual deviations, so that
    the rule would have stopped at a lower tier. Where one is entered again: so that it would merely have been kept.
    Where one is left: one driver more alarming, the all-clear off, or the limit that was reached. Calm that was calm
    before has none.
    """
    event, tier = int(why.event[row]), int(why.tier[row])
    if event in (CLEARED, OVERSTAYED, WRONG):
        return _kept(why, row)
    if tier == 0 or np.isnan(why.score[row]):
        return ""
    name = why.rule.ladder[tier].name

    def milder(outcome: tuple[int, int]) -> bool:
        if event == RESTARTED:
            return outcome[0] <= tier and outcome[1] != RESTARTED
        return outcome[0] < tier

    options = [change for driver in range(len(why.names)) for change in _milder(why, row, driver)]
    lead = f"{name} not entered again" if event == RESTARTED else f"not {name}"
    for count in range(1, min(MOST_CHANGED, len({each.driver for each in options})) + 1):
        found = _nearest(why, row, _of_different_drivers(options, count), milder)
        if found:
            return f"{lead}, had {_words(why, row, found)}"
    # A tier that is merely held is not left by its drivers alone; what it waits for is said elsewhere.
    return (
        "" if event == HELD or not options else f"no change of {MOST_CHANGED} drivers or fewer would have held it back"
    )


def worse(why: Reasons, row: int, most: int = 4) -> tuple[str, ...]:
    """Which single changes would take the rule to a higher tier than it has: nearest first, at most `most`."""
    have, found = int(why.tier[row]), []
    for driver in range(len(why.names)):
        for change in _harsher(why, row, driver):
            goal = why.outcome(row, _score(why, row, [change]))[0]
            if goal > have:
                side = _side(why, change)
                edge = format_value(why.rule.drivers[driver], change.edge)
                words = f"{why.rule.ladder[goal].name}, were {why.names[driver]} {side} {edge}"
                found.append((_distance(why, row, [change]), words))
                break
    return tuple(words for _, words in sorted(found, key=lambda each: each[0])[:most])


def _kept(why: Reasons, row: int) -> str:
    """What would have kept the tier that was left."""
    before, event, score = int(why.states.tier[row]), int(why.event[row]), float(why.score[row])
    lead = f"still {why.rule.ladder[before].name}"

    def stays(outcome: tuple[int, int]) -> bool:
        return outcome[0] >= before

    if event == WRONG and stays(why.outcome(row, score, machine=why.machine.without(wrong=np.inf))):
        rise = why.states.level[row] / why.states.raised_at[row] - 1.0
        return f"{lead}, had stocks risen less than {why.rule.reentry.wrong:.2%} (they rose {rise:.2%})"
    if event == OVERSTAYED and stays(why.outcome(row, score, machine=why.machine.without(max_stay=np.inf))):
        held = why.states.hours[row] - why.states.stayed_since[row]
        return f"{lead}, were its longest stay more than {held:g} hours"
    options = [change for driver in range(len(why.names)) for change in _harsher(why, row, driver)]
    found = [
        (_distance(why, row, each), _words(why, row, each))
        for each in _passing(why, row, ([o] for o in options), stays)
    ]
    if event == CLEARED and stays(why.outcome(row, score, clear=0.0)):
        found += _uncleared(why, row)
    return f"{lead}, had {min(found)[1]}" if found else ""


def _uncleared(why: Reasons, row: int) -> list[tuple[float, str]]:
    """Each condition of the return that would have had to be off, with its distance."""
    found = []
    for place, (name, condition) in enumerate(zip(why.back_names, why.rule.reentry.when, strict=True)):
        seen = why.back[: row + 1, place]
        if np.isfinite(seen[-1]):
            edge = condition.level if condition.leave is None else condition.leave
            side = _word(condition.side < 0, reached=False)
            was = format_value(condition, float(seen[-1]))
            words = f"{name} been {side} {format_value(condition, edge)} (it was {was})"
            found.append((abs(seen[-1] - edge) / _usual(seen), words))
    return found


def _milder(why: Reasons, row: int, driver: int) -> tuple[Change, ...]:
    """How a driver might have spoken less for acting: a condition at ease or on watch, a gate on."""
    severity, condition = float(why.severity[row, driver]), why.rule.drivers[driver]
    if driver >= len(why.rule.trigger.when):
        return () if severity == ALARM or np.isnan(severity) else (Change(driver, ALARM, condition.level, False),)
    if not severity > 0:
        return ()
    ends = condition.level if severity == ALARM else _watch(condition)
    if severity == ALARM and _held(why, row, driver) and condition.leave is not None:
        ends = condition.leave
    eased = Change(driver, 0.0, _calmer(condition, ends, _watch(condition)), True)
    if severity == ALARM and condition.watch is not None and _calmer(condition, ends, condition.watch) != ends:
        return (Change(driver, WATCH, ends, True), eased)
    return (eased,)


def _harsher(why: Reasons, row: int, driver: int) -> tuple[Change, ...]:
    """How a driver might have spoken more for acting: a condition on watch or alarming, a gate off."""
    severity, condition = float(why.severity[row, driver]), why.rule.drivers[driver]
    if driver >= len(why.rule.trigger.when):
        if severity != ALARM:
            return ()
        ends = condition.leave if _held(why, row, driver) and condition.leave is not None else condition.level
        return (Change(driver, 0.0, ends, True),)
    if severity == ALARM:
        return ()
    watch = () if condition.watch is None or severity > 0 else (Change(driver, WATCH, condition.watch, False),)
    return (*watch, Change(driver, ALARM, condition.level, False))


def _held(why: Reasons, row: int, driver: int) -> bool:
    """Whether the alarm was on before the row: it then goes off at `leave` alone."""
    before = why.severity[:row, driver]
    known = before[np.isfinite(before)]
    return bool(len(known) and known[-1] == ALARM)


def _watch(condition: Condition) -> float:
    return condition.level if condition.watch is None else condition.watch


def _calmer(condition: Condition, one: float, other: float) -> float:
    return min(one, other) if condition.side > 0 else max(one, other)


def _of_different_drivers(options: Sequence[Change], count: int) -> Iterable[Sequence[Change]]:
    return (each for each in combinations(options, count) if len({change.driver for change in each}) == count)


def _passing(
    why: Reasons, row: int, sets: Iterable[Sequence[Change]], good: Callable[[tuple[int, int]], bool]
) -> list[Sequence[Change]]:
    return [each for each in sets if good(why.outcome(row, _score(why, row, each)))]


def _nearest(
    why: Reasons, row: int, sets: Iterable[Sequence[Change]], good: Callable[[tuple[int, int]], bool]
) -> Sequence[Change]:
    found = _passing(why, row, sets, good)
    return min(found, key=lambda each: _distance(why, row, each)) if found else ()


def _score(why: Reasons, row: int, changes: Sequence[Change]) -> float:
    severity = why.severity[row].copy()
    for change in changes:
        severity[change.driver] = change.to
    return known_score(why.rule, severity)


def _distance(why: Reasons, row: int, changes: Sequence[Change]) -> float:
    """How far the values are from what they would have to be, in usual deviations of what was seen so far."""
    values = why.values[: row + 1]
    steps = (abs(values[-1, each.driver] - each.edge) / _usual(values[:, each.driver]) for each in changes)
    # Nobody knows how far an unknown value is from anything.
    return float(np.nan_to_num(sum(steps), nan=np.inf))


def _usual(seen: FloatArray) -> float:
    known = seen[np.isfinite(seen)]
    spread = float(np.std(known)) if len(known) > 1 else 0.0
    return spread or 1.0


def _words(why: Reasons, row: int, changes: Sequence[Change]) -> str:
    return " and ".join(_word_of(why, row, each) for each in changes)


def _word_of(why: Reasons, row: int, change: Change) -> str:
    driver, value = why.rule.drivers[change.driver], float(why.values[row, change.driver])
    lead = f"{why.names[change.driver]} been {_side(why, change)} {format_value(driver, change.edge)}"
    return f"{lead} (it was {format_value(driver, value)})"


def _side(why: Reasons, change: Change) -> str:
    return _word((why.rule.drivers[change.driver].side > 0) != change.calmer, reached=not change.calmer)


def _word(upwards: bool, *, reached: bool) -> str:
    """On which side of a level a value would have had to be: an alarm goes on at its level, and off beyond it."""
    return ("at or " if reached else "") + ("above" if upwards else "below")
