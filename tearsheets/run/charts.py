"""The charts of one run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.backtests.metrics import drawdowns
from undertow.backtests.runs.run import Run
from undertow.market.clock import FloatArray
from undertow.tearsheets.html.charts import Chart, dates, line, log_axis, packed, share_axis, stacked, steps
from undertow.tearsheets.html.palette import (
    BASELINE,
    BENCHMARK,
    BTC,
    EXPOSURE,
    HOLD,
    RUN,
    SHOCK,
    curve,
    has_benchmark,
    has_btc,
    is_baseline,
    reach,
    shock_marks,
    span,
)
from undertow.tearsheets.html.text import minute, title

HALF_A_MONTH = pd.Timedelta(days=15)


def equity_lines(run: Run) -> list[tuple[str, FloatArray, str]]:
    """Name, session returns and colour of the run, its basket and the benchmark where there is one."""
    lines = [(title(run.name), "return", RUN)]
    if not is_baseline(run):
        lines.append((title(BASELINE), "hold_return", HOLD))
    if has_benchmark(run):
        lines.append((str(run.recipe.benchmark), "benchmark_return", BENCHMARK))
    return [(name, run.series[column].to_numpy(dtype=np.float64), colour) for name, column, colour in lines]


def equity_chart(run: Run) -> Chart:
    """Growth of 1 on a logarithmic scale, and drawdown below."""
    lines = equity_lines(run)
    curves = [curve(returns) for _, returns, _ in lines]
    data = [
        # The run is drawn on top of what it is compared with and still comes first in the hover box.
        {**line(name, values, colour, panel, form), "zorder": -place}
        for place, ((name, returns, colour), growth) in enumerate(zip(lines, curves, strict=True))
        for values, panel, form in ((growth, 1, ".2f"), (drawdowns(returns), 2, ".1%"))
    ]
    layout = stacked(
        reach(run),
        ["Growth of 1, logarithmic", "Drawdown"],
        [0.68, 0.32],
        [log_axis(*curves), share_axis(rangemode="tozero")],
    )
    legend = tuple((name, colour, "solid") for name, _, colour in lines)
    return Chart("equity", data, layout, legend, "Growth of 1 and drawdown of " + ", ".join(name for name, *_ in lines))


def btc_chart(run: Run) -> Chart:
    """BTC with the shocks marked, and the target exposure underneath; the exposure alone where BTC is unknown."""
    exposure = {
        **steps("Target exposure", run.exposure.to_numpy(dtype=np.float64), EXPOSURE, 2),
        "fill": "tozeroy",
        "fillcolor": f"{EXPOSURE}22",
    }
    legend: tuple[tuple[str, str, str], ...] = (("Target exposure", EXPOSURE, "solid"),)
    percent = share_axis(range=[0, 1.04], tickvals=[0, 0.25, 0.5, 0.75, 1])
    if not has_btc(run):
        layout = stacked(reach(run), ["Target exposure"], [1.0], [percent])
        return Chart("btc", [{**exposure, "yaxis": "y"}], layout, legend, "Target exposure", size="short")
    price = run.series["btc"].to_numpy(dtype=np.float64)
    data = [line("BTC, USD", price, BTC, 1, ",.0f"), *_shocks(run), exposure]
    layout = stacked(reach(run), ["BTC, USD, logarithmic", "Target exposure"], [0.7, 0.3], [log_axis(price), percent])
    layout["hoversubplots"] = "axis"
    marked = (("Shock", SHOCK, "mark"),) if len(data) > 2 else ()
    return Chart("btc", data, layout, (("BTC", BTC, "solid"), *marked, *legend), "BTC, the shocks, and target exposure")


def _shocks(run: Run) -> list[dict[str, object]]:
    shocks, price = shock_marks(run)
    if not len(shocks):
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "Shock",
            "x": [minute(each) for each in shocks],
            "y": packed(price),
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
    """One-way turnover of each month, in shares of the capital."""
    monthly = run.series["turnover"].groupby(run.series.index.to_numpy().astype("datetime64[M]")).sum()
    months = pd.DatetimeIndex(monthly.index)
    bars = {
        "type": "bar",
        "name": "Turnover",
        "x": dates(months),
        "y": packed(monthly.to_numpy(dtype=np.float64)),
        "marker": {"color": RUN, "line": {"width": 0}},
        "hovertemplate": "%{y:.0%}",
    }
    _, most = span(monthly.to_numpy(dtype=np.float64))
    layout = stacked(
        (months[0] - HALF_A_MONTH, months[-1] + HALF_A_MONTH),
        ["Turnover a month, of the capital"],
        [1.0],
        [share_axis(range=[0, round(most, 6)])],
    )
    layout["xaxis"] |= {"hoverformat": "%B %Y"}
    layout["bargap"] = 0.25
    return Chart("turnover", [bars], layout, (), "Turnover of each month", size="small")
