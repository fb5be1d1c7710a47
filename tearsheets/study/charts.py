"""The charts of a study: Optuna's figures, and a map of lag against threshold."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna import visualization
from optuna.distributions import CategoricalDistribution
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import FrozenTrial

from undertow.backtests import MAXIMIZE
from undertow.backtests.tuning import Tuning, finished_by_position
from undertow.market import BoolArray, FloatArray, IntArray
from undertow.tearsheets.html.charts import FONT, Chart, encode_values
from undertow.tearsheets.html.palette import GRID, INK, MUTED, RUN, SERIES_COLOURS
from undertow.tearsheets.html.text import THRESHOLDS

MAP_CELLS = 10
SLICES_A_ROW = 4
# The most trials that a chart draws: what a page holds must not grow with the search.
MOST_DRAWN = 400
_FRONT = (("misses a constraint", "#dfe3e8"), ("dominated", "#a9b1b9"), ("on the front", RUN))
_BLUES = [[0.0, "#d3e4f5"], [0.5, "#82b4e4"], [1.0, "#08306b"]]
_AXIS = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID}
_ORDER_BAR = {"thickness": 10, "outlinewidth": 0, "x": 1.0, "xpad": 12, "title": {"text": "trial"}}


@lru_cache(maxsize=1)
def requested_trials(tuning: Tuning) -> optuna.Study:
    """A study of the requested trials only, in their order.

    The storage may hold more: trials of an earlier, longer search or of other workers.
    """
    study = optuna.create_study(directions=tuning.study.directions)
    requested = range(len(tuning.trials))
    study.add_trials(trial for position, trial in finished_by_position(tuning.study).items() if position in requested)
    return study


def importances(tuning: Tuning) -> dict[str, float]:
    """The share of the objective's spread that each parameter explains by itself.

    The spread is that over the range searched, of the first objective; empty where there are too few trials. Source:
    fANOVA, Hutter, Hoos and Leyton-Brown (2014), by Optuna. A measure based on the best trials alone would rate a
    parameter as unimportant if the search fixed it early.
    """
    complete = tuning.trials[tuning.trials["state"] == "complete"]
    if len(complete) < 10 or complete[f"objective {tuning.names[0]}"].nunique() < 2:
        return {}
    with _silent():
        return _evaluator().evaluate(requested_trials(tuning), target=_first if len(tuning.names) > 1 else None)


@contextmanager
def _silent() -> Iterator[None]:
    """Silence Optuna's warnings on parameters with a single value."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="optuna")
            yield
    finally:
        optuna.logging.set_verbosity(level)


def _evaluator() -> FanovaImportanceEvaluator:
    # Deeper trees do not change the ranking and take a minute for two thousand trials.
    return FanovaImportanceEvaluator(n_trees=64, max_depth=8, seed=0)


def _first(trial: FrozenTrial) -> float:
    return float(trial.values[0])


def history_chart(tuning: Tuning) -> Chart:
    """The first objective by trial, and the best so far."""
    name, maximized = tuning.names[0], tuning.objectives[0].direction == MAXIMIZE
    complete = tuning.trials[tuning.trials["state"] == "complete"]
    feasible = complete["feasible"].to_numpy(dtype=np.bool_)
    values = complete[f"objective {name}"].to_numpy(dtype=np.float64)
    counted = np.where(feasible | ~feasible.any(), values, np.nan)
    best = (np.fmax if maximized else np.fmin).accumulate(counted)
    drawn = drawn_rows(values, feasible, maximized=maximized)
    data = [
        _dots(text, complete["trial"].to_numpy()[rows], values[rows], colour)
        for text, colour, rows in (
            ("misses a constraint", "#c3cad1", drawn[~feasible[drawn]]),
            ("trial", SERIES_COLOURS[0], drawn[feasible[drawn]]),
        )
        if len(rows)
    ]
    steps = np.flatnonzero(np.concatenate(([True], best[1:] != best[:-1]))[: len(best)])
    steps = np.unique(np.append(steps, len(best) - 1)) if len(best) else steps
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "x": complete["trial"].to_numpy()[steps].tolist(),
        "y": _rounded(best[steps]),
        "line": {"color": RUN, "width": 1.6, "shape": "hv"},
    }
    layout = _layout({"xaxis": {"title": {"text": "trial"}}, "yaxis": {"title": {"text": name}}, "showlegend": True})
    return Chart("history", [*data, line], layout, (), "Objective by trial and the best so far", size="small")


def drawn_rows(values: FloatArray, feasible: BoolArray, *, maximized: bool) -> IntArray:
    """The trials that are drawn: all, or the best and an even choice of many.

    Args:
        values: the objective of each trial (T,).
        feasible: whether it meets the constraints (T,).
        maximized: whether high values are good.
    """
    if len(values) <= MOST_DRAWN:
        return np.arange(len(values))
    score = np.where(feasible, values if maximized else -values, -np.inf)
    best = np.argsort(-score, kind="stable")[: MOST_DRAWN // 4]
    even = np.linspace(0, len(values) - 1, MOST_DRAWN - len(best)).round().astype(np.int64)
    return np.unique(np.concatenate((best, even)))


def _dots(name: str, x: IntArray, y: FloatArray, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x.tolist(),
        "y": _rounded(y),
        "marker": {"color": colour, "size": 5, "opacity": 0.7},
    }


def _rounded(values: FloatArray) -> list[float | None]:
    return [None if np.isnan(value) else float(f"{value:.5g}") for value in values]


def importance_chart(tuning: Tuning) -> Chart:
    """The importance of each parameter."""
    kwargs: dict[str, Any] = {"target": _first} if len(tuning.names) > 1 else {}
    with _silent():
        figure = visualization.plot_param_importances(
            requested_trials(tuning), evaluator=_evaluator(), target_name=tuning.names[0], **kwargs
        )
    chart = _styled_chart("importances", "Importance of each parameter", figure, "short")
    chart.layout["yaxis"] = {**chart.layout.get("yaxis", {}), "dtick": 1}
    return chart


def slice_charts(tuning: Tuning, names: Sequence[str]) -> list[Chart]:
    """The objective over each parameter, several in a row."""
    rows = [list(names[start : start + SLICES_A_ROW]) for start in range(0, len(names), SLICES_A_ROW)]
    return [_slice_chart(tuning, row, f"slice{number}") for number, row in enumerate(rows)]


def _slice_chart(tuning: Tuning, names: Sequence[str], element: str) -> Chart:
    complete = tuning.trials[tuning.trials["state"] == "complete"]
    objective, maximized = tuning.names[0], tuning.objectives[0].direction == MAXIMIZE
    values = complete[f"objective {objective}"].to_numpy(dtype=np.float64)
    rows = drawn_rows(values, complete["feasible"].to_numpy(dtype=np.bool_), maximized=maximized)
    drawn, y = complete.iloc[rows], encode_values(values[rows])
    order = {"color": encode_values(drawn["trial"].to_numpy(dtype=np.float64)), "coloraxis": "coloraxis"}
    marker = {**order, "size": 5, "line": {"width": 0.4, "color": "#59636e"}}
    data, layout = [], _layout({"coloraxis": {"colorscale": _BLUES, "colorbar": _ORDER_BAR}, "showlegend": False})
    for number, name in enumerate(names, start=1):
        suffix = "" if number == 1 else str(number)
        x, axis = _slice_axis(tuning, name, drawn[name])
        width = 1.0 / SLICES_A_ROW
        domain = [round((number - 1) * width, 4), round(number * width - 0.03, 4)]
        layout[f"xaxis{suffix}"] = {"title": {"text": name}, "domain": domain, "anchor": f"y{suffix}", **_AXIS, **axis}
        shared = {} if number == 1 else {"matches": "y", "showticklabels": False}
        layout[f"yaxis{suffix}"] = {"anchor": f"x{suffix}", **_AXIS, **shared}
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": x,
                "y": y,
                "xaxis": f"x{suffix}",
                "yaxis": f"y{suffix}",
                "marker": marker,
                "hovertemplate": f"{name} %{{x}}<br>{objective} %{{y:.3g}}<extra></extra>",
            }
        )
    layout["yaxis"] |= {"title": {"text": objective}}
    layout["margin"] |= {"r": 70, "l": 60}
    return Chart(element, data, layout, (), f"Objective over {', '.join(names)}", size="small panels")


def _slice_axis(tuning: Tuning, name: str, values: pd.Series) -> tuple[Any, dict[str, Any]]:
    """The values of one parameter for plotly, and the settings of its axis."""
    distribution: Any = tuning.space.free[name]
    if isinstance(distribution, CategoricalDistribution):
        choices = distribution.choices
        # By equality: beside a failed trial's missing value, whole numbers are decimals in the table.
        spots = [next(number for number, choice in enumerate(choices) if choice == value) for value in values]
        ticks = {
            "tickvals": list(range(len(choices))),
            "ticktext": list(map(str, choices)),
            "range": [-0.5, len(choices) - 0.5],
            # Names need more room than numbers.
            "automargin": True,
        }
        return encode_values(np.array(spots, dtype=np.float64)), ticks
    # Few ticks: labels of narrow panels run into each other.
    axis = {"type": "log", "nticks": 4} if distribution.log else {"nticks": 4}
    return encode_values(values.to_numpy(dtype=np.float64)), axis


def front_chart(tuning: Tuning) -> Chart:
    """All trials in the first two or three objectives, with the front marked."""
    names = list(tuning.names[:3])

    def values(trial: FrozenTrial) -> Sequence[float]:
        return list(trial.values[: len(names)])

    with _silent():
        figure = visualization.plot_pareto_front(
            _drawn_trials(tuning), targets=values if len(tuning.names) > 3 else None, target_names=names
        )
    chart = _styled_chart("front", f"Trials by {' and '.join(names)}", figure, "taller")
    for axis in chart.layout.get("scene", {}).values():
        axis |= {"gridcolor": GRID, "backgroundcolor": "rgba(0,0,0,0)"}
    # Optuna colours by trial number; here the front must stand out.
    for trace, (text, colour) in zip(chart.data, _FRONT[-len(chart.data) :], strict=True):
        trace |= {"name": text, "showlegend": True, "marker": {"color": colour, "size": 5}}
    chart.layout["margin"]["r"] = 16
    return chart


def _drawn_trials(tuning: Tuning) -> optuna.Study:
    """The requested trials, of many of them the front and an even choice."""
    complete = tuning.trials[tuning.trials["state"] == "complete"]
    if len(complete) <= MOST_DRAWN:
        return requested_trials(tuning)
    even = np.linspace(0, len(complete) - 1, MOST_DRAWN).round().astype(np.int64)
    chosen = {*complete["trial"].iloc[even].tolist(), *tuning.front["trial"].head(MOST_DRAWN).tolist()}
    study = optuna.create_study(directions=tuning.study.directions)
    study.add_trials(trial for number, trial in finished_by_position(tuning.study).items() if number in chosen)
    return study


def map_names(tuning: Tuning, ranked: Sequence[str]) -> tuple[str, str] | None:
    """The parameters of the map: lag and threshold, else the most important."""
    free = [
        name
        for name, distribution in tuning.space.free.items()
        if not isinstance(distribution, CategoricalDistribution)
    ]
    ordered = [name for name in ranked if name in free] + [name for name in free if name not in ranked]
    across = "lag" if "lag" in free else next(iter(ordered), None)
    up = next((name for name in (*THRESHOLDS, *ordered) if name in free and name != across), None)
    return None if across is None or up is None else (across, up)


def important_pair(tuning: Tuning, ranked: Sequence[str], drawn: tuple[str, str] | None) -> tuple[str, str] | None:
    """The two most important numeric parameters, where their map is not `drawn` yet."""
    numeric = [
        name
        for name in ranked
        if name in tuning.space.free and not isinstance(tuning.space.free[name], CategoricalDistribution)
    ]
    pair = tuple(numeric[:2])
    return (pair[0], pair[1]) if len(pair) == 2 and set(pair) != set(drawn or ()) else None


def map_chart(tuning: Tuning, across: str, up: str, element: str = "map") -> Chart:
    """The median objective of the trials in each cell of two parameters.

    Args:
        tuning: the search
        across: the parameter of the columns
        up: the parameter of the rows
        element: the name of its element in the page
    """
    complete = tuning.trials[tuning.trials["state"] == "complete"]
    value = complete[f"objective {tuning.names[0]}"]
    columns, column_labels = _cells(complete[across], tuning, across)
    rows, row_labels = _cells(complete[up], tuning, up)
    shape = len(row_labels), len(column_labels)
    median, count = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for row, column in sorted(set(zip(rows, columns, strict=True))):
        inside = value[(rows == row) & (columns == column)]
        median[row, column], count[row, column] = inside.median(), len(inside)
    heat = {
        "type": "heatmap",
        "x": column_labels,
        "y": row_labels,
        "z": [[None if np.isnan(cell) else round(float(cell), 6) for cell in row] for row in median],
        "customdata": count.tolist(),
        "colorscale": _BLUES,
        "reversescale": tuning.objectives[0].direction != MAXIMIZE,
        "hovertemplate": f"{across} %{{x}}<br>{up} %{{y}}<br>median %{{z:.3g}} of %{{customdata}}<extra></extra>",
        "colorbar": {"thickness": 12, "outlinewidth": 0, "title": {"text": tuning.names[0]}},
        "xgap": 1,
        "ygap": 1,
    }
    alt = f"Median {tuning.names[0]} by {across} and {up}"
    chart = Chart(element, [heat], _layout({}), (), alt, size="tall panels")
    for axis, name in (("xaxis", across), ("yaxis", up)):
        chart.layout[axis] = {"title": {"text": name}, "type": "category", "showgrid": False, "automargin": True}
    chart.layout["margin"] |= {"l": 110, "b": 60}
    return chart


def _cells(values: pd.Series, tuning: Tuning, name: str) -> tuple[pd.Series, list[str]]:
    """The cell of each trial, equal in width over the range searched, and labels."""
    distribution: Any = tuning.space.free[name]
    low, high = float(distribution.low), float(distribution.high)
    edges = np.geomspace(low, high, MAP_CELLS + 1) if distribution.log else np.linspace(low, high, MAP_CELLS + 1)
    inside = np.clip(np.searchsorted(edges, values.to_numpy(dtype=np.float64), "right") - 1, 0, MAP_CELLS - 1)
    names = [f"{first:.3g} to {last:.3g}" for first, last in pairwise(edges)]
    return pd.Series(inside, index=values.index), names


def _styled_chart(name: str, text: str, figure: Any, size: str) -> Chart:
    """Optuna's figure in the fonts and colours of the pages, without its title."""
    content = json.loads(figure.to_json())
    layout = _layout(content["layout"])
    for number, trace in enumerate(content["data"]):
        _style_trace(trace, SERIES_COLOURS[number % len(SERIES_COLOURS)])
        if "colorbar" in (trace.get("marker") or {}):
            layout["margin"]["r"] = 70
    return Chart(name, content["data"], layout, (), text, size=size)


def _style_trace(trace: dict[str, Any], colour: str) -> None:
    marker = trace.get("marker")
    if trace["type"] == "bar":
        trace["marker"] = {"color": RUN}
    elif marker is None and trace.get("mode") == "lines":
        trace["line"] = {"color": RUN, "width": 1.6}
    elif marker is None and trace.get("mode") == "markers":
        trace["marker"] = {"color": colour, "size": 5, "opacity": 0.7}
    elif isinstance(marker, dict) and "colorbar" in marker:
        marker |= {"colorscale": _BLUES, "size": 5, "line": {"width": 0.4, "color": "#59636e"}}
        marker["colorbar"] |= {"thickness": 10, "outlinewidth": 0, "x": 1.0, "xpad": 12}


def _layout(settings: dict[str, Any]) -> dict[str, Any]:
    layout = {key: value for key, value in settings.items() if key not in ("template", "title", "width", "height")}
    for key, value in layout.items():
        if key.startswith(("xaxis", "yaxis")):
            value |= {**_AXIS, "automargin": True}
    return {
        **layout,
        "font": {"family": FONT, "size": 12, "color": MUTED},
        "margin": {"l": 60, "r": 16, "t": 14, "b": 46},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "y": 1.12, "x": 0, "font": {"color": INK}},
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": GRID, "font": {"family": FONT, "size": 12, "color": INK}},
    }
