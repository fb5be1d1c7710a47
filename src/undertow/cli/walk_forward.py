"""`undertow walk-forward`: tune on what came before, test on what came after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertow.cli.option_groups import AccountOptions, SearchOptions, SpaceOptions
from undertow.cli.options import (
    UNIVERSE,
    JsonOption,
    LedgerOption,
    MarketOption,
    OutOption,
    SeedOption,
    StrategyOption,
    one_of,
)
from undertow.cli.progress import busy
from undertow.cli.resolve import (
    check_targets,
    import_from_here,
    read_assignments,
    read_ranges,
    resolve_account,
    resolve_market,
    resolve_strategy_class,
    warn_of_missing_feeds,
)
from undertow.cli.walk_forward_output import save, show

if TYPE_CHECKING:
    import pandas as pd

    from undertow.backtests.runs.run import Run
    from undertow.backtests.validation.result import WalkForwardResult
    from undertow.backtests.validation.splits import WalkForward
    from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
    from undertow.evidence import SPATest
    from undertow.market import Market
    from undertow.strategies import Strategy


# Equal to those of backtests/engines.py and walk_tuner.py, too slow to import for `--help`; a test compares them.
BACKENDS = ("loky", "threading", "dask", "ray")
TUNERS = ("search", "design")
MOST_SEEDS = 1000


def walk_forward_command(
    strategy: StrategyOption,
    space: SpaceOptions,
    search: SearchOptions,
    account: AccountOptions,
    market: MarketOption = None,
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
    trials: Annotated[int, typer.Option(help="Parameter sets tried a fold.")] = 200,
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
            help="A fold acts only where the SPA test of its trials gives this p or less; else it holds. Without it"
            " every fold acts, and beside it is told what those alone would have made that pass 0.10.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="journal:FOLDER or a database address, a study a fold: a walk that was killed goes on."),
    ] = None,
    study: Annotated[str | None, typer.Option(help="How the studies' names begin; without it the strategy's.")] = None,
    seed: SeedOption = 7,
    seeds: Annotated[int, typer.Option(help="Walk with so many seeds, this and the next; the first in full.")] = 1,
    jobs: Annotated[
        int | None,
        typer.Option(help="Workers that tune folds: one, or all of the cluster at --address; results are equal."),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="loky (processes), threading, dask or ray.", callback=one_of("backend", BACKENDS))
    ] = "loky",
    address: Annotated[str | None, typer.Option(help="A running Dask or Ray cluster.")] = None,
    ledger: LedgerOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tune fold by fold, join what was chosen into one out-of-sample run, and say whether it can be told from luck."""
    from undertow.market.errors import ParameterError

    objective, constraint, max_failed = search.objective or [], search.constraint, search.max_failed
    if not 1 <= seeds <= MOST_SEEDS:
        raise ParameterError(f"`seeds` must be 1 to {MOST_SEEDS} seeds, got {seeds}")
    if cpcv is not None and (constraint or gate is not None):
        bound = "--constraint" if constraint else "--gate"
        raise ParameterError(f"`{bound}` binds the walk-forward alone; leave out `--cpcv`")
    fixed, narrowed = read_assignments(space.set_), read_ranges(space.narrow)
    with busy("starting"):
        from undertow.backtests.ledger.ledger import Ledger
        from undertow.backtests.runs.backtest import session_rows
        from undertow.backtests.validation.cpcv import check_aim
        from undertow.backtests.validation.gate import refuse_path_dependent
        from undertow.backtests.validation.result import ACT, HOLD
        from undertow.backtests.validation.seeds import walk_seeds
        from undertow.backtests.validation.settings import checked_settings
        from undertow.backtests.validation.splits import WalkForward
        from undertow.backtests.validation.storage import locate_studies
        from undertow.backtests.validation.walk_forward import fold_engine
        from undertow.backtests.validation.walk_forward import walk_forward as walk
        from undertow.evidence.spa import SPATest

        check_targets(out=out, result="walk.json")
        kind = resolve_strategy_class(strategy)
        import_from_here()
        split = WalkForward(train=train, test=test, anchored=anchored, purge=purge, embargo=embargo or 0)
        groups = _groups(cpcv, purge, embargo)
        trading = resolve_account(account.settings())
        universe, start, end = account.universe or UNIVERSE, account.start, account.end
        account_: dict[str, Any] = {"universe": universe, **trading.keywords()}
        tuning: dict[str, Any] = {
            "objective": objective or ["sharpe"],
            "trials": trials,
            "fixed": fixed,
            "narrowed": narrowed,
        }
        settings = checked_settings(kind, constraints=constraint, max_failed=max_failed, **tuning, **account_)
        if gate is not None and not 0.0 < gate < 1.0:
            raise ParameterError(f"`--gate` must lie between 0 and 1, such as 0.10; got {gate:g}")
        asked = None if gate is None else SPATest(alpha=gate)
        if asked is not None:
            refuse_path_dependent(kind)
        if groups is not None:
            check_aim(settings.objective)
        engine: dict[str, Any] = {"jobs": _workers(jobs, address), "backend": backend, "address": address}
        folds_engine = fold_engine(**engine)
        locate_studies(storage, study, kind.name(), tuner, folds_engine)
    with busy("loading the market"):
        world = resolve_market(market, seed)
        warn_of_missing_feeds(kind, world, universe, trading.fill, fixed)
    words: dict[str, Any] = {**account_, **tuning, "start": start, "end": end, "seed": seed, "ledger": Ledger(ledger)}
    if events:
        split, groups = _with_events(kind, fixed, world, split, groups, words)
    days = world.sessions[session_rows(world, start, end)]
    if groups is not None:
        groups.folds(days)
    choice: dict[str, Any] = {"constraints": constraint, "tuner": tuner, "storage": storage, "study": study}
    choice |= {"gate": asked or _usual_proof(kind, split, days), "on_fail": ACT if asked is None else HOLD}
    choice |= {"max_failed": max_failed}
    with busy("walking forward"):
        result = walk(kind, world, split=split, **choice, **engine, **words)
    others = None
    if seeds > 1:
        with busy(f"walking forward with {seeds - 1} more seeds"):
            rest = {**words, **choice, "split": split}
            del rest["seed"]
            others = _seeds(result, walk_seeds(kind, world, range(seed + 1, seed + seeds), **engine, **rest))
    paths = None
    if groups is not None:
        from undertow.backtests.validation.cpcv import cpcv as combine

        with busy("walking every combination"):
            paths = combine(kind, world, split=groups, **words)
    # Other seeds and combinations were counted since.
    result = replace(
        result,
        run=_commanded(result.run, seeds, cpcv, embargo),
        trial_count=words["ledger"].later(result.trial_count, world.fingerprint),
    )
    if out is not None:
        with busy("writing the pages"):
            save(result, paths, others, out)
    show(result, paths, others, out, as_json)


def _usual_proof(kind: type[Strategy], split: WalkForward, sessions: pd.DatetimeIndex) -> SPATest | None:
    """The gate that is told beside a walk that acts in every fold; None where there is nothing to tell."""
    from undertow.evidence.spa import SPATest

    usual = SPATest()
    enough = all(len(fold.train) >= usual.fewest for fold in split.folds(sessions))
    return usual if enough and not kind.path_dependent else None


def _commanded(run: Run, seeds: int, cpcv: str | None, embargo: int | None) -> Run:
    """A walk's run whose command makes the other seeds and the combinations as well."""
    if run.recipe.command is None:
        return run
    more = [*(["--seeds", str(seeds)] if seeds > 1 else []), *([] if cpcv is None else ["--cpcv", cpcv])]
    # A walk has none where nobody says so, combinations have.
    more += ["--embargo", "0"] if cpcv is not None and embargo == 0 else []
    return replace(run, recipe=replace(run.recipe, command=" ".join([run.recipe.command, *more])))


def _workers(jobs: int | None, address: str | None) -> int | None:
    """One where nobody says otherwise; on a running cluster all that it has."""
    return 1 if jobs is None and address is None else jobs


def _groups(text: str | None, purge: int, embargo: int | None) -> CombinatorialPurgedKFold | None:
    from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
    from undertow.market.errors import ParameterError

    if text is None:
        return None
    first, _, second = text.partition(":")
    if not (first.isdecimal() and second.isdecimal()):
        raise ParameterError(f"`--cpcv` must be groups:tested such as 6:2, got {text!r}")
    if int(first) < 2 or not 0 < int(second) < int(first):
        raise ParameterError(f"`--cpcv` must be two groups or more, of which fewer are tested, got {text!r}")
    usual = CombinatorialPurgedKFold(int(first), int(second), purge=purge)
    return usual if embargo is None else replace(usual, embargo=embargo)


def _with_events(
    kind: type[Strategy],
    fixed: dict[str, str],
    world: Market,
    split: WalkForward,
    groups: CombinatorialPurgedKFold | None,
    words: dict[str, Any],
) -> tuple[WalkForward, CombinatorialPurgedKFold | None]:
    """The splits with the shock events of the strategy at its defaults and what is fixed."""
    from undertow.backtests.runs.backtest import session_rows
    from undertow.backtests.validation.shocks import shock_events

    sessions = world.sessions[session_rows(world, words["start"], words["end"])]
    found = shock_events(kind.create(fixed), world, sessions, universe=words["universe"], fill=words["fill"])
    return replace(split, events=found), None if groups is None else replace(groups, events=found)


def _seeds(result: WalkForwardResult, others: pd.DataFrame) -> pd.DataFrame:
    """The rows of all seeds, the one in full first."""
    import pandas as pd

    from undertow.backtests.validation.seeds import seed_row

    return pd.concat([pd.DataFrame([seed_row(result)]), others], ignore_index=True)
