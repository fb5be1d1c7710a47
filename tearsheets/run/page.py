"""The tearsheet: one run as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from plotly.offline import get_plotlyjs

from undertow.backtests.runs.run import Run
from undertow.market.errors import ParameterError
from undertow.tearsheets.html.charts import Chart, dates
from undertow.tearsheets.html.markup import Html, fill, join, note, resource, script_json, section, tag, write_whole
from undertow.tearsheets.html.palette import has_btc, sessions_of, shock_marks
from undertow.tearsheets.html.text import counted, title
from undertow.tearsheets.run.charts import btc_chart, equity_chart, turnover_chart
from undertow.tearsheets.run.costs import cost_section
from undertow.tearsheets.run.episodes import episode_section
from undertow.tearsheets.run.handled import handled_section, recipe_section
from undertow.tearsheets.run.headline import headline, reading, verdict
from undertow.tearsheets.run.months import monthly_section
from undertow.tearsheets.run.reasons import alarm_section, attribution_section, reasons_section
from undertow.tearsheets.run.tax import tax_section


def write_tearsheet(run: Run, path: str | Path) -> Path:
    """Write one run as one self-contained HTML page.

    The page holds the verdict against buy-and-hold with its interval, the headline table, equity and drawdown, BTC
    with the shocks and the target exposure, returns by month, where the difference came from, episodes, the rule as an
    alarm, why its tiers changed, costs, tax, what was handled, and the recipe. It reaches for nothing over the network,
    and equal runs give equal bytes. The file appears whole or not at all; folders that are missing are made. Returns
    the path.

        run.tearsheet("results/drain.html")
    """
    if Path(path).suffix != ".html" or Path(path).is_dir():
        raise ParameterError(f"`path` must be a file that ends in .html, got {str(path)!r}")
    charts = [equity_chart(run), btc_chart(run), turnover_chart(run)]
    body = join(
        [
            _title(run),
            verdict(run),
            section("In figures", tag("div", headline(run), reading(run), kind="beside")),
            section("Growth and drawdown", charts[0].place(), _hint()),
            _btc_section(run, charts[1]),
            monthly_section(run),
            attribution_section(run),
            episode_section(run),
            alarm_section(run),
            reasons_section(run),
            cost_section(run, charts[2]),
            tax_section(run),
            handled_section(run),
            recipe_section(run),
        ]
    )
    recipe = run.recipe
    name = f"{title(run.name)}, {recipe.universe}, {recipe.start} to {recipe.end}"
    return write_whole(path, assemble(name, body, charts, sessions_of(run)).encode("utf-8"))


def assemble(name: str, body: Html, charts: Sequence[Chart], sessions: pd.DatetimeIndex) -> Html:
    """A whole page: style, body, plotly once, the charts' data and the scripts that draw and sort."""
    data = {"sessions": dates(sessions), "charts": [chart.drawn() for chart in charts]}
    return fill(
        "page.html",
        title=f"{name} | Undertow",
        style=Html(resource("page.css")),
        body=body,
        plotly=Html(get_plotlyjs()),
        charts=script_json(data),
        scripts=Html(resource("scripts.html")),
    )


def _title(run: Run) -> Html:
    recipe = run.recipe
    about = [
        f"Universe {recipe.universe}",
        f"{recipe.start} to {recipe.end}",
        counted(recipe.sessions, "session"),
        f"filled at the {recipe.fill}",
        f"market {recipe.market}",
    ]
    return tag(
        "header",
        tag("p", "Undertow tearsheet", kind="eyebrow"),
        tag("h1", title(run.name)),
        tag("p", *(tag("span", each) for each in about), kind="about"),
    )


def _btc_section(run: Run, chart: Chart) -> Html:
    if not has_btc(run):
        missing = note("The run knew no price of BTC, so neither its path nor the shocks can be drawn.")
        return section("Target exposure", missing, chart.place())
    shocks, _ = shock_marks(run)
    without = int(run.episodes["shock"].isna().sum())
    parts = [f"{counted(len(shocks), 'shock')} marked, at BTC's last close before it."] if len(shocks) else []
    if without:
        parts.append(f"{counted(without, 'episode')} without a shock: no alarm went on, or none is named.")
    return section("BTC, shocks and target exposure", chart.place(), note(" ".join(parts)) if parts else "")


def _hint() -> Html:
    return tag("p", "Drag across a chart to look closer, double-click to see all of it again.", kind="note hint")
