"""The comparison page: many runs side by side on their common sessions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from undertow.backtests import HEADLINE_METRICS
from undertow.backtests.runs import Run, hold_label, hold_sentence
from undertow.market import FloatArray, ParameterError
from undertow.tearsheets.comparison.columns import ComparisonColumn
from undertow.tearsheets.comparison.table import Comparison, compare
from undertow.tearsheets.comparison.tax import tax_comparison_section
from undertow.tearsheets.html.charts import Chart, iso_dates, line_trace, log_axis, panel_layout, share_axis, step_trace
from undertow.tearsheets.html.markup import Html, join, note, nowrap_numbers, section, table, tag, write_atomic
from undertow.tearsheets.html.page import assemble, check_html_path
from undertow.tearsheets.html.palette import BASELINE, DASHES, HOLD, SERIES_COLOURS, drawdown_curve, growth_curve
from undertow.tearsheets.html.text import BLANK, count, day, percent, quantity, shortlist, title, typeset
from undertow.tearsheets.run.data_notes import note_items
from undertow.tearsheets.run.headline import SELECTION_NOTE, difference_or_none, selection_trials, sharpe_sentence
from undertow.tearsheets.run.recipe import compare_settings, equal_settings_line, recipe_parameters, recipe_settings

_KIND = "Undertow comparison"
_CSS_DASH = {"solid": "solid", "dash": "dashed", "dot": "dotted", "dashdot": "dashed"}
_GREYS = (HOLD, "#a9b1b9", "#3d444c")


def write_comparison(runs: Sequence[Run], path: str | Path, labels: Sequence[str] | None = None) -> Path:
    """Write two or more runs side by side as one self-contained HTML page.

    Every figure is recomputed on the sessions that all runs share; the page names the sessions left out. It holds the
    metrics of each run and of its baselines, a sentence on each run against the first with its interval, the tax,
    growth, drawdown and exposure overlaid, and the settings that differ. Equal runs give equal bytes; the file is
    written completely or not at all. `runs`, `labels` and errors are those of `compare`.
    """
    return write_comparison_page(compare(runs, labels=labels), path)


def write_comparison_page(comparison: Comparison, path: str | Path) -> Path:
    """Write a comparison as a page; raises `ParameterError` where not a .html file."""
    check_html_path(path)
    charts = [_chart(comparison)]
    body = join(
        [
            _title(comparison),
            section("Key figures", _figures(comparison), *_cautions(comparison)),
            section("Compared with the first run", _pairs(comparison)),
            tax_comparison_section(comparison),
            section("Growth, drawdown and exposure", charts[0].element()),
            _settings_section(comparison),
        ]
    )
    name = f"{quantity(len(comparison.runs), 'run')} side by side"
    page = assemble(name, body, [chart.as_dict() for chart in charts], iso_dates(comparison.sessions))
    return write_atomic(path, page.encode("utf-8"))


def check_page(path: str | Path) -> None:
    """Raise `ParameterError` where the file exists and is not a comparison page."""
    target = Path(path)
    if not target.is_file():
        return
    # The heading precedes the drawing code, which is most of a page.
    with target.open("rb") as file:
        if f">{_KIND}</p>".encode() in file.read(100_000):
            return
    raise ParameterError(f"`html` {str(target)!r} is a file that is not a comparison page; name another file")


def _title(comparison: Comparison) -> Html:
    first, last = comparison.sessions[0], comparison.sessions[-1]
    about = [shortlist([column.label for column in comparison.columns], 8), f"{day(first)} to {day(last)}"]
    about.append(quantity(len(comparison.sessions), "common session"))
    return tag(
        "header",
        tag("p", _KIND, kind="eyebrow"),
        tag("h1", f"{quantity(len(comparison.runs), 'run')} side by side"),
        tag("p", *(tag("span", item) for item in about), kind="about"),
        _left_out(comparison),
    )


def _left_out(comparison: Comparison) -> Html:
    omissions = [
        f"{column.label} {count(number)} of {quantity(len(run.series), 'session')}"
        for column, run, number in zip(comparison.columns, comparison.runs, comparison.left_out, strict=True)
        if number
    ]
    if not omissions:
        return note("Every session of every run is compared.")
    return note(
        f"Sessions left out, because not all runs have them: {'; '.join(omissions)}. All figures are for the common"
        " sessions."
    )


def _figures(comparison: Comparison) -> Html:
    labels = {BASELINE: hold_label(comparison.rebalance)}
    rows = [
        [
            nowrap_numbers(labels.get(column.label, column.label)),
            *(metric.text(column.metrics.get(metric.key, math.nan)) for metric in HEADLINE_METRICS),
        ]
        for column in (*comparison.columns, *comparison.baselines)
    ]
    return table(["", *(metric.short for metric in HEADLINE_METRICS)], rows, kind="comparison numbers")


def _cautions(comparison: Comparison) -> list[Html]:
    parts = [
        note(
            "Amounts in USD refer to the capital of each run at the time. An episode counts if it begins on a common"
            " session."
        )
    ]
    if sentence := hold_sentence(comparison.rebalance):
        parts.append(note(f"{sentence[:1].upper()}{sentence[1:]}."))
    parts += [
        note(f"{column.label}: {remark}")
        for column, run in zip(comparison.columns, comparison.runs, strict=True)
        for remark in note_items(run)
    ]
    if comparison.since is not None:
        parts.append(
            note(
                f"The runs began on different days: every row starts at the close of {day(comparison.since)}, the first"
                " session that all runs share, when every basket had been bought. Baskets bought on different days have"
                " drifted to different weights, so each has its own buy-and-hold."
            )
        )
    return parts


def _pairs(comparison: Comparison) -> Html:
    first, *columns = comparison.columns
    pairs = [
        tag("div", tag("p", tag("b", column.label), " ", _sentence(column, first)), kind="pair") for column in columns
    ]
    caution = f" Here {quantity(len(columns), 'run')} are compared with one." if len(columns) > 1 else ""
    return join([*pairs, *_selection_notes(comparison), note(SELECTION_NOTE + caution)])


def _selection_notes(comparison: Comparison) -> list[Html]:
    """Notes on runs chosen from many trials, on these sessions or on earlier ones."""
    notes = []
    for column, run in zip(comparison.columns, comparison.runs, strict=True):
        trials = selection_trials(run)
        if run.recipe.strategy.endswith("-walk-forward"):
            notes.append(note(f"{column.label} is out of sample: each fold was chosen on earlier sessions."))
        elif trials > 1:
            text = f"{column.label} is in-sample: it was chosen from {quantity(trials, 'trial')} on these sessions."
            notes.append(note(text))
    return notes


def _sentence(column: ComparisonColumn, first: ComparisonColumn) -> Html:
    if np.allclose(column.returns, first.returns, rtol=0.0, atol=1e-14):
        return join([f"has the same returns as {first.label}: there is no difference to test."])
    gap = difference_or_none(column.returns, first.returns, first.sessions_a_year)
    if gap is None:
        total = float(np.prod(1.0 + column.returns) - np.prod(1.0 + first.returns))
        return join([f"against {first.label}: total return {percent(total)}; these sessions allow no interval."])
    sentence = typeset(gap.sentence(first.label))
    return join([sentence[:1].lower() + sentence[1:], note(sharpe_sentence(gap))])


def _chart(comparison: Comparison) -> Chart:
    styles = _line_styles(comparison)
    curves = [growth_curve(column.returns) for column, _, _ in styles]
    traces = [
        {**trace, "zorder": -order}
        for order, (style, growth) in enumerate(zip(styles, curves, strict=True))
        for trace in _traces(*style, growth)
    ]
    layout = panel_layout(
        (comparison.sessions[0], comparison.sessions[-1]),
        ["Growth of 1, logarithmic", "Drawdown", "Target exposure"],
        [0.54, 0.24, 0.22],
        [
            log_axis(*curves),
            share_axis(rangemode="tozero"),
            share_axis(range=[0, 1.04], tickvals=[0, 0.5, 1]),
        ],
    )
    legend = tuple((column.label, colour, _CSS_DASH[dash]) for column, colour, dash in styles)
    return Chart(
        "runs",
        traces,
        layout,
        legend,
        "Growth of 1, drawdown and target exposure of all runs",
        size="taller",
    )


def _traces(column: ComparisonColumn, colour: str, dash: str, growth: FloatArray) -> list[dict[str, Any]]:
    traces = [
        line_trace(column.label, growth, colour, 1, ".2f", dash=dash),
        line_trace(column.label, drawdown_curve(column.returns), colour, 2, ".1%", dash=dash),
    ]
    if column.exposure is not None:
        traces.append(step_trace(column.label, column.exposure, colour, 3, dash=dash))
    return traces


def _line_styles(comparison: Comparison) -> list[tuple[ComparisonColumn, str, str]]:
    runs = [
        (column, SERIES_COLOURS[n % len(SERIES_COLOURS)], DASHES[n // len(SERIES_COLOURS) % len(DASHES)])
        for n, column in enumerate(comparison.columns)
    ]
    return runs + [(column, _GREYS[n % len(_GREYS)], DASHES[n % 2]) for n, column in enumerate(comparison.baselines)]


def _count_folds(parameters: dict[str, str]) -> dict[str, str]:
    """The parameters of a walk, with its folds counted instead of listed."""
    folds = [name for name in parameters if name.startswith("fold ")]
    shared = {name: value for name, value in parameters.items() if name not in folds}
    return {**shared, "Folds": f"{len(folds)}, each with its own parameters"} if folds else shared


def _settings_section(comparison: Comparison) -> Html:
    exact, short = ([_settings(run, digits) for run in comparison.runs] for digits in (10, 6))
    differ, equal = compare_settings(exact)
    rows = [[name, *_cells(name, short, exact)] for name in differ]
    content = (
        table(["", *(column.label for column in comparison.columns)], rows, kind="settings")
        if rows
        else tag("p", "All settings are equal.")
    )
    return section(
        "Settings that differ",
        content,
        note(nowrap_numbers(f"Equal in all runs. {equal_settings_line(equal, short[0])}.")) if equal else "",
    )


def _settings(run: Run, digits: int) -> dict[str, str]:
    return {
        "Strategy": title(run.name),
        **_count_folds(recipe_parameters(run.recipe, digits)),
        **recipe_settings(run.recipe),
    }


def _cells(name: str, short: list[dict[str, str]], exact: list[dict[str, str]]) -> list[Html]:
    """One setting of each run, with all digits only where fewer show no difference."""
    texts = [column.get(name, BLANK) for column in short]
    texts = texts if len(set(texts)) > 1 else [column.get(name, BLANK) for column in exact]
    return [tag("td", text, kind="" if re.search("[A-Za-z ]", text) else "number") for text in texts]
