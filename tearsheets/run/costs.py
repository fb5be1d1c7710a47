"""Turnover and costs by year."""

from __future__ import annotations

from undertow.backtests.runs import Run
from undertow.tearsheets.html.charts import Chart
from undertow.tearsheets.html.markup import Html, note, section, table, tag
from undertow.tearsheets.html.palette import sessions_of
from undertow.tearsheets.html.text import count, share, times


def cost_section(run: Run, chart: Chart) -> Html:
    """Turnover and costs: a table by year beside a chart by month."""
    series = run.series[["turnover", "costs", "value"]]
    years = series.groupby(sessions_of(run).year).agg({"turnover": "sum", "costs": "sum", "value": "mean"})
    rows = [_row(year, *figures) for year, figures in zip(years.index, years.to_numpy(), strict=True)]
    foot = _row("All", series["turnover"].sum(), series["costs"].sum(), series["value"].mean())
    head = ["Year", "Turnover", "Costs, USD", "Share of value"]
    return section(
        "Turnover and costs",
        tag("div", table(head, rows, kind="costs numbers", foot=foot), chart.element(), kind="beside"),
        note(
            "Turnover is one-way, in multiples of the account value at the time. Costs are fees plus slippage; the last"
            " column divides them by the average account value of the year, or of all sessions."
        ),
    )


def _row(name: object, turnover: float, costs: float, value: float) -> list[str]:
    return [str(name), times(turnover), count(costs), share(costs / value if value else float("nan"), 2)]
