"""The tearsheet: one run as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

from undertow.backtests.runs import Run
from undertow.tearsheets.html.charts import Chart, iso_dates
from undertow.tearsheets.html.markup import (
    Html,
    join,
    note,
    section,
    tag,
    write_atomic,
)
from undertow.tearsheets.html.page import assemble, check_html_path
from undertow.tearsheets.html.palette import has_btc, sessions_of, shock_marks
from undertow.tearsheets.html.text import quantity, title
from undertow.tearsheets.run.charts import btc_chart, equity_chart, turnover_chart
from undertow.tearsheets.run.costs import cost_section
from undertow.tearsheets.run.data_notes import data_section
from undertow.tearsheets.run.episodes import episode_section
from undertow.tearsheets.run.headline import headline_table, reading_notes, verdict
from undertow.tearsheets.run.months import monthly_section
from undertow.tearsheets.run.reasons import alarm_section, attribution_section, reasons_section
from undertow.tearsheets.run.recipe import recipe_section
from undertow.tearsheets.run.tax import tax_section


def write_tearsheet(run: Run, path: str | Path) -> Path:
    """Write one run as one self-contained HTML page and return its path.

    The page holds the verdict against buy-and-hold with its interval, the key figures, equity and drawdown, BTC with
    the shocks and the target exposure, returns by month, the attribution of the difference, the episodes, the rule as
    an alarm, the changes of its tier, costs, tax, data gaps, and the recipe. It needs no network, and equal runs give
    equal bytes. The file is written completely or not at all; missing folders are created. Raises `ParameterError`
    where `path` does not end in .html.

        run.tearsheet("results/drain.html")
    """
    check_html_path(path)
    charts = [equity_chart(run), btc_chart(run), turnover_chart(run)]
    body = join(
        [
            _title(run),
            verdict(run),
            section("Key figures", tag("div", headline_table(run), reading_notes(run), kind="beside")),
            section("Growth and drawdown", charts[0].element(), _hint()),
            _btc_section(run, charts[1]),
            monthly_section(run),
            attribution_section(run),
            episode_section(run),
            alarm_section(run),
            reasons_section(run),
            cost_section(run, charts[2]),
            tax_section(run),
            data_section(run),
            recipe_section(run),
        ]
    )
    recipe = run.recipe
    name = f"{title(run.name)}, {recipe.universe}, {recipe.start} to {recipe.end}"
    page = assemble(name, body, [chart.as_dict() for chart in charts], iso_dates(sessions_of(run)))
    return write_atomic(path, page.encode("utf-8"))


def _title(run: Run) -> Html:
    recipe = run.recipe
    about = [
        f"Universe {recipe.universe}",
        f"{recipe.start} to {recipe.end}",
        quantity(recipe.sessions, "session"),
        f"orders filled at the {recipe.fill}",
        f"market {recipe.market}",
    ]
    return tag(
        "header",
        tag("p", "Undertow tearsheet", kind="eyebrow"),
        tag("h1", title(run.name)),
        tag("p", *(tag("span", item) for item in about), kind="about"),
    )


def _btc_section(run: Run, chart: Chart) -> Html:
    if not has_btc(run):
        reason = note("The run has no BTC price, so neither BTC nor the shocks can be drawn.")
        return section("Target exposure", reason, chart.element())
    shocks, _ = shock_marks(run)
    unmarked = int(run.episodes["shock"].isna().sum())
    position = "at" if len(shocks) == 1 else "each at"
    parts = (
        [f"{quantity(len(shocks), 'shock')} marked, {position} the last BTC close before it."] if len(shocks) else []
    )
    if unmarked:
        parts.append(f"{quantity(unmarked, 'episode')} without a shock: no alarm started, or the strategy names none.")
    return section("BTC, shocks and target exposure", chart.element(), note(" ".join(parts)) if parts else "")


def _hint() -> Html:
    return tag("p", "Drag across a chart to zoom in, double-click to reset it.", kind="note hint")
