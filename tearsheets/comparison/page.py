"""The comparison page: many runs side by side on their common sessions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from undertow.backtests.metrics import drawdowns
from undertow.backtests.runs.run import Run
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError
from undertow.tearsheets.comparison.table import Comparison, Line, side_by_side
from undertow.tearsheets.comparison.tax import tax_part
from undertow.tearsheets.html.charts import Chart, line, log_axis, share_axis, stacked, steps
from undertow.tearsheets.html.markup import Html, join, note, section, table, tag, unbroken, write_whole
from undertow.tearsheets.html.palette import DASHES, HOLD, MANY, curve
from undertow.tearsheets.html.text import BLANK, METRICS, count, counted, day, listed, percent, title, typeset
from undertow.tearsheets.run.handled import differing, equal_line, parameters, settings
from undertow.tearsheets.run.headline import CHOSEN, chosen_from, compared, sharpe_sentence
from undertow.tearsheets.run.page import assemble

_KIND = "Undertow comparison"
_CSS_DASH = {"solid": "solid", "dash": "dashed", "dot": "dotted", "dashdot": "dashed"}
_GREYS = (HOLD, "#a9b1b9", "#3d444c")


def write_comparison(runs: Sequence[Run], path: str | Path, labels: Sequence[str] | None = None) -> Path:
    """Write two or more runs side by side as one self-contained HTML page.

    Every figure is recomputed on the sessions that all runs share; what is left out is said. The page holds the metrics
    of each run and of its baselines, growth, drawdown and exposure overlaid, a note on each run against the first with
    its interval, and the settings that differ. `labels` default to the strategies' names and are made distinct. Equal
    runs give equal bytes; the file appears whole or not at all. Returns the path.

    Raises `ParameterError` for fewer than two runs, for labels that do not match them, and, with each run's span, for
    runs that share fewer than two sessions.
    """
    found = side_by_side(runs, labels)
    charts = [_chart(found)]
    body = join(
        [
            _title(found),
            section("In figures", _figures(found), *_cautions(found)),
            section("Against the first run", _pairs(found)),
            tax_part(found),
            section("Growth, drawdown and exposure", charts[0].place()),
            _settings_section(found),
        ]
    )
    name = f"{counted(len(runs), 'run')} side by side"
    return write_whole(path, assemble(name, body, charts, found.sessions).encode("utf-8"))


def check_page(path: str | Path) -> None:
    """Raise `ParameterError` where a page would take the place of a file that is no comparison of ours."""
    target = Path(path)
    if not target.is_file():
        return
    # The heading stands before the drawing code, which is most of a page.
    with target.open("rb") as file:
        if f">{_KIND}</p>".encode() in file.read(100_000):
            return
    raise ParameterError(f"`out` {str(target)!r} is a file that is no comparison of Undertow; name another file")


def _title(found: Comparison) -> Html:
    first, last = found.sessions[0], found.sessions[-1]
    about = [listed([each.label for each in found.lines], 8), f"{day(first)} to {day(last)}"]
    about.append(counted(len(found.sessions), "common session"))
    return tag(
        "header",
        tag("p", _KIND, kind="eyebrow"),
        tag("h1", f"{counted(len(found.runs), 'run')} side by side"),
        tag("p", *(tag("span", each) for each in about), kind="about"),
        _left_out(found),
    )


def _left_out(found: Comparison) -> Html:
    missing = [
        f"{each.label} {count(left)} of {counted(len(run.series), 'session')}"
        for each, run, left in zip(found.lines, found.runs, found.left_out, strict=True)
        if left
    ]
    if not missing:
        return note("Every session of every run is compared.")
    return note(
        f"Left out, because not all runs have them: {'; '.join(missing)}. Every figure is of the common sessions."
    )


def _figures(found: Comparison) -> Html:
    rows = [
        [unbroken(each.label), *(metric.text(each.metrics.get(metric.key, math.nan)) for metric in METRICS)]
        for each in (*found.lines, *found.baselines)
    ]
    return table(["", *(metric.short for metric in METRICS)], rows, kind="comparison numbers")


def _cautions(found: Comparison) -> list[Html]:
    parts = [note("Money in USD is of each run's own capital of the moment. Episodes are counted where they begin.")]
    if found.since is not None:
        parts.append(
            note(
                f"The runs began on different days: every row starts at the close of {day(found.since)}, the first"
                " session that all have, when every basket was bought. One bought on another day has drifted to other"
                " weights, so that it has a buy-and-hold of its own."
            )
        )
    return parts


def _pairs(found: Comparison) -> Html:
    first, rest = found.lines[0], found.lines[1:]
    notes = [tag("div", tag("p", tag("b", each.label), " ", _sentence(each, first)), kind="pair") for each in rest]
    many = f" Here {counted(len(rest), 'run')} are held against one." if len(rest) > 1 else ""
    return join([*notes, *_chosen(found), note(CHOSEN + many)])


def _chosen(found: Comparison) -> list[Html]:
    """What was chosen from many trials: on the sessions shown, or, by a walk-forward, on those before them."""
    notes = []
    for each, run in zip(found.lines, found.runs, strict=True):
        many = chosen_from(run)
        if run.recipe.strategy.endswith("-walk-forward"):
            notes.append(note(f"{each.label} is out of sample: each fold was chosen on sessions before its own."))
        elif many > 1:
            text = f"{each.label} is in-sample: it was chosen from {counted(many, 'trial')} on these sessions."
            notes.append(note(text))
    return notes


def _sentence(own: Line, first: Line) -> Html:
    if np.allclose(own.returns, first.returns, rtol=0.0, atol=1e-14):
        return join([f"has the returns of {first.label}: there is no difference to judge."])
    found = compared(own.returns, first.returns)
    if found is None:
        apart = float(np.prod(1.0 + own.returns) - np.prod(1.0 + first.returns))
        return join(
            [f"against {first.label}: total return {percent(apart)}; no interval can be given for these sessions."]
        )
    sentence = typeset(found.sentence(first.label))
    return join([sentence[:1].lower() + sentence[1:], note(sharpe_sentence(found))])


def _chart(found: Comparison) -> Chart:
    styled = _styled(found)
    curves = [curve(each.returns) for each, _, _ in styled]
    drawn = [
        {**part, "zorder": -place}
        for place, (each, growth) in enumerate(zip(styled, curves, strict=True))
        for part in _drawn(*each, growth)
    ]
    layout = stacked(
        (found.sessions[0], found.sessions[-1]),
        ["Growth of 1, logarithmic", "Drawdown", "Target exposure"],
        [0.54, 0.24, 0.22],
        [
            log_axis(*curves),
            share_axis(rangemode="tozero"),
            share_axis(range=[0, 1.04], tickvals=[0, 0.5, 1]),
        ],
    )
    legend = tuple((each.label, colour, _CSS_DASH[dash]) for each, colour, dash in styled)
    return Chart(
        "runs",
        drawn,
        layout,
        legend,
        "Growth of 1, drawdown and target exposure of all runs",
        size="taller",
    )


def _drawn(each: Line, colour: str, dash: str, growth: FloatArray) -> list[dict[str, Any]]:
    parts = [
        line(each.label, growth, colour, 1, ".2f", dash=dash),
        line(each.label, drawdowns(each.returns), colour, 2, ".1%", dash=dash),
    ]
    if each.exposure is not None:
        parts.append(steps(each.label, each.exposure, colour, 3, dash=dash))
    return parts


def _styled(found: Comparison) -> list[tuple[Line, str, str]]:
    runs = [(each, MANY[n % len(MANY)], DASHES[n // len(MANY) % len(DASHES)]) for n, each in enumerate(found.lines)]
    return runs + [(each, _GREYS[n % len(_GREYS)], DASHES[n % 2]) for n, each in enumerate(found.baselines)]


def _folded(given: dict[str, str]) -> dict[str, str]:
    """The parameters of a walk with its folds counted: each has its own, which its page lists."""
    folds = [name for name in given if name.startswith("fold ")]
    rest = {name: value for name, value in given.items() if name not in folds}
    return {**rest, "Folds": f"{len(folds)}, each with its own parameters"} if folds else rest


def _settings_section(found: Comparison) -> Html:
    whole, short = ([_told(run, digits) for run in found.runs] for digits in (10, 6))
    differ, equal = differing(whole)
    rows = [[name, *_cells(name, short, whole)] for name in differ]
    shown = (
        table(["", *(each.label for each in found.lines)], rows, kind="settings")
        if rows
        else tag("p", "Nothing differs.")
    )
    return section(
        "What differs", shown, note(unbroken(f"Equal in all. {equal_line(equal, short[0])}.")) if equal else ""
    )


def _told(run: Run, digits: int) -> dict[str, str]:
    return {
        "Strategy": title(run.name),
        **_folded(parameters(run.recipe, digits)),
        **settings(run.recipe),
    }


def _cells(name: str, short: list[dict[str, str]], whole: list[dict[str, str]]) -> list[Html]:
    """One setting of each run, in full only where fewer digits tell no difference; a number stays on its line."""
    texts = [column.get(name, BLANK) for column in short]
    texts = texts if len(set(texts)) > 1 else [column.get(name, BLANK) for column in whole]
    return [tag("td", text, kind="" if re.search("[A-Za-z ]", text) else "number") for text in texts]
