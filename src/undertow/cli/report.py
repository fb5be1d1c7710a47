"""`undertow evidence report`: every finding on a universe on one page."""

from __future__ import annotations

from typing import Annotated

import typer

from undertow.cli.findings import ApartOption, AssetOption, ResamplesOption, WithinOption
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
from undertow.cli.output import print_json
from undertow.cli.progress import busy
from undertow.cli.resolve import check_targets, resolve_market


def report_command(
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
    """One page: verdict first, then when, whom, and the link; each a picture.

    On the simulated market the truth is drawn in.
    """
    with busy("starting"):
        from undertow.evidence import evidence_report
        from undertow.tearsheets import write_evidence

        check_targets(html=html)
    with busy("loading the market"):
        data = resolve_market(market, seed)
    with busy("measuring"):
        report = evidence_report(
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
    if html is not None:
        write_evidence(report.findings, html, title=f"Evidence: {data.name}")
    if as_json:
        print_json(report.to_dict())
        return
    from undertow.cli.console import show

    for finding in report.findings:
        show(f"{finding.heading}. {finding.sentence()}")
    if html is not None:
        show(f"page: {html}")
