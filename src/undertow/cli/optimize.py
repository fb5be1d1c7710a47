"""`undertow optimize`: search a strategy's parameters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertow.cli.option_groups import AccountOptions, SearchOptions, SpaceOptions
from undertow.cli.options import (
    UNIVERSE,
    HtmlOption,
    JsonOption,
    LedgerOption,
    MarketOption,
    OutOption,
    SeedOption,
    StrategyOption,
)
from undertow.cli.output import print_json
from undertow.cli.progress import busy, progress_bar
from undertow.cli.resolve import (
    check_targets,
    import_from_here,
    read_assignments,
    read_ranges,
    resolve_account,
    resolve_market,
    resolve_span,
    resolve_strategy_class,
    warn_of_missing_feeds,
)

if TYPE_CHECKING:
    from pathlib import Path

    from undertow.backtests.tuning.optimize import Tuning


def optimize_command(
    strategy: StrategyOption,
    space: SpaceOptions,
    search: SearchOptions,
    account: AccountOptions,
    market: MarketOption = None,
    trials: Annotated[int, typer.Option(help="Trials in the study, those it has already included.")] = 400,
    seed: SeedOption = 7,
    storage: Annotated[
        str | None, typer.Option(help="journal:FILE or a database address; without it the study is not stored.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of the study; without it the strategy's.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Threads; without it, all. Results are equal.")] = None,
    batch: Annotated[int | None, typer.Option(help="Trials proposed at a time.", show_default="16")] = None,
    sobol: Annotated[int | None, typer.Option(help="Points of the design that comes first.")] = None,
    ledger: LedgerOption = None,
    out: OutOption = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search a strategy's parameters.

    First a Sobol design, then TPE, or NSGA-II for several objectives. Equal seeds give equal trials, however often the
    search is interrupted. With a database server, start the command on as many machines as you like: they share the
    study, and which trials they make depends on which machine is faster.
    """
    fixed, narrowed = read_assignments(space.set_), read_ranges(space.narrow)
    with busy("starting"):
        from undertow.backtests.ledger.ledger import Ledger
        from undertow.backtests.objectives import read_constraints, read_objectives
        from undertow.backtests.tuning.optimize import BATCH
        from undertow.backtests.tuning.optimize import optimize as run_search
        from undertow.backtests.tuning.space import make_space
        from undertow.backtests.tuning.storage import check_storage

        check_targets(out=out, result="best.json", html=html)
        check_storage(storage)
        strategy_class = resolve_strategy_class(strategy)
        import_from_here()
        read_objectives(search.objective or ["sharpe"])
        read_constraints(search.constraint)
        make_space(strategy_class, fixed, narrowed)
        settings = account.settings()
        trading = resolve_account(settings)
    with busy("loading the market"):
        data = resolve_market(market, seed)
        warn_of_missing_feeds(strategy_class, data, account.universe or UNIVERSE, trading.fill, fixed)
    with progress_bar("trials", trials) as progress:
        tuning = run_search(
            strategy_class,
            data,
            objective=search.objective or ["sharpe"],
            trials=trials,
            seed=seed,
            jobs=jobs if jobs is not None else os.cpu_count() or 1,
            storage=storage,
            study=study,
            **resolve_span(settings),
            **trading.keywords(),
            fixed=fixed,
            narrowed=narrowed,
            constraints=search.constraint,
            batch=BATCH if batch is None else batch,
            sobol=sobol,
            max_failed=search.max_failed,
            ledger=Ledger(ledger),
            progress=progress,
        )
    with busy("writing the results"):
        if out is not None:
            _save(tuning, out)
        if html is not None:
            tuning.page(html)
    if as_json:
        print_json(tuning.summary())
        return
    _show(tuning)
    for name, path in (("study", html), ("result", out)):
        if path is not None:
            typer.echo(f"{name}: {path}")


def _save(tuning: Tuning, out: Path) -> None:
    """Write the best strategy's run and the study into `out`, all or nothing."""
    from undertow.backtests.folders import replacing, write_json

    with replacing(out, "best.json") as draft:
        tuning.backtest().save(draft)
        tuning.trials.to_csv(draft / "trials.csv", index=False)
        write_json(draft / "best.json", tuning.summary())
        tuning.page(draft / "study.html")


def _show(tuning: Tuning) -> None:
    """The best trial beside the defaults and the baselines, and its parameters."""
    from undertow.cli.console import show, show_metrics

    identity, best = tuning.identity, tuning.best
    failed = int((tuning.trials["state"] == "fail").sum())
    columns = {f"trial {best['trial']}": dict(best), "trial 0": dict(tuning.trials.iloc[0])}
    title = f"{tuning.strategy.name()} on {identity['universe']}, {identity['start']} to {identity['end']}, in-sample"
    show_metrics(title, {**columns, **{name: dict(metrics) for name, metrics in tuning.baselines.items()}})
    for name in tuning.names:
        show(
            f"{name}: {best[f'objective {name}']:.4g} in trial {best['trial']} of {len(tuning.trials)}, {failed} failed"
        )
    if len(tuning.names) > 1:
        show(f"on the front: {len(tuning.front)} trials")
    if not tuning.feasible:
        misses = ", ".join(f"{bound.name} by {best[f'missed {bound.name}']:.3g}" for bound in tuning.constraints)
        show(f"no trial keeps to the constraints; the closest, shown here, misses {misses}")
    show("parameters: " + ", ".join(f"{name}={_short(value)}" for name, value in tuning.best_parameters.items()))
    if tuning.lag_hours is not None:
        show(tuning.lag_hours.sentence())
    if tuning.trial_count is not None:
        show(tuning.trial_count.sentence() + " The best of many looks good by luck alone: judge it out of sample.")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
