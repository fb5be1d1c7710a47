"""`undertow sweep`: many parameter sets of one strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undertow.cli.option_groups import AccountOptions, EngineOptions, SpaceOptions
from undertow.cli.options import (
    UNIVERSE,
    CsvOption,
    HtmlOption,
    JsonOption,
    LedgerOption,
    MarketOption,
    OldCsvOption,
    OptionalStrategyOption,
    RuleOption,
    SeedOption,
    TrustOption,
    one_file,
)
from undertow.cli.output import print_json
from undertow.cli.progress import busy
from undertow.cli.resolve import (
    check_targets,
    import_from_here,
    read_assignments,
    resolve_account,
    resolve_market,
    resolve_span,
    resolve_swept,
    warn_of_missing_feeds,
)
from undertow.cli.sweep_sets import sets_from

if TYPE_CHECKING:
    from undertow.backtests.sweeps import Sweep


def sweep_command(
    *,
    strategy: OptionalStrategyOption = None,
    rule: RuleOption = None,
    trust: TrustOption = False,
    market: MarketOption = None,
    grid: Annotated[
        list[str] | None, typer.Option(help="parameter=low:high:step or parameter=a,b,c; repeat for a grid of several.")
    ] = None,
    random: Annotated[int | None, typer.Option(help="Draw this many sets at random from the search space.")] = None,
    sobol: Annotated[int | None, typer.Option(help="This many sets that fill the search space evenly.")] = None,
    by: Annotated[
        str,
        typer.Option(help="Figure or objective to sort by: sharpe, ulcer:buy-and-hold, module:function."),
    ] = "annual_sharpe",
    top: Annotated[int, typer.Option(help="Number of sets to show.")] = 10,
    memory: Annotated[str, typer.Option(help="Memory for the work beside the market, such as 500MB.")] = "1GB",
    seed: SeedOption = 7,
    space: SpaceOptions,
    engine: EngineOptions,
    account: AccountOptions,
    ledger: LedgerOption = None,
    csv: CsvOption = None,
    html: HtmlOption = None,
    out: OldCsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try many parameter sets of one strategy at once.

    With --rule the parameters are the numbers of a rule file by their keys, such as trigger.when[2].below. The best of
    many is luck until it is shown not to be.
    """
    from undertow.market import ParameterError

    table = one_file("csv", csv, out)
    if top < 1:
        raise ParameterError(f"`top` must be 1 or more sets, got {top}")
    with busy("starting"):
        from undertow.backtests import Engine, Ledger
        from undertow.backtests.sweeps import MOST_COMPARED, bytes_of, read_ranking, sweep

        check_targets(html=html, csv=table)
        import_from_here()
        read_ranking(by)
        bytes_of("memory", memory)
        strategy_class, file = resolve_swept(strategy, rule, trust)
        fixed = read_assignments(space.set_)
        parameters = sets_from(
            strategy_class, grid, random=random, sobol=sobol, fixed=fixed, narrow=space.narrow, seed=seed
        )
        settings = file.with_settings(account.settings())
        trading, workers = resolve_account(settings), Engine(**engine.settings())
    with busy("loading the market"):
        data = resolve_market(market, seed)
        file.check(data, settings)
        warn_of_missing_feeds(strategy_class, data, settings.get("universe", UNIVERSE), trading.fill, fixed)
    with busy(f"trying {len(parameters):,} sets"):
        result = sweep(
            strategy_class,
            data,
            parameters,
            **resolve_span(settings),
            account=trading,
            engine=workers,
            memory_bytes=memory,
            returns=len(parameters) <= MOST_COMPARED,
            ledger=Ledger(ledger),
        )
        summary = result.summary(by, top)
    with busy("writing the results"):
        if table is not None:
            result.save(table, by)
        if html is not None:
            result.page(html, by)
    if as_json:
        print_json(summary)
        return
    _show(result, by, top)
    for label, path in (("sets", table), ("heat maps", html)):
        if path is not None:
            typer.echo(f"{label}: {path}")


def _show(sweep: Sweep, by: str, top: int) -> None:
    """The best sets, the baselines, and the sets not distinguished from the best."""
    from undertow.backtests.runs import hold_label, hold_sentence
    from undertow.backtests.sweeps import read_ranking
    from undertow.cli.console import show, show_sets

    column, best = read_ranking(by).column, sweep.best(by, top)
    title = f"{sweep.strategy.name()} on {sweep.universe}: best {len(best)} of {len(sweep):,} sets by {column}"
    if sweep.scores(by).isna().all():
        title = f"{sweep.strategy.name()} on {sweep.universe}: {len(best)} of {len(sweep):,} sets, none has a {column}"
    show_sets(title, best, list(sweep.varied), column)
    labels = {"buy-and-hold": hold_label(sweep.account.rebalance)}
    scores = ", ".join(f"{labels.get(name, name)} {score:.4g}" for name, score in sweep.baseline_scores(by).items())
    typer.echo(f"On the same sessions, by {column}: {scores}.")
    for note in (hold_sentence(sweep.account.rebalance), *sweep.notes):
        show(note)
    if sweep.comparable:
        typer.echo(sweep.confidence_set().sentence)
    if sweep.trial_count is not None:
        typer.echo(sweep.trial_count.sentence() + " The best of many looks good by luck alone.")
