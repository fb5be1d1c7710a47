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
    resolve_account,
    resolve_market,
    resolve_search,
    resolve_span,
    resolve_strategy_class,
    warn_of_missing_feeds,
)

if TYPE_CHECKING:
    from undertow.backtests.tuning import Tuning


def optimize_command(
    *,
    strategy: StrategyOption,
    market: MarketOption = None,
    trials: Annotated[int, typer.Option(help="Trials in the study, those it has already included.")] = 400,
    batch: Annotated[
        int | None, typer.Option(help="Trials proposed at a time.", show_default="16 to 256, by the sampler")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="journal:FILE or a database address; without it the study is not stored.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of the study; without it the strategy's.")] = None,
    seed: SeedOption = 7,
    jobs: Annotated[int | None, typer.Option(help="Threads; without it, all. Results are equal.")] = None,
    space: SpaceOptions,
    search: SearchOptions,
    account: AccountOptions,
    ledger: LedgerOption = None,
    out: OutOption = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search a strategy's parameters.

    First a Sobol design, then a sampler: refinement around the best sets, or NSGA-II for several objectives. Equal
    seeds give equal trials, however often the search is interrupted. With a database server, start the command on as
    many machines as you like: they share the study, and which trials they make depends on which machine is faster.
    """
    with busy("starting"):
        from undertow.backtests import Ledger
        from undertow.backtests.tuning import check_storage, make_space, optimize

        check_targets(out=out, result="best.json", html=html)
        check_storage(storage)
        strategy_class = resolve_strategy_class(strategy)
        goal = resolve_search(space, search, trials=trials, storage=storage, study=study)
        fixed = make_space(strategy_class, goal.fixed, goal.narrowed).fixed
        trading = resolve_account(account.settings())
    with busy("loading the market"):
        data = resolve_market(market, seed)
        warn_of_missing_feeds(strategy_class, data, account.universe or UNIVERSE, trading.fill, fixed)
    with progress_bar("trials", trials) as progress:
        tuning = optimize(
            strategy_class,
            data,
            seed=seed,
            search=goal,
            **resolve_span(account.settings()),
            account=trading,
            batch=batch,
            jobs=jobs if jobs is not None else os.cpu_count() or 1,
            ledger=Ledger(ledger),
            progress=progress,
        )
    with busy("writing the results"):
        if out is not None:
            tuning.save(out)
        if html is not None:
            tuning.page(html)
    if as_json:
        print_json(tuning.summary())
        return
    _show(tuning)
    for label, path in (("study", html), ("result", out)):
        if path is not None:
            typer.echo(f"{label}: {path}")


def _show(tuning: Tuning) -> None:
    """The best trial beside the defaults and the baselines, and its parameters."""
    from undertow.cli.console import show, show_metrics

    identity, best = tuning.identity, tuning.best
    failed = int((tuning.trials["state"] == "fail").sum())
    columns = {f"trial {best['trial']}": dict(best), "trial 0": dict(tuning.trials.iloc[0])}
    title = f"{tuning.strategy.name()} on {identity['universe']}, {identity['start']} to {identity['end']}, in-sample"
    show_metrics(
        title, {**columns, **{name: dict(metrics) for name, metrics in tuning.baselines.items()}}, identity["rebalance"]
    )
    for note in tuning.notes:
        show(note)
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
