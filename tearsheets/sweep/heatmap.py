"""A sweep as pictures: heat maps of a figure over two parameters, and one page with all of them."""

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
from plotly.offline import get_plotlyjs

from undertow.backtests.segments.metrics import METRIC_NAMES
from undertow.backtests.sweeps.chunk import is_less_better
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError, did_you_mean
from undertow.tearsheets.html.charts import FONT
from undertow.tearsheets.html.markup import (
    Html,
    facts,
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
from undertow.tearsheets.html.palette import BASELINE, GRID, INK, QUIET, RUN
from undertow.tearsheets.html.text import BLANK, METRICS, THRESHOLDS, counted, plain, share, value_text
from undertow.tearsheets.html.text import title as titled
from undertow.tearsheets.sweep.colours import parted

# A parameter with more values than CELLS is drawn in BINS that hold equally many sets each; with more than WRITTEN
# the figures are not written into the cells.
CELLS, BINS, WRITTEN = 32, 8, 12
MAPS, SETS = 6, 50
# Figures that differ by less are equal.
ROUNDING = 1e-9
TEXT = {each.key: each.text for each in METRICS}
WORDS = {each.key: each.words for each in METRICS}


def heat_map(frame: pd.DataFrame, x: str, y: str, value: str, *, hold: float | None = None) -> go.Figure:
    """The median of `value` over all sets that share a value, or a bin of values, of the parameters `x` and `y`.

    `frame` is what `sweep` returns. Hovering tells the median and the number of sets of a cell; a cell without sets is
    blank. Numbers with more than 32 values are put into 8 bins that hold about equally many sets each. Colours part at
    `hold`, what buy-and-hold made of `value`: blue beats it. Without it they part at the median set: blue is above.

    Raises `ParameterError` where a column is not there.
    """
    for name in (x, y, value):
        if name not in frame.columns:
            raise ParameterError(f"the sweep has no column `{name}`{did_you_mean(name, map(str, frame.columns))}")
    if x == y:
        raise ParameterError(f"`x` and `y` must be two parameters, got `{x}` twice")
    across, columns = binned(frame[x])
    up, rows = binned(frame[y])
    medians, counts = np.full((len(rows), len(columns)), np.nan), np.zeros((len(rows), len(columns)), dtype=int)
    flat = up * len(columns) + across
    np.add.at(counts.reshape(-1), flat, 1)
    cells = frame[value].groupby(flat).median()
    medians.reshape(-1)[cells.index.to_numpy()] = cells.to_numpy()
    middle = _median_set(frame[value]) if hold is None else hold
    # An account that traded once rounds otherwise: the same drawdown is no better one.
    medians[np.isclose(medians, middle, rtol=ROUNDING, atol=ROUNDING)] = middle
    colours = parted(medians, middle, less_is_better=hold is not None and is_less_better(value))
    figure = go.Figure(go.Heatmap(**_trace(x, y, value, columns, rows, medians, counts), **colours))
    figure.update_layout(**_layout(x, y, value))
    return figure


def _beating(figure: go.Figure, value: str, hold: float) -> Html:
    """How many cells of a map beat buy-and-hold."""
    medians = np.array(figure.data[0].z, dtype=np.float64)
    known = medians[np.isfinite(medians)]
    above = hold - known if is_less_better(value) else known - hold
    better, level = int((above > 0.0).sum()), TEXT.get(value, _four)(hold)
    best, is_share = float(above.max(initial=0.0)), level.endswith("%")
    by = (
        f", by {plain(100 * best) + ' percentage points' if is_share else _number(best, 2)} at the most"
        if better
        else ""
    )
    return note(
        f"{better or 'None'} of {counted(len(known), 'cell')} {'beats' if better == 1 else 'beat'} buy-and-hold's"
        f" {level}{by}."
    )


def _median_set(values: pd.Series) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.median()) if len(finite) else 0.0


def binned(values: pd.Series) -> tuple[Any, list[str]]:
    """The cell (P,) that each value falls into, and the cells' names in order."""
    found, distinct = pd.factorize(values, use_na_sentinel=False)
    if len(distinct) <= CELLS or not pd.api.types.is_numeric_dtype(values):
        plain = [None if pd.isna(each) else each for each in distinct]
        order = sorted(range(len(plain)), key=lambda at: _rank(plain[at]))
        names = ["none" if plain[at] is None else _number(plain[at]) for at in order]
        return np.argsort(order)[found], names
    edges = np.unique(np.quantile(values.to_numpy(dtype=np.float64), np.linspace(0.0, 1.0, BINS + 1)))
    last = len(edges) - 2
    cell = np.clip(np.searchsorted(edges, values.to_numpy(dtype=np.float64), side="right") - 1, 0, last)
    # Between two edges that many values share nothing may be left: such a bin is none.
    cell = np.unique(cell, return_inverse=True)[1]
    # Named by what is in them: where one ends at the value at which the next begins, neither says who holds it.
    spans = values.groupby(cell).agg(["min", "max"])
    return cell, [f"{_number(low, 3)} to {_number(high, 3)}" for low, high in spans.itertuples(index=False)]


def _rank(value: Any) -> tuple[bool, bool, Any]:
    """Numbers first, then words, then none."""
    return value is None, isinstance(value, str), 0 if value is None else value


def _blank(values: pd.Series) -> list[float | None]:
    return [float(each) if math.isfinite(each) else None for each in values]


def line_chart(frame: pd.DataFrame, x: str, value: str, baselines: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """The median of `value` over each value of one parameter `x`, with a level line for each baseline that has it."""
    cells, names = binned(frame[x])
    medians = frame[value].groupby(cells).median()
    text = TEXT.get(value, _four)
    drawn = {"mode": "lines+markers", "marker": {"size": 7}, "line": {"color": RUN, "width": 1.6}}
    hover = {"hovertemplate": f"{html.escape(x)} %{{x}}<br>%{{customdata}}<extra></extra>"}
    words = [text(float(each)) for each in medians]
    figure = go.Figure(go.Scatter(x=names, y=_blank(medians), customdata=words, name="sets", **drawn, **hover))
    for number, (name, each) in enumerate(baselines.items()):
        if math.isfinite(each.get(value, math.nan)):
            level = {"color": QUIET, "width": 1.2, "dash": ("dash", "dot")[number % 2]}
            figure.add_scatter(
                x=[names[0], names[-1]], y=[float(each[value])] * 2, mode="lines", name=titled(name), line=level
            )
    layout = _layout(x, WORDS.get(value, value), value)
    layout["yaxis"] |= {"type": "linear", "showgrid": True, "gridcolor": GRID, "zeroline": False}
    figure.update_layout(**layout, showlegend=True, legend={"orientation": "h", "y": 1.08, "x": 1, "xanchor": "right"})
    return figure


def _number(value: Any, digits: int = 6) -> str:
    return value_text(float(f"{value:.{digits}g}")) if isinstance(value, float | np.floating) else value_text(value)


def _four(value: float) -> str:
    return _number(float(value), 4)


def _trace(
    x: str, y: str, value: str, columns: list[str], rows: list[str], medians: FloatArray, counts: Any
) -> dict[str, Any]:
    text = TEXT.get(value, _four)
    shown = [[text(cell) if math.isfinite(cell) else "" for cell in row] for row in medians]
    return {
        "x": columns,
        "y": rows,
        "z": [[float(cell) if math.isfinite(cell) else None for cell in row] for row in medians],
        "customdata": [
            [[int(n), words] for n, words in zip(*row, strict=True)] for row in zip(counts, shown, strict=True)
        ],
        "text": shown if len(columns) <= WRITTEN and max(map(len, itertools.chain(*shown)), default=0) <= 6 else None,
        "texttemplate": "%{text}" if len(columns) <= WRITTEN else None,
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
        "font": {"family": FONT, "size": 12, "color": QUIET},
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
    """Write a sweep as one self-contained HTML page: heat maps of `value`, the spread of it, and the first sets by it.

    Where one parameter alone was varied it is a line instead of a map.

    `parameters` are the columns that were varied, by default those before `total_return` with more than one value. The
    first heat map is of lag and threshold where both are among them, the others of the parameters that move the median
    of `value` most. `about` is told below the title, such as the sessions; `baselines` gives metrics by name to hold
    the spread against; `notes` are added to it. `recipe` are settings by name and `command` the command line that make
    the sweep again. Returns the path.

    Raises `ParameterError` where `path` does not end in .html or a column is not there.
    """
    if Path(path).suffix != ".html" or Path(path).is_dir():
        raise ParameterError(f"`html` must be a file that ends in .html, got {str(path)!r}")
    if value not in frame.columns:
        raise ParameterError(f"the sweep has no column `{value}`{did_you_mean(value, map(str, frame.columns))}")
    varied = _varied(frame) if parameters is None else [each for each in parameters if _distinct(frame[each]) > 1]
    ranked = sorted(varied, key=lambda name: -_effect(frame, name, value))
    pairs = _pairs(ranked)[:MAPS]
    hold = _hold(baselines or {}, value)
    figures = [heat_map(frame, *pair, value, hold=hold) for pair in pairs]
    if len(ranked) == 1:
        figures = [line_chart(frame, ranked[0], value, baselines or {})]
    words = WORDS.get(value, value.replace("_", " "))
    told = [_beating(figure, value, hold) if pairs and hold is not None else "" for figure in figures]
    places = [
        tag(
            "figure", each, tag("div", id=f"map{at}", kind="chart tall", role="img", aria_label=f"{words} by parameter")
        )
        for at, each in enumerate(told)
    ]
    body = join(
        [
            _heading(frame, title, words, about),
            section(
                f"{words}: the spread over all sets",
                facts([*_spread(frame[value], value), *_held_against(baselines or {}, value)]),
                *map(note, notes),
            ),
            section("By parameter" if len(ranked) == 1 else "Heat maps", *places, *_notes(ranked, pairs, value, hold)),
            section(f"First {min(SETS, len(frame))} sets by {words}", _best(frame, value, ranked), *_rest(frame)),
            *_recipe(recipe or {}, command),
        ]
    )
    drawn = [{"id": f"map{at}", **_json(figure)} for at, figure in enumerate(figures)]
    page = fill(
        "page.html",
        title=f"{title} | Undertow",
        style=Html(resource("page.css")),
        body=body,
        plotly=Html(get_plotlyjs()),
        charts=script_json({"sessions": [], "charts": drawn}),
        scripts=Html(resource("scripts.html")),
    )
    return write_whole(path, page.encode("utf-8"))


def _rest(frame: pd.DataFrame) -> list[Html]:
    rest = len(frame) - SETS
    return (
        [note(f"{counted(rest, 'more set')} not shown; `undertow sweep --out` writes all of them.")] if rest > 0 else []
    )


def _recipe(recipe: Mapping[str, str], command: str | None) -> list[Html]:
    again = [facts([("Command", tag("code", command))], kind="facts wide")] if command else []
    return [section("Recipe", facts(recipe.items()), *again)] if recipe or command else []


def _json(figure: go.Figure) -> dict[str, Any]:
    content = figure.to_plotly_json()
    layout = {name: part for name, part in content["layout"].items() if name != "template"}
    return {"data": content["data"], "layout": layout}


def _varied(frame: pd.DataFrame) -> list[str]:
    columns = list(map(str, frame.columns))
    before = columns[: columns.index("total_return")] if "total_return" in columns else columns
    return [name for name in before if _distinct(frame[name]) > 1]


def _distinct(values: pd.Series) -> int:
    # None is a choice.
    return int(values.nunique(dropna=False))


def _effect(frame: pd.DataFrame, name: str, value: str) -> float:
    """How far the median of a figure moves over a parameter."""
    cells, _ = binned(frame[name])
    medians = frame[value].groupby(cells).median()
    return float(medians.max() - medians.min()) if medians.notna().any() else 0.0


def _pairs(ranked: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of parameters, lag and threshold first, then those with most effect."""
    level = next((name for name in THRESHOLDS if name in ranked), None)
    pairs = [pair for pair in itertools.combinations(ranked, 2) if set(pair) != {"lag", level}]
    return [("lag", level), *pairs] if "lag" in ranked and level is not None else pairs


def _held_against(baselines: Mapping[str, Mapping[str, float]], value: str) -> list[tuple[str, str]]:
    text = TEXT.get(value, _four)
    return [(titled(name), text(float(each[value]))) for name, each in baselines.items() if value in each]


def _hold(baselines: Mapping[str, Mapping[str, float]], value: str) -> float | None:
    """What buy-and-hold made of a figure or an objective; None for one that only a rule has, as its turnover."""
    found = float(baselines.get(BASELINE, {}).get(value, math.nan))
    return found if (value in METRIC_NAMES or ":" in value) and math.isfinite(found) else None


def _heading(frame: pd.DataFrame, title: str, words: str, about: Sequence[str]) -> Html:
    return tag(
        "header",
        tag("p", "Undertow sweep", kind="eyebrow"),
        tag("h1", titled(title)),
        tag(
            "p",
            tag("span", counted(len(frame), "parameter set")),
            tag("span", f"drawn by {words}"),
            *(tag("span", each) for each in about),
            kind="about",
        ),
    )


def _spread(values: pd.Series, value: str) -> list[tuple[str, str]]:
    text = TEXT.get(value, _four)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [("Sets without a value", counted(len(values), "set"))]
    points = (("Lowest", 0.0), ("10 %", 0.1), ("Median", 0.5), ("90 %", 0.9), ("Highest", 1.0))
    found = [(name, text(float(finite.quantile(at)))) for name, at in points]
    found.append(("Above 0", share(float((finite > 0).mean()), 0)))
    missing = len(values) - len(finite)
    return [*found, ("Without a value", counted(missing, "set"))] if missing else found


_LUCK = "The highest of many sets is high by luck as well: look for broad areas, not for one value."


def _parting(value: str, hold: float | None) -> str:
    """What the colours of a map say."""
    if hold is None:
        return "blue is above the median set, orange below"
    level, less = TEXT.get(value, _four)(hold), is_less_better(value)
    better, worse = ("below", "above") if less else ("above", "below")
    return f"blue beats buy-and-hold: it is {better} its {level}; orange is {worse}. Darker is further away"


def _notes(ranked: list[str], pairs: list[tuple[str, str]], value: str, hold: float | None) -> list[Html]:
    words = WORDS.get(value, value.replace("_", " "))
    if not ranked:
        return [note("No parameter was varied: there is nothing to map.")]
    if len(ranked) == 1:
        return [note(f"Each point is the median {words} of the sets with that value."), note(_LUCK)]
    notes = [
        note(
            f"A cell is the median {words} of all sets in it, over whatever else was varied; {_parting(value, hold)}."
            " Hover for the number of sets."
        ),
        note(_LUCK),
    ]
    left = math.comb(len(ranked), 2) - len(pairs)
    if left > 0:
        notes.append(note(f"{counted(left, 'pair')} of parameters with less effect left out."))
    return notes


def _best(frame: pd.DataFrame, value: str, parameters: list[str]) -> Html:
    figures = [value, *(each.key for each in METRICS if each.key != value and each.key in frame.columns)]
    best = frame.sort_values(value, ascending=is_less_better(value), kind="stable", na_position="last").head(SETS)
    rows = [
        [
            str(at),
            *(_number(row[name], 4) for name in parameters),
            *(TEXT[name](float(row[name])) if name in TEXT else _number(float(row[name]), 4) for name in figures),
        ]
        for at, row in enumerate(best.to_dict(orient="records"), 1)
    ]
    head = ["Place", *parameters, *(WORDS.get(name, name.replace("_", " ")) for name in figures)]
    return table(head, rows, kind="comparison numbers") if rows else note(BLANK)
