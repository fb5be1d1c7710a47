"""The lines of today's checklist: what each condition of the rule sees, how old it is, and what is on its way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market.asof import market_ahead
from undertow.market.calendar import Fill
from undertow.market.clock import HOUR
from undertow.market.errors import DataError
from undertow.market.market import Market
from undertow.signals.base.spec import Spec
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.reasons.formatting import is_decimal
from undertow.strategies.reasons.reasons import Reasons
from undertow.strategies.rules import evaluate
from undertow.strategies.rules.parts import ALARM, Condition
from undertow.strategies.rules.rule import Rule

LINES = 12


@dataclass(frozen=True)
class Line:
    """One line of the checklist: `state` is ok, watch, alarm or unknown, and is that of `value`.

    `value` is what the rule acts on: what was known `lag_hours` before the decision. `now` is the last one known at the
    decision, and `age_hours` is that of its oldest input. `coming` is the decision (UTC) at which what is known already
    will first be an alarm, where the lag still holds it back; else empty. An alarm goes on at `alarm` and off on the
    calm side of `leave`, where there is one. `decimal` says that values and levels are shares or returns, which pages
    tell in percent. `fallback` names the signal that is read instead, where its own has no value.
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
    table: DecisionTable, why: Reasons, row: int, instant: np.datetime64, coming: list[str]
) -> tuple[Line, ...]:
    """Every driver of the score, in the order of the rule."""
    added = why.contributions(row)
    return tuple(
        Line(
            name=name,
            state=_state(float(why.severity[row, place])),
            value=float(why.values[row, place]),
            watch=driver.watch,
            alarm=driver.level,
            leave=driver.leave,
            side="above" if driver.side > 0 else "below",
            age_hours=_age(table, driver, instant),
            lag_hours=why.rule.lag_of(driver),
            now=_now(table, driver, row),
            coming=coming[place] if why.severity[row, place] != ALARM else "",
            fallback=_stand_in(table, driver, why.rule.lag_of(driver), row),
            contribution=float(added[place]),
            decimal=is_decimal(driver),
        )
        for place, (name, driver) in enumerate(zip(why.names, why.rule.drivers, strict=True))
    )


def _stand_in(table: DecisionTable, driver: Condition, lag: float, row: int) -> str:
    if not driver.fallback:
        return ""
    return driver.fallback if evaluate.read_condition(table, [driver], np.array([lag])).fallback[row, 0] else ""


def _now(table: DecisionTable, driver: Condition, row: int) -> float:
    """The driver's last value known at a decision, whatever its lag."""
    bare = driver.model_copy(update={"lag": 0.0, "seen": "last"})
    return float(evaluate.read_condition(table, [bare], np.zeros(1)).values[row, 0])


def alarms_to_come(rule: Rule, market: Market, instant: np.datetime64, universe: str, fill: Fill) -> list[str]:
    """For each driver the decision at which what is known by now will first be an alarm, if its lag holds that back."""
    lags = [rule.lag_of(driver) for driver in rule.drivers]
    if not any(lags):
        return [""] * len(lags)
    known, decided = market_ahead(market, instant, max(lags), fill)
    table = DecisionTable(known, universe, fill, decided)
    return [
        _first_alarm(table, driver, lag, instant) if lag else "" for driver, lag in zip(rule.drivers, lags, strict=True)
    ]


def _first_alarm(table: DecisionTable, driver: Condition, lag: float, instant: np.datetime64) -> str:
    severity = evaluate.read_condition(table, [driver], np.array([lag])).severity[:, 0]
    at = table.decisions.at
    seen = at - np.timedelta64(round(lag * 3600), "s") <= instant
    if driver.how != "last":
        # Of the window that is open now the worst can only become worse.
        seen[: int(seen.sum()) + 1] = True
    rows = np.flatnonzero(seen & (at > instant) & (severity == ALARM))
    return text_of(at[rows[0]]) if len(rows) else ""


def pending_notes(lines: tuple[Line, ...]) -> list[str]:
    """What is known and not acted on yet: the rule waits for its lag."""
    return [
        f"{line.name} has reached its alarm; its lag of {line.lag_hours:g} hours holds it back until the decision of"
        f" {line.coming[:10]} {line.coming[11:16]} UTC."
        for line in lines
        if line.coming
    ]


def unknown_notes(lines: tuple[Line, ...]) -> list[str]:
    """Which checks have no value, and which are read from another signal than their own."""
    found = []
    blank = [line.name for line in lines if line.state == "unknown"]
    if blank:
        have = "has" if len(blank) == 1 else "have"
        found.append(f"{', '.join(blank)} {have} no value: {len(blank)} of {len(lines)} checks say nothing.")
    read = [f"{line.fallback} for {line.name}" for line in lines if line.fallback]
    if read:
        found.append(f"Stand-ins, where a check has no data of its own: {', '.join(read)}.")
    return found


def check_seen(market: Market, why: Reasons, lines: tuple[Line, ...], instant: np.datetime64) -> None:
    """Raise `DataError` where no condition of the trigger has a value, for `market` has no data or they end before.

    What merely has too little history, or a hole, is held, as in a backtest.
    """
    conditions = why.rule.trigger.when
    if any(line.state != "unknown" for line in lines[: len(conditions)]):
        return
    lacks = [_lack(market, condition, instant) for condition in conditions]
    if all(lacks):
        told = "; ".join(f"{line.name}: {lack}" for line, lack in zip(lines, lacks, strict=False))
        raise DataError(
            f"market {market.name!r} has nothing to tell at {text_of(instant)}: {told}; bring it up to date, or"
            " ask for another instant"
        )


def _lack(market: Market, condition: Condition, instant: np.datetime64) -> str:
    """Why a condition has no value, if that is for want of data, and not for want of history."""
    specs = [condition.spec]
    if condition.fallback:
        specs.append(condition.model_copy(update={"signal": condition.fallback}).spec)
    lacks = [_lack_of(market, spec, condition.asset, instant) for spec in specs]
    return lacks[0] if all(lacks) else ""


def _lack_of(market: Market, spec: Spec, own: str, instant: np.datetime64) -> str:
    for argument, (kind, column) in spec.inputs.items():
        if kind in ("prices", "sessions") or column == "regime" or argument in spec.defaults:
            continue
        name, _, asset = kind.partition(":")
        asset = "" if name == "macro" else asset or own
        what = f"{name} {asset}".strip()
        ends = [(feed.known_at[-1], feed.tolerance) for feed in market.feeds_of(name, asset) if column in feed.columns]
        if not ends:
            return f"no {what}"
        if all(end + tolerance < instant for end, tolerance in ends):
            return f"{what} ended {text_of(max(end for end, _ in ends))}"
    return ""


def loudest(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines that say most, in the order of the rule."""
    if len(lines) <= LINES:
        return lines
    loud = {"alarm": 0, "watch": 1, "unknown": 2, "ok": 3}
    ranked = sorted(range(len(lines)), key=lambda place: (loud[lines[place].state], -abs(lines[place].contribution)))
    return tuple(lines[place] for place in sorted(ranked[:LINES]))


def _state(severity: float) -> str:
    if np.isnan(severity):
        return "unknown"
    return "alarm" if severity == ALARM else "watch" if severity > 0 else "ok"


def _age(table: DecisionTable, driver: Condition, instant: np.datetime64) -> float:
    """Hours since the oldest of the driver's inputs became known, or of its stand-in's; NaN where there are none."""
    known = _known(table, driver, driver.spec, instant)
    if not known and driver.fallback:
        known = _known(table, driver, driver.model_copy(update={"signal": driver.fallback}).spec, instant)
    return float((instant - min(known)) / HOUR) if known else float("nan")


def _known(table: DecisionTable, driver: Condition, spec: Spec, instant: np.datetime64) -> list[np.datetime64]:
    """When the last of each input of a signal became known; nothing where one that it needs is not there."""
    market, known = table.market, []
    for argument, (kind, column) in spec.inputs.items():
        if kind == "prices":
            rows = np.isfinite(market.prices.close[:, table.columns]).any(axis=1) & (market.calendar.closes <= instant)
            known += [market.calendar.closes[rows][-1]] if rows.any() else []
        elif kind != "sessions" and column != "regime":
            name, _, asset = kind.partition(":")
            feeds = market.feeds_of(name, "" if name == "macro" else asset or driver.asset)
            times = [feed.known_at[np.isfinite(feed[column])] for feed in feeds if column in feed.columns]
            ends = [each[-1] for each in times if len(each)]
            if not ends and argument not in spec.defaults:
                return []
            known += [max(ends)] if ends else []
    return known


def text_of(instant: np.datetime64) -> str:
    """An instant to the minute, UTC."""
    return f"{pd.Timestamp(instant):%Y-%m-%dT%H:%M}Z"
