"""The pictures of a study: Optuna's own figures in the house's dress, and a map of lag against threshold."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
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

from undertow.backtests.objectives import MAXIMIZE
from undertow.backtests.tuning.result import Tuning
from undertow.backtests.tuning.study import finished_by_position
from undertow.tearsheets.html.charts import FONT, Chart
from undertow.tearsheets.html.palette import GRID, INK, MANY, QUIET, RUN
from undertow.tearsheets.html.text import THRESHOLDS

CELLS = 10
SLICES_A_ROW = 4
_FRONT = (("misses a constraint", "#dfe3e8"), ("beaten by another", "#a9b1b9"), ("on the front", RUN))
_BLUES = [[0.0, "#d3e4f5"], [0.5, "#82b4e4"], [1.0, "#08306b"]]


@lru_cache(maxsize=1)
def asked_for(tuning: Tuning) -> optuna.Study:
    """A study of the trials that were asked for, in their order.

    What is kept may hold more: those of a longer search before, or of other workers since.
    """
    study = optuna.create_study(directions=tuning.study.directions)
    wanted = range(len(tuning.trials))
    study.add_trials(trial for place, trial in finished_by_position(tuning.study).items() if place in wanted)
    return study


def importances(tuning: Tuning) -> dict[str, float]:
    """The share of the objective's spread over the range searched that each parameter explains by itself.

    Of several objectives that of the first. Empty where there are too few trials to say. Source: fANOVA, Hutter, Hoos
    and Leyton-Brown (2014), by Optuna. A measure of how the best trials are spread would call a choice unimportant on
    which the search had settled early.
    """
    complete = tuning.trials[tuning.trials["state"] == "complete"]
    if len(complete) < 10 or complete[f"objective {tuning.names[0]}"].nunique() < 2:
        return {}
    with _silent():
        return _evaluator().evaluate(asked_for(tuning), target=_first if len(tuning.names) > 1 else None)


@contextmanager
def _silent() -> Iterator[None]:
    """Optuna without its words on parameters that have one value or on which values count as good."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="optuna")
            yield
    finally:
        optuna.logging.set_verbosity(level)


def _evaluator() -> FanovaImportanceEvaluator:
    # Deeper trees change no rank and take a minute for two thousand trials.
    return FanovaImportanceEvaluator(n_trees=64, max_depth=8, seed=0)


def _first(trial: FrozenTrial) -> float:
    return float(trial.values[0])


def history_chart(tuning: Tuning) -> Chart:
    """The objective by trial and the best so far; of several objectives the first."""
    return _drawn(
        "history", "Objective by trial and the best so far", visualization.plot_optimization_history, tuning, "small"
    )


def importance_chart(tuning: Tuning) -> Chart:
    """How much each parameter matters."""
    given: dict[str, Any] = {"target": _first} if len(tuning.names) > 1 else {}
    with _silent():
        figure = visualization.plot_param_importances(
            asked_for(tuning), evaluator=_evaluator(), target_name=tuning.names[0], **given
        )
    chart = _dressed("importances", "Importance of each parameter", figure, "short")
    chart.layout["yaxis"] = {**chart.layout.get("yaxis", {}), "dtick": 1}
    return chart


def slice_charts(tuning: Tuning, names: Sequence[str]) -> list[Chart]:
    """The objective over each parameter by itself, a few a row."""
    rows = [list(names[place : place + SLICES_A_ROW]) for place in range(0, len(names), SLICES_A_ROW)]
    return [
        _drawn(
            f"slice{number}",
            f"Objective over {', '.join(row)}",
            visualization.plot_slice,
            tuning,
            "small panels",
            params=row,
        )
        for number, row in enumerate(rows)
    ]


def contour_chart(tuning: Tuning, names: Sequence[str]) -> Chart:
    """The objective over pairs of parameters, interpolated between trials."""
    text = f"Objective over pairs of {', '.join(names)}"
    chart = _drawn("contours", text, visualization.plot_contour, tuning, "taller panels", params=list(names))
    for trace in chart.data:
        if trace["type"] == "contour":
            trace |= {"colorscale": _BLUES, "reversescale": tuning.objectives[0].direction != MAXIMIZE}
    return chart


def front_chart(tuning: Tuning) -> Chart:
    """The trials and those of them that no other beats, in the first two or three objectives."""
    names = list(tuning.names[:3])

    def shown(trial: FrozenTrial) -> Sequence[float]:
        return list(trial.values[: len(names)])

    with _silent():
        figure = visualization.plot_pareto_front(
            asked_for(tuning), targets=shown if len(tuning.names) > 3 else None, target_names=names
        )
    chart = _dressed("front", f"Trials by {' and '.join(names)}", figure, "taller")
    for axis in chart.layout.get("scene", {}).values():
        axis |= {"gridcolor": GRID, "backgroundcolor": "rgba(0,0,0,0)"}
    # Optuna colours by trial number; here it is the front that has to stand out.
    for trace, (text, colour) in zip(chart.data, _FRONT[-len(chart.data) :], strict=True):
        trace |= {"name": text, "showlegend": True, "marker": {"color": colour, "size": 5}}
    chart.layout["margin"]["r"] = 16
    return chart


def map_names(tuning: Tuning, ranked: Sequence[str]) -> tuple[str, str] | None:
    """The lag and the level at which the strategy acts, where both are searched, else what matters most."""
    free = [name for name, each in tuning.space.free.items() if not isinstance(each, CategoricalDistribution)]
    ordered = [name for name in ranked if name in free] + [name for name in free if name not in ranked]
    across = "lag" if "lag" in free else next(iter(ordered), None)
    up = next((name for name in (*THRESHOLDS, *ordered) if name in free and name != across), None)
    return None if across is None or up is None else (across, up)


def map_chart(tuning: Tuning, across: str, up: str) -> Chart:
    """The median objective of the trials in each cell of two parameters; empty cells have no trial."""
    complete = tuning.trials[tuning.trials["state"] == "complete"]
    value = complete[f"objective {tuning.names[0]}"]
    columns, left = _cells(complete[across], tuning, across)
    rows, below = _cells(complete[up], tuning, up)
    median, count = np.full((len(below), len(left)), np.nan), np.zeros((len(below), len(left)), dtype=np.int64)
    for row, column in sorted(set(zip(rows, columns, strict=True))):
        inside = value[(rows == row) & (columns == column)]
        median[row, column], count[row, column] = inside.median(), len(inside)
    heat = {
        "type": "heatmap",
        "x": left,
        "y": below,
        "z": [[None if np.isnan(each) else round(float(each), 6) for each in row] for row in median],
        "customdata": count.tolist(),
        "colorscale": _BLUES,
        "reversescale": tuning.objectives[0].direction != MAXIMIZE,
        "hovertemplate": f"{across} %{{x}}<br>{up} %{{y}}<br>median %{{z:.3g}} of %{{customdata}}<extra></extra>",
        "colorbar": {"thickness": 12, "outlinewidth": 0, "title": {"text": tuning.names[0]}},
        "xgap": 1,
        "ygap": 1,
    }
    words = f"Median {tuning.names[0]} by {across} and {up}"
    chart = Chart("map", [heat], _layout({}), (), words, size="tall panels")
    for axis, name in (("xaxis", across), ("yaxis", up)):
        chart.layout[axis] = {"title": {"text": name}, "type": "category", "showgrid": False, "automargin": True}
    chart.layout["margin"] |= {"l": 110, "b": 60}
    return chart


def _cells(values: pd.Series, tuning: Tuning, name: str) -> tuple[pd.Series, list[str]]:
    """The cell of each trial and the cells' names, equal in width over what the search allowed."""
    distribution: Any = tuning.space.free[name]
    low, high = float(distribution.low), float(distribution.high)
    edges = np.geomspace(low, high, CELLS + 1) if distribution.log else np.linspace(low, high, CELLS + 1)
    inside = np.clip(np.searchsorted(edges, values.to_numpy(dtype=np.float64), "right") - 1, 0, CELLS - 1)
    names = [f"{first:.3g} to {last:.3g}" for first, last in pairwise(edges)]
    return pd.Series(inside, index=values.index), names


def _drawn(name: str, text: str, draw: Callable[..., Any], tuning: Tuning, size: str, **given: Any) -> Chart:
    several = {"target": _first} if len(tuning.names) > 1 else {}
    with _silent():
        figure = draw(asked_for(tuning), target_name=tuning.names[0], **several, **given)
    return _dressed(name, text, figure, size)


def _dressed(name: str, text: str, figure: Any, size: str) -> Chart:
    """Optuna's figure without its title and template, in the house's type and colours."""
    drawn = json.loads(figure.to_json())
    layout = _layout(drawn["layout"])
    for place, trace in enumerate(drawn["data"]):
        _dress(trace, MANY[place % len(MANY)])
        if "colorbar" in (trace.get("marker") or {}):
            layout["margin"]["r"] = 70
    return Chart(name, drawn["data"], layout, (), text, size=size)


def _dress(trace: dict[str, Any], colour: str) -> None:
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


def _layout(given: dict[str, Any]) -> dict[str, Any]:
    layout = {key: value for key, value in given.items() if key not in ("template", "title", "width", "height")}
    for key, value in layout.items():
        if key.startswith(("xaxis", "yaxis")):
            value |= {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "automargin": True}
    return {
        **layout,
        "font": {"family": FONT, "size": 12, "color": QUIET},
        "margin": {"l": 60, "r": 16, "t": 14, "b": 46},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "y": 1.12, "x": 0, "font": {"color": INK}},
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": GRID, "font": {"family": FONT, "size": 12, "color": INK}},
    }
