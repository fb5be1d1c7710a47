"""What the terminal shows: tables on standard output, progress on standard error."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from undertow.backtests.metrics import METRICS, TAX_METRICS

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from undertow.backtests import Run
    from undertow.signals.base.spec import Spec
    from undertow.signals.decisions.sizes import Sizes

_METRICS = {metric.key: metric for metric in (*METRICS, *TAX_METRICS)}
_SHOWN = [metric for metric in (*METRICS, *TAX_METRICS) if metric.headline]


@contextmanager
def busy(what: str) -> Iterator[None]:
    """A spinner on standard error while something runs; nothing where standard error is not a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def show(*parts: Any) -> None:
    """Print rich renderables on standard output."""
    console = _console()
    for part in parts[0] if len(parts) == 1 and isinstance(parts[0], list | tuple) else parts:
        console.print(part)


def show_run(run: Run) -> None:
    """The headline table of a run against its baselines, and what was handled."""
    title = f"{run.name} on {run.recipe.universe}, {run.recipe.start} to {run.recipe.end}"
    # A baseline that is run itself has more figures of its own.
    others = {name: each for name, each in run.baselines.items() if name != run.name}
    taxed = {run.name: run.tax, "buy-and-hold": run.hold_tax or {}}
    show_metrics(
        title, {name: {**each, **taxed.get(name, {})} for name, each in {run.name: run.metrics, **others}.items()}
    )
    if run.lag_hours is not None:
        show(run.lag_hours.sentence())
    for remark in run.notes:
        show(remark)
    show(run.tax_sentence())
    handled = {name: count for name, count in run.counts.items() if count and not isinstance(count, dict)}
    for signal, why in run.counts["absent_feeds"].items():
        show(f"no value: {signal}, {why}")
    show("handled: " + (", ".join(f"{name.replace('_', ' ')} {count}" for name, count in handled.items()) or "nothing"))


def show_metrics(title: str, columns: dict[str, dict[str, float]]) -> None:
    """One column of figures for each name; a figure that none of them has is left out."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for metric in _SHOWN:
        if any(metric.key in figures for figures in columns.values()):
            table.add_row(metric.label, *(_figure(metric.key, figures.get(metric.key)) for figures in columns.values()))
    show(table)


def show_sets(title: str, sets: pd.DataFrame, parameters: list[str], by: str) -> None:
    """Parameter sets, one a row, with the figures that matter most and the one they are sorted by."""
    shown = ["annual_sharpe", "cagr", "max_drawdown", "average_exposure", "annual_turnover", "episodes"]
    figures = [by, *(name for name in shown if name != by)]
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


def show_comparison(table: pd.DataFrame, first: str, last: str) -> None:
    """A comparison's metrics from the first common session to the last, runs in columns."""
    show_metrics(f"on common sessions, {first} to {last}", {str(name): dict(table[name]) for name in table.columns})


def show_strategies(verbose: bool = False) -> None:
    """Every registered strategy with its parameters and ranges; `verbose`: with why it should work."""
    rows = []
    for name, strategy in _everything("undertow.strategies").items():
        space = strategy.search_space()
        fields = [f"{each}={strategy.model_fields[each].default} {_range(space[each])}" for each in space]
        rows.append((name, _rationale(strategy) if verbose else strategy.summary, "\n".join(fields)))
    show(_table(("strategy", "what it does", "parameters, defaults, ranges"), rows))


def _rationale(strategy: Any) -> str:
    # Each paragraph of the docstring on one line, which the table breaks anew.
    paragraphs = (inspect.getdoc(strategy) or strategy.summary).split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def show_definitions() -> None:
    """Every registered signal with its whole definition: inputs, units, parameters, look-back, source."""
    show(*(_definition(name, signal.spec) for name, signal in _everything("undertow.signals").items()))


def show_signals() -> None:
    """Every registered signal with its parameters and outputs."""
    rows = []
    for name, signal in _everything("undertow.signals").items():
        spec = signal.spec
        fields = [f"{key}={each.default:g} {_range(each.range)}" for key, each in spec.parameters.items()]
        rows.append((name, spec.summary, "\n".join(fields), ", ".join(spec.outputs)))
    show(_table(("signal", "what it says", "parameters, defaults, ranges", "outputs"), rows))


def told_strategies() -> list[dict[str, Any]]:
    """Every registered strategy as plain values: name, summary, rationale, parameters with default and range."""
    found = []
    for name, strategy in _everything("undertow.strategies").items():
        fields = [
            {"name": each, "default": strategy.model_fields[each].default, **_told_range(space)}
            for each, space in strategy.search_space().items()
        ]
        told = {"name": name, "summary": strategy.summary, "rationale": _rationale(strategy), "parameters": fields}
        found.append(told)
    return found


def told_signals() -> list[dict[str, Any]]:
    """Every registered signal as plain values: its whole definition."""
    found = []
    for name, signal in _everything("undertow.signals").items():
        spec = signal.spec
        fields = [
            {"name": each, "default": given.default, "unit": given.unit, **_told_range(given.range)}
            for each, given in spec.parameters.items()
        ]
        inputs = {each: {"kind": kind, "column": column} for each, (kind, column) in spec.inputs.items()}
        told = {"name": name, "summary": spec.summary, "inputs": inputs, "outputs": list(spec.outputs)}
        told |= {"units": spec.units, "clock": spec.clock, "source": spec.source, "parameters": fields}
        found.append(told)
    return found


def _told_range(distribution: Any) -> dict[str, Any]:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return {"choices": list(choices)}
    return {"low": distribution.low, "high": distribution.high}


def _definition(name: str, spec: Spec) -> Table:
    defaults = {key: int(each.default) if each.whole else each.default for key, each in spec.parameters.items()}
    # The table of a market turns hours into rows of the feed; on hourly bars they are the same.
    hours = "hours" if spec.clock == "feed" else ""
    parameters = [
        f"{key}={each.default:g} {_range(each.range)} {hours if hours and each.unit == 'rows' else each.unit}"
        for key, each in spec.parameters.items()
    ]
    rows = [
        ("what it says", spec.summary),
        ("inputs", ", ".join(f"{key} ({kind} {column})" for key, (kind, column) in spec.inputs.items())),
        ("outputs", ", ".join(spec.outputs)),
        ("units", spec.units),
        ("parameters", "\n".join(parameters) or "none"),
        ("look-back", _look_back(spec, defaults)),
        ("clock", "its feed's" if spec.clock == "feed" else "sessions of the exchange"),
        ("source", spec.source),
    ]
    table = _table((name, ""), rows)
    table.show_lines = False
    return table


def _look_back(spec: Spec, defaults: dict[str, float]) -> str:
    needed = spec.lookback(**defaults)
    unit = "sessions" if spec.clock == "session" else "rows"
    if len(set(needed)) == 1:
        return f"{needed[0]:,} {unit} at the defaults"
    each = (f"{output} {rows:,}" for output, rows in zip(spec.outputs, needed, strict=True))
    return f"{', '.join(each)} {unit} at the defaults"


def show_universes(found: Sequence[Sizes]) -> None:
    """Universes with their size over time: names that can be held on the first session of each year."""
    rows = []
    for each in found:
        years = "  ".join(f"{year} {size}" for year, size in each.by_year.items())
        size = f"{each.smallest} to {each.largest}, median {each.median:g}"
        blank = f"{each.symbols} ({each.unpriced} without prices)" if each.unpriced else str(each.symbols)
        rows.append((each.name, blank, f"{each.first} to {each.last}", size, years))
    show(_table(("universe", "symbols ever", "sessions", "names that can be held", "at the start of each year"), rows))


def show_trials(found: Sequence[dict[str, Any]], path: Path, elsewhere: int) -> None:
    """The searches that a ledger knows of a market, with the sum of their trials, and of those on its other data."""
    if elsewhere:
        show(f"while this market had other data, such as fewer sessions, {elsewhere:,} trials were made")
    if not found:
        show(f"no trial on this data is in {path}")
        return
    rows = [
        (
            each["first"].replace("T", " ").partition("+")[0],
            each["study"],
            each["strategy"],
            each["universe"],
            " to ".join(each["window"]),
            ", ".join(f"{design} {count:,}" for design, count in each["designs"].items()),
        )
        for each in found
    ]
    show(_table(("begun, UTC", "study", "strategy", "universe", "sessions", "trials"), rows))
    trials, searches = sum(each["trials"] for each in found), len(found)
    show(f"trials on this data: {trials:,}, searches: {searches:,}, in {path}")


def _everything(group: str) -> dict[str, Any]:
    with busy("loading"):
        from undertow.signals.base.registry import load, registered

        return {name: load(group, name) for name in registered(group)}


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(show_lines=True)
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    return table


def _range(distribution: Any) -> str:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return "{" + ", ".join(map(str, choices)) + "}"
    return f"in {distribution.low} to {distribution.high}"


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
