"""`undertow sweep`: many parameter sets of one strategy."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertow.cli.options import (
    BorrowOption,
    CapitalOption,
    EndOption,
    FeeOption,
    FillOption,
    HaircutOption,
    JsonOption,
    LedgerOption,
    LotsOption,
    MarketOption,
    RebalanceOption,
    SlippageOption,
    StartOption,
    StrategyOption,
    TaxOption,
    UniverseOption,
    WeightingOption,
    account_of,
    one_of,
    ordered_days,
)
from undertow.cli.resolve import busy, look_here, read_settings, resolve_kind, resolve_market, warn_of_absent
from undertow.cli.sweep_sets import sets_from

if TYPE_CHECKING:
    import pandas as pd


# Equal to those of backtests/engines.py, which is too slow to import for `--help`; a test compares them.
BACKENDS = ("serial", "threading", "loky", "dask", "ray")
SUFFIXES = (".csv", ".parquet")


def sweep(
    strategy: StrategyOption,
    market: MarketOption = None,
    grid: Annotated[
        list[str] | None, typer.Option(help="parameter=low:high:step or parameter=a,b,c; repeat for a grid of several.")
    ] = None,
    random: Annotated[int | None, typer.Option(help="Draw this many sets at random from the search space.")] = None,
    sobol: Annotated[int | None, typer.Option(help="This many sets that fill the search space evenly.")] = None,
    fix: Annotated[list[str] | None, typer.Option(help="parameter=value, the same in every set; repeat.")] = None,
    narrow: Annotated[
        list[str] | None,
        typer.Option(help="parameter=low:high, or parameter=choice,choice, for --random and --sobol; repeat."),
    ] = None,
    universe: UniverseOption = "growth",
    start: StartOption = None,
    end: EndOption = None,
    fill: FillOption = "open",
    fee_bps: FeeOption = 5.0,
    slippage_bps: SlippageOption = 5.0,
    haircut_bps: HaircutOption = 0.0,
    borrow_bps: BorrowOption = 50.0,
    tax_rate: TaxOption = 0.20,
    lots: LotsOption = "hifo",
    weighting: WeightingOption = "equal",
    rebalance: RebalanceOption = "monthly",
    capital: CapitalOption = 1_000_000.0,
    by: Annotated[
        str, typer.Option(help="Figure or objective to sort by: sharpe, ulcer:buy-and-hold, module:function.")
    ] = "annual_sharpe",
    top: Annotated[int, typer.Option(help="How many sets to show.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Write every set, in the order tried: .csv or .parquet.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with heat maps, .html.")] = None,
    memory: Annotated[str, typer.Option(help="Memory for the work beside the market, such as 500MB.")] = "1GB",
    backend: Annotated[
        str, typer.Option(help="serial, threading, loky, dask or ray.", callback=one_of("backend", BACKENDS))
    ] = "serial",
    jobs: Annotated[int | None, typer.Option(help="Workers; default one a core.")] = None,
    address: Annotated[str | None, typer.Option(help="A running Dask or Ray cluster.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw, and of the simulated market.")] = 7,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try many parameter sets of one strategy at once; the best of many is luck until it is shown not to be."""
    from undertow.market.errors import ParameterError

    _check_files(out, html)
    ordered_days(start, end)
    if top < 1:
        raise ParameterError(f"`top` must be 1 or more sets, got {top}")
    with busy("starting"):
        from undertow.backtests.account import Account
        from undertow.backtests.engines import Engine
        from undertow.backtests.ledger.ledger import Ledger
        from undertow.backtests.sweeps.memory import bytes_of
        from undertow.backtests.sweeps.ranking import read_ranking
        from undertow.backtests.sweeps.result import MOST_COMPARED
        from undertow.backtests.sweeps.sweep import sweep as run_sweep

        if ":" in by:
            look_here()
        by = read_ranking(by).column
        bytes_of("memory", memory)
        engine = Engine(backend, jobs, address)
        kind = resolve_kind(strategy)
        parameters = sets_from(kind, grid or [], random, sobol, read_settings(fix or [], "--fix"), seed, narrow)
        settings = account_of(
            universe,
            fill,
            (fee_bps, slippage_bps, haircut_bps, borrow_bps, tax_rate, lots),
            weighting,
            rebalance,
            capital,
        )
        account = Account(**{name: value for name, value in settings.items() if name != "universe"})
    with busy("loading the market"):
        world = resolve_market(market, seed)
        warn_of_absent(kind, world, settings, read_settings(fix or [], "--fix"))
    with busy(f"trying {len(parameters):,} sets"):
        result = run_sweep(
            kind,
            world,
            parameters,
            universe=universe,
            start=start,
            end=end,
            account=account,
            engine=engine,
            memory_bytes=memory,
            returns=len(parameters) <= MOST_COMPARED,
            ledger=Ledger(ledger),
        )
    _write_table(result.table, out)
    if html is not None:
        result.page(html, by)
    if as_json:
        _print_json(result.summary(by, top))
        return
    best = result.best(by, top)
    _show(
        f"{kind.name()} on {universe}: best {len(best)} of {len(result):,} sets by {by}", best, list(result.varied), by
    )
    held = ", ".join(f"{name} {value:.4g}" for name, value in result.baseline_scores(by).items())
    typer.echo(f"On the same sessions, by {by}: {held}.")
    if result.comparable:
        typer.echo(result.confidence_set().sentence)
    if result.trial_count is not None:
        typer.echo(result.trial_count.sentence() + " The best of many looks good by luck alone.")
    for what, path in (("sets", out), ("heat maps", html)):
        if path is not None:
            typer.echo(f"{what}: {path}")


def _check_files(out: Path | None, html: Path | None) -> None:
    from undertow.market.errors import ParameterError

    if out is not None and (out.suffix not in SUFFIXES or out.is_dir()):
        raise ParameterError(f"`out` must be a file that ends in .csv or .parquet, got {str(out)!r}")
    if html is not None and (html.suffix != ".html" or html.is_dir()):
        raise ParameterError(f"`html` must be a file that ends in .html, got {str(html)!r}")
    for option, path in (("out", out), ("html", html)):
        if path is not None:
            from undertow.backtests.folders import check_writable

            check_writable(path, option)


def _write_table(table: pd.DataFrame, out: Path | None) -> None:
    from undertow.tearsheets.html.markup import write_whole

    if out is not None:
        written = BytesIO()
        if out.suffix == ".csv":
            table.to_csv(written, index=False)
        else:
            table.to_parquet(written, index=False)
        write_whole(out, written.getvalue())


def _print_json(summary: dict[str, Any]) -> None:
    from undertow.backtests.folders import plain

    print(json.dumps(plain(summary), indent=2, allow_nan=False))


def _show(title: str, best: pd.DataFrame, parameters: list[str], by: str) -> None:
    from undertow.cli.console import show_sets

    show_sets(title, best, parameters, by)
