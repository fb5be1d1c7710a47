"""`undertow sweep`: many parameter sets of one strategy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
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

    from undertow.backtests.objectives import Metrics, Objective
    from undertow.market import Market
    from undertow.market.clock import FloatArray
    from undertow.strategies import Strategy

# Sets that are told apart from one another: more of them take more than seconds.
MOST_COMPARED = 100
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
        from undertow.backtests.engines import worker_count
        from undertow.backtests.ledger.entries import enter_sweep
        from undertow.backtests.ledger.ledger import Ledger
        from undertow.backtests.objectives import BASELINES, NAMED
        from undertow.backtests.runs.backtest import session_rows
        from undertow.backtests.sweeps.chunk import FIGURES, is_less_better
        from undertow.backtests.sweeps.memory import bytes_of
        from undertow.backtests.sweeps.sweep import sweep as run_sweep
        from undertow.backtests.tuning.command import account_words
        from undertow.backtests.tuning.evaluate import baseline_row
        from undertow.evidence.difference import FEWEST_SESSIONS

        by = NAMED[by][0] if by in NAMED else by
        aim = None if by in FIGURES else _aim(by)
        bytes_of("memory", memory)
        worker_count(backend, jobs, address)
        kind = resolve_kind(strategy)
        parameters = sets_from(kind, grid or [], random, sobol, read_settings(fix or [], "--fix"), seed, narrow)
        account = account_of(
            universe,
            fill,
            (fee_bps, slippage_bps, haircut_bps, borrow_bps, tax_rate, lots),
            weighting,
            rebalance,
            capital,
        )
    with busy("loading the market"):
        world = resolve_market(market, seed)
        kept = Ledger(ledger)
        kept.check(world.fingerprint, world.name)
    days = world.sessions[session_rows(world, start, end)]
    warn_of_absent(kind, world, account, read_settings(fix or [], "--fix"))
    span: dict[str, Any] = {**account, "start": start, "end": end}
    with busy(f"trying {len(parameters):,} sets"):
        few = len(parameters) <= MOST_COMPARED and len(days) >= FEWEST_SESSIONS
        engine: dict[str, Any] = {"memory_bytes": memory, "backend": backend, "jobs": jobs, "address": address}
        if few:
            table, returns = run_sweep(kind, world, parameters, **span, **engine, returns=True)
        else:
            table = run_sweep(kind, world, parameters, **span, **engine)
        baselines = {each: baseline_row(each, world, span) for each in BASELINES}
    if aim is not None:
        rivals = {name: dict(each) for name, each in baselines.items()}
        rows = ({str(name): value for name, value in row.items()} for row in table.to_dict("records"))
        table[by] = [_value(aim, row, rivals) for row in rows]
        baselines = {name: {**each, by: _value(aim, each, rivals)} for name, each in rivals.items()}
    way = "grid" if grid else "sobol" if sobol is not None else "random"
    standing = enter_sweep(kept, kind, world, parameters, way, start=start, end=end, account=account)
    varied = [name for name in parameters.columns if table[name].nunique(dropna=False) > 1] or list(parameters.columns)
    left = _left(kind, world, table, returns, varied, span) if few else None
    best = table.sort_values(by, ascending=is_less_better(by), kind="stable", na_position="last").head(top)
    _write_table(table, out)
    if html is not None:
        from undertow.tearsheets.sweep.heatmap import write_sweep

        write_sweep(
            table,
            html,
            title=f"{kind.name()} on {universe}",
            value=by,
            parameters=varied,
            about=[f"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}", f"{len(days):,} sessions", f"market {world.name}"],
            baselines=baselines,
            notes=[
                standing.sentence(),
                *([left["sentence"]] if left else []),
                "What is shown is in-sample: judge a choice on sessions that it never saw.",
            ],
            recipe=_recipe(account, way, seed, parameters, varied, world.fingerprint),
            command=_command(
                world.path,
                ["--strategy", strategy],
                _options("--grid", grid) or [f"--{way}", str(len(parameters))],
                _options("--fix", fix),
                _options("--narrow", narrow),
                ["--universe", universe, "--start", f"{days[0]:%Y-%m-%d}", "--end", f"{days[-1]:%Y-%m-%d}"],
                ["--by", by, "--seed", str(seed)],
                account_words(fill, account["costs"], weighting, rebalance, capital),
            ),
        )
    if as_json:
        found = {"strategy": kind.name(), "universe": universe, "sets": len(table), "by": by}
        told = {"confidence_set": left, "baselines": baselines, "ledger": asdict(standing)}
        _print_json({**found, "best": _records(best), **told})
        return
    _show(f"{kind.name()} on {universe}: best {len(best)} of {len(table):,} sets by {by}", best, varied, by)
    held = ", ".join(f"{each} {figures[by]:.4g}" for each, figures in baselines.items() if by in figures)
    typer.echo(f"On the same sessions, by {by}: {held}.")
    if left is not None:
        typer.echo(left["sentence"])
    typer.echo(standing.sentence() + " The best of many looks good by luck alone.")
    for what, path in (("sets", out), ("heat maps", html)):
        if path is not None:
            typer.echo(f"{what}: {path}")


def _aim(by: str) -> Objective:
    """The objective that sets are sorted by; raises `ParameterError` where it is neither that nor a figure."""
    from undertow.backtests.objectives import read_objectives
    from undertow.backtests.sweeps.chunk import FIGURES

    if ":" not in by:
        one_of("by", FIGURES)(by)
    look_here()
    return read_objectives(by)[0]


def _value(aim: Objective, metrics: Metrics, baselines: Mapping[str, Metrics]) -> float:
    """An objective of one row; NaN where a search would call the trial failed."""
    from undertow.backtests.tuning.study import judge

    values = judge(metrics, [aim], [], baselines).values
    return float("nan") if values is None else values[0]


def _left(
    kind: type[Strategy],
    world: Market,
    table: pd.DataFrame,
    returns: FloatArray,
    varied: list[str],
    span: dict[str, Any],
) -> dict[str, Any]:
    """Which sets cannot be told from the best, buy-and-hold among the rules compared."""
    import numpy as np
    import pandas as pd

    from undertow.backtests.sweeps.sweep import sweep
    from undertow.evidence.confidence import confidence_set
    from undertow.strategies import BuyAndHold

    _, hold = sweep(BuyAndHold, world, pd.DataFrame(index=range(1)), **span, returns=True)
    found = confidence_set(np.vstack([returns, hold]))
    inside = table[varied][found.included[:-1]]
    return {
        "level": found.level,
        "sets": len(inside),
        "buy_and_hold": bool(found.included[-1]),
        "sentence": found.sentence(table, varied, BuyAndHold.name()),
        "parameters": _records(inside),
    }


def _command(market: str | None, *parts: list[str]) -> str | None:
    """The command line that makes the sweep again; None for a market that is no folder."""
    if market is None:
        return None
    return shlex.join(["undertow", "sweep", "--market", market, *(word for part in parts for word in part)])


def _options(name: str, given: list[str] | None) -> list[str]:
    return [word for each in given or [] for word in (name, each)]


def _recipe(
    account: dict[str, Any], way: str, seed: int, parameters: pd.DataFrame, varied: list[str], fingerprint: str
) -> dict[str, str]:
    """What the page of a sweep says of its account and its sets, beside what was varied."""
    costs = account["costs"]
    drawn = {} if way == "grid" else {"Seed of the draw": str(seed)}
    still = [f"{name} {parameters[name].iloc[0]}" for name in parameters if name not in varied]
    return {
        "Sets": way,
        **drawn,
        "Held still": ", ".join(still) or "nothing; the rest at their defaults",
        "Fill at the": account["fill"],
        "Costs": f"fee {costs.fee_bps:g} bps, slippage {costs.slippage_bps:g} bps, haircut {costs.haircut_bps:g} bps",
        "Weights": f"{account['weighting']}, renewed {account['rebalance']}",
        "Starting capital, USD": f"{account['capital']:,.0f}",
        "Market fingerprint": fingerprint,
    }


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


def _records(best: pd.DataFrame) -> Any:
    return json.loads(best.to_json(orient="records", double_precision=15))


def _print_json(summary: dict[str, Any]) -> None:
    from undertow.backtests.folders import json_ready

    print(json.dumps(json_ready(summary), indent=2, allow_nan=False))


def _show(title: str, best: pd.DataFrame, parameters: list[str], by: str) -> None:
    from undertow.cli.console import show_sets

    show_sets(title, best, parameters, by)
