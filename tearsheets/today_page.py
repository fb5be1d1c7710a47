"""Today's checklist as one HTML page, and the same words for the terminal."""

from __future__ import annotations

import math
from pathlib import Path

from undertow.backtests.similar import Similar
from undertow.backtests.today import Line, Today
from undertow.market.errors import ParameterError
from undertow.tearsheets.markup import Html, facts, fill, join, note, resource, section, table, tag, write_whole
from undertow.tearsheets.words import BLANK, counted, percent, plain, share, title, typeset

SHOWN_SALES = 20


def write_today(found: Today, path: str | Path) -> Path:
    """Write the checklist as one self-contained HTML page; returns the path."""
    if Path(path).suffix != ".html" or Path(path).is_dir():
        raise ParameterError(f"`html` must be a file that ends in .html, got {str(path)!r}")
    body = join([_title(found), _verdict(found), _checks(found), _sales(found), _reasons(found)])
    page = fill("plain.html", title=f"{headline(found)} | Undertow", style=Html(resource("page.css")), body=body)
    return write_whole(path, page.encode("utf-8"))


def headline(found: Today) -> str:
    """The tier and the action in a few words."""
    return f"{title(found.tier)}: {action_words(found)}"


def action_words(found: Today) -> str:
    """What to do at the next fill."""
    cash = 1.0 - found.exposure
    if found.action == "reduce":
        return f"reduce stocks from {share(found.before, 0)} to {share(found.exposure, 0)} of capital"
    if found.action == "hedge":
        return f"sell {found.hedge_symbol} short for {share(found.hedge, 0)} of capital"
    if found.action == "return":
        covered = f", cover the short in {found.hedge_symbol}" if found.hedge < found.hedge_before else ""
        back = (
            f"buy back to {share(found.exposure, 0)} in stocks" if found.exposure > found.before else "stay in stocks"
        )
        return back + covered
    held = [f"{share(cash, 0)} out of stocks"] if cash > 0 else []
    held += [f"{share(found.hedge, 0)} short {found.hedge_symbol}"] if found.hedge > 0 else []
    return f"wait, with {' and '.join(held)}" if held else "wait, fully invested"


def level_words(line: Line) -> str:
    """Where a check starts to watch and to alarm."""
    sign = "\N{GREATER-THAN OR EQUAL TO}" if line.side == "above" else "\N{LESS-THAN OR EQUAL TO}"
    watch = "" if line.watch is None else f"watch {sign} {_figure(line.watch)}, "
    return f"{watch}alarm {sign} {_figure(line.alarm)}"


def value_words(line: Line) -> str:
    """The value of a check; a dash where it is unknown."""
    return _figure(line.value)


def age_words(line: Line) -> str:
    """How old the oldest input of a check is."""
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


def _figure(value: float) -> str:
    return BLANK if math.isnan(value) else typeset(f"{value:.3g}")


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
    remarks = []
    if found.stale:
        remarks.append(note("A signal that the rule needs is unknown: the last state is held."))
    if found.vetoed:
        remarks.append(note("A gate held the rule back from a higher tier."))
    return tag("div", tag("p", lead, kind="lead"), *remarks, kind="verdict")


def _checks(found: Today) -> Html:
    rows = [
        (
            line.name,
            _state(line.state),
            value_words(line),
            level_words(line),
            age_words(line),
            plain(line.contribution, 3),
        )
        for line in found.lines
    ]
    hidden = [note(f"{counted(found.hidden, 'more condition')} not shown.")] if found.hidden else []
    head = ("Check", "State", "Value", "Levels", "Data age", "Adds to the score")
    return section("Checklist", table(head, rows), *hidden)


def _state(state: str) -> Html:
    return tag("td", state, kind={"alarm": "loss", "watch": "gain"}.get(state, ""))


def _sales(found: Today) -> Html:
    if not found.sales:
        return section("What to sell", note("Nothing: the rule holds no cash."))
    shown = [(sale.symbol, share(sale.share, 2)) for sale in found.sales[:SHOWN_SALES]]
    rest = found.sales[SHOWN_SALES:]
    tail = [(counted(len(rest), "more name"), share(sum(sale.share for sale in rest), 2))] if rest else []
    total = share(sum(sale.share for sale in found.sales))
    return section(
        "What to sell",
        note(
            f"{total} of capital from a fully invested basket, source {found.source}, at base weights drifted since "
            "the last renewal."
        ),
        table(("Name", "Share of capital"), [*shown, *tail], kind="numbers"),
    )


def _reasons(found: Today) -> Html:
    changes = [tag("li", typeset(each[:1].upper() + each[1:])) for each in found.changes] or [
        tag("li", "Nothing within one driver's reach.")
    ]
    pairs = [("Exposure", f"{share(found.before)} to {share(found.exposure)}")]
    if found.hedge or found.hedge_before:
        pairs.append((f"Short {found.hedge_symbol}", f"{share(found.hedge_before)} to {share(found.hedge)}"))
    if found.basket:
        pairs.append((f"In {found.basket}", share(found.rotation)))
    return section(
        "What would change the answer, and what followed",
        tag("ul", *changes),
        tag("p", similar_words(found.similar)),
        facts(pairs),
        note("Past states are few and alike by these checks alone; the range says more than the median."),
    )
