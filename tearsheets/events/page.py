"""The event page: what every signal said around a few days that matter, as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from plotly.offline import get_plotlyjs

from undertow.market.calendar import Decisions
from undertow.market.clock import FloatArray
from undertow.market.market import Market
from undertow.signals.decisions.table import DecisionTable
from undertow.tearsheets.events.chart import event_chart
from undertow.tearsheets.events.values import Said, default_days, event_row, everything_said, shown_rows, unusual
from undertow.tearsheets.html.charts import Chart
from undertow.tearsheets.html.markup import (
    Html,
    fill,
    join,
    note,
    resource,
    script_json,
    section,
    table,
    tag,
    write_whole,
)
from undertow.tearsheets.html.text import BLANK, MINUS, counted, listed, title
from undertow.tearsheets.signals.blanks import grouped, why_blank

# Distance of a percentile from the middle, as the share of the history that is less unusual: five shades.
SHADES = (0.80, 0.90, 0.95, 0.98, 0.995)
# What the summary counts: the third shade, one value in twenty.
COUNTED = 3

STYLE = """
.event { min-width: 640px; font-size: 13px; table-layout: fixed; }
.event th, .event td { padding: 3px 8px; }
.event tbody th { position: sticky; left: 0; background: #fff; background-clip: padding-box; width: 250px; }
.event thead th:first-child { position: sticky; left: 0; width: 250px; }
.event small, .events small { color: var(--quiet); font-size: 11px; margin-left: 6px; }
.event thead small { display: block; margin: 0; font-weight: 400; }
.event .family { padding: 12px 0 3px; font-weight: 650; border-bottom-color: #b9c1c9; }
.event td { border-left: 1px solid #fff; }
.event td[class*="up"] small, .event td[class*="down"] small { color: inherit; }
.event .day, .event thead .day { border-right: 2px solid var(--ink); }
.events { min-width: 560px; }
.shade { display: inline-block; width: 20px; height: 14px; vertical-align: -2px; }
@media screen and (max-width: 760px) {
  .event { min-width: 500px; font-size: 12px; }
  .event tbody th, .event thead th:first-child { width: 112px; overflow-wrap: anywhere; }
  .event tbody th small { display: block; margin: 0; }
  .event td { padding: 3px 4px; }
  .event td small { display: block; margin: 0; }
  .events tbody th { min-width: 96px; }
}
"""


def write_event_page(market: Market, universe: str, path: str | Path, days: Sequence[str] = ()) -> Path:
    """Write what every registered signal said around `days` as one self-contained HTML page.

    Without `days`: the dated cascades that the market covers, of a simulated market the largest of its truth. Each day
    has a picture of BTC and the benchmark and a table: signals by family, at their default parameters, their first
    output at the decisions before the open from two sessions before the day to three after. Timing: a cell is what was
    known at its decision, and its colour is the place of the value among those known up to that decision, so nothing on
    the page looks ahead. A decision comes before its session's open: what happened on the day itself stands in the
    column after it. Raises `DataError` on a day outside the market's sessions, and where none is given and none is
    covered. Returns the path.

        write_event_page(market, "growth", "results/events.html", ["2024-08-05"])
    """
    chosen, words = (days, "days as asked for") if days else default_days(market)
    decided = DecisionTable(market, universe)
    # Cascades of one weekend have one session.
    rows = list(dict.fromkeys(event_row(decided, day) for day in chosen))
    said, absent = everything_said(decided)
    charts = [event_chart(decided, row, f"event{place}") for place, row in enumerate(rows)]
    body = join(
        [
            _title(decided, said, words),
            _summary(decided, said, rows),
            *(_event(decided, said, row, chart) for row, chart in zip(rows, charts, strict=True)),
            _definitions(said, absent),
        ]
    )
    page = fill(
        "page.html",
        title=f"Signals around {counted(len(rows), 'event')} | Undertow",
        style=Html(resource("page.css") + STYLE),
        body=body,
        plotly=Html(get_plotlyjs()),
        charts=script_json({"sessions": [], "charts": [each.drawn() for each in charts if each is not None]}),
        scripts=Html(resource("scripts.html")),
    )
    return write_whole(path, page.encode("utf-8"))


def _title(decided: DecisionTable, said: Sequence[Said], words: str) -> Html:
    about = [
        f"Universe {decided.universe.name}",
        counted(len(said), "signal"),
        "default parameters, first output",
        words,
        f"market {decided.market.name}",
    ]
    return tag(
        "header",
        tag("p", "Undertow signals", kind="eyebrow"),
        tag("h1", "What the signals said"),
        tag("p", *(tag("span", each) for each in about), kind="about"),
    )


def _summary(decided: DecisionTable, said: Sequence[Said], rows: Sequence[int]) -> Html:
    head = ["Family", *(f"{decided.decisions.sessions[row].date()}" for row in rows)]
    body = [
        [family, *(_counts([each for each in said if each.family == family], row, len(decided)) for row in rows)]
        for family in dict.fromkeys(each.family for each in said)
    ]
    words = (
        "Signals of each family whose value was one of the most unusual 5 % of its own history: at the decision before"
        " the day, then at the one after it, of those with a history. No signal is a forecast by being unusual. All"
        " times are UTC."
    )
    return section("In one table", table(head, body, kind="events numbers"), note(words), _legend())


def _counts(members: Sequence[Said], row: int, end: int) -> Html:
    after = min(row + 1, end - 1)
    now, then = ([unusual(each.values, at) for each in members] for at in (row, after))
    known = sum(np.isfinite(then))
    if not known:
        return tag("td", BLANK)
    counts = [sum(level(place)[1] >= COUNTED for place in places) for places in (now, then)]
    strength = min(5, int(np.ceil(5 * counts[1] / known)))
    return tag(
        "td", f"{counts[0]} → {counts[1]}", tag("small", f"of {known}"), kind=f"up{strength}" if strength else ""
    )


def _legend() -> Html:
    low, high = (
        [tag("span", kind=f"shade {side}{number}") for number in range(1, len(SHADES) + 1)] for side in ("down", "up")
    )
    words = ", ".join(f"{1 - share:.1%}".replace(".0%", "%").replace("%", " %") for share in SHADES)
    return note(
        "Unusually low ",
        *reversed(low),
        " ",
        *high,
        f" unusually high: among the most unusual {words} of the values known up to that decision, both sides together."
        " The small number is the percentile, none where fewer than 60 values were known. High is not good and low is"
        " not bad: a high drawdown is a small one.",
    )


def level(place: float) -> tuple[str, int]:
    """The side of a percentile and its shade, 0 where it is usual or unknown."""
    if np.isnan(place):
        return "up", 0
    return ("up" if place > 0.5 else "down"), sum(abs(2.0 * place - 1.0) >= share for share in SHADES)


def _event(decided: DecisionTable, said: Sequence[Said], row: int, chart: Chart | None) -> Html:
    shown = shown_rows(decided, row)
    head = [tag("th", "Signal", scope="col"), *(_moment(decided.decisions, each, each == row) for each in shown)]
    body: list[list[Html]] = []
    for family, members in groupby(said, key=lambda each: each.family):
        body.append([tag("th", family, kind="family", colspan=str(len(shown) + 1), scope="rowgroup")])
        body += [[_name(each), *(_cell(each.values, at, at == row) for at in shown)] for each in members]
    return section(
        _day(decided.decisions.sessions[row]),
        note("The market has neither BTC nor a benchmark to draw.") if chart is None else chart.place(),
        note("Dotted: the decisions of the table. Shaded, and the line in the table: the session of the day."),
        table(head, body, kind="event numbers"),
        *_dashes(decided, said, shown),
    )


def _dashes(decided: DecisionTable, said: Sequence[Said], shown: Sequence[int]) -> list[Html]:
    """Why signals have dashes among the decisions of an event: at the first of them."""
    blank = {}
    for each in said:
        dashes = [row for row in shown if np.isnan(each.values[row])]
        if dashes:
            given = {name: own.default for name, own in each.spec.parameters.items()}
            at = decided.decisions.at[dashes[0]]
            blank[title(each.spec.name)] = why_blank(decided, each.spec, given, each.spec.outputs[0], "BTC", at)
    return [note(f"Without a value: {grouped(blank)}.")] if blank else []


def _day(session: pd.Timestamp) -> str:
    return f"{session.day} {session:%B %Y}"


def _name(said: Said) -> Html:
    return tag("th", title(said.spec.name), tag("small", said.spec.outputs[0]), scope="row", title=said.spec.summary)


def _moment(decisions: Decisions, row: int, is_day: bool) -> Html:
    at = pd.Timestamp(decisions.at[row])
    return tag("th", f"{at.day} {at:%b}", tag("small", f"{at:%a %H:%M}"), scope="col", kind="day" if is_day else "")


def _cell(values: FloatArray, row: int, is_day: bool) -> Html:
    place = unusual(values, row)
    side, shade = level(place)
    kind = " ".join(word for word in (f"{side}{shade}" if shade else "", "day" if is_day else "") if word)
    small = tag("small", f"{100 * place:.0f}") if np.isfinite(place) else ""
    return tag("td", number_text(float(values[row])), small, kind=kind)


def number_text(value: float) -> str:
    """Three digits that matter, two below a hundredth, whatever the unit; a dash where there is no number."""
    if not np.isfinite(value):
        return BLANK
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{3 if abs(value) >= 0.01 else 2}g}"
    return ("0" if float(text.replace(",", "")) == 0 else text).replace("-", MINUS)


def _definitions(said: Sequence[Said], absent: Mapping[str, str]) -> Html:
    rows = [
        [title(each.spec.name), each.spec.summary, each.spec.units, listed(_reads(each), 6)]
        for each in sorted(said, key=lambda each: each.spec.name)
    ]
    missing = [note(f"Without a value in this market: {title(name)} ({why}).") for name, why in absent.items()]
    return section(
        "What each signal is", table(["Signal", "In one sentence", "Units", "Reads"], rows, kind="settings"), *missing
    )


def _reads(said: Said) -> list[str]:
    return [f"{kind} {column}" for kind, column in said.spec.inputs.values() if column != "regime"]
