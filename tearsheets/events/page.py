"""The event page: the values of every signal around a few days, as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from undertow.market import Decisions, FloatArray, Market
from undertow.signals.decisions import DecisionTable
from undertow.tearsheets.events.chart import event_chart
from undertow.tearsheets.events.values import (
    MIN_HISTORY,
    SignalHistory,
    default_days,
    event_row,
    percentile_at,
    rows_around,
    signal_histories,
)
from undertow.tearsheets.html.charts import Chart
from undertow.tearsheets.html.markup import (
    Html,
    join,
    note,
    section,
    table,
    tag,
    write_atomic,
)
from undertow.tearsheets.html.page import assemble, check_html_path
from undertow.tearsheets.html.text import BLANK, MINUS, quantity, shortlist, title
from undertow.tearsheets.signals.missing import group_by_reason, missing_reason

# The share of the history that is less unusual, at which each of the five shades begins.
SHADES = (0.80, 0.90, 0.95, 0.98, 0.995)
# The summary counts values from the third shade on: one in twenty.
UNUSUAL_SHADE = 3

EVENT_STYLE = """
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
    """Write the signals around some days as one self-contained HTML page.

    Each day has a chart of BTC and the benchmark, and a table of all registered signals by family: the first output,
    at default parameters, at the decisions from two sessions before the day to three after. A cell is the value known
    at its decision, and its colour is the percentile among the values known up to that decision, so nothing on the
    page looks ahead. A decision comes before its session's open: the effect of the day itself is in the next column.
    Raises `DataError` for a day outside the market's sessions, and where the market covers no default day.

    Args:
        market: the market that supplies feeds and prices
        universe: the universe of signals with a value for each name
        path: the file to write
        days: the days, as `2024-08-05`; by default the dated cascades that the market covers, or the largest
            cascades of a simulated market

        write_event_page(market, "growth", "results/events.html", ["2024-08-05"])
    """
    check_html_path(path)
    event_days, source = (days, "requested days") if days else default_days(market)
    decision_table = DecisionTable(market, universe)
    # Cascades of one weekend share a session.
    rows = list(dict.fromkeys(event_row(decision_table, day) for day in event_days))
    histories, absent = signal_histories(decision_table)
    charts = [event_chart(decision_table, row, f"event{number}") for number, row in enumerate(rows)]
    body = join(
        [
            _title(decision_table, histories, source),
            _summary(decision_table, histories, rows),
            *(_event(decision_table, histories, row, chart) for row, chart in zip(rows, charts, strict=True)),
            _definitions(histories, absent),
        ]
    )
    data = [chart.as_dict() for chart in charts if chart is not None]
    page = assemble(f"Signals around {quantity(len(rows), 'event')}", body, data, style=EVENT_STYLE)
    return write_atomic(path, page.encode("utf-8"))


def _title(decision_table: DecisionTable, histories: Sequence[SignalHistory], source: str) -> Html:
    about = [
        f"Universe {decision_table.universe.name}",
        quantity(len(histories), "signal"),
        "default parameters, first output",
        source,
        f"market {decision_table.market.name}",
    ]
    return tag(
        "header",
        tag("p", "Undertow signals", kind="eyebrow"),
        tag("h1", "Signals around events"),
        tag("p", *(tag("span", item) for item in about), kind="about"),
    )


def _summary(decision_table: DecisionTable, histories: Sequence[SignalHistory], rows: Sequence[int]) -> Html:
    head = ["Family", *(f"{decision_table.decisions.sessions[row].date()}" for row in rows)]
    body = [
        [
            family,
            *(
                _counts([history for history in histories if history.family == family], row, len(decision_table))
                for row in rows
            ),
        ]
        for family in dict.fromkeys(history.family for history in histories)
    ]
    caption = (
        "Number of signals of the family whose value was among the most unusual 5 % of its history: at the decision"
        " before the day → at the decision after it, of the signals with enough history. An unusual value is not a"
        " forecast. All times are UTC."
    )
    return section("Summary", table(head, body, kind="events numbers"), note(caption), _legend())


def _counts(members: Sequence[SignalHistory], row: int, end: int) -> Html:
    next_row = min(row + 1, end - 1)
    before, after = ([percentile_at(history.values, at) for history in members] for at in (row, next_row))
    known = sum(np.isfinite(after))
    if not known:
        return tag("td", BLANK)
    counts = [
        sum(shade_of(percentile)[1] >= UNUSUAL_SHADE for percentile in percentiles) for percentiles in (before, after)
    ]
    strength = min(5, int(np.ceil(5 * counts[1] / known)))
    return tag(
        "td", f"{counts[0]} → {counts[1]}", tag("small", f"of {known}"), kind=f"up{strength}" if strength else ""
    )


def _legend() -> Html:
    low, high = (
        [tag("span", kind=f"shade {side}{number}") for number in range(1, len(SHADES) + 1)] for side in ("down", "up")
    )
    levels = ", ".join(f"{1 - share:.1%}".replace(".0%", "%").replace("%", " %") for share in SHADES)
    return note(
        "Unusually low ",
        *reversed(low),
        " ",
        *high,
        f" unusually high: among the most unusual {levels} of the values known up to that decision, both tails"
        f" together. The small number is the percentile, shown where {MIN_HISTORY} values or more were known. High does"
        " not mean good, nor low bad: a high drawdown value is a small drawdown.",
    )


def shade_of(percentile: float) -> tuple[str, int]:
    """The side of a percentile and its shade; 0 where it is common or unknown."""
    if np.isnan(percentile):
        return "up", 0
    return ("up" if percentile > 0.5 else "down"), sum(abs(2.0 * percentile - 1.0) >= share for share in SHADES)


def _event(decision_table: DecisionTable, histories: Sequence[SignalHistory], row: int, chart: Chart | None) -> Html:
    rows = rows_around(decision_table, row)
    head = [
        tag("th", "Signal", scope="col"),
        *(_moment(decision_table.decisions, decision, decision == row) for decision in rows),
    ]
    body: list[list[Html]] = []
    for family, members in groupby(histories, key=lambda history: history.family):
        body.append([tag("th", family, kind="family", colspan=str(len(rows) + 1), scope="rowgroup")])
        body += [[_name(history), *(_cell(history.values, at, at == row) for at in rows)] for history in members]
    return section(
        _day(decision_table.decisions.sessions[row]),
        note("The market has neither BTC nor a benchmark to draw.") if chart is None else chart.element(),
        note(
            "Dotted lines are the decisions in the table. The shaded area and the line in the table mark the session."
        ),
        table(head, body, kind="event numbers"),
        *_missing_note(decision_table, histories, rows),
    )


def _missing_note(decision_table: DecisionTable, histories: Sequence[SignalHistory], rows: Sequence[int]) -> list[Html]:
    """The reasons of missing values around an event, by signal."""
    reasons = {}
    for history in histories:
        spec, missing = history.spec, [row for row in rows if np.isnan(history.values[row])]
        if missing:
            parameters = {name: parameter.default for name, parameter in spec.parameters.items()}
            at = decision_table.decisions.at[missing[0]]
            reasons[title(spec.name)] = missing_reason(decision_table, spec, parameters, spec.outputs[0], "BTC", at)
    return [note(f"Without a value: {group_by_reason(reasons)}.")] if reasons else []


def _day(session: pd.Timestamp) -> str:
    return f"{session.day} {session:%B %Y}"


def _name(history: SignalHistory) -> Html:
    return tag(
        "th", title(history.spec.name), tag("small", history.spec.outputs[0]), scope="row", title=history.spec.summary
    )


def _moment(decisions: Decisions, row: int, is_day: bool) -> Html:
    at = pd.Timestamp(decisions.at[row])
    return tag("th", f"{at.day} {at:%b}", tag("small", f"{at:%a %H:%M}"), scope="col", kind="day" if is_day else "")


def _cell(values: FloatArray, row: int, is_day: bool) -> Html:
    percentile = percentile_at(values, row)
    side, shade = shade_of(percentile)
    kind = " ".join(word for word in (f"{side}{shade}" if shade else "", "day" if is_day else "") if word)
    small = tag("small", f"{100 * percentile:.0f}") if np.isfinite(percentile) else ""
    return tag("td", number_text(float(values[row])), small, kind=kind)


def number_text(value: float) -> str:
    """Three significant digits, two below a hundredth; a dash for a missing value."""
    if not np.isfinite(value):
        return BLANK
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{3 if abs(value) >= 0.01 else 2}g}"
    return ("0" if float(text.replace(",", "")) == 0 else text).replace("-", MINUS)


def _definitions(histories: Sequence[SignalHistory], absent: Mapping[str, str]) -> Html:
    rows = [
        [title(history.spec.name), history.spec.summary, history.spec.units, shortlist(_inputs(history), 6)]
        for history in sorted(histories, key=lambda history: history.spec.name)
    ]
    missing = [note(f"Without a value in this market: {title(name)} ({reason}).") for name, reason in absent.items()]
    return section(
        "Signal definitions", table(["Signal", "Definition", "Units", "Inputs"], rows, kind="settings"), *missing
    )


def _inputs(history: SignalHistory) -> list[str]:
    return [f"{kind} {column}" for kind, column in history.spec.inputs.values() if column != "regime"]
