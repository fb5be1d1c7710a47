"""`undertow evidence lag`: what a basket did in the hours and sessions after shocks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undertow.cli.findings import (
    ApartOption,
    AssetOption,
    FallOption,
    ResamplesOption,
    WithinOption,
    print_finding,
)
from undertow.cli.options import (
    UNIVERSE,
    EndOption,
    HtmlOption,
    JsonOption,
    MarketOption,
    SeedOption,
    StartOption,
    UniverseOption,
)
from undertow.cli.progress import busy
from undertow.cli.resolve import check_targets, resolve_market


def lag_command(
    market: MarketOption = None,
    basket: Annotated[
        str | None,
        typer.Option(
            help="Symbol, universe, winners, losers, high-beta, low-beta, weights.csv, or a difference: growth-QQQ,"
            " growth-beta*QQQ.",
            show_default="the market's benchmark",
        ),
    ] = None,
    fall: FallOption = None,
    rise: Annotated[float | None, typer.Option("--rise", help="Shocks: rises from the low instead.")] = None,
    within: WithinOption = "24h",
    apart: ApartOption = "120h",
    asset: AssetOption = "BTC",
    top_liquidations: Annotated[
        int | None, typer.Option("--top-liquidations", help="Shocks: days of the largest long liquidations instead.")
    ] = None,
    shock: Annotated[
        str | None, typer.Option("--shock", help='Shocks: a signal\'s level, "liquidation-spike.rank >= 0.98".')
    ] = None,
    events: Annotated[
        Path | None, typer.Option("--events", metavar="FILE", help="Shocks: a file of UTC instants, one a line.")
    ] = None,
    universe: UniverseOption = None,
    start: StartOption = None,
    end: EndOption = None,
    fixed_errors: Annotated[
        bool, typer.Option("--fixed-errors", help="Studentise resamples by the standard error of the events.")
    ] = False,
    html: HtmlOption = None,
    seed: SeedOption = 7,
    resamples: ResamplesOption = 10_000,
    as_json: JsonOption = False,
) -> None:
    """The lag curve: what a basket did in the hours and sessions after shocks.

    With its interval, the smallest effect that could have been seen, and the number of windows looked at.
    """
    with busy("starting"):
        from undertow.evidence import lag_curve

        check_targets(html=html)
    with busy("loading the market"):
        data = resolve_market(market, seed)
    with busy("measuring"):
        curve = lag_curve(
            data,
            basket=basket,
            fall=fall,
            rise=rise,
            within=within,
            apart=apart,
            asset=asset,
            top_liquidations=top_liquidations,
            shock=shock,
            events=events,
            universe=universe or UNIVERSE,
            start=start,
            end=end,
            seed=seed,
            resamples=resamples,
            fixed_errors=fixed_errors,
        )
    print_finding(curve, curve.to_dict(), html, as_json)
