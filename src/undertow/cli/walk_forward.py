"""`undertow walk-forward`: tune on what came before, test on what came after."""

from __future__ import annotations

from dataclasses import replace
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
from undertow.cli.resolve import (
    busy,
    look_here,
    read_ranges,
    read_settings,
    resolve_kind,
    resolve_market,
    warn_of_absent,
)
from undertow.cli.walk_forward_output import show

if TYPE_CHECKING:
    from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold


# Equal to those of engines.py and validation/settings.py, too slow to import for `--help`; a test compares them.
BACKENDS = ("loky", "threading", "dask", "ray")
TUNERS = ("search", "design")


def walk_forward(
    strategy: StrategyOption,
    market: MarketOption = None,
    fix: Annotated[
        list[str] | None, typer.Option("--fix", "--set", help="parameter=value, not tuned; repeat for several.")
    ] = None,
    narrow: Annotated[
        list[str] | None, typer.Option(help="parameter=low:high, or parameter=choice,choice; repeat for several.")
    ] = None,
    train: Annotated[int, typer.Option(help="Sessions before a test that it is tuned on.")] = 504,
    test: Annotated[int, typer.Option(help="Sessions of a test; the next fold begins after them.")] = 126,
    anchored: Annotated[bool, typer.Option("--anchored", help="Every training window begins at the first.")] = False,
    purge: Annotated[int, typer.Option(help="Last sessions of training that are taken out.")] = 5,
    embargo: Annotated[
        int | None,
        typer.Option(
            help="Further sessions between training and test: none without it, and 5 after a test of --cpcv, which is"
            " trained on what follows too.",
            show_default=False,
        ),
    ] = None,
    events: Annotated[bool, typer.Option("--events", help="Keep shock events whole: borders move.")] = False,
    cpcv: Annotated[
        str | None, typer.Option("--cpcv", metavar="N:K", help="Also N groups, K of them tested, in every combination.")
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            help="sharpe (default), calmar, ulcer, sharpe:buy-and-hold, module:function, \N{HORIZONTAL ELLIPSIS}"
        ),
    ] = None,
    constraint: Annotated[
        list[str] | None, typer.Option(help="metric<=number or metric>=number, such as annual_turnover<=6.")
    ] = None,
    trials: Annotated[int, typer.Option(help="Parameter sets tried a fold.")] = 200,
    max_failed: Annotated[float, typer.Option(help="Share of a fold's trials that fail which ends the walk.")] = 0.5,
    tuner: Annotated[
        str,
        typer.Option(
            help="search: as `undertow optimize`; design: its Sobol design alone.", callback=one_of("tuner", TUNERS)
        ),
    ] = "search",
    gate: Annotated[
        float | None,
        typer.Option(
            "--gate",
            "--proof",
            help="A fold acts only where the SPA test of its trials gives this p or less; else it holds. Without it"
            " every fold acts, and beside it is told what those alone would have made that pass 0.10.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="journal:FOLDER or a database address, a study a fold: a walk that was killed goes on."),
    ] = None,
    study: Annotated[str | None, typer.Option(help="How the studies' names begin; without it the strategy's.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the tuning, and of the simulated market.")] = 7,
    seeds: Annotated[int, typer.Option(help="Walk with so many seeds, this and the next; the first in full.")] = 1,
    jobs: Annotated[
        int | None,
        typer.Option(help="Workers that tune folds: one, or all of the cluster at --address; results are equal."),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="loky (processes), threading, dask or ray.", callback=one_of("backend", BACKENDS))
    ] = "loky",
    address: Annotated[str | None, typer.Option(help="A running Dask or Ray cluster.")] = None,
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
        Path | None, typer.Option(help="Save folds, trials, the run and its pages into this folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tune fold by fold, join what was chosen into one out-of-sample run, and say whether it can be told from luck."""
    from undertow.market.errors import ParameterError

    ordered_days(start, end)
    if cpcv is not None and (constraint or gate is not None):
        bound = "--constraint" if constraint else "--gate"
        raise ParameterError(f"`{bound}` binds the walk-forward alone; leave out `--cpcv`")
    fixed, narrowed = read_settings(fix or [], "--fix"), read_ranges(narrow or [])
    with busy("starting"):
        from undertow.backtests.folders import check_replaceable
        from undertow.backtests.ledger.ledger import Ledger
        from undertow.backtests.validation import plan_walk, run_walk
        from undertow.backtests.validation.splits import WalkForward
        from undertow.evidence.spa import SPATest

        if out is not None:
            check_replaceable(out, "walk.json")
        if gate is not None and not 0.0 < gate < 1.0:
            raise ParameterError(f"`--gate` must lie between 0 and 1, such as 0.10; got {gate:g}")
        kind = resolve_kind(strategy)
        look_here()
        kept_whole = "shocks" if events else None
        account = account_of(
            universe,
            fill,
            (fee_bps, slippage_bps, haircut_bps, borrow_bps, tax_rate, lots),
            weighting,
            rebalance,
            capital,
        )
        settings: dict[str, Any] = {"backend": backend, "address": address, **({} if jobs is None else {"jobs": jobs})}
        plan = plan_walk(
            kind,
            start=start,
            end=end,
            split=WalkForward(
                train=train, test=test, anchored=anchored, purge=purge, embargo=embargo or 0, events=kept_whole
            ),
            objective=objective or "sharpe",
            constraints=constraint,
            trials=trials,
            max_failed=max_failed,
            fixed=fixed,
            narrowed=narrowed,
            storage=storage,
            study=study,
            seed=seed,
            tuner=tuner,
            gate="auto" if gate is None else SPATest(alpha=gate),
            on_fail="act" if gate is None else "hold",
            seeds=seeds,
            paths=_paths(cpcv, purge, embargo, kept_whole),
            ledger=Ledger(ledger),
            **account,
            **settings,
        )
    with busy("loading the market"):
        world = resolve_market(market, seed)
        warn_of_absent(kind, world, account, fixed)
    with busy("walking forward"):
        result = run_walk(plan, world)
    if out is not None:
        with busy("writing the pages"):
            result.save(out)
    show(result, out, as_json)


def _paths(text: str | None, purge: int, embargo: int | None, events: str | None) -> CombinatorialPurgedKFold | None:
    from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
    from undertow.market.errors import ParameterError

    if text is None:
        return None
    first, _, second = text.partition(":")
    if not (first.isdecimal() and second.isdecimal()):
        raise ParameterError(f"`--cpcv` must be groups:tested such as 6:2, got {text!r}")
    if int(first) < 2 or not 0 < int(second) < int(first):
        raise ParameterError(f"`--cpcv` must be two groups or more, of which fewer are tested, got {text!r}")
    paths = CombinatorialPurgedKFold(int(first), int(second), purge=purge, events=events)
    return paths if embargo is None else replace(paths, embargo=embargo)
