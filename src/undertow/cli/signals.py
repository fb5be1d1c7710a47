"""`undertow signals`: look at a signal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undertow.cli.options import MarketOption, SeedOption, calendar_day
from undertow.cli.resolve import busy, read_settings, resolve_market, resolve_signal

signals_app = typer.Typer(help="Look at a signal.")


@signals_app.command()
def plot(
    signal: Annotated[str, typer.Option(help="Name (see `undertow list signals`) or module:Class.")],
    out: Annotated[Path, typer.Option(help="The page to write, .html.")],
    market: MarketOption = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="parameter=value; repeat for several.")] = None,
    output: Annotated[str, typer.Option(help="One output only; without it: all of them.")] = "",
    asset: Annotated[str, typer.Option(help="The asset whose feeds the signal reads.")] = "BTC",
    universe: Annotated[str, typer.Option(help="Universe of the market.")] = "growth",
    start: Annotated[
        str | None, typer.Option(help="First session, YYYY-MM-DD.", callback=calendar_day("start"))
    ] = None,
    end: Annotated[str | None, typer.Option(help="Last session, YYYY-MM-DD.", callback=calendar_day("end"))] = None,
    seed: SeedOption = 7,
) -> None:
    """Draw a signal over the asset and the universe's basket as one HTML page."""
    from undertow.market.errors import ParameterError

    if out.suffix != ".html" or out.is_dir():
        raise ParameterError(f"`out` must be a file that ends in .html, got {str(out)!r}")
    given = read_settings(set_ or [])
    with busy("starting"):
        from undertow.backtests.folders import check_writable
        from undertow.tearsheets.signals.page import write_signal_page

        check_writable(out)
        found = resolve_signal(signal)
    with busy("loading the market"):
        world = resolve_market(market, seed)
    with busy("drawing"):
        write_signal_page(
            found, world, out, parameters=given, universe=universe, output=output, asset=asset, start=start, end=end
        )
    typer.echo(f"signal: {out}")


@signals_app.command()
def events(
    out: Annotated[Path, typer.Option(help="The page to write, .html.")],
    market: MarketOption = None,
    day: Annotated[
        list[str] | None,
        typer.Option(
            help="Day to look at, YYYY-MM-DD; repeat. Default: those of five dated cascades that the market covers;"
            " of a simulated market its largest cascades."
        ),
    ] = None,
    universe: Annotated[str, typer.Option(help="Universe of the market.")] = "growth",
    seed: SeedOption = 7,
) -> None:
    """What every signal said at the decisions from two sessions before a day to three after."""
    from undertow.market.errors import ParameterError

    if out.suffix != ".html" or out.is_dir():
        raise ParameterError(f"`out` must be a file that ends in .html, got {str(out)!r}")
    days = [found for each in day or [] if (found := calendar_day("day")(each)) is not None]
    with busy("starting"):
        from undertow.backtests.folders import check_writable
        from undertow.tearsheets.events.page import write_event_page

        check_writable(out)
    with busy("loading the market"):
        world = resolve_market(market, seed)
    with busy("reading every signal"):
        write_event_page(world, universe, out, days)
    typer.echo(f"events: {out}")
