"""`undertow market`: check or make a market folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undertow.cli.market_import import import_command
from undertow.cli.options import JsonOption, SeedOption, YearsOption
from undertow.cli.output import print_json
from undertow.cli.progress import busy

market_app = typer.Typer(help="Check or make a market folder.")
market_app.command("import")(import_command)


@market_app.command("check")
def check_command(
    folder: Annotated[Path, typer.Argument(help="Market folder.")],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a market folder and print what it covers; exit code 2 on an error."""
    with busy("reading the market"):
        from undertow.market import load_market, market_coverage, render_coverage

        report = market_coverage(load_market(folder))
    if html is not None:
        from undertow.tearsheets import write_market_page

        write_market_page(report, html)
    if as_json:
        print_json(report.as_dict())
        return
    from undertow.cli.console import show

    show(render_coverage(report))
    if html is not None:
        typer.echo(f"page: {html}")


@market_app.command("simulate")
def simulate_command(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="New folder for the market.")],
    seed: SeedOption = 7,
    years: YearsOption = 6.0,
    effect: Annotated[float, typer.Option(help="Strength of the forced equity selling; 0 is the null market.")] = 1.0,
    lag_hours: Annotated[float, typer.Option(help="Mean hours from a cascade to the equity selling.")] = 36.0,
    at_the_open: Annotated[
        float, typer.Option(help="Share of the orders that wait for the open which is in the opening print.")
    ] = 0.5,
) -> None:
    """Write a simulated market, whose truth is known, as a market folder."""
    with busy("simulating"):
        from undertow.backtests import check_writable
        from undertow.market import simulate_market, write_market

        check_writable(out)
        market = simulate_market(seed=seed, years=years, effect=effect, lag_hours=lag_hours, at_the_open=at_the_open)
        folder = write_market(market, out)
    typer.echo(f"market: {folder}")
