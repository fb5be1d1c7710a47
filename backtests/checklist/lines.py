"""The lines of the checklist: value, age and pending alarm of each condition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.backtests.checklist.inputs import has_feeds, input_age, lack_of_data
from undertow.backtests.checklist.instants import instant_text
from undertow.market import DataError, Fill, Market, market_ahead
from undertow.signals.decisions import DecisionTable
from undertow.strategies.reasons import Reasons, is_decimal
from undertow.strategies.rules import ALARM, Condition, Rule, read_condition

LINES = 12
# A tier is unknown where this share of the checks, by weight, or more is unknown.
UNKNOWN_LIMIT = 0.5


@dataclass(frozen=True)
class Line:
    """One line of the checklist.

    Args:
        name: name of the condition.
        state: state of `value`, one of ok, watch, alarm and unknown.
        value: value on which the rule acts, known `lag_hours` before the decision; of a feed signal the worst since
            the decision before, of one that counts from the exchange's last close the worst since it.
        watch: level of the watch state, None without one.
        alarm: level at which an alarm begins.
        leave: level on whose calm side an alarm ends, None without one.
        side: "above" or "below", the side of the levels on which the state is not ok.
        age_hours: hours since the observation of the oldest input that is read; NaN without data.
        lag_hours: the rule's lag for this condition, hours.
        now: last value known at the decision, without lag.
        coming: decision (UTC) at which a value that is known already will first be an alarm, empty without one.
        fallback: signal that is read in place of one without a value, empty without one.
        contribution: part of the score, NaN where the check or the score is unknown.
        decimal: whether values and levels are shares or returns, in percent on pages.
        weight: share of the check in the weight of all conditions of the trigger, 0 for a gate.
        missing: what an unknown check lacks; empty for others.
    """

    name: str
    state: str
    value: float
    watch: float | None
    alarm: float
    leave: float | None
    side: str
    age_hours: float
    lag_hours: float
    now: float
    coming: str
    fallback: str
    contribution: float
    decimal: bool
    weight: float
    missing: str


def checklist(
    table: DecisionTable, reasons: Reasons, row: int, instant: np.datetime64, coming: list[str]
) -> tuple[Line, ...]:
    """Every driver of the score, in the order of the rule.

    Args:
        table: decisions up to the present one.
        reasons: drivers of each decision.
        row: row of the decision.
        instant: present instant, UTC.
        coming: pending alarm of each driver, as from `alarms_to_come`.
    """
    contributions, weights = reasons.contributions(row), _weights(reasons)
    known_score = np.isfinite(reasons.score[row])

    def line(position: int, name: str, driver: Condition) -> Line:
        state, lag = state_of(float(reasons.severity[row, position])), reasons.rule.lag_of(driver)
        unknown, fallback = state == "unknown", bool(reasons.fallback[row, position])
        return Line(
            name=name,
            state=state,
            value=float(reasons.values[row, position]),
            watch=driver.watch,
            alarm=driver.level,
            leave=driver.leave,
            side="above" if driver.side > 0 else "below",
            age_hours=input_age(table, driver, instant, fallback=fallback),
            lag_hours=lag,
            now=_now(table, driver, row),
            coming=coming[position] if reasons.severity[row, position] != ALARM else "",
            fallback=driver.fallback if fallback else "",
            contribution=float(contributions[position]) if known_score and not unknown else float("nan"),
            decimal=is_decimal(driver),
            weight=weights[position],
            missing=missing_of(table.market, driver, instant) if unknown else "",
        )

    drivers = zip(reasons.names, reasons.rule.drivers, strict=True)
    return tuple(line(position, name, driver) for position, (name, driver) in enumerate(drivers))


def _weights(reasons: Reasons) -> list[float]:
    """The share of each driver in the weight of the conditions; 0 for gates."""
    trigger, gates = reasons.rule.trigger, len(reasons.rule.gates)
    weights = [condition.weight if trigger.combine == "score" else 1.0 for condition in trigger.when]
    return [*(weight / sum(weights) for weight in weights), *[0.0] * gates]


def missing_of(market: Market, driver: Condition, instant: np.datetime64) -> str:
    """What a check without a value lacks."""
    return lack_of_data(market, driver, instant) or "too little history, or a gap"


def _now(table: DecisionTable, driver: Condition, row: int) -> float:
    """The driver's last value known at a decision, without its lag."""
    undelayed = driver.model_copy(update={"lag": 0.0, "read": "now"})
    return float(read_condition(table, [undelayed], np.zeros(1)).values[row, 0])


def alarms_to_come(rule: Rule, market: Market, instant: np.datetime64, universe: str, fill: Fill) -> list[str]:
    """The decision at which each driver's known values will first be an alarm.

    Empty where no lag delays an alarm.

    Args:
        rule: rule of the checklist.
        market: market with everything it holds.
        instant: present instant, UTC; later values are not used.
        universe: name of a universe or a screen.
        fill: "open" or "close".
    """
    lags = [rule.lag_of(driver) for driver in rule.drivers]
    if not any(lags):
        return [""] * len(lags)
    known, decided = market_ahead(market, instant, max(lags), fill)
    table = DecisionTable(known, universe, fill, decided)
    return [
        _first_alarm(table, driver, lag, instant) if lag else "" for driver, lag in zip(rule.drivers, lags, strict=True)
    ]


def _first_alarm(table: DecisionTable, driver: Condition, lag: float, instant: np.datetime64) -> str:
    severity = read_condition(table, [driver], np.array([lag])).severity[:, 0]
    at = table.decisions.at
    known = at - np.timedelta64(round(lag * 3600), "s") <= instant
    if driver.how != "last":
        # The worst value of the window that is open now can only become worse.
        known[: int(known.sum()) + 1] = True
    rows = np.flatnonzero(known & (at > instant) & (severity == ALARM))
    return instant_text(at[rows[0]]) if len(rows) else ""


def pending_notes(lines: tuple[Line, ...]) -> list[str]:
    """Alarms that the lag of the rule delays."""
    return [
        f"{line.name} has reached its alarm; its lag of {line.lag_hours:g} hours delays it until the decision of"
        f" {line.coming[:10]} {line.coming[11:16]} UTC."
        if line.coming
        else f"{line.name} is at its alarm now; the rule reads it {line.lag_hours:g} hours later, if it still is."
        for line in lines
        if _is_pending(line)
    ]


def pending_conditions(lines: tuple[Line, ...], *, calm: bool) -> list[str]:
    """What alarms that the lag delays wait for; none outside of calm."""
    return [
        f"{line.name} waits for its lag of {line.lag_hours:g} hours"
        + (f", until {line.coming[:10]} {line.coming[11:16]} UTC" if line.coming else "")
        for line in lines
        if _is_pending(line) and calm
    ]


def _is_pending(line: Line) -> bool:
    """Whether an alarm is known already, and only the lag keeps it from the rule."""
    side = 1.0 if line.side == "above" else -1.0
    is_on_now = line.lag_hours > 0 and line.now * side >= line.alarm * side
    return bool(line.coming) or (is_on_now and line.state != "alarm")


def unknown_share(lines: tuple[Line, ...]) -> float:
    """The share of the checks, by weight, that is unknown."""
    # Half of the weight is half of it, whatever the rounding of the weights.
    return round(sum(line.weight for line in lines if line.state == "unknown"), 9)


def unknown_notes(lines: tuple[Line, ...]) -> list[str]:
    """Checks without a value, and checks that read a fallback signal."""
    notes = []
    missing = [line for line in lines if line.state == "unknown"]
    if missing:
        share, are = unknown_share(lines), "is" if len(missing) == 1 else "are"
        notes.append(
            f"{len(missing)} of {len(lines)} checks {are} unknown, {share:.0%} of the weight:"
            f" {'; '.join(f'{line.name} ({line.missing})' for line in missing)}."
        )
    fallbacks = [f"{line.fallback} for {line.name}" for line in lines if line.fallback]
    if fallbacks:
        notes.append(f"Fallback signals, where a check has no data: {', '.join(fallbacks)}.")
    return notes


def check_data(market: Market, reasons: Reasons, lines: tuple[Line, ...], instant: np.datetime64) -> None:
    """Raise `DataError` where the market has no feed for any condition of the trigger.

    Feeds that ended, froze or have too little history leave the tier unknown.

    Args:
        market: market with everything it holds.
        reasons: drivers of each decision.
        lines: the lines of the checklist.
        instant: present instant, UTC.
    """
    conditions = reasons.rule.trigger.when
    if any(line.state != "unknown" for line in lines[: len(conditions)]):
        return
    if not any(has_feeds(market, condition) for condition in conditions):
        absences = "; ".join(f"{line.name}: {line.missing}" for line in lines[: len(conditions)])
        raise DataError(
            f"market {market.name!r} has no data for the rule at {instant_text(instant)}: {absences}; add the feeds, or"
            " choose another market"
        )


def most_severe(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines of highest severity and contribution, in the order of the rule."""
    if len(lines) <= LINES:
        return lines
    rank = {"alarm": 0, "watch": 1, "unknown": 2, "ok": 3}
    ranked = sorted(range(len(lines)), key=lambda row: (rank[lines[row].state], -abs(lines[row].contribution)))
    return tuple(lines[row] for row in sorted(ranked[:LINES]))


def state_of(severity: float) -> str:
    """The name of a severity: ok, watch, alarm or unknown."""
    if np.isnan(severity):
        return "unknown"
    return "alarm" if severity == ALARM else "watch" if severity > 0 else "ok"
