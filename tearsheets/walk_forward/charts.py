"""The pictures of a walk-forward: growth with the folds' borders, folds inside and out, and what was chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.metrics import drawdowns
from undertow.backtests.objectives import NAMED, Objective
from undertow.backtests.validation.cpcv import CpcvResult
from undertow.backtests.validation.result import HOLD as HOLD_UNPROVEN
from undertow.backtests.validation.result import WalkForwardResult, position_in_range
from undertow.market.clock import FloatArray
from undertow.tearsheets.html.charts import Chart, dates, line, log_axis, packed, share_axis, stacked, steps
from undertow.tearsheets.html.palette import BASELINE, EXPOSURE, GRID, HOLD, INK, MANY, RUN, curve, sessions_of
from undertow.tearsheets.html.text import METRICS, MetricFormat, plain, title, value_text

RIVAL_INK = "#c07a1b"
INSIDE = "#a9b1b9"
ROOM = 0.6  # of a fold or a row, to the edge of a chart


def equity_chart(result: WalkForwardResult) -> Chart:
    """Growth of 1, drawdown and exposure of the stitched run and its baselines, a thin line where a fold begins."""
    run = result.run
    lines = [
        ("Walked forward", run.returns, RUN, "solid"),
        *_counterpart(result),
        (title(BASELINE), run.series["hold_return"], HOLD, "solid"),
        ("Vol target", result.vol_target.returns, RIVAL_INK, "solid"),
    ]
    series = [(name, returns.to_numpy(dtype=np.float64), ink, dash) for name, returns, ink, dash in lines]
    curves = [curve(returns) for _, returns, _, _ in series]
    data = [
        {**line(name, values, ink, panel, form, dash=dash), "zorder": -number}
        for number, ((name, returns, ink, dash), growth) in enumerate(zip(series, curves, strict=True))
        for values, panel, form in ((growth, 1, ".2f"), (drawdowns(returns), 2, ".1%"))
    ]
    exposure = steps("Target exposure", run.exposure.to_numpy(dtype=np.float64), EXPOSURE, 3)
    data.append({**exposure, "fill": "tozeroy", "fillcolor": f"{EXPOSURE}22"})
    days = sessions_of(run)
    layout = stacked(
        (days[0], days[-1]),
        ["Growth of 1, logarithmic; a line where a fold begins", "Drawdown", "Target exposure"],
        [0.58, 0.24, 0.18],
        [log_axis(*curves), share_axis(rangemode="tozero"), share_axis(range=[0, 1.04], tickvals=[0, 0.5, 1])],
    )
    layout["hoversubplots"] = "axis"
    layout["shapes"] = [_border(str(each.test[0].date())) for each in result.folds[1:]]
    legend = tuple((name, ink, "dashed" if dash == "dash" else dash) for name, _, ink, dash in series)
    return Chart("equity", data, layout, legend, "Growth of 1 and drawdown out of sample, by fold", size="taller")


def _counterpart(result: WalkForwardResult) -> list[tuple[str, pd.Series, str, str]]:
    """The account that treats what is on_fail the other way, where it is another than those that are drawn anyway."""
    other = result.alternative
    if other is None or any(
        other.returns.equals(each) for each in (result.run.returns, result.run.series["hold_return"])
    ):
        return []
    name = "Had every fold acted" if result.on_fail == HOLD_UNPROVEN else "Acting on gate alone"
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


def aim_key(aim: Objective) -> str:
    """The column of the figure that an objective is, whatever it is measured against; "" for one's own function."""
    return NAMED[aim.plain_name][0] if aim.plain_name in NAMED else ""


def objective_metric(aim: Objective) -> MetricFormat:
    """How an objective is written: as the figure that it is, or by its name."""
    name, key = aim.plain_name, aim_key(aim)
    found = next((each for each in METRICS if each.key == key), MetricFormat("objective", name, name, plain))
    if not aim.baseline:
        return found
    less = f"{found.words}, less that of {aim.baseline}"
    return MetricFormat("objective", less, less, found.text)


def fold_chart(result: WalkForwardResult) -> Chart:
    """The objective of every fold inside and outside its training sessions; below, what it made over buy-and-hold."""
    metric = objective_metric(result.settings.objective)
    table = result.table
    numbers = table["fold"].to_numpy(dtype=np.float64)
    inside, outside = (table[f"{side}_objective"].to_numpy(dtype=np.float64) for side in ("in", "out"))
    excess = table["out_excess_over_buy_and_hold"].to_numpy(dtype=np.float64)
    form = ".1%" if metric.text(0.5).endswith("%") else ".2f"
    bars = {
        "type": "bar",
        "name": "Return less buy-and-hold",
        "x": packed(numbers),
        "y": packed(excess),
        "yaxis": "y2",
        "width": 0.5,
        "marker": {"color": [RUN if each > 0 else "#b3440a" for each in excess]},
        "hovertemplate": "%{y:+.1%}",
    }
    acts = np.array([each.acts for each in result.folds])
    data = [
        _stems(numbers, inside, outside),
        _dots("In training", numbers, inside, INSIDE, form),
        *([_dots("In the test", numbers[acts], outside[acts], RUN, form)] if acts.any() else []),
        *([] if acts.all() else [_hollow(_dots("In the test, holding", numbers[~acts], outside[~acts], RUN, form))]),
        bars,
    ]
    days = sessions_of(result.run)
    percents = {"tickformat": ".0%"} if form.endswith("%") else {}
    layout = stacked(
        (days[0], days[-1]),
        [f"{metric.words}, by fold", "Return in the test less that of buy-and-hold"],
        [0.62, 0.38],
        [
            {"nticks": 6, **percents, "zeroline": True, "zerolinecolor": GRID},
            # Where nothing differs there is no range to be found.
            share_axis(zeroline=True, **({} if excess.any() else {"range": [-0.1, 0.1]})),
        ],
    )
    labels = [f"{each.fold.number}<br>{each.test[0]:%b %Y}" for each in result.folds]
    layout["xaxis"] |= {
        "type": "linear",
        "range": [float(numbers[0]) - ROOM, float(numbers[-1]) + ROOM],
        "tickvals": [float(each) for each in numbers],
        "ticktext": labels,
        "hoverformat": "d",
    }
    layout["margin"]["b"] = 40
    layout["hoversubplots"] = "axis"
    legend = (
        ("In training", INSIDE, "solid"),
        *([("In the test that follows", RUN, "solid")] if acts.any() else []),
        *([] if acts.all() else [("In a test where the basket was held", RUN, "ring")]),
    )
    return Chart(
        "folds", data, layout, legend, f"{metric.words} of each fold in training and in the test", size="tall panels"
    )


def _stems(numbers: FloatArray, inside: FloatArray, outside: FloatArray) -> dict[str, Any]:
    x = np.repeat(numbers, 3)
    y = np.column_stack([inside, outside, np.full(len(inside), np.nan)]).ravel()
    return {
        "type": "scatter",
        "mode": "lines",
        "x": packed(x),
        "y": packed(y),
        "line": {"color": "#c3cad1", "width": 2},
        "hoverinfo": "skip",
    }


def _dots(name: str, x: FloatArray, y: FloatArray, ink: str, form: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": packed(x),
        "y": packed(y),
        "marker": {"color": ink, "size": 10, "line": {"color": "#ffffff", "width": 1}},
        "hovertemplate": f"%{{y:{form}}}",
    }


def _hollow(dots: dict[str, Any]) -> dict[str, Any]:
    """Dots of folds that held the basket: what they are worth is the basket's."""
    ink = dots["marker"]["color"]
    return {**dots, "marker": {"color": "#ffffff", "size": 9, "line": {"color": ink, "width": 1.6}}}


def stability_chart(result: WalkForwardResult) -> Chart:
    """Where in its range each fold's choice of each parameter lies: one row a parameter, one dot a fold, by time."""
    names = list(result.settings.space)
    rows = np.arange(len(names), 0, -1, dtype=np.float64)
    data: list[dict[str, Any]] = [_ranges(rows)]
    count = len(result.folds)
    for number, each in enumerate(result.folds):
        x = np.array([position_in_range(result.settings.space[name], each.parameters[name]) for name in names])
        # Later folds sit a little lower, so that equal choices are seen to be several.
        y = rows + 0.3 - 0.6 * (number / (count - 1) if count > 1 else 0.5)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"fold {each.fold.number}",
                "x": packed(x),
                "y": packed(y),
                "text": [f"{name} = {_value(each.parameters[name])}" for name in names],
                "marker": {"color": _shade(number, count), "size": 8, "line": {"color": "#ffffff", "width": 0.8}},
                "hovertemplate": "%{text}",
            }
        )
    days = sessions_of(result.run)
    layout = stacked(
        (days[0], days[-1]),
        ["Place of each choice in the range searched; within a row the earliest fold is on top"],
        [1.0],
        [{"range": [ROOM - 0.1, len(names) + ROOM], "tickvals": rows.tolist(), "ticktext": names, "showgrid": False}],
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
    return Chart("stability", data, layout, legend, "Where in its range each parameter was chosen, by fold", size=size)


def _ranges(rows: FloatArray) -> dict[str, Any]:
    x = np.tile([0.0, 1.0, np.nan], len(rows))
    return {
        "type": "scatter",
        "mode": "lines",
        "x": packed(x),
        "y": packed(np.repeat(rows, 3)),
        "line": {"color": "#e9edf1", "width": 16},
        "hoverinfo": "skip",
    }


def _shade(number: int, count: int) -> str:
    """Pale for the first fold to the house's blue for the last."""
    part = number / (count - 1) if count > 1 else 1.0
    pale, deep = (0x9F, 0xC4, 0xE8), (0x0A, 0x3D, 0x75)
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in zip(pale, deep, strict=True))


def _value(value: Any) -> str:
    return value_text(float(f"{value:.4g}")) if isinstance(value, float) else value_text(value)


def paths_chart(paths: CpcvResult) -> Chart:
    """Growth of 1 of every out-of-sample path and of buy-and-hold."""
    found = [(str(name), paths.paths[name].to_numpy(dtype=np.float64)) for name in paths.paths]
    curves = [curve(returns) for _, returns in found]
    hold = curve(paths.hold)
    index = pd.DatetimeIndex(paths.paths.index)
    data = [
        {**line(name, growth, f"{MANY[0]}99", 1, ".2f", width=1.1), "x": dates(index)}
        for (name, _), growth in zip(found, curves, strict=True)
    ]
    data.append({**line(title(BASELINE), hold, INK, 1, ".2f"), "x": dates(index)})
    layout = stacked((index[0], index[-1]), ["Growth of 1, logarithmic"], [1.0], [log_axis(*curves, hold)])
    legend = (("Out-of-sample paths", MANY[0], "solid"), (title(BASELINE), INK, "solid"))
    return Chart("paths", data, layout, legend, "Growth of 1 of every out-of-sample path", size="tall")
