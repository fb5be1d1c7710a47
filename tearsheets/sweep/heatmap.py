"""A sweep as heat maps of a metric over two parameters, and as a page."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from undertow.backtests import HEADLINE_METRICS
from undertow.backtests.segments import METRIC_NAMES
from undertow.backtests.sweeps import is_less_better
from undertow.market import FloatArray, ParameterError, did_you_mean
from undertow.tearsheets.html.charts import FONT
from undertow.tearsheets.html.markup import (
    Html,
    facts,
    join,
    note,
    section,
    table,
    tag,
    write_atomic,
)
from undertow.tearsheets.html.page import assemble, check_html_path
from undertow.tearsheets.html.palette import BASELINE, GRID, INK, MUTED, RUN
from undertow.tearsheets.html.text import BLANK, THRESHOLDS, plain, quantity, share
from undertow.tearsheets.html.text import title as titled
from undertow.tearsheets.sweep.bins import assign_bins, number_label
from undertow.tearsheets.sweep.colours import diverging_colours

# With more columns than this the values are not written into the cells.
_LABELLED_COLUMNS = 12
# The most maps of a page, and rows of its table.
_MAPS, _SETS = 6, 50
# Values that differ by less are equal.
EQUAL_WITHIN = 1e-9
TEXT = {metric.key: metric.text for metric in HEADLINE_METRICS}
WORDS = {metric.key: metric.label for metric in HEADLINE_METRICS}


def heat_map(frame: pd.DataFrame, x: str, y: str, value: str, *, hold: float | None = None) -> go.Figure:
    """A heat map of the median of a metric over two parameters.

    A cell holds all sets that share a value, or a bin of values, of both parameters; a parameter with more than 32
    values has 8 bins with about equally many sets each. A cell without sets is blank. Blue is better than `hold`,
    orange is worse. Raises `ParameterError` for a missing column.

    Args:
        frame: the result of `sweep`, one row a set
        x: the parameter of the columns
        y: the parameter of the rows
        value: the metric or objective that is drawn
        hold: its value for buy-and-hold; without it, blue is above the median set
    """
    for name in (x, y, value):
        if name not in frame.columns:
            raise ParameterError(f"the sweep has no column `{name}`{did_you_mean(name, map(str, frame.columns))}")
    if x == y:
        raise ParameterError(f"`x` and `y` must be two parameters, got `{x}` twice")
    across, columns = assign_bins(frame[x])
    up, rows = assign_bins(frame[y])
    medians, counts = np.full((len(rows), len(columns)), np.nan), np.zeros((len(rows), len(columns)), dtype=int)
    flat = up * len(columns) + across
    np.add.at(counts.reshape(-1), flat, 1)
    cells = frame[value].groupby(flat).median()
    medians.reshape(-1)[cells.index.to_numpy()] = cells.to_numpy()
    middle = _median_set(frame[value]) if hold is None else hold
    # An account that traded once differs by rounding: an equal drawdown is not a better one.
    medians[np.isclose(medians, middle, rtol=EQUAL_WITHIN, atol=EQUAL_WITHIN)] = middle
    colours = diverging_colours(medians, middle, less_is_better=hold is not None and is_less_better(value))
    figure = go.Figure(go.Heatmap(**_trace(x, y, value, columns, rows, medians, counts), **colours))
    figure.update_layout(**_layout(x, y, value))
    return figure


def _hold_caption(figure: go.Figure, value: str, hold: float) -> Html:
    """The number of cells of a map that beat buy-and-hold."""
    medians = np.array(figure.data[0].z, dtype=np.float64)
    known = medians[np.isfinite(medians)]
    above = hold - known if is_less_better(value) else known - hold
    better, level = int((above > 0.0).sum()), TEXT.get(value, _four_digits)(hold)
    best, is_share = float(above.max(initial=0.0)), level.endswith("%")
    margin = f"{plain(100 * best)} percentage points" if is_share else number_label(best, 2)
    verb = "is" if better == 1 else "are"
    return note(
        f"{better or 'None'} of {quantity(len(known), 'cell')} {verb} better than buy-and-hold ({level})"
        f"{f', by up to {margin}' if better else ''}."
    )


def _median_set(values: pd.Series) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.median()) if len(finite) else 0.0


def _finite(values: pd.Series) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def line_chart(frame: pd.DataFrame, x: str, value: str, baselines: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """A line chart of the median of a metric over one parameter, with baselines.

    Args:
        frame: the result of `sweep`, one row a set
        x: the parameter
        value: the metric or objective that is drawn
        baselines: metrics of the baselines by name
    """
    cells, names = assign_bins(frame[x])
    medians = frame[value].groupby(cells).median()
    text = TEXT.get(value, _four_digits)
    style = {"mode": "lines+markers", "marker": {"size": 7}, "line": {"color": RUN, "width": 1.6}}
    hover = {"hovertemplate": f"{html.escape(x)} %{{x}}<br>%{{customdata}}<extra></extra>"}
    labels = [text(float(median)) for median in medians]
    figure = go.Figure(go.Scatter(x=names, y=_finite(medians), customdata=labels, name="sets", **style, **hover))
    for number, (name, metrics) in enumerate(baselines.items()):
        if math.isfinite(metrics.get(value, math.nan)):
            level = {"color": MUTED, "width": 1.2, "dash": ("dash", "dot")[number % 2]}
            figure.add_scatter(
                x=[names[0], names[-1]], y=[float(metrics[value])] * 2, mode="lines", name=titled(name), line=level
            )
    layout = _layout(x, WORDS.get(value, value), value)
    layout["yaxis"] |= {"type": "linear", "showgrid": True, "gridcolor": GRID, "zeroline": False}
    figure.update_layout(**layout, showlegend=True, legend={"orientation": "h", "y": 1.08, "x": 1, "xanchor": "right"})
    return figure


def _four_digits(value: float) -> str:
    return number_label(float(value), 4)


def _trace(
    x: str, y: str, value: str, columns: list[str], rows: list[str], medians: FloatArray, counts: Any
) -> dict[str, Any]:
    text = TEXT.get(value, _four_digits)
    labels = [[text(cell) if math.isfinite(cell) else "" for cell in row] for row in medians]
    return {
        "x": columns,
        "y": rows,
        "z": [[float(cell) if math.isfinite(cell) else None for cell in row] for row in medians],
        "customdata": [
            [[int(n), label] for n, label in zip(*row, strict=True)] for row in zip(counts, labels, strict=True)
        ],
        "text": labels
        if len(columns) <= _LABELLED_COLUMNS and max(map(len, itertools.chain(*labels)), default=0) <= 6
        else None,
        "texttemplate": "%{text}" if len(columns) <= _LABELLED_COLUMNS else None,
        "textfont": {"size": 11},
        "hovertemplate": f"{html.escape(x)} %{{x}}<br>{html.escape(y)} %{{y}}<br>median %{{customdata[1]}}"
        "<br>%{customdata[0]} sets<extra></extra>",
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 10, "outlinewidth": 0, "len": 1.0},
    }


def _layout(x: str, y: str, value: str) -> dict[str, Any]:
    axis = {"type": "category", "showgrid": False, "ticks": "", "linecolor": GRID, "automargin": True}
    return {
        "font": {"family": FONT, "size": 12, "color": MUTED},
        "margin": {"l": 60, "r": 10, "t": 34, "b": 64},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "title": {
            "text": html.escape(f"{y} by {x}"),
            "x": 0,
            "font": {"size": 13, "color": INK},
        },
        "xaxis": {**axis, "title": {"text": html.escape(x), "standoff": 8}},
        "yaxis": {**axis, "title": {"text": html.escape(y), "standoff": 12}},
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": GRID, "font": {"family": FONT, "size": 12, "color": INK}},
        "meta": {"value": value},
    }


def write_sweep(
    frame: pd.DataFrame,
    path: str | Path,
    *,
    title: str = "Sweep",
    value: str = "annual_sharpe",
    parameters: Sequence[str] | None = None,
    about: Sequence[str] = (),
    baselines: Mapping[str, Mapping[str, float]] | None = None,
    notes: Sequence[str] = (),
    recipe: Mapping[str, str] | None = None,
    command: str | None = None,
) -> Path:
    """Write a sweep as one self-contained HTML page and return its path.

    The page holds the distribution of a metric, heat maps of it (a line chart where one parameter alone was varied),
    and the top sets. The first map is that of lag and threshold where both were varied; the others are of the
    parameters that move the median most. Raises `ParameterError` where `path` does not end in .html or a column is
    missing.

    Args:
        frame: the result of `sweep`, one row a set
        path: the file to write
        title: the title of the page
        value: the metric or objective that is drawn and sorted by
        parameters: the columns that were varied; by default those before `total_return` with more than one value
        about: remarks below the title, such as the sessions
        baselines: metrics of the baselines by name
        notes: sentences added to the distribution
        recipe: settings by name that reproduce the sweep
        command: the command line that reproduces the sweep
    """
    check_html_path(path, "html")
    if value not in frame.columns:
        raise ParameterError(f"the sweep has no column `{value}`{did_you_mean(value, map(str, frame.columns))}")
    columns = _default_parameters(frame) if parameters is None else parameters
    varied = [name for name in columns if _distinct(frame[name]) > 1]
    ranked = sorted(varied, key=lambda name: -_effect(frame, name, value))
    pairs = _pairs(ranked)[:_MAPS]
    hold = _hold(baselines or {}, value)
    figures = [heat_map(frame, *pair, value, hold=hold) for pair in pairs]
    if len(ranked) == 1:
        figures = [line_chart(frame, ranked[0], value, baselines or {})]
    label = WORDS.get(value, value.replace("_", " "))
    captions = [_hold_caption(figure, value, hold) if pairs and hold is not None else "" for figure in figures]
    elements = [
        tag(
            "figure",
            caption,
            tag("div", id=f"map{at}", kind="chart tall", role="img", aria_label=f"{label} by parameter"),
        )
        for at, caption in enumerate(captions)
    ]
    body = join(
        [
            _heading(frame, title, label, about),
            section(
                f"{label}: distribution over all sets",
                facts([*_distribution(frame[value], value), *_baseline_values(baselines or {}, value)]),
                *map(note, notes),
            ),
            section(
                "By parameter" if len(ranked) == 1 else "Heat maps", *elements, *_notes(ranked, pairs, value, hold)
            ),
            section(_best_title(frame[value], label), _best(frame, value, ranked), *_hidden_sets(frame)),
            *_recipe(recipe or {}, command),
        ]
    )
    charts = [{"id": f"map{number}", **_json(figure)} for number, figure in enumerate(figures)]
    return write_atomic(path, assemble(title, body, charts).encode("utf-8"))


def _hidden_sets(frame: pd.DataFrame) -> list[Html]:
    hidden = len(frame) - _SETS
    return (
        [note(f"{quantity(hidden, 'more set')} not shown; `undertow sweep --out` writes all of them.")]
        if hidden > 0
        else []
    )


def _recipe(recipe: Mapping[str, str], command: str | None) -> list[Html]:
    line = [facts([("Command", tag("code", command))], kind="facts wide")] if command else []
    return [section("Recipe", facts(recipe.items()), *line)] if recipe or command else []


def _json(figure: go.Figure) -> dict[str, Any]:
    content = figure.to_plotly_json()
    layout = {name: part for name, part in content["layout"].items() if name != "template"}
    return {"data": content["data"], "layout": layout}


def _default_parameters(frame: pd.DataFrame) -> list[str]:
    columns = list(map(str, frame.columns))
    return columns[: columns.index("total_return")] if "total_return" in columns else columns


def _distinct(values: pd.Series) -> int:
    # None counts as a choice.
    return int(values.nunique(dropna=False))


def _effect(frame: pd.DataFrame, name: str, value: str) -> float:
    """The range of the median of a metric over the values of a parameter."""
    cells, _ = assign_bins(frame[name])
    medians = frame[value].groupby(cells).median()
    return float(medians.max() - medians.min()) if medians.notna().any() else 0.0


def _pairs(ranked: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of parameters: lag and threshold first, then by effect."""
    level = next((name for name in THRESHOLDS if name in ranked), None)
    pairs = [pair for pair in itertools.combinations(ranked, 2) if set(pair) != {"lag", level}]
    return [("lag", level), *pairs] if "lag" in ranked and level is not None else pairs


def _baseline_values(baselines: Mapping[str, Mapping[str, float]], value: str) -> list[tuple[str, str]]:
    text = TEXT.get(value, _four_digits)
    return [(titled(name), text(float(metrics[value]))) for name, metrics in baselines.items() if value in metrics]


def _hold(baselines: Mapping[str, Mapping[str, float]], value: str) -> float | None:
    """The value of buy-and-hold; None for a metric that only a rule has."""
    level = float(baselines.get(BASELINE, {}).get(value, math.nan))
    return level if (value in METRIC_NAMES or ":" in value) and math.isfinite(level) else None


def _heading(frame: pd.DataFrame, title: str, label: str, about: Sequence[str]) -> Html:
    return tag(
        "header",
        tag("p", "Undertow sweep", kind="eyebrow"),
        tag("h1", titled(title)),
        tag(
            "p",
            tag("span", quantity(len(frame), "parameter set")),
            tag("span", f"metric: {label}"),
            *(tag("span", item) for item in about),
            kind="about",
        ),
    )


def _distribution(values: pd.Series, value: str) -> list[tuple[str, str]]:
    text = TEXT.get(value, _four_digits)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [("Sets without a value", quantity(len(values), "set"))]
    points = (("Lowest", 0.0), ("10 %", 0.1), ("Median", 0.5), ("90 %", 0.9), ("Highest", 1.0))
    pairs = [(name, text(float(finite.quantile(at)))) for name, at in points]
    pairs.append(("Above 0", share(float((finite > 0).mean()), 0)))
    missing = len(values) - len(finite)
    return [*pairs, ("Without a value", quantity(missing, "set"))] if missing else pairs


_LUCK = "The highest of many sets is high partly by chance: look for broad areas, not for a single value."


def _colour_key(value: str, hold: float | None) -> str:
    """The meaning of the colours of a map."""
    if hold is None:
        return "Blue is above the median set, orange is below."
    level, is_less = TEXT.get(value, _four_digits)(hold), is_less_better(value)
    better, worse = ("below", "above") if is_less else ("above", "below")
    return (
        f"Blue is better than buy-and-hold ({better} {level}), orange is worse ({worse} it); a darker cell is further"
        " away."
    )


def _notes(ranked: list[str], pairs: list[tuple[str, str]], value: str, hold: float | None) -> list[Html]:
    label = WORDS.get(value, value.replace("_", " "))
    if not ranked:
        return [note("No parameter was varied: there is nothing to map.")]
    if len(ranked) == 1:
        return [note(f"Each point is the median {label} of the sets with that value."), note(_LUCK)]
    notes = [
        note(
            f"A cell shows the median {label} of all its sets, whatever their other parameters."
            f" {_colour_key(value, hold)} Hover over a cell for its number of sets."
        ),
        note(_LUCK),
    ]
    hidden = math.comb(len(ranked), 2) - len(pairs)
    if hidden > 0:
        notes.append(note(f"{quantity(hidden, 'pair')} of parameters with a smaller effect not shown."))
    return notes


def _best_title(values: pd.Series, label: str) -> str:
    if not np.isfinite(values).any():
        return f"Sets in their order: none has a value of {label}"
    return f"Top {min(_SETS, len(values))} sets by {label}"


def _best(frame: pd.DataFrame, value: str, parameters: list[str]) -> Html:
    figures = [
        value,
        *(
            metric.key
            for metric in HEADLINE_METRICS
            # All that is not cash needs no column beside that of cash.
            if metric.key not in (value, "average_exposure_reached") and metric.key in frame.columns
        ),
    ]
    best = frame.sort_values(value, ascending=is_less_better(value), kind="stable", na_position="last").head(_SETS)
    rows = [
        [
            str(at),
            *(number_label(row[name], 4) for name in parameters),
            *(TEXT[name](float(row[name])) if name in TEXT else number_label(float(row[name]), 4) for name in figures),
        ]
        for at, row in enumerate(best.to_dict(orient="records"), 1)
    ]
    head = ["Rank", *parameters, *(WORDS.get(name, name.replace("_", " ")) for name in figures)]
    return table(head, rows, kind="comparison numbers") if rows else note(BLANK)
