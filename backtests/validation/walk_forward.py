"""Walk-forward validation: tune on what came before, hold the choice on what came after, in one account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from undertow.backtests.checks import check_search
from undertow.backtests.costs import Costs
from undertow.backtests.engines import run_tasks, worker_count
from undertow.backtests.ledger.ledger import Ledger, SearchKey, open_ledger
from undertow.backtests.objectives import Constraint, Metrics, Objective
from undertow.backtests.runs.backtest import backtest, session_rows
from undertow.backtests.runs.run import Run
from undertow.backtests.tuning.settings import MAX_FAILED
from undertow.backtests.validation.folds import Accounts, fold_result, refuse_empty
from undertow.backtests.validation.gate import FoldGate, refuse_other_kind, refuse_path_dependent, refuse_short
from undertow.backtests.validation.recipe import WalkRecipe, recipe_of
from undertow.backtests.validation.result import ACT, HOLD, ON_FAIL, WalkForwardResult
from undertow.backtests.validation.schedule import Schedule, ScheduledSpan, ScheduledStrategy
from undertow.backtests.validation.settings import TUNERS, Tuner, WalkSettings, checked_settings
from undertow.backtests.validation.splits import Fold, WalkForward, checked_split
from undertow.backtests.validation.storage import locate_studies
from undertow.backtests.validation.train import FoldTask, Trained, tune_fold
from undertow.market.calendar import Fill
from undertow.market.checks import check_whole
from undertow.market.errors import ParameterError, did_you_mean
from undertow.market.market import Market
from undertow.signals.decisions.table import shared_table
from undertow.strategies.buy_and_hold import BuyAndHold
from undertow.strategies.strategy import Strategy
from undertow.strategies.vol_target import VolTarget


def walk_forward(
    strategy: type[Strategy],
    market: Market,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    split: WalkForward | None = None,
    objective: str | Objective | Callable[[Metrics], float] = "sharpe",
    constraints: str | Constraint | Sequence[str | Constraint] | None = None,
    trials: int = 200,
    max_failed: float = MAX_FAILED,
    seed: int = 7,
    jobs: int | None = 1,
    backend: str = "loky",
    address: str | None = None,
    fixed: Mapping[str, Any] | None = None,
    narrowed: Mapping[str, Any] | None = None,
    fill: Fill = "open",
    costs: Costs | None = None,
    weighting: str = "equal",
    rebalance: str = "monthly",
    capital: float = 1_000_000.0,
    tuner: Tuner | str = "search",
    gate: FoldGate | None = None,
    on_fail: str = HOLD,
    storage: str | Path | None = None,
    study: str | None = None,
    ledger: Ledger | str | Path | None = None,
) -> WalkForwardResult:
    """Tune `strategy` fold by fold and join what was chosen into one out-of-sample run.

    Each fold is tuned on its training sessions alone, over `trials` parameter sets, for one `objective` of `optimize`
    under its `constraints`; `fixed` parameters are not tuned, `narrowed` ones within (low, high) or some of the
    choices. `tuner` is "search", what `optimize` does, "design", its Sobol design alone, or a function of `Tuner`.
    Every fold has the same `seed`, so that folds differ by their sessions alone. Then one account runs through all
    tests: on each session it does what the strategy of that fold decides, from the same decision table, and pays for
    what a seam makes it trade. Sessions before the first test are warm-up.

    With a `gate`, such as `evidence.SPATest(alpha=0.10)`, a fold acts only where what was tried in training is told
    from luck; in its test the others hold the basket, or, with `on_fail` "act", act all the same. Either way the
    `alternative` of the result is the account that does the other. `tuner` and `gate` go to the workers, so that both
    must pickle.

    Folds are tuned one after another, or by `jobs` workers of `backend`: "loky", "threading", "dask" or "ray", the
    last two also on the cluster at `address`. With a `storage` each fold's search is a study of its own, whose name
    begins with `study` (without it the strategy's): "journal:FOLDER" has one file a fold, a database all of them. A
    walk that was killed and is started again goes on from there. A `ledger` counts the trials of all folds.

    The result is a function of the other arguments alone, but where several machines share the studies. Raises
    `ParameterError` before any work where an argument, a parameter range or the split does not fit, `TuningError`
    where more than the share `max_failed` of a fold's trials fail, and what `optimize` raises of a storage.

        walk_forward(LiquidityDrain, market, split=WalkForward(train=504, test=126)).run.tearsheet("walk.html")
    """
    check_search(strategy, market, universe, costs)
    rule = checked_split(split, WalkForward)
    account: dict[str, Any] = {
        "universe": universe,
        "fill": fill,
        "costs": costs,
        "weighting": weighting,
        "rebalance": rebalance,
        "capital": capital,
    }
    check_whole("seed", seed, 0)
    # A ledger tells NumPy's numbers from Python's.
    seed = int(seed)
    settings = checked_settings(
        strategy, fixed, narrowed, objective, constraints, trials, max_failed=max_failed, **account
    )
    seat, seat_name = _seated(tuner)
    engine = fold_engine(jobs, backend, address)
    if on_fail not in ON_FAIL:
        near = did_you_mean(str(on_fail), ON_FAIL)
        raise ParameterError(f"`on_fail` must be one of {', '.join(ON_FAIL)}; got {on_fail!r}{near}")
    if gate is not None:
        refuse_other_kind(gate)
        refuse_path_dependent(strategy)
    table = shared_table(market, universe, fill)
    settings = replace(
        settings,
        universe=table.universe.name,
        kept=locate_studies(storage, study, strategy.name(), seat_name, engine),
    )
    kept = open_ledger(ledger, market)
    rows = session_rows(market, start, end)
    sessions = market.sessions[rows]
    folds = _one_account(rule, sessions)
    if gate is not None:
        refuse_short(gate, folds)
    refuse_empty(table, folds, rows, settings)
    spans = [(sessions[fold.train[0]], sessions[fold.train[-1]]) for fold in folds]
    recipe = partial(recipe_of, strategy, market, sessions, rule, settings, seed, seat_name)
    counted = None if kept is None else _Counted(kept, _search(recipe(None), strategy, market, settings, sessions))
    shared = FoldTask(strategy, market, seed, settings, seat, gate)
    tuned = run_tasks(tune_fold, shared, spans, finished=None if counted is None else counted.fold, **engine)
    passed = [gate is None or each.p <= gate.alpha for each in tuned]
    accounts = {HOLD: (passed, recipe(gate)), ACT: ([True] * len(folds), recipe(None))}
    acts, _ = accounts[on_fail]
    stitch = partial(
        _stitched_run, strategy, market, sessions, folds, [each.found.parameters for each in tuned], settings
    )
    run = stitch(*accounts[on_fail])
    counterpart = None if gate is None else stitch(*accounts[ACT if on_fail == HOLD else HOLD])
    tested = {"start": sessions[folds[0].test[0]], "end": sessions[folds[-1].test[-1]]}
    baselines = {
        each.name(): backtest(each(), market, **tested, **settings.account) for each in (BuyAndHold, VolTarget)
    }
    told = Accounts(run, baselines)
    return WalkForwardResult(
        strategy=strategy,
        split=rule,
        settings=settings,
        seed=seed,
        tuner=seat_name,
        sessions=len(sessions),
        folds=tuple(
            fold_result(fold, sessions, each, acting, None if gate is None else good, told, settings.objective)
            for fold, each, acting, good in zip(folds, tuned, acts, passed, strict=True)
        ),
        run=run,
        vol_target=baselines[VolTarget.name()],
        trial_count=None if counted is None else counted.ledger.trial_count(counted.search),
        gate=None if gate is None else gate.name,
        on_fail=on_fail,
        alternative=counterpart,
    )


def _one_account(rule: WalkForward, sessions: pd.DatetimeIndex) -> list[Fold]:
    """The folds; raises `ParameterError` where one account cannot go through all of their tests."""
    folds = rule.folds(sessions)
    if any(one.test[-1] + 1 != other.test[0] for one, other in pairwise(folds)):
        raise ParameterError(
            f"`step` must equal `test`, so that one account holds each session once, got step {rule.stride} and test"
            f" {rule.test}"
        )
    if folds[-1].test[-1] == folds[0].test[0]:
        raise ParameterError("one session is left to test, a run needs two; make `train` shorter, or the span longer")
    return folds


def fold_engine(jobs: int | None, backend: str, address: str | None) -> dict[str, Any]:
    """The engine that tunes the folds, as `run_tasks` takes it; raises `ParameterError` where there is none such."""
    worker_count(backend, jobs, address)
    # One worker needs no other process.
    alone = jobs == 1 and address is None
    return {"backend": "serial" if alone else backend, "jobs": None if alone else jobs, "address": address}


def _seated(tuner: Tuner | str) -> tuple[Tuner, str]:
    if not isinstance(tuner, str) and not callable(tuner):
        raise ParameterError(f"`tuner` must be one of {', '.join(TUNERS)} or a function; got {tuner!r}")
    if not isinstance(tuner, str):
        return tuner, f"{tuner.__module__}:{getattr(tuner, '__qualname__', type(tuner).__qualname__)}"
    if tuner not in TUNERS:
        near = did_you_mean(tuner, TUNERS)
        raise ParameterError(f"`tuner` must be one of {', '.join(TUNERS)} or a function; got {tuner!r}{near}")
    return TUNERS[tuner], tuner


@dataclass
class _Counted:
    """The ledger that counts the trials of a walk fold by fold, so that one which is killed has made them too."""

    ledger: Ledger
    search: SearchKey
    made: int = 0

    def fold(self, _: int, trained: Trained) -> None:
        """Count a fold's trials behind those of the folds before it: a tuner of one's own may make more than asked."""
        first, self.made = self.made, self.made + len(trained.found.trials)
        self.ledger.record(self.search, "walk-forward", range(first, self.made))


def _search(
    recipe: WalkRecipe, strategy: type[Strategy], market: Market, settings: WalkSettings, sessions: pd.DatetimeIndex
) -> SearchKey:
    window = str(sessions[0].date()), str(sessions[-1].date())
    own = strategy.name(), market.fingerprint, settings.universe, window, "walk-forward", recipe.key
    return SearchKey(*own, market.name)


def _stitched_run(
    strategy: type[Strategy],
    market: Market,
    sessions: pd.DatetimeIndex,
    folds: list[Fold],
    chosen: list[dict[str, Any]],
    settings: WalkSettings,
    acts: list[bool],
    recipe: WalkRecipe,
) -> Run:
    """One account through all tests, in which the folds that act do as they chose and the others hold the basket."""
    rules = [strategy.create(each) if acting else None for each, acting in zip(chosen, acts, strict=True)]
    pieces = tuple(
        ScheduledSpan(each, sessions[fold.test[0]], sessions[fold.test[-1]])
        for fold, each in zip(folds, rules, strict=True)
    )
    seams = Schedule(pieces, recipe.described(pieces))
    run = backtest(
        ScheduledStrategy(seams=seams), market, start=pieces[0].first, end=pieces[-1].last, **settings.account
    )
    named = replace(run.recipe, strategy=f"{strategy.name()}-walk-forward", command=recipe.command)
    renamed = replace(run, recipe=named)
    renamed.__dict__["portfolio"] = run.portfolio
    return renamed
