"""`undertow optimize`: search a strategy's parameters."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
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
)
from undertow.cli.resolve import (
    busy,
    look_here,
    read_ranges,
    read_settings,
    resolve_kind,
    resolve_market,
    warn_of_absent,
)

if TYPE_CHECKING:
    from undertow.backtests.tuning.result import Tuning


def optimize(
    strategy: StrategyOption,
    market: MarketOption = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(help="sharpe, calmar, ulcer, sharpe:buy-and-hold, module:function, …; repeat for a front."),
    ] = None,
    trials: Annotated[int, typer.Option(help="Trials in the study, those it has already included.")] = 400,
    seed: Annotated[int, typer.Option(help="Seed of the search and of the simulated market.")] = 7,
    fix: Annotated[list[str] | None, typer.Option(help="parameter=value; repeat for several.")] = None,
    narrow: Annotated[
        list[str] | None, typer.Option(help="parameter=low:high, or parameter=choice,choice; repeat for several.")
    ] = None,
    constraint: Annotated[
        list[str] | None, typer.Option(help="metric<=number or metric>=number, such as annual_turnover<=6.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="journal:FILE or a database address; without it the study is not kept.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of the study; without it the strategy's.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Threads; without it, all. Results are equal.")] = None,
    batch: Annotated[int | None, typer.Option(help="Trials proposed at a time.")] = None,
    sobol: Annotated[int | None, typer.Option(help="Points of the design that comes first.")] = None,
    max_failed: Annotated[float, typer.Option(help="Share of failed trials that ends the search.")] = 0.5,
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
    ledger: LedgerOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the best run, trials.csv, best.json, study.html.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the study's page to this file, .html.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Search a strategy's parameters: a Sobol design, then TPE, or NSGA-II for several objectives.

    Equal seeds give equal trials, however often the search is interrupted. With a database server, start the command
    on as many machines as you like: they share the study, and which trials they make depends on who is quicker.
    """
    from undertow.market.errors import ParameterError

    if html is not None and (html.suffix != ".html" or html.is_dir()):
        raise ParameterError(f"`html` must be a file that ends in .html, got {str(html)!r}")
    fixed, narrowed = read_settings(fix or [], "--fix"), read_ranges(narrow or [])
    with busy("starting"):
        from undertow.backtests.folders import check_replaceable, check_writable, plain
        from undertow.backtests.ledger.ledger import Ledger
        from undertow.backtests.objectives import read_constraints, read_objectives
        from undertow.backtests.tuning.optimize import BATCH
        from undertow.backtests.tuning.optimize import optimize as search
        from undertow.backtests.tuning.space import make_space
        from undertow.backtests.tuning.storage import check_storage

        if out is not None:
            check_replaceable(out, "best.json")
        if html is not None:
            check_writable(html, "html")
        check_storage(storage)
        kind = resolve_kind(strategy)
        aims, bounds = objective or ["sharpe"], constraint or []
        look_here()
        read_objectives(aims), read_constraints(bounds)
        make_space(kind, fixed, narrowed)
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
        warn_of_absent(kind, world, account, fixed)
    with counting(trials) as progress:
        tuning = search(
            kind,
            world,
            objective=aims,
            trials=trials,
            seed=seed,
            jobs=jobs if jobs is not None else os.cpu_count() or 1,
            storage=storage,
            study=study,
            start=start,
            end=end,
            **account,
            fixed=fixed,
            narrowed=narrowed,
            constraints=bounds,
            batch=BATCH if batch is None else batch,
            sobol=sobol,
            max_failed=max_failed,
            ledger=Ledger(ledger),
            progress=progress,
        )
    with busy("writing the results"):
        if out is not None:
            save(tuning, out)
        if html is not None:
            tuning.page(html)
    if as_json:
        print(json.dumps(plain(tuning.summary()), indent=2, allow_nan=False))
        return
    show_tuning(tuning)
    for name, path in (("study", html), ("result", out)):
        if path is not None:
            typer.echo(f"{name}: {path}")


@contextmanager
def counting(trials: int) -> Iterator[Any]:
    """A bar of finished trials on standard error; nothing where that is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("trials", total=trials)
        yield lambda done: bar.update(task, completed=done)


def save(tuning: Tuning, out: Path) -> None:
    """Write the best strategy's run and the study beside it into `out`, all or nothing."""
    from undertow.backtests.folders import replacing, write_json

    with replacing(out, "best.json") as draft:
        tuning.backtest().save(draft)
        tuning.trials.to_csv(draft / "trials.csv", index=False)
        write_json(draft / "best.json", tuning.summary())
        tuning.page(draft / "study.html")


def show_tuning(tuning: Tuning) -> None:
    """The best trial beside the defaults and the baselines, its parameters, and the number of trials ever made."""
    from undertow.cli.console import show, show_metrics

    said, best = tuning.identity, tuning.best
    failed = int((tuning.trials["state"] == "fail").sum())
    columns = {f"trial {best['trial']}": dict(best), "trial 0": dict(tuning.trials.iloc[0])}
    title = f"{tuning.strategy.name()} on {said['universe']}, {said['start']} to {said['end']}, in-sample"
    show_metrics(title, {**columns, **{name: dict(each) for name, each in tuning.baselines.items()}})
    for name in tuning.names:
        show(
            f"{name}: {best[f'objective {name}']:.4g} in trial {best['trial']} of {len(tuning.trials)}, {failed} failed"
        )
    if len(tuning.names) > 1:
        show(f"on the front: {len(tuning.front)} trials")
    if not tuning.feasible:
        missed = ", ".join(f"{each.name} by {best[f'missed {each.name}']:.3g}" for each in tuning.constraints)
        show(f"no trial keeps to the constraints; this is the nearest, which misses {missed}")
    show("parameters: " + ", ".join(f"{name}={_short(value)}" for name, value in tuning.best_parameters.items()))
    if tuning.lag_hours is not None:
        show(tuning.lag_hours.sentence())
    if tuning.trial_count is not None:
        show(tuning.trial_count.sentence() + " The best of many looks good by luck alone: judge it out of sample.")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
