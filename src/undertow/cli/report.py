"""`undertow evidence report`: every finding on a universe on one page."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from undertow.cli.findings import ApartOption, AssetOption, ResamplesOption, WithinOption
from undertow.cli.options import (
    UNIVERSE,
    EndOption,
    HtmlOption,
    JsonOption,
    MarketOption,
    OptionalStrategyOption,
    SeedOption,
    StartOption,
    UniverseOption,
)
from undertow.cli.output import print_json
from undertow.cli.progress import busy
from undertow.cli.resolve import check_targets, resolve_market, resolve_strategy_class
from undertow.cli.sweep_sets import sets_from


def report_command(
    market: MarketOption = None,
    fall: Annotated[float, typer.Option("--fall", help="Falls from the high, 0.10 is 10 %.")] = 0.10,
    within: WithinOption = "24h",
    apart: ApartOption = "120h",
    asset: AssetOption = "BTC",
    universe: UniverseOption = None,
    strategy: OptionalStrategyOption = None,
    grid: Annotated[
        list[str] | None, typer.Option(help="Its sets: parameter=low:high:step or parameter=a,b,c; by default 32.")
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    html: HtmlOption = None,
    seed: SeedOption = 7,
    resamples: ResamplesOption = 10_000,
    as_json: JsonOption = False,
) -> None:
    """One page: verdict first, then when, whom, and the link; each a picture.

    With a strategy also whether it is luck, and its audit. On the simulated market the truth is drawn in.
    """
    with busy("starting"):
        from undertow.evidence import evidence_report
        from undertow.market import ParameterError
        from undertow.tearsheets import write_evidence
        from undertow.testing import audit

        check_targets(html=html)
        if grid and strategy is None:
            raise ParameterError("`--grid` has the sets of a strategy: give `--strategy`, too")
        judged = None if strategy is None else resolve_strategy_class(strategy)
        sets = None
        if judged is not None and grid:
            sets = sets_from(judged, grid, random=None, sobol=None, fixed={}, narrow=None, seed=0)
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
            strategy=judged,
            sets=sets,
            start=start,
            end=end,
            seed=seed,
            resamples=resamples,
        )
    findings: list[Any] = list(report.findings)
    content = report.to_dict()
    if judged is not None:
        with busy("changing the future"):
            window: dict[str, Any] = {"universe": universe or UNIVERSE, "start": start, "end": end}
            findings.append(audit(judged, data, **window, seed=seed))
        content["verdict"].append(findings[-1].sentence())
        content["audit"] = findings[-1].to_dict()
    if html is not None:
        write_evidence(findings, html, title=f"Evidence: {data.name}")
    if as_json:
        print_json(content)
        return
    from undertow.cli.console import show

    for finding in findings:
        show(f"{finding.heading}. {finding.sentence()}")
    if html is not None:
        show(f"page: {html}")
