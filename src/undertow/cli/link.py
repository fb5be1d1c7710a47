"""`undertow evidence link`: how an asset and a basket move together."""

from __future__ import annotations

from typing import Annotated

import typer

from undertow.cli.findings import ResamplesOption, print_finding
from undertow.cli.options import (
    UNIVERSE,
    EndOption,
    HtmlOption,
    JsonOption,
    MarketOption,
    SeedOption,
    StartOption,
    UniverseOption,
    calendar_day,
)
from undertow.cli.progress import busy
from undertow.cli.resolve import check_targets, resolve_market


def link_command(
    market: MarketOption = None,
    basket: Annotated[
        str | None,
        typer.Option(
            help="Symbol, universe, weights.csv, or a difference such as growth-QQQ.",
            show_default="the market's benchmark",
        ),
    ] = None,
    asset: Annotated[str, typer.Option("--asset", help="Asset of the bars.")] = "BTC",
    split: Annotated[
        str,
        typer.Option("--split", help="First day of the second part of the weekends.", callback=calendar_day("split")),
    ] = "2020-01-01",
    universe: UniverseOption = None,
    start: StartOption = None,
    end: EndOption = None,
    html: HtmlOption = None,
    seed: SeedOption = 7,
    resamples: ResamplesOption = 10_000,
    as_json: JsonOption = False,
) -> None:
    """The link: correlations by year, leads and lags, liquidation weeks, weekends.

    Intervals are Fisher's and HAC ones; nothing is resampled.
    """
    with busy("starting"):
        from undertow.evidence import linkage

        check_targets(html=html)
    with busy("loading the market"):
        data = resolve_market(market, seed)
    with busy("measuring"):
        result = linkage(
            data,
            basket=basket,
            asset=asset,
            universe=universe or UNIVERSE,
            split=split,
            start=start,
            end=end,
            seed=seed,
            resamples=resamples,
        )
    print_finding(result, result.to_dict(), html, as_json)
