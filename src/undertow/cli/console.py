"""Tables and sentences on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from undertow.backtests import METRICS, TAX_METRICS
from undertow.cli.streams import printable

if TYPE_CHECKING:
    import pandas as pd

    from undertow.backtests import Run
    from undertow.tearsheets import Comparison

_METRICS = {metric.key: metric for metric in (*METRICS, *TAX_METRICS)}
_ROWS = [metric for metric in (*METRICS, *TAX_METRICS) if metric.headline]


def show(*parts: Any) -> None:
    """Print rich renderables on standard output."""
    console = _console()
    for part in parts[0] if len(parts) == 1 and isinstance(parts[0], list | tuple) else parts:
        console.print(_plain(part))


def _plain(part: Any) -> Any:
    """Text, or a table of texts, without characters that a terminal obeys or hides."""
    if isinstance(part, Table):
        part.title = _plain(part.title)
        for column in part.columns:
            column.header = _plain(column.header)
            column._cells = [_plain(cell) for cell in column._cells]
    return printable(part) if isinstance(part, str) else part


def show_run(run: Run) -> None:
    """A run against its baselines, its notes, and the events that were handled."""
    from undertow.backtests.runs import endings_sentence

    title = f"{run.name} on {run.recipe.universe}, {run.recipe.start} to {run.recipe.end}"
    # The metrics of a run have more figures than those of a baseline: they stay where a baseline itself was run.
    columns = {**run.baselines, run.name: run.metrics}
    taxes = {run.name: run.tax, "buy-and-hold": run.hold_tax or {}}
    order, rebalance = dict.fromkeys((run.name, *columns)), run.recipe.rebalance
    show_metrics(title, {name: {**columns[name], **taxes.get(name, {})} for name in order}, rebalance)
    if run.lag_hours is not None:
        show(run.lag_hours.sentence())
    for note in run.notes:
        show(note)
    if len(run.endings):
        show(endings_sentence(run.endings))
    show(run.tax_sentence())
    handled = {name: count for name, count in run.counts.items() if count and not isinstance(count, dict | list)}
    for signal, reason in run.counts["absent_feeds"].items():
        show(f"no value: {signal}, {reason}")
    for feed, reason in run.counts.get("unused_feeds", {}).items():
        show(f"{feed}: {reason}")
    for feed, number in run.counts.get("frozen_feeds", {}).items():
        show(f"frozen: {feed} on {number} sessions")
    for subject, finding in run.counts.get("data_findings", {}).items():
        show(f"data: {subject}, {finding}")
    show("handled: " + (", ".join(f"{name.replace('_', ' ')} {count}" for name, count in handled.items()) or "nothing"))


def show_metrics(title: str, columns: dict[str, dict[str, float]], rebalance: str = "never") -> None:
    """One column of figures for each name, without the figures that no column has.

    `rebalance` is that of the accounts: where there is one, buy-and-hold is labelled by it, and a sentence says so.
    """
    from undertow.backtests.runs import hold_label, hold_sentence

    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(hold_label(rebalance) if name == "buy-and-hold" else name, justify="right")
    for metric in _ROWS:
        if any(metric.key in figures for figures in columns.values()):
            table.add_row(metric.label, *(_figure(metric.key, figures.get(metric.key)) for figures in columns.values()))
    show(table)
    if "buy-and-hold" in columns and hold_sentence(rebalance):
        show(hold_sentence(rebalance))


def show_sets(title: str, sets: pd.DataFrame, parameters: list[str], by: str) -> None:
    """Parameter sets, one a row, with the main figures and the one of the ranking."""
    standard = ["annual_sharpe", "cagr", "max_drawdown", "average_exposure", "annual_turnover", "episodes"]
    figures = [by, *(name for name in standard if name != by)]
    table = Table(title=title, title_justify="left")
    for name in parameters:
        table.add_column(name, justify="right")
    for name in figures:
        heading = _METRICS[name].short.replace("\N{SOFT HYPHEN}", "") if name in _METRICS else name.replace("_", " ")
        table.add_column(heading, justify="right")
    for row in sets.to_dict(orient="records"):
        values = [f"{row[name]:.4g}" if isinstance(row[name], float) else str(row[name]) for name in parameters]
        table.add_row(*values, *(_figure(name, float(row[name])) for name in figures))
    show(table)


def show_comparison(comparison: Comparison) -> None:
    """The metrics of a comparison on its common sessions, runs in columns."""
    first, last, table = comparison.sessions[0], comparison.sessions[-1], comparison.table
    title = f"on common sessions, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    show_metrics(title, {str(name): dict(table[name]) for name in table.columns}, comparison.rebalance)
    for column, run in zip(comparison.columns, comparison.runs, strict=True):
        for note in run.data_notes:
            show(f"{column.label}: {note}")


def _figure(metric: str, value: float | None) -> str:
    if value is None or value != value:
        return "-"
    unit = _METRICS[metric].unit if metric in _METRICS else ""
    if unit.startswith("decimal") or unit == "share":
        return f"{value:+.2%}" if _METRICS[metric].format.startswith("{:+") else f"{value:.2%}"
    return f"{value:,.0f}" if unit in ("USD", "count") else f"{value:.2f}"


def _console() -> Console:
    # Names of markets and runs are the user's: square brackets in them are no markup.
    console = Console(markup=False, emoji=False)
    return console if console.is_terminal else Console(width=140, markup=False, emoji=False)
