"""`undertow signals`: look at a signal."""

from __future__ import annotations

from typing import Annotated

import typer

from undertow.cli.options import (
    UNIVERSE,
    EndOption,
    HtmlOption,
    MarketOption,
    OldHtmlOption,
    SeedOption,
    SetOption,
    StartOption,
    UniverseOption,
    calendar_day,
    required_page,
)
from undertow.cli.progress import busy
from undertow.cli.resolve import check_targets, read_assignments, resolve_market, resolve_signal

signals_app = typer.Typer(help="Look at a signal.")


@signals_app.command("plot")
def plot_command(
    signal: Annotated[str, typer.Option(help="Name (see `undertow list signals`), or module:Class.")],
    html: HtmlOption = None,
    out: OldHtmlOption = None,
    market: MarketOption = None,
    set_: SetOption = None,
    output: Annotated[str, typer.Option(help="One output only; without it: all of them.")] = "",
    asset: Annotated[str, typer.Option(help="The asset whose feeds the signal reads.")] = "BTC",
    universe: UniverseOption = None,
    start: StartOption = None,
    end: EndOption = None,
    seed: SeedOption = 7,
) -> None:
    """Draw a signal over the asset and the universe's basket as a page, --html FILE."""
    page = required_page(html, out)
    parameters = read_assignments(set_)
    with busy("starting"):
        from undertow.tearsheets import write_signal_page

        check_targets(html=page)
        indicator = resolve_signal(signal)
    with busy("loading the market"):
        data = resolve_market(market, seed)
    with busy("drawing"):
        write_signal_page(
            indicator,
            data,
            page,
            parameters=parameters,
            universe=universe or UNIVERSE,
            output=output,
            asset=asset,
            start=start,
            end=end,
        )
    typer.echo(f"signal: {page}")


@signals_app.command("events")
def events_command(
    html: HtmlOption = None,
    out: OldHtmlOption = None,
    market: MarketOption = None,
    day: Annotated[
        list[str] | None,
        typer.Option(
            help="Day to look at, YYYY-MM-DD; repeat. Default: those of five dated cascades that the market covers;"
            " of a simulated market its largest cascades."
        ),
    ] = None,
    universe: UniverseOption = None,
    seed: SeedOption = 7,
) -> None:
    """Show every signal around a day on one page, --html FILE.

    At the decisions from two sessions before the day to three after.
    """
    page = required_page(html, out)
    days = [checked for text in day or [] if (checked := calendar_day("day")(text)) is not None]
    with busy("starting"):
        from undertow.tearsheets import write_event_page

        check_targets(html=page)
    with busy("loading the market"):
        data = resolve_market(market, seed)
    with busy("reading every signal"):
        write_event_page(data, universe or UNIVERSE, page, days)
    typer.echo(f"events: {page}")
