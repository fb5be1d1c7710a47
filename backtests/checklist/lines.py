"""The lines of the checklist: value, age and pending alarm of each condition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market import HOUR, DataError, Fill, Market, market_ahead
from undertow.signals.base import Spec
from undertow.signals.decisions import DecisionTable
from undertow.strategies.reasons import Reasons, is_decimal
from undertow.strategies.rules import ALARM, Condition, Rule, read_condition

LINES = 12


@dataclass(frozen=True)
class Line:
    """One line of the checklist.

    Args:
        name: name of the condition.
        state: state of `value`, one of ok, watch, alarm and unknown.
        value: value on which the rule acts, known `lag_hours` before the decision.
        watch: level of the watch state, None without one.
        alarm: level at which an alarm begins.
        leave: level on whose calm side an alarm ends, None without one.
        side: "above" or "below", the side of the levels on which the state is not ok.
        age_hours: hours since the oldest input became known.
        lag_hours: the rule's lag for this condition, hours.
        now: last value known at the decision, without lag.
        coming: decision (UTC) at which a value that is known already will first be an alarm, empty without one.
        fallback: signal that is read in place of one without a value, empty without one.
        contribution: part of the score.
        decimal: whether values and levels are shares or returns, in percent on pages.
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
    contributions = reasons.contributions(row)
    return tuple(
        Line(
            name=name,
            state=_state(float(reasons.severity[row, position])),
            value=float(reasons.values[row, position]),
            watch=driver.watch,
            alarm=driver.level,
            leave=driver.leave,
            side="above" if driver.side > 0 else "below",
            age_hours=_age(table, driver, instant),
            lag_hours=reasons.rule.lag_of(driver),
            now=_now(table, driver, row),
            coming=coming[position] if reasons.severity[row, position] != ALARM else "",
            fallback=_fallback(table, driver, reasons.rule.lag_of(driver), row),
            contribution=float(contributions[position]),
            decimal=is_decimal(driver),
        )
        for position, (name, driver) in enumerate(zip(reasons.names, reasons.rule.drivers, strict=True))
    )


def _fallback(table: DecisionTable, driver: Condition, lag: float, row: int) -> str:
    if not driver.fallback:
        return ""
    return driver.fallback if read_condition(table, [driver], np.array([lag])).fallback[row, 0] else ""


def _now(table: DecisionTable, driver: Condition, row: int) -> float:
    """The driver's last value known at a decision, without its lag."""
    undelayed = driver.model_copy(update={"lag": 0.0, "seen": "last"})
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
        for line in lines
        if line.coming
    ]


def unknown_notes(lines: tuple[Line, ...]) -> list[str]:
    """Checks without a value, and checks that read a fallback signal."""
    notes = []
    missing = [line.name for line in lines if line.state == "unknown"]
    if missing:
        have = "has" if len(missing) == 1 else "have"
        notes.append(f"{', '.join(missing)} {have} no value: {len(missing)} of {len(lines)} checks are unknown.")
    fallbacks = [f"{line.fallback} for {line.name}" for line in lines if line.fallback]
    if fallbacks:
        notes.append(f"Fallback signals, where a check has no data: {', '.join(fallbacks)}.")
    return notes


def check_data(market: Market, reasons: Reasons, lines: tuple[Line, ...], instant: np.datetime64) -> None:
    """Raise `DataError` where the data of every trigger condition is absent.

    A condition with too little history, or a gap, is held, as in a backtest.

    Args:
        market: market with everything it holds.
        reasons: drivers of each decision.
        lines: lines of the checklist, those of the trigger first.
        instant: present instant, UTC.
    """
    conditions = reasons.rule.trigger.when
    if any(line.state != "unknown" for line in lines[: len(conditions)]):
        return
    lacks = [_lack(market, condition, instant) for condition in conditions]
    if all(lacks):
        absences = "; ".join(f"{line.name}: {lack}" for line, lack in zip(lines, lacks, strict=False))
        raise DataError(
            f"market {market.name!r} has no data for the rule at {instant_text(instant)}: {absences}; update it, or"
            " choose another instant"
        )


def _lack(market: Market, condition: Condition, instant: np.datetime64) -> str:
    """The data that a condition lacks, "" where it only lacks history."""
    specs = [condition.spec]
    if condition.fallback:
        specs.append(condition.model_copy(update={"signal": condition.fallback}).spec)
    lacks = [_lack_of(market, spec, condition.asset, instant) for spec in specs]
    return lacks[0] if all(lacks) else ""


def _lack_of(market: Market, spec: Spec, asset_of_rule: str, instant: np.datetime64) -> str:
    for argument, (kind, column) in spec.inputs.items():
        if kind in ("prices", "sessions") or column == "regime" or argument in spec.defaults:
            continue
        name, _, asset = kind.partition(":")
        asset = "" if name == "macro" else asset or asset_of_rule
        label = f"{name} {asset}".strip()
        ends = [(feed.known_at[-1], feed.tolerance) for feed in market.feeds_of(name, asset) if column in feed.columns]
        if not ends:
            return f"no {label}"
        if all(end + tolerance < instant for end, tolerance in ends):
            return f"{label} ended {instant_text(max(end for end, _ in ends))}"
    return ""


def most_severe(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines of highest severity and contribution, in the order of the rule."""
    if len(lines) <= LINES:
        return lines
    rank = {"alarm": 0, "watch": 1, "unknown": 2, "ok": 3}
    ranked = sorted(range(len(lines)), key=lambda row: (rank[lines[row].state], -abs(lines[row].contribution)))
    return tuple(lines[row] for row in sorted(ranked[:LINES]))


def _state(severity: float) -> str:
    if np.isnan(severity):
        return "unknown"
    return "alarm" if severity == ALARM else "watch" if severity > 0 else "ok"


def _age(table: DecisionTable, driver: Condition, instant: np.datetime64) -> float:
    """Hours since the driver's oldest input became known; NaN without inputs."""
    known = _known(table, driver, driver.spec, instant)
    if not known and driver.fallback:
        known = _known(table, driver, driver.model_copy(update={"signal": driver.fallback}).spec, instant)
    return float((instant - min(known)) / HOUR) if known else float("nan")


def _known(table: DecisionTable, driver: Condition, spec: Spec, instant: np.datetime64) -> list[np.datetime64]:
    """When each input of a signal last became known; empty where one is absent."""
    market, known = table.market, []
    for argument, (kind, column) in spec.inputs.items():
        if kind == "prices":
            rows = np.isfinite(market.prices.close[:, table.columns]).any(axis=1) & (market.calendar.closes <= instant)
            known += [market.calendar.closes[rows][-1]] if rows.any() else []
        elif kind != "sessions" and column != "regime":
            name, _, asset = kind.partition(":")
            feeds = market.feeds_of(name, "" if name == "macro" else asset or driver.asset)
            times = [feed.known_at[np.isfinite(feed[column])] for feed in feeds if column in feed.columns]
            ends = [known_at[-1] for known_at in times if len(known_at)]
            if not ends and argument not in spec.defaults:
                return []
            known += [max(ends)] if ends else []
    return known


def instant_text(instant: np.datetime64) -> str:
    """An instant to the minute, UTC."""
    return f"{pd.Timestamp(instant):%Y-%m-%dT%H:%M}Z"
