"""`undertow evidence who`: which members of a universe fell after shocks."""

from __future__ import annotations

from typing import Annotated

import typer

from undertow.cli.findings import ApartOption, AssetOption, ResamplesOption, WithinOption, print_finding
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


def who_command(
    market: MarketOption = None,
    fall: Annotated[float, typer.Option("--fall", help="Falls from the high, 0.10 is 10 %.")] = 0.10,
    within: WithinOption = "24h",
    apart: ApartOption = "120h",
    asset: AssetOption = "BTC",
    universe: UniverseOption = None,
    start: StartOption = None,
    end: EndOption = None,
    html: HtmlOption = None,
    seed: SeedOption = 7,
    resamples: ResamplesOption = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Who is sold: fifths of a universe after falls, and against calm weeks.

    By last quarter's return, beta, volatility, correlation with the asset and dollar volume.
    """
    with busy("starting"):
        from undertow.evidence import sold_first

        check_targets(html=html)
    with busy("loading the market"):
        data = resolve_market(market, seed)
    with busy("measuring"):
        result = sold_first(
            data,
            fall=fall,
            within=within,
            apart=apart,
            asset=asset,
            universe=universe or UNIVERSE,
            start=start,
            end=end,
            seed=seed,
            resamples=resamples,
        )
    print_finding(result, result.to_dict(), html, as_json)
