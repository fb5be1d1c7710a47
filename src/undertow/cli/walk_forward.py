"""`undertow walk-forward`: tune on earlier sessions, test on later ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from undertow.cli.option_groups import AccountOptions, EngineOptions, SearchOptions, SpaceOptions
from undertow.cli.options import (
    HtmlOption,
    JsonOption,
    LedgerOption,
    MarketOption,
    OutOption,
    SeedOption,
    StrategyOption,
)
from undertow.cli.output import print_json
from undertow.cli.progress import busy
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
    from rich.table import Table

    from undertow.backtests.validation import CombinatorialPurgedKFold, WalkForward, WalkForwardResult
    from undertow.evidence import SPATest


@dataclass(frozen=True)
class SplitOptions:
    """The folds: where training ends and a test begins."""

    panel: ClassVar[str] = "Folds"

    train: Annotated[int, typer.Option(help="Sessions before a test that it is tuned on.")] = 504
    test: Annotated[int, typer.Option(help="Sessions of a test; the next fold begins after them.")] = 126
    anchored: Annotated[bool, typer.Option("--anchored", help="Every training window begins at the first.")] = False
    purge: Annotated[int, typer.Option(help="Last sessions of training that are removed.")] = 5
    embargo: Annotated[
        int | None,
        typer.Option(
            help="Further sessions between training and test: none without it, and 5 after a test of --cpcv, which is"
            " trained on later sessions too.",
            show_default=False,
        ),
    ] = None
    events: Annotated[bool, typer.Option("--events", help="Keep shock events in one piece: borders move.")] = False
    cpcv: Annotated[
        str | None, typer.Option("--cpcv", metavar="N:K", help="Also N groups, K of them tested, in every combination.")
    ] = None

    def folds(self) -> WalkForward:
        """The split of the walk-forward."""
        from undertow.backtests.validation import WalkForward

        walk = WalkForward(train=self.train, test=self.test, anchored=self.anchored, purge=self.purge)
        return replace(walk, embargo=self.embargo or 0, events="shocks" if self.events else None)

    def paths(self) -> CombinatorialPurgedKFold | None:
        """The split of `--cpcv`; None without it."""
        from undertow.backtests.validation import CombinatorialPurgedKFold
        from undertow.market import ParameterError

        if self.cpcv is None:
            return None
        groups, _, tested = self.cpcv.partition(":")
        if not (groups.isdecimal() and tested.isdecimal()):
            raise ParameterError(f"`--cpcv` must be groups:tested such as 6:2, got {self.cpcv!r}")
        if int(groups) < 2 or not 0 < int(tested) < int(groups):
            raise ParameterError(f"`--cpcv` must be two groups or more, of which fewer are tested, got {self.cpcv!r}")
        paths = CombinatorialPurgedKFold(int(groups), int(tested), purge=self.purge)
        paths = replace(paths, events="shocks" if self.events else None)
        return paths if self.embargo is None else replace(paths, embargo=self.embargo)


def walk_forward_command(
    *,
    strategy: StrategyOption,
    market: MarketOption = None,
    trials: Annotated[int, typer.Option(help="Parameter sets tried in a fold.")] = 200,
    tuner: Annotated[
        str, typer.Option(help="search: as `undertow optimize`; design: its Sobol design alone.")
    ] = "search",
    gate: Annotated[
        float | None,
        typer.Option(
            help="A fold acts only where the SPA test of its trials gives this p or less; else it holds. Without it"
            " every fold acts, and the result of the folds that pass 0.10 is reported beside it.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="journal:FOLDER or a database address, a study for each fold: a killed walk continues."),
    ] = None,
    study: Annotated[str | None, typer.Option(help="How the studies' names begin; without it the strategy's.")] = None,
    seed: SeedOption = 7,
    seeds: Annotated[int, typer.Option(help="Number of seeds, this and the next; the first in full.")] = 1,
    split: SplitOptions,
    space: SpaceOptions,
    search: SearchOptions,
    engine: EngineOptions,
    account: AccountOptions,
    ledger: LedgerOption = None,
    out: OutOption = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tune fold by fold, and run the choices on the sessions that follow.

    The choices of all folds make one out-of-sample run, which is compared with the baselines.
    """
    _check_options(split.cpcv, bool(search.constraint), gate)
    with busy("starting"):
        from undertow.backtests import Ledger
        from undertow.backtests.validation import plan_walk, run_walk

        check_targets(out=out, result="walk.json", html=html)
        strategy_class = resolve_strategy_class(strategy)
        plan = plan_walk(
            strategy_class,
            **resolve_span(account.settings()),
            split=split.folds(),
            search=resolve_search(space, search, trials=trials, storage=storage, study=study),
            seed=seed,
            account=resolve_account(account.settings()),
            tuner=tuner,
            gate=_gate(gate),
            on_fail="act" if gate is None else "hold",
            ledger=Ledger(ledger),
            seeds=seeds,
            paths=split.paths(),
            **engine.settings(),
        )
    with busy("loading the market"):
        data = resolve_market(market, seed)
        settings = plan.settings
        warn_of_missing_feeds(strategy_class, data, settings.universe, settings.account.fill, settings.fixed)
    with busy("walking forward"):
        result = run_walk(plan, data)
    with busy("writing the pages"):
        if out is not None:
            result.save(out)
        if html is not None:
            result.page(html)
    if as_json:
        print_json(result.summary())
        return
    _show(result)
    for path in (html, None if out is None else out / "walk.html"):
        if path is not None:
            typer.echo(f"walk-forward: {path}")


def _check_options(cpcv: str | None, constrained: bool, gate: float | None) -> None:
    from undertow.market import ParameterError

    if cpcv is not None and (constrained or gate is not None):
        option = "--constraint" if constrained else "--gate"
        raise ParameterError(f"`{option}` binds the walk-forward alone; leave out `--cpcv`")
    if gate is not None and not 0.0 < gate < 1.0:
        raise ParameterError(f"`--gate` must lie between 0 and 1, such as 0.10; got {gate:g}")


def _gate(alpha: float | None) -> SPATest | str:
    from undertow.evidence import SPATest

    return "auto" if alpha is None else SPATest(alpha=alpha)


def _show(result: WalkForwardResult) -> None:
    """The metrics beside the baselines, a line a fold, the sentences of the result.

    Of several seeds their distribution comes first: the one that follows in full is an example.
    """
    from undertow.cli.console import show, show_metrics

    run, sentences = result.run, result.sentences()
    if sentences[0][0] == "seeds":
        typer.echo(sentences.pop(0)[1])
    show_metrics(
        f"{run.name} on {run.recipe.universe}, {run.recipe.start} to {run.recipe.end}",
        {"walked forward": run.metrics, **run.baselines, "vol-target": result.vol_target.metrics},
        run.recipe.rebalance,
    )
    for note in run.data_notes:
        show(note)
    show(_fold_table(result))
    for _, sentence in sentences:
        typer.echo(sentence)


def _fold_table(result: WalkForwardResult) -> Table:
    from rich.table import Table

    objective = result.settings.objective.name
    table = Table(title="folds", title_justify="left")
    gated = [] if result.gate is None else ["p", "passed"]
    headings = ["fold", "trained on", "tested on", f"{objective}: in", *gated, "out"]
    for heading in (*headings, "excess over buy-and-hold", "excess over vol-target"):
        table.add_column(heading, justify="left" if heading.endswith("on") else "right")
    for fold in result.folds:
        tested = fold.out_of_sample
        table.add_row(
            str(fold.fold.number),
            f"{fold.train[0]:%Y-%m-%d} to {fold.train[1]:%Y-%m-%d}",
            f"{fold.test[0]:%Y-%m-%d} to {fold.test[1]:%Y-%m-%d}",
            f"{fold.in_sample['objective']:.2f}",
            *([f"{fold.p:.2f}", "yes" if fold.passed else "no"] if gated else []),
            "-" if math.isnan(tested["objective"]) else f"{tested['objective']:.2f}",
            f"{tested['excess_over_buy_and_hold']:+.1%}",
            f"{tested['excess_over_vol_target']:+.1%}",
        )
    return table
