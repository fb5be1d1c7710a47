"""Tables and plain values of what `undertow list` lists."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from undertow.cli.console import show
from undertow.cli.progress import busy

if TYPE_CHECKING:
    from pathlib import Path

    from undertow.signals.base import Spec
    from undertow.signals.decisions import UniverseSizes


def show_strategies(verbose: bool = False) -> None:
    """Registered strategies with parameters and ranges; `verbose` adds the rationale."""
    rows = []
    for name, strategy in _registered("undertow.strategies").items():
        defaults = strategy.model_fields
        parameters = [
            f"{parameter}={defaults[parameter].default} {_range(space)}"
            for parameter, space in strategy.search_space().items()
        ]
        rows.append((name, _rationale(strategy) if verbose else strategy.summary, "\n".join(parameters)))
    show(_table(("strategy", "what it does", "parameters, defaults, ranges"), rows))


def show_signals() -> None:
    """Every registered signal with its parameters and outputs."""
    rows = []
    for name, signal in _registered("undertow.signals").items():
        spec = signal.spec
        parameters = [
            f"{key}={parameter.default:g} {_range(parameter.range)}" for key, parameter in spec.parameters.items()
        ]
        rows.append((name, spec.summary, "\n".join(parameters), ", ".join(spec.outputs)))
    show(_table(("signal", "what it measures", "parameters, defaults, ranges", "outputs"), rows))


def show_definitions() -> None:
    """Registered signals with inputs, units, parameters, look-back and source."""
    show(*(_definition(name, signal.spec) for name, signal in _registered("undertow.signals").items()))


def show_universes(universes: Sequence[UniverseSizes]) -> None:
    """Universes with the names that can be held, over time and on each year's start."""
    rows = []
    for universe in universes:
        years = "  ".join(f"{year} {size}" for year, size in universe.by_year.items())
        size = f"{universe.smallest} to {universe.largest}, median {universe.median:g}"
        symbols = str(universe.symbols)
        if universe.unpriced:
            symbols = f"{symbols} ({universe.unpriced} without prices)"
        rows.append((universe.name, symbols, f"{universe.first} to {universe.last}", size, years))
    show(_table(("universe", "symbols ever", "sessions", "names that can be held", "at the start of each year"), rows))


def show_trials(searches: Sequence[Mapping[str, Any]], path: Path, other_data: int) -> None:
    """The searches of a ledger on one market, and the sum of their trials."""
    if other_data:
        show(f"while this market had other data, such as fewer sessions, {other_data:,} trials were made")
    if not searches:
        show(f"no trial on this data is in {path}")
        return
    rows = [
        (
            search["first"].replace("T", " ").partition("+")[0],
            search["study"],
            search["strategy"],
            search["universe"],
            " to ".join(search["window"]),
            ", ".join(f"{design} {count:,}" for design, count in search["designs"].items()),
        )
        for search in searches
    ]
    show(_table(("begun, UTC", "study", "strategy", "universe", "sessions", "trials"), rows))
    trials = sum(search["trials"] for search in searches)
    show(f"trials on this data: {trials:,}, searches: {len(searches):,}, in {path}")


def strategy_catalogue() -> list[dict[str, Any]]:
    """Registered strategies as plain values, parameters with default and range."""
    return [
        {
            "name": name,
            "summary": strategy.summary,
            "rationale": _rationale(strategy),
            "parameters": [
                {"name": parameter, "default": strategy.model_fields[parameter].default, **_plain_range(space)}
                for parameter, space in strategy.search_space().items()
            ],
        }
        for name, strategy in _registered("undertow.strategies").items()
    ]


def signal_catalogue() -> list[dict[str, Any]]:
    """Registered signals as plain values: their complete definitions."""
    return [_plain_spec(name, signal.spec) for name, signal in _registered("undertow.signals").items()]


def _plain_spec(name: str, spec: Spec) -> dict[str, Any]:
    return {
        "name": name,
        "summary": spec.summary,
        "inputs": {key: {"kind": kind, "column": column} for key, (kind, column) in spec.inputs.items()},
        "outputs": list(spec.outputs),
        "units": spec.units,
        "clock": spec.clock,
        "source": spec.source,
        "parameters": [
            {"name": key, "default": parameter.default, "unit": parameter.unit, **_plain_range(parameter.range)}
            for key, parameter in spec.parameters.items()
        ],
    }


def _plain_range(distribution: Any) -> dict[str, Any]:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return {"choices": list(choices)}
    return {"low": distribution.low, "high": distribution.high}


def _rationale(strategy: Any) -> str:
    # Each paragraph of the docstring on one line, which the table breaks anew.
    paragraphs = (inspect.getdoc(strategy) or strategy.summary).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _definition(name: str, spec: Spec) -> Table:
    defaults = {
        key: int(parameter.default) if parameter.whole else parameter.default
        for key, parameter in spec.parameters.items()
    }
    # The table of a market turns hours into rows of the feed; on hourly bars they are the same.
    hours = "hours" if spec.clock == "feed" else ""
    parameters = [
        f"{key}={parameter.default:g} {_range(parameter.range)}"
        f" {hours if hours and parameter.unit == 'rows' else parameter.unit}"
        for key, parameter in spec.parameters.items()
    ]
    rows = [
        ("what it measures", spec.summary),
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


def _look_back(spec: Spec, defaults: Mapping[str, float]) -> str:
    lengths = spec.lookback(**defaults)
    unit = "sessions" if spec.clock == "session" else "rows"
    if len(set(lengths)) == 1:
        return f"{lengths[0]:,} {unit} at the defaults"
    by_output = (f"{output} {length:,}" for output, length in zip(spec.outputs, lengths, strict=True))
    return f"{', '.join(by_output)} {unit} at the defaults"


def _registered(group: str) -> dict[str, Any]:
    with busy("loading"):
        from undertow.signals.base import load, registered

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
