"""The charts of one run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.backtests.runs import Run, valued_sessions
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
    BENCHMARK,
    BTC,
    EXPOSURE,
    HOLD,
    RUN,
    SHOCK,
    date_range,
    drawdown_curve,
    growth_curve,
    has_benchmark,
    has_btc,
    is_baseline,
    shock_marks,
    value_range,
)
from undertow.tearsheets.html.text import minute, title

HALF_A_MONTH = pd.Timedelta(days=15)


def equity_lines(run: Run) -> list[tuple[str, FloatArray, str]]:
    """Name, session returns and colour of the run, its basket and its benchmark."""
    lines = [(title(run.name), "return", RUN)]
    if not is_baseline(run):
        lines.append((title(BASELINE), "hold_return", HOLD))
    if has_benchmark(run):
        span = valued_sessions(run.series["benchmark_return"])
        label = f"{run.recipe.benchmark}, {span['first']} to {span['last']}" if span else str(run.recipe.benchmark)
        lines.append((label, "benchmark_return", BENCHMARK))
    return [(name, run.series[column].to_numpy(dtype=np.float64), colour) for name, column, colour in lines]


def equity_chart(run: Run) -> Chart:
    """Growth of 1 on a logarithmic scale, and drawdown below."""
    lines = equity_lines(run)
    curves = [growth_curve(returns) for _, returns, _ in lines]
    data = [
        # The run is drawn above its baselines and still comes first in the hover box.
        {**line_trace(name, values, colour, panel, form), "zorder": -order}
        for order, ((name, returns, colour), growth) in enumerate(zip(lines, curves, strict=True))
        for values, panel, form in ((growth, 1, ".2f"), (drawdown_curve(returns), 2, ".1%"))
    ]
    layout = panel_layout(
        date_range(run),
        ["Growth of 1, logarithmic", "Drawdown"],
        [0.68, 0.32],
        [log_axis(*curves), share_axis(rangemode="tozero")],
    )
    legend = tuple((name, colour, "solid") for name, _, colour in lines)
    return Chart("equity", data, layout, legend, "Growth of 1 and drawdown of " + ", ".join(name for name, *_ in lines))


def btc_chart(run: Run) -> Chart:
    """BTC with the shocks, above the target exposure; without BTC the exposure alone."""
    exposure = {
        **step_trace("Target exposure", run.exposure.to_numpy(dtype=np.float64), EXPOSURE, 2),
        "fill": "tozeroy",
        "fillcolor": f"{EXPOSURE}22",
    }
    legend: tuple[tuple[str, str, str], ...] = (("Target exposure", EXPOSURE, "solid"),)
    percent = share_axis(range=[0, 1.04], tickvals=[0, 0.25, 0.5, 0.75, 1])
    if not has_btc(run):
        layout = panel_layout(date_range(run), ["Target exposure"], [1.0], [percent])
        return Chart("btc", [{**exposure, "yaxis": "y"}], layout, legend, "Target exposure", size="short")
    price = run.series["btc"].to_numpy(dtype=np.float64)
    data = [line_trace("BTC, USD", price, BTC, 1, ",.0f"), *_shock_traces(run), exposure]
    layout = panel_layout(
        date_range(run), ["BTC, USD, logarithmic", "Target exposure"], [0.7, 0.3], [log_axis(price), percent]
    )
    layout["hoversubplots"] = "axis"
    symbols = (("Shock", SHOCK, "mark"),) if len(data) > 2 else ()
    return Chart(
        "btc", data, layout, (("BTC", BTC, "solid"), *symbols, *legend), "BTC, the shocks, and target exposure"
    )


def _shock_traces(run: Run) -> list[dict[str, object]]:
    shocks, price = shock_marks(run)
    if not len(shocks):
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "Shock",
            "x": [minute(shock) for shock in shocks],
            "y": encode_values(price),
            "marker": {
                "symbol": "triangle-down",
                "size": 8,
                "color": SHOCK,
                "line": {"color": "#ffffff", "width": 0.8},
            },
            "hovertemplate": "%{x|%Y-%m-%d %H:%M} UTC",
        }
    ]


def turnover_chart(run: Run) -> Chart:
    """One-way turnover by month, as a share of the capital."""
    monthly = run.series["turnover"].groupby(run.series.index.to_numpy().astype("datetime64[M]")).sum()
    months = pd.DatetimeIndex(monthly.index)
    bars = {
        "type": "bar",
        "name": "Turnover",
        "x": iso_dates(months),
        "y": encode_values(monthly.to_numpy(dtype=np.float64)),
        "marker": {"color": RUN, "line": {"width": 0}},
        "hovertemplate": "%{y:.0%}",
    }
    _, highest = value_range(monthly.to_numpy(dtype=np.float64))
    layout = panel_layout(
        (months[0] - HALF_A_MONTH, months[-1] + HALF_A_MONTH),
        ["Turnover by month, share of the capital"],
        [1.0],
        [share_axis(range=[0, round(highest, 6)])],
    )
    layout["xaxis"] |= {"hoverformat": "%B %Y"}
    layout["bargap"] = 0.25
    return Chart("turnover", [bars], layout, (), "Turnover by month", size="small")
