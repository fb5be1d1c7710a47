"""The charts of a walk-forward: growth, training and test, parameters chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests import HEADLINE_METRICS, NAMED, Metric, Objective, drawdowns
from undertow.backtests.validation import HOLD as HOLD_ON_FAIL
from undertow.backtests.validation import CpcvResult, WalkForwardResult, position_in_range
from undertow.market import FloatArray
from undertow.tearsheets.html.charts import (
    Chart,
    encode_values,
    iso_dates,
    line_trace,
    log_axis,
    panel_layout,
    share_axis,
    step_trace,
)
from undertow.tearsheets.html.palette import (
    BASELINE,
    EXPOSURE,
    GRID,
    HOLD,
    INK,
    RUN,
    SERIES_COLOURS,
    growth_curve,
    sessions_of,
)
from undertow.tearsheets.html.text import title, value_text

VOL_TARGET_COLOUR = "#c07a1b"
TRAINING_COLOUR = "#a9b1b9"
EDGE = 0.6  # of a fold or a row, to the edge of a chart


def walk_equity_chart(result: WalkForwardResult) -> Chart:
    """Growth of 1, drawdown and exposure of the stitched run and its baselines."""
    run = result.run
    lines = [
        ("Walked forward", run.returns, RUN, "solid"),
        *_alternative_line(result),
        (title(BASELINE), run.series["hold_return"], HOLD, "solid"),
        ("Vol target", result.vol_target.returns, VOL_TARGET_COLOUR, "solid"),
    ]
    series = [(name, returns.to_numpy(dtype=np.float64), ink, dash) for name, returns, ink, dash in lines]
    curves = [growth_curve(returns) for _, returns, _, _ in series]
    data = [
        {**line_trace(name, values, ink, panel, form, dash=dash), "zorder": -number}
        for number, ((name, returns, ink, dash), growth) in enumerate(zip(series, curves, strict=True))
        for values, panel, form in ((growth, 1, ".2f"), (drawdowns(returns), 2, ".1%"))
    ]
    exposure = step_trace("Target exposure", run.exposure.to_numpy(dtype=np.float64), EXPOSURE, 3)
    data.append({**exposure, "fill": "tozeroy", "fillcolor": f"{EXPOSURE}22"})
    days = sessions_of(run)
    layout = panel_layout(
        (days[0], days[-1]),
        ["Growth of 1, logarithmic; dotted lines mark the start of a fold", "Drawdown", "Target exposure"],
        [0.58, 0.24, 0.18],
        [log_axis(*curves), share_axis(rangemode="tozero"), share_axis(range=[0, 1.04], tickvals=[0, 0.5, 1])],
    )
    layout["hoversubplots"] = "axis"
    layout["shapes"] = [_border(str(fold.test[0].date())) for fold in result.folds[1:]]
    legend = tuple((name, ink, "dashed" if dash == "dash" else dash) for name, _, ink, dash in series)
    return Chart("equity", data, layout, legend, "Growth of 1 and drawdown out of sample, by fold", size="taller")


def _alternative_line(result: WalkForwardResult) -> list[tuple[str, pd.Series, str, str]]:
    """The alternative account; empty where it equals a line that is drawn anyway."""
    other = result.alternative
    if other is None or any(
        other.returns.equals(returns) for returns in (result.run.returns, result.run.series["hold_return"])
    ):
        return []
    name = "If every fold had acted" if result.on_fail == HOLD_ON_FAIL else "If only folds that passed had acted"
    return [(name, other.returns, RUN, "dash")]


def _border(day: str) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": day,
        "x1": day,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"color": "#c3cad1", "width": 1, "dash": "dot"},
    }


def objective_column(objective: Objective) -> str:
    """The metric that an objective measures; "" for a user-defined function."""
    return NAMED[objective.plain_name][0] if objective.plain_name in NAMED else ""


def objective_metric(objective: Objective) -> Metric:
    """The label and the format of an objective: those of its metric, or its name."""
    name, key = objective.plain_name, objective_column(objective)
    metric = {metric.key: metric for metric in HEADLINE_METRICS}.get(key, Metric("objective", name, name, "", None))
    if not objective.baseline:
        return metric
    label = f"{metric.label}, less that of {objective.baseline}"
    return replace(metric, key="objective", label=label, short=label)


def fold_chart(result: WalkForwardResult) -> Chart:
    """The objective of every fold in training and test, and its excess return."""
    metric = objective_metric(result.settings.objective)
    table = result.table
    numbers = table["fold"].to_numpy(dtype=np.float64)
    inside, outside = (table[f"{side}_objective"].to_numpy(dtype=np.float64) for side in ("in", "out"))
    excess = table["out_excess_over_buy_and_hold"].to_numpy(dtype=np.float64)
    form = ".1%" if metric.text(0.5).endswith("%") else ".2f"
    bars = {
        "type": "bar",
        "name": "Return less buy-and-hold",
        "x": encode_values(numbers),
        "y": encode_values(excess),
        "yaxis": "y2",
        "width": 0.5,
        "marker": {"color": [RUN if value > 0 else "#b3440a" for value in excess]},
        "hovertemplate": "%{y:+.1%}",
    }
    acts = np.array([fold.acts for fold in result.folds])
    data = [
        _stems(numbers, inside, outside),
        _dots("In training", numbers, inside, TRAINING_COLOUR, form),
        *([_dots("In the test", numbers[acts], outside[acts], RUN, form)] if acts.any() else []),
        *([] if acts.all() else [_hollow(_dots("In the test, holding", numbers[~acts], outside[~acts], RUN, form))]),
        bars,
    ]
    days = sessions_of(result.run)
    percents = {"tickformat": ".0%"} if form.endswith("%") else {}
    layout = panel_layout(
        (days[0], days[-1]),
        [f"{metric.label}, by fold", "Return in the test less that of buy-and-hold"],
        [0.62, 0.38],
        [
            {"nticks": 6, **percents, "zeroline": True, "zerolinecolor": GRID},
            # Where all values are zero, plotly finds no range.
            share_axis(zeroline=True, **({} if excess.any() else {"range": [-0.1, 0.1]})),
        ],
    )
    labels = [f"{fold.fold.number}<br>{fold.test[0]:%b %Y}" for fold in result.folds]
    layout["xaxis"] |= {
        "type": "linear",
        "range": [float(numbers[0]) - EDGE, float(numbers[-1]) + EDGE],
        "tickvals": [float(number) for number in numbers],
        "ticktext": labels,
        "hoverformat": "d",
    }
    layout["margin"]["b"] = 40
    layout["hoversubplots"] = "axis"
    legend = (
        ("In training", TRAINING_COLOUR, "solid"),
        *([("In the test that follows", RUN, "solid")] if acts.any() else []),
        *([] if acts.all() else [("In a test where the basket was held", RUN, "ring")]),
    )
    return Chart(
        "folds", data, layout, legend, f"{metric.label} of each fold in training and in the test", size="tall panels"
    )


def _stems(numbers: FloatArray, inside: FloatArray, outside: FloatArray) -> dict[str, Any]:
    x = np.repeat(numbers, 3)
    y = np.column_stack([inside, outside, np.full(len(inside), np.nan)]).ravel()
    return {
        "type": "scatter",
        "mode": "lines",
        "x": encode_values(x),
        "y": encode_values(y),
        "line": {"color": "#c3cad1", "width": 2},
        "hoverinfo": "skip",
    }


def _dots(name: str, x: FloatArray, y: FloatArray, ink: str, form: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": encode_values(x),
        "y": encode_values(y),
        "marker": {"color": ink, "size": 10, "line": {"color": "#ffffff", "width": 1}},
        "hovertemplate": f"%{{y:{form}}}",
    }


def _hollow(dots: dict[str, Any]) -> dict[str, Any]:
    """Hollow dots for folds that held the basket."""
    ink = dots["marker"]["color"]
    return {**dots, "marker": {"color": "#ffffff", "size": 9, "line": {"color": ink, "width": 1.6}}}


def stability_chart(result: WalkForwardResult) -> Chart:
    """The position of each choice in its range: one row a parameter, one dot a fold."""
    names = list(result.settings.space)
    rows = np.arange(len(names), 0, -1, dtype=np.float64)
    data: list[dict[str, Any]] = [_ranges(rows)]
    count = len(result.folds)
    for number, fold in enumerate(result.folds):
        x = np.array([position_in_range(result.settings.space[name], fold.parameters[name]) for name in names])
        # Later folds are drawn lower, so that equal choices do not hide each other.
        y = rows + 0.3 - 0.6 * (number / (count - 1) if count > 1 else 0.5)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"fold {fold.fold.number}",
                "x": encode_values(x),
                "y": encode_values(y),
                "text": [f"{name} = {_value(fold.parameters[name])}" for name in names],
                "marker": {"color": _shade(number, count), "size": 8, "line": {"color": "#ffffff", "width": 0.8}},
                "hovertemplate": "%{text}",
            }
        )
    days = sessions_of(result.run)
    layout = panel_layout(
        (days[0], days[-1]),
        ["Position of each choice in the range searched; within a row the earliest fold is on top"],
        [1.0],
        [{"range": [EDGE - 0.1, len(names) + EDGE], "tickvals": rows.tolist(), "ticktext": names, "showgrid": False}],
    )
    layout["xaxis"] |= {
        "type": "linear",
        "range": [-0.03, 1.03],
        "tickvals": [0, 0.25, 0.5, 0.75, 1],
        "ticktext": ["low end", "", "middle", "", "high end"],
        "showgrid": True,
        "gridcolor": GRID,
        "zeroline": False,
    }
    layout["margin"]["l"] = 96
    layout["hovermode"] = "closest"
    size = f"{'taller' if len(names) > 9 else 'tall' if len(names) > 4 else 'small'} panels"
    legend = (("first fold", _shade(0, count), "solid"), ("last fold", _shade(count - 1, count), "solid"))
    return Chart("stability", data, layout, legend, "Position of each choice in its range, by fold", size=size)


def _ranges(rows: FloatArray) -> dict[str, Any]:
    x = np.tile([0.0, 1.0, np.nan], len(rows))
    return {
        "type": "scatter",
        "mode": "lines",
        "x": encode_values(x),
        "y": encode_values(np.repeat(rows, 3)),
        "line": {"color": "#e9edf1", "width": 16},
        "hoverinfo": "skip",
    }


def _shade(number: int, count: int) -> str:
    """Pale blue for the first fold to dark blue for the last."""
    part = number / (count - 1) if count > 1 else 1.0
    pale, deep = (0x9F, 0xC4, 0xE8), (0x0A, 0x3D, 0x75)
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in zip(pale, deep, strict=True))


def _value(value: Any) -> str:
    return value_text(float(f"{value:.4g}")) if isinstance(value, float) else value_text(value)


def paths_chart(paths: CpcvResult) -> Chart:
    """Growth of 1 of every out-of-sample path and of buy-and-hold."""
    series = [(str(name), paths.paths[name].to_numpy(dtype=np.float64)) for name in paths.paths]
    curves = [growth_curve(returns) for _, returns in series]
    hold = growth_curve(paths.hold)
    index = pd.DatetimeIndex(paths.paths.index)
    data = [
        {**line_trace(name, growth, f"{SERIES_COLOURS[0]}99", 1, ".2f", width=1.1), "x": iso_dates(index)}
        for (name, _), growth in zip(series, curves, strict=True)
    ]
    data.append({**line_trace(title(BASELINE), hold, INK, 1, ".2f"), "x": iso_dates(index)})
    layout = panel_layout((index[0], index[-1]), ["Growth of 1, logarithmic"], [1.0], [log_axis(*curves, hold)])
    legend = (("Out-of-sample paths", SERIES_COLOURS[0], "solid"), (title(BASELINE), INK, "solid"))
    return Chart("paths", data, layout, legend, "Growth of 1 of every out-of-sample path", size="tall")
