"""Alerts: what has changed since the last one, and what would be done now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from undertow.backtests.checklist.lines import Line
from undertow.backtests.checklist.today import Today
from undertow.backtests.folders import json_ready
from undertow.strategies.reasons import format_number

# Orders in the text of an alert; its JSON has all of them.
_ORDERS = 5
# What an alert sends of the checklist.
_SENT = (
    "strategy",
    "universe",
    "session",
    "decided_at",
    "filled_at",
    "tier",
    "tier_before",
    "action",
    "label",
    "score",
    "exposure",
    "before",
    "hedge",
    "hedge_symbol",
    "rotation",
    "basket",
    "blocked",
    "unknown",
    "orders",
    "notes",
)


@dataclass(frozen=True)
class StandingChange:
    """One change since the last alert.

    Args:
        what: "tier", "alarm" or "feed".
        name: name of the rule, of the check, or of the feed.
        before: earlier state; empty in the first alert.
        after: present state: a tier, the state of a check, or "stopped" or "running" of a feed.
        detail: value of the check, or last row of the feed.
    """

    what: str
    name: str
    before: str
    after: str
    detail: str = ""

    def sentence(self) -> str:
        """The change in words."""
        change = f"{self.before} -> {self.after}" if self.before else self.after
        subject = "tier" if self.what == "tier" else f"{self.what} {self.name}:"
        return f"{subject} {change}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class Standing:
    """What alerts compare: the tier, the checks in alarm, and the feeds that stopped.

    Args:
        tier: tier of the checklist.
        alarms: names of the checks in alarm.
        stopped: last row of each feed that stopped, by its name.
    """

    tier: str
    alarms: tuple[str, ...]
    stopped: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The standing as plain values, for the state file."""
        return {"tier": self.tier, "alarms": list(self.alarms), "stopped": dict(self.stopped)}

    @classmethod
    def of(cls, today: Today, stopped: dict[str, str]) -> Standing:
        """The standing of a checklist with the feeds that stopped by then."""
        return cls(today.tier, tuple(line.name for line in today.lines if line.state == "alarm"), dict(stopped))


@dataclass(frozen=True)
class Alert:
    """One alert, with all that is sent; instants are UTC, exposures shares of capital.

    Args:
        number: number of the alert in its watch, from 1 on; the same when it is sent again.
        watch: name of the watch, by which a receiver tells one from another.
        asof: instant of the checklist.
        changes: what has changed.
        checklist: tier, action, session, fill, exposures, orders and notes.
        text: all of it in a few lines.
    """

    number: int
    watch: str
    asof: str
    changes: tuple[StandingChange, ...]
    checklist: dict[str, Any]
    text: str

    def as_dict(self) -> dict[str, Any]:
        """The alert as strict JSON values."""
        plain: dict[str, Any] = json_ready(asdict(self))
        return plain


def changes_between(before: Standing | None, after: Standing, today: Today) -> tuple[StandingChange, ...]:
    """What has changed from one standing to the next; empty where nothing has.

    The first standing of a watch is one too: its tier, the checks in alarm and the feeds that stand still.
    """
    changes = []
    if before is None or before.tier != after.tier:
        changes.append(StandingChange("tier", today.strategy, "" if before is None else before.tier, after.tier))
    lines = {line.name: line for line in today.lines}
    alarms_before = set() if before is None else set(before.alarms)
    for name in (*after.alarms, *sorted(alarms_before)):
        is_on, was_on = name in after.alarms, name in alarms_before
        if is_on != was_on:
            line = lines.get(name)
            state = "alarm" if is_on else "no alarm" if line is None else line.state
            changes.append(StandingChange("alarm", name, "alarm" if was_on else "", state, _value(line)))
    stopped_before = {} if before is None else before.stopped
    for name in sorted({*stopped_before, *after.stopped}):
        if (name in stopped_before) != (name in after.stopped):
            is_stopped = name in after.stopped
            last = f"last row known {after.stopped[name]}" if is_stopped else ""
            changes.append(StandingChange("feed", name, "", "stopped" if is_stopped else "running again", last))
    return tuple(changes)


def make_alert(number: int, watch: str, changes: tuple[StandingChange, ...], today: Today) -> Alert:
    """The alert of some changes.

    Args:
        number: its number.
        watch: name of the watch.
        changes: what has changed.
        today: the checklist at that instant.
    """
    full = today.as_dict()
    checklist = {name: full[name] for name in _SENT}
    return Alert(number, watch, today.asof, changes, checklist, _text(changes, today))


def _value(line: Line | None) -> str:
    if line is None or line.value != line.value:
        return ""
    return format_number(line.value, decimal=line.decimal)


def _text(changes: tuple[StandingChange, ...], today: Today) -> str:
    """The changes, and what would be done at the next fill."""
    tier = f"tier {today.tier}, " + (f"{today.action}, " if today.action else "")
    hedge = f", {today.hedge:.0%} short {today.hedge_symbol}" if today.hedge else ""
    lines = [
        f"{today.asof} {today.strategy} on {today.universe}: {'; '.join(change.sentence() for change in changes)}",
        f"at the fill of {today.filled_at}: {tier}stocks {today.before:.0%} -> {today.exposure:.0%}{hedge}",
    ]
    orders = [f"{order.side} {order.symbol} {order.share:.1%}" for order in today.orders[:_ORDERS]]
    more = len(today.orders) - len(orders)
    if orders:
        lines.append("orders, of capital: " + ", ".join(orders) + (f", and {more} more" if more else ""))
    return "\n".join(lines)
