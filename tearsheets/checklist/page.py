"""Today's checklist as one HTML page, and the same words for the terminal."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from undertow.backtests.checklist.lines import Line
from undertow.backtests.checklist.orders import Order
from undertow.backtests.checklist.similar import Similar
from undertow.backtests.checklist.today import Today
from undertow.market.errors import ParameterError
from undertow.strategies.reasons.formatting import format_number
from undertow.tearsheets.html.markup import Html, facts, fill, join, note, resource, section, table, tag, write_whole
from undertow.tearsheets.html.text import BLANK, counted, percent, plain, share, title, typeset

SHOWN_ORDERS = 20
# On one line of a terminal.
_FEW = 8


def write_today(found: Today, path: str | Path) -> Path:
    """Write the checklist as one self-contained HTML page; returns the path."""
    if Path(path).suffix != ".html" or Path(path).is_dir():
        raise ParameterError(f"`html` must be a file that ends in .html, got {str(path)!r}")
    body = join([_title(found), _verdict(found), _checks(found), _orders(found), _reasons(found)])
    page = fill("plain.html", title=f"{headline(found)} | Undertow", style=Html(resource("page.css")), body=body)
    return write_whole(path, page.encode("utf-8"))


def headline(found: Today) -> str:
    """The tier and the action in a few words."""
    return f"{title(found.tier)}: {action_words(found)}"


def action_words(found: Today) -> str:
    """What to do at the next fill, leg by leg."""
    parts = []
    if found.exposure < found.before:
        parts.append(f"reduce stocks from {share(found.before, 0)} to {share(found.exposure, 0)} of capital")
    elif found.exposure > found.before:
        parts.append(f"buy stocks back from {share(found.before, 0)} to {share(found.exposure, 0)} of capital")
    if found.rotation != found.rotation_before:
        way = "buy" if found.rotation > found.rotation_before else "sell"
        parts.append(f"{way} {found.basket} to {share(found.rotation, 0)}")
    if found.hedge != found.hedge_before:
        way = "sell" if found.hedge > found.hedge_before else "cover"
        parts.append(f"{way} {found.hedge_symbol} short to {share(found.hedge, 0)}")
    if parts:
        return ", ".join(parts)
    cash = 1.0 - found.exposure
    held = [f"{share(cash, 0)} out of stocks"] if cash > 0 else []
    held += [f"{share(found.rotation, 0)} in {found.basket}"] if found.rotation > 0 else []
    held += [f"{share(found.hedge, 0)} short {found.hedge_symbol}"] if found.hedge > 0 else []
    return f"wait, with {' and '.join(held)}" if held else "wait, fully invested"


def execution_words(found: Today) -> str:
    """How the rule acts: how late, how fast, what it sells first, and when its orders are filled."""
    pace = "at once" if found.over_sessions == 1 else f"over {found.over_sessions} sessions"
    end = "" if found.deadline_hours is None else f", within {found.deadline_hours:g} hours"
    first = "in proportion" if found.source == "proportional" else f"{found.source} first"
    lags = f"{found.lag_hours[0]:g} hours after a shock was known"
    if len(found.lag_hours) > 1:
        lags = f"{found.lag_hours[0]:g} to {found.lag_hours[-1]:g} hours after a shock was known, by its check"
    return (
        f"execution: {lags}, {pace}{end}, sold {first};"
        f" decided {_when(found.decided_at)}, filled {_when(found.filled_at)} UTC"
    )


def _when(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]}"


def order_words(found: Today) -> tuple[str, ...]:
    """The coming orders in a line for each leg and side; none where nothing is traded."""
    lines = []
    for heading, orders in _groups(found):
        names = ", ".join(f"{each.symbol} {each.share:.2%}" for each in orders[:_FEW])
        more = f" + {len(orders) - _FEW} more" if len(orders) > _FEW else ""
        total = sum(each.share for each in orders)
        lines.append(f"{heading} {total:.2%} of capital: {names}{more}")
    return tuple(lines)


def _groups(found: Today) -> list[tuple[str, list[Order]]]:
    """The coming orders by leg and side, with a heading each."""
    reasons = {each.reason for each in found.orders}
    why = " (base weights are rebalanced)" if "rebalance" in reasons else ""
    why = " (orders that still wait for a price)" if reasons == {"deferred"} else why
    headings = {
        ("stocks", "sell"): f"sell stocks{why}",
        ("stocks", "buy"): f"buy stocks{why}",
        ("basket", "sell"): f"sell from {found.basket}",
        ("basket", "buy"): f"buy for {found.basket}",
        ("short", "sell"): "sell short",
        ("short", "buy"): "cover",
    }
    groups = {key: [each for each in found.orders if (each.leg, each.side) == key] for key in headings}
    return [(headings[key], orders) for key, orders in groups.items() if orders]


def level_words(line: Line) -> str:
    """Where a check starts to watch and to alarm."""
    sign = "\N{GREATER-THAN OR EQUAL TO}" if line.side == "above" else "\N{LESS-THAN OR EQUAL TO}"

    def told(level: float) -> str:
        return typeset(format_number(level, decimal=line.decimal, digits=3))

    watch = "" if line.watch is None else f"watch {sign} {told(line.watch)}, "
    off = "" if line.leave is None else f", off {'below' if line.side == 'above' else 'above'} {told(line.leave)}"
    return f"{watch}alarm {sign} {told(line.alarm)}{off}"


def value_words(line: Line) -> str:
    """The value of a check; a dash where it is unknown."""
    if math.isnan(line.value):
        return BLANK
    levels = [level for level in (line.watch, line.alarm, line.leave) if level is not None]
    return typeset(format_number(line.value, *levels, decimal=line.decimal, digits=3))


def now_words(line: Line) -> str:
    """The value of a check without its lag; a dash where it is unknown."""
    return value_words(replace(line, value=line.now))


def age_words(line: Line) -> str:
    """How old the oldest input of a check is, without its lag."""
    if math.isnan(line.age_hours):
        return "no data"
    return f"{plain(line.age_hours, 0)} h" if line.age_hours < 120 else f"{plain(line.age_hours / 24, 0)} d"


def similar_words(found: Similar) -> str:
    """What followed the most similar states, with how many there were."""
    usual = f"all sessions: median {percent(found.all_median)}, {share(found.all_positive, 0)} positive"
    if not found.count:
        return f"No past state is similar ({usual} over {found.horizon} sessions)."
    return (
        f"After {counted(found.count, 'similar state')}: the basket's median over {found.horizon} sessions was "
        f"{percent(found.median)} (10 % to 90 %: {percent(found.low)} to {percent(found.high)}), "
        f"{share(found.positive, 0)} positive; {usual}."
    )


def _title(found: Today) -> Html:
    about = [
        f"As of {found.asof.replace('T', ' ').replace('Z', ' UTC')}",
        f"for the session of {found.session}, filled {found.filled_at[11:16]} UTC",
        f"universe {found.universe}",
        f"strategy {found.strategy}",
    ]
    return tag(
        "header",
        tag("p", "Undertow checklist", kind="eyebrow"),
        tag("h1", headline(found)),
        tag("p", *(tag("span", each) for each in about), kind="about"),
    )


def _verdict(found: Today) -> Html:
    known = BLANK if math.isnan(found.score) else plain(found.score, 3)
    moved = f", from {found.tier_before}" if found.tier_before != found.tier else ""
    why = f" ({found.event})" if found.event else ""
    lead = f"Tier {found.tier}{moved}{why}; score {known}" + (f", mostly {found.label}" if found.label else "")
    remarks = [*found.notes, _sentence(execution_words(found))]
    return tag("div", tag("p", lead, kind="lead"), *map(note, remarks), kind="verdict")


def _sentence(words: str) -> str:
    return typeset(f"{words[:1].upper()}{words[1:]}.")


def _checks(found: Today) -> Html:
    rows = [
        (
            line.name,
            _state(line.state),
            value_words(line),
            now_words(line),
            level_words(line),
            age_words(line),
            plain(line.contribution, 3),
        )
        for line in found.lines
    ]
    hidden = [note(f"{counted(found.hidden, 'more condition')} not shown.")] if found.hidden else []
    late = [line for line in found.lines if line.lag_hours]
    lagged = [note("The rule acts on the value after its lag; Now is the last one known.")] if late else []
    head = ("Check", "State", "Value", "Now", "Levels", "Data age", "Adds to the score")
    return section("Checklist", table(head, rows), *lagged, *hidden)


def _state(state: str) -> Html:
    return tag("td", state, kind={"alarm": "loss", "watch": "gain"}.get(state, ""))


def _orders(found: Today) -> Html:
    groups = _groups(found)
    if not groups:
        return section("What to trade", note("Nothing: the account stays as it is."))
    parts = []
    for heading, orders in groups:
        shown = [(each.symbol, share(each.share, 2)) for each in orders[:SHOWN_ORDERS]]
        rest = orders[SHOWN_ORDERS:]
        tail = [(counted(len(rest), "more name"), share(sum(each.share for each in rest), 2))] if rest else []
        total = share(sum(each.share for each in orders), 2)
        parts += [
            tag("h3", f"{heading[:1].upper()}{heading[1:]}: {total} of capital"),
            table(("Name", "Share of capital"), [*shown, *tail], kind="numbers"),
        ]
    return section(
        "What to trade",
        note(
            "The orders of an account that has followed this rule, at the last known prices; it sells the source"
            f" {found.source} first."
            if found.source != "proportional"
            else "The orders of an account that has followed this rule, at the last known prices."
        ),
        *parts,
    )


def _reasons(found: Today) -> Html:
    changes = [tag("li", _sentence(each)) for each in found.changes] or [
        tag("li", "Nothing within one driver's reach.")
    ]
    lead = "Until a tier is entered again:" if found.tier == "calm" else "Stocks come back:"
    back = [tag("p", lead), tag("ul", *(tag("li", _sentence(each)) for each in found.exit_conditions))]
    pairs = [("Exposure", f"{share(found.before)} to {share(found.exposure)}")]
    if found.hedge or found.hedge_before:
        pairs.append((f"Short {found.hedge_symbol}", f"{share(found.hedge_before)} to {share(found.hedge)}"))
    if found.basket:
        pairs.append((f"In {found.basket}", f"{share(found.rotation_before)} to {share(found.rotation)}"))
    return section(
        "What would change the answer, and what followed",
        tag("ul", *changes),
        *(back if found.exit_conditions else []),
        tag("p", similar_words(found.similar)),
        facts(pairs),
        note("Past states are few and alike by these checks alone; the range says more than the median."),
    )
