"""Today's checklist as one HTML page, with texts that the terminal shares."""

from __future__ import annotations

import math
from pathlib import Path

from undertow.backtests.checklist import UNKNOWN, Order, Similar, Today
from undertow.tearsheets.checklist.held import held_section
from undertow.tearsheets.checklist.lines import (
    check_value,
    contribution_text,
    current_value,
    data_age,
    levels_text,
    state_cell,
)
from undertow.tearsheets.checklist.steps import steps_section
from undertow.tearsheets.html.markup import (
    Html,
    facts,
    fill_template,
    join,
    note,
    resource,
    section,
    table,
    tag,
    write_atomic,
)
from undertow.tearsheets.html.page import check_html_path
from undertow.tearsheets.html.text import BLANK, percent, plain, quantity, share, title, typeset

# The most orders of a group: on the page, and on one line of a terminal.
_PAGE_ORDERS, _LINE_ORDERS = 20, 8


def write_today(today: Today, path: str | Path) -> Path:
    """Write the checklist as one self-contained HTML page and return its path."""
    check_html_path(path, "html")
    held = [] if today.held is None else [held_section(today.held)]
    body = join(
        [_title(today), _verdict(today), *held, steps_section(today), _checks(today), _orders(today), _reasons(today)]
    )
    page = fill_template(
        "plain.html", title=f"{headline(today)} | Undertow", style=Html(resource("page.css")), body=body
    )
    return write_atomic(path, page.encode("utf-8"))


def headline(today: Today) -> str:
    """The tier and the action, in short."""
    return f"{title(today.tier)}: {action_text(today)}"


def action_text(today: Today) -> str:
    """The action at the next fill: stocks, basket and hedge.

    Of an unknown tier: what is missing, and what is held.
    """
    if today.tier == UNKNOWN and today.action == "hold":
        stocks = share(today.exposure, 0)
        return f"no decision, {_blindness(today)}; the rule holds its last tier, {today.tier_held}, {stocks} in stocks"
    parts = []
    if today.exposure < today.before:
        parts.append(f"reduce stocks from {share(today.before, 0)} to {share(today.exposure, 0)} of capital")
    elif today.exposure > today.before:
        parts.append(f"buy stocks back from {share(today.before, 0)} to {share(today.exposure, 0)} of capital")
    if today.rotation != today.rotation_before:
        side = "buy" if today.rotation > today.rotation_before else "sell"
        parts.append(f"{side} {today.basket} to {share(today.rotation, 0)}")
    if today.hedge != today.hedge_before:
        side = "sell" if today.hedge > today.hedge_before else "cover"
        parts.append(f"{side} {today.hedge_symbol} short to {share(today.hedge, 0)}")
    if parts:
        return ", ".join(parts)
    cash = 1.0 - today.exposure
    positions = [f"{share(cash, 0)} out of stocks"] if cash > 0 else []
    positions += [f"{share(today.rotation, 0)} in {today.basket}"] if today.rotation > 0 else []
    positions += [f"{share(today.hedge, 0)} short {today.hedge_symbol}"] if today.hedge > 0 else []
    return f"wait, with {' and '.join(positions)}" if positions else "wait, fully invested"


def _blindness(today: Today) -> str:
    part = share(today.unknown_share, 0)
    return f"{quantity(len(today.unknown), 'check')} without a value, {part} of the weight"


def execution_text(today: Today) -> str:
    """The execution of the rule: lag, pace, order of sales, and time of the fill."""
    pace = "at once" if today.over_sessions == 1 else f"over {today.over_sessions} sessions"
    end = "" if today.deadline_hours is None else f", within {today.deadline_hours:g} hours"
    sales = "in proportion" if today.source == "proportional" else f"{today.source} first"
    lags = f"{today.lag_hours[0]:g} hours after a shock became known"
    if len(today.lag_hours) > 1:
        span = f"{today.lag_hours[0]:g} to {today.lag_hours[-1]:g} hours"
        lags = f"{span} after a shock became known, depending on the check"
    return (
        f"execution: {lags}, {pace}{end}, selling {sales};"
        f" decided {_minute(today.decided_at)}, filled {_minute(today.filled_at)} UTC"
    )


def _minute(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]}"


def order_lines(today: Today) -> tuple[str, ...]:
    """The coming orders, one line for each part of the account and side."""
    lines = []
    for heading, orders in _groups(today):
        names = ", ".join(f"{order.symbol} {order.share:.2%}" for order in orders[:_LINE_ORDERS])
        remaining = f" + {len(orders) - _LINE_ORDERS} more" if len(orders) > _LINE_ORDERS else ""
        total = sum(order.share for order in orders)
        lines.append(f"{heading} {total:.2%} of capital: {names}{remaining}")
    return tuple(lines)


def _groups(today: Today) -> list[tuple[str, list[Order]]]:
    """The coming orders by part of the account and side, with their headings."""
    reasons = {order.reason for order in today.orders}
    cause = " (base weights are rebalanced)" if "rebalance" in reasons else ""
    cause = " (orders still waiting for a price)" if reasons == {"deferred"} else cause
    headings = {
        ("stocks", "sell"): f"sell stocks{cause}",
        ("stocks", "buy"): f"buy stocks{cause}",
        ("basket", "sell"): f"sell from {today.basket}",
        ("basket", "buy"): f"buy for {today.basket}",
        ("short", "sell"): "sell short",
        ("short", "buy"): "cover",
    }
    groups = {key: [order for order in today.orders if (order.sleeve, order.side) == key] for key in headings}
    return [(headings[key], orders) for key, orders in groups.items() if orders]


def similar_states_sentence(similar: Similar) -> str:
    """The returns that followed similar states, with their number."""
    reference = f"all sessions: median {percent(similar.all_median)}, {share(similar.all_positive, 0)} positive"
    if not similar.count:
        return f"No past state is similar ({reference} over {similar.horizon} sessions)."
    return (
        f"After {quantity(similar.count, 'similar state')}: the basket's median over {similar.horizon} sessions was "
        f"{percent(similar.median)} (10 % to 90 %: {percent(similar.low)} to {percent(similar.high)}), "
        f"{share(similar.positive, 0)} positive; {reference}."
    )


def _title(today: Today) -> Html:
    about = [
        f"As of {today.asof.replace('T', ' ').replace('Z', ' UTC')}",
        f"for the session of {today.session}, filled {today.filled_at[11:16]} UTC",
        f"universe {today.universe}",
        f"strategy {today.strategy}",
    ]
    return tag(
        "header",
        tag("p", "Undertow checklist", kind="eyebrow"),
        tag("h1", headline(today)),
        tag("p", *(tag("span", item) for item in about), kind="about"),
    )


def _verdict(today: Today) -> Html:
    score = BLANK if math.isnan(today.score) else plain(today.score, 3)
    change = f", from {today.tier_before}" if today.tier_before != today.tier else ""
    event = f" ({today.event})" if today.event else ""
    lead = f"Tier {today.tier}{change}{event}; score {score}" + (f", mostly {today.label}" if today.label else "")
    if today.tier == UNKNOWN:
        lead = f"Tier unknown: {_blindness(today)}; the last tier, {today.tier_held}, is held; score {score}"
    blocked = [_sentence(today.blocked)] if today.blocked else []
    remarks = [*blocked, *today.notes, _sentence(execution_text(today))]
    return tag("div", tag("p", lead, kind="lead"), *map(note, remarks), kind="verdict")


def _sentence(text: str) -> str:
    return typeset(f"{text[:1].upper()}{text[1:]}.")


def _checks(today: Today) -> Html:
    rows = [
        (
            line.name,
            state_cell(line),
            check_value(line),
            current_value(line),
            levels_text(line),
            data_age(line),
            contribution_text(line),
        )
        for line in today.lines
    ]
    hidden = [note(f"{quantity(today.hidden, 'more condition')} not shown.")] if today.hidden else []
    has_lag = any(line.lag_hours for line in today.lines)
    lag = [note("The rule acts on the lagged Value; Now is the latest known value.")] if has_lag else []
    head = ("Check", "State", "Value", "Now", "Levels", "Data age", "Adds to the score")
    return section("What the rule acts on", table(head, rows), *lag, *hidden)


def _orders(today: Today) -> Html:
    groups = _groups(today)
    if not groups:
        return section("What to trade", note("Nothing: no orders are due."))
    parts = []
    for heading, orders in groups:
        rows = [(order.symbol, share(order.share, 2)) for order in orders[:_PAGE_ORDERS]]
        hidden = orders[_PAGE_ORDERS:]
        tail = [(quantity(len(hidden), "more name"), share(sum(order.share for order in hidden), 2))] if hidden else []
        total = share(sum(order.share for order in orders), 2)
        parts += [
            tag("h3", f"{heading[:1].upper()}{heading[1:]}: {total} of capital"),
            table(("Name", "Share of capital"), [*rows, *tail], kind="numbers"),
        ]
    return section(
        "What to trade",
        note(
            "Orders of an account that has followed this rule, at the last known prices; it sells"
            f" {today.source} first."
            if today.source != "proportional"
            else "Orders of an account that has followed this rule, at the last known prices."
        ),
        *parts,
    )


def _reasons(today: Today) -> Html:
    changes = [tag("li", _sentence(change)) for change in today.changes] or [
        tag("li", "No change of a single driver would change it.")
    ]
    lead = "Before a tier can be entered:" if today.tier_held == "calm" else "Stocks are bought back:"
    conditions = [tag("p", lead), tag("ul", *(tag("li", _sentence(condition)) for condition in today.exit_conditions))]
    pairs = [("Exposure", f"{share(today.before)} to {share(today.exposure)}")]
    if today.hedge or today.hedge_before:
        pairs.append((f"Short {today.hedge_symbol}", f"{share(today.hedge_before)} to {share(today.hedge)}"))
    if today.basket:
        pairs.append((f"In {today.basket}", f"{share(today.rotation_before)} to {share(today.rotation)}"))
    return section(
        "What would change the decision, and returns after similar states",
        tag("ul", *changes),
        *(conditions if today.exit_conditions else []),
        tag("p", similar_states_sentence(today.similar)),
        facts(pairs),
        note(
            "Similar states are few, and similar in these checks only; their range is more informative than the median."
        ),
    )
