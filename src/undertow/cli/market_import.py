"""`undertow market import`: a vendor's files to a market folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertow.cli.options import JsonOption
from undertow.cli.output import print_json
from undertow.cli.progress import busy

if TYPE_CHECKING:
    from rich.table import Table

    from undertow.market import FolderUpdate, ImportPlan

_PathsArgument = Annotated[list[Path], typer.Argument(help="Files, folders and patterns.", metavar="PATHS...")]
_OutOption = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="New folder for the market.")]
_IntoOption = Annotated[Path | None, typer.Option("--into", metavar="FOLDER", help="Market folder to add to.")]
_AcceptOption = Annotated[bool, typer.Option("--accept", help="Take a restated past; the rows before are kept.")]
_PlanOption = Annotated[bool, typer.Option("--plan", help="Show what would be done, and write nothing.")]
_YesOption = Annotated[bool, typer.Option("--yes", help="Write without asking.")]
_AsOption = Annotated[str, typer.Option("--as", metavar="KIND", help="What the files are: prices, bars, macro, …")]
_SymbolOption = Annotated[str, typer.Option("--symbol", metavar="NAME", help="Whose the files are.")]
_ZoneOption = Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Zone of times written without one.")]
_StampOption = Annotated[str, typer.Option("--stamp", metavar="start|end", help="What a time stands for.")]
_MapOption = Annotated[list[str] | None, typer.Option("--map", metavar="NAME=ROLE", help="What a column holds.")]
_UnitOption = Annotated[str, typer.Option("--unit", metavar="usd|coin", help="Unit of liquidations, open interest.")]
_AdjustedOption = Annotated[str, typer.Option("--adjusted", metavar="yes|no", help="Are closes adjusted?")]
_DatesOption = Annotated[str, typer.Option("--dates", metavar="day-first|month-first", help="Order in 01/02/2024.")]
_DecimalOption = Annotated[str, typer.Option("--decimal", metavar="point|comma", help="What 1,234 stands for.")]
_BenchmarkOption = Annotated[str, typer.Option("--benchmark", metavar="NAME", help="Symbol of the index; or guessed.")]
_CashOption = Annotated[str, typer.Option("--cash", metavar="NAME", help="Symbol of cash; or guessed.")]


def import_command(
    paths: _PathsArgument,
    out: _OutOption = None,
    plan_only: _PlanOption = False,
    yes: _YesOption = False,
    kind: _AsOption = "",
    symbol: _SymbolOption = "",
    timezone: _ZoneOption = "",
    stamp: _StampOption = "",
    columns: _MapOption = None,
    unit: _UnitOption = "",
    adjusted: _AdjustedOption = "",
    dates: _DatesOption = "",
    decimal: _DecimalOption = "",
    benchmark: _BenchmarkOption = "",
    cash: _CashOption = "",
    into: _IntoOption = None,
    accept: _AcceptOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a market folder from vendors' files, or add them to one."""
    from undertow.market import ImportOptions, ParameterError, Roles, plan_import, plan_update

    if (out is None) == (into is None) and not (plan_only and out is None):
        raise ParameterError(
            "either `--out`, the new folder for the market, or `--into`, the folder to add to; or --plan alone to see"
            " what the files are"
        )
    options = ImportOptions(
        kind=kind,
        symbol=symbol,
        timezone=timezone,
        stamp=stamp,
        columns=_renamed(columns or []),
        unit=unit,
        adjusted=adjusted,
        dates=dates,
        decimal=decimal,
    )
    with busy("reading the files"):
        roles = Roles(benchmark=benchmark, cash=cash) if into is None else Roles.of_folder(into)
        plan = plan_import(paths, options=options, roles=roles)
    if plan.questions and not plan_only:
        _report(plan, None, as_json)
        raise ParameterError("nothing is written before these are answered:\n" + "\n".join(plan.questions))
    update = None if into is None or plan.questions else plan_update(plan, into)
    _report(plan, update, as_json)
    target = out or into
    if plan_only or target is None:
        return
    if not yes and not _accepted(target):
        raise ParameterError("nothing is written: accept the plan with --yes, or see it with --plan")
    with busy("writing the market"):
        folder = plan.write(target) if update is None else update.write(accept=accept)
    if not as_json:
        typer.echo(f"market: {folder}\nnext: undertow market check {folder}")


def _report(plan: ImportPlan, update: FolderUpdate | None, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_dict() | ({} if update is None else update.to_dict()))
        return
    _show(plan)
    if update is not None:
        _show_update(update)


def _accepted(out: Path) -> bool:
    return sys.stdin.isatty() and typer.confirm(f"Write {out}?")


def _renamed(columns: list[str]) -> dict[str, str]:
    from undertow.market import ParameterError

    renamed = {}
    for text in columns:
        name, equals, role = text.rpartition("=")
        if not equals or not name or not role:
            raise ParameterError(f"`--map` must be NAME=ROLE, such as 'Adj Close=close'; got {text!r}")
        renamed[name] = role
    return renamed


def _show(plan: ImportPlan) -> None:
    from undertow.cli.console import show

    for table in _tables(plan):
        show(table)
    stocks = plan.stocks
    members = f"all: {len(stocks)} stocks, members throughout, which is hindsight" if stocks else "none"
    universes = [part.name for part in plan.parts if part.kind == "universe"]
    typer.echo(
        f"benchmark {plan.benchmark or 'none'}, cash {plan.cash or 'none'}, universe {', '.join(universes) or members}"
    )
    for question in plan.questions:
        typer.echo(f"to be answered: {question}")


def _show_update(update: FolderUpdate) -> None:
    from rich.table import Table

    from undertow.cli.console import show

    table = Table(title=f"what changes in {update.folder}")
    for head in ("feed", "name", "new rows", "from", "to", "earlier prices times", "restated", "note"):
        table.add_column(head, justify="right" if head in ("new rows", "earlier prices times", "restated") else "left")
    for change in update.changes:
        factor = "" if change.factor == 1.0 else f"{change.factor:.6g}"
        cells = (change.kind, change.name, f"{change.added:,}", change.first, change.last, factor)
        table.add_row(*cells, f"{change.restated:,}" if change.restated else "", change.example)
    show(table)


def _tables(plan: ImportPlan) -> list[Table]:
    from rich.table import Table

    table = Table(title="what the files are")
    for head in ("file", "kind", "name", "stamp", "rows", "from", "to", "notes"):
        table.add_column(head, justify="right" if head == "rows" else "left", overflow="fold")
    rows = plan.to_dict()["files"]
    for row in rows:
        notes = "; ".join([row["shape"], *row["notes"]])
        cells = (Path(row["file"]).name, row["kind"], row["name"], row["stamp"])
        table.add_row(*cells, f"{row['rows']:,}", row["first"] or "", row["last"] or "", notes)
    return [table]
