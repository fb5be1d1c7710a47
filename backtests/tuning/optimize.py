"""Tuning: a space-filling design as one sweep, then Optuna in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import optuna
import pandas as pd
from optuna.storages import BaseStorage

from undertow.backtests.account import Account, AccountSettings, make_account
from undertow.backtests.checks import check_search
from undertow.backtests.identity import is_own
from undertow.backtests.keywords import split_keywords
from undertow.backtests.ledger.ledger import Ledger, open_ledger
from undertow.backtests.objectives import Metrics, refuse_nameless
from undertow.backtests.tuning.claims import LEASE, Claims, LocalClaims, SharedClaims
from undertow.backtests.tuning.evaluate import baseline_metrics
from undertow.backtests.tuning.plan import SearchPlan, run_settings
from undertow.backtests.tuning.result import Tuning
from undertow.backtests.tuning.samplers.names import check_batch, default_batch
from undertow.backtests.tuning.search import SearchCounter, SearchLoop
from undertow.backtests.tuning.settings import Search, SearchSettings, make_search
from undertow.backtests.tuning.space import first_sets, make_space
from undertow.backtests.tuning.storage import (
    check_storage,
    may_exist,
    open_storage,
    server_of,
    silence_optuna,
)
from undertow.market import Market, ParameterError, check_whole, is_number
from undertow.signals.decisions import shared_table
from undertow.strategies import Strategy, shocks_of

TRIALS = 400


class OptimizeSettings(AccountSettings, SearchSettings, total=False):
    """The fields of `Account` and of `Search` as keywords of `optimize`."""


def optimize(
    strategy: type[Strategy],
    market: Market,
    *,
    seed: int,
    search: Search | None = None,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    account: Account | None = None,
    first: Sequence[Mapping[str, Any]] = (),
    batch: int | None = None,
    jobs: int = 1,
    lease: float = LEASE,
    ledger: Ledger | str | Path | None = None,
    progress: Callable[[int], None] | None = None,
    **settings: Unpack[OptimizeSettings],
) -> Tuning:
    """Search a strategy's parameters for the best objective, or for a front.

    The defaults, the corner where the strategy acts least and the sets in `first` come before a scrambled Sobol design;
    all of these are one sweep. Then a sampler proposes one batch after another, each one sweep: by default refinement,
    which draws sets in boxes of every size around the best ones, or NSGA-II for several objectives. A study that is
    continued is brought to the total number of trials, by default 400, with the sampler and the design it began with.

    The trials are a function of the data, the arguments and `seed` alone, whatever `jobs`, the storage and
    interruptions. Several workers may share a study in a database server: no trial is lost or made twice, but which
    trials a batch sees depends on the speed of the workers. An objective that is not a finite number or raises is a
    failed trial.

    Raises `ParameterError` or `DataError` before any work on a bad argument, a storage that cannot be reached, or a
    study of another search; `TuningError` where too many trials fail.

    Args:
        strategy: class of the strategy.
        market: market, from `load_market` or `simulate_market`.
        seed: seed of the design and of every batch.
        search: objective, constraints, trials, max_failed, fixed, narrowed, storage, study, sampler and design.
        universe: name of a universe or a screen.
        start: first session, None for the market's first.
        end: last session, None for the market's last.
        account: fill, costs, weighting, rebalance and capital of every trial.
        first: sets that are tried first, each a dictionary by parameter.
        batch: number of sets that the sampler proposes at a time; by default 16 (tpe, nsga2), 32 (refine, cmaes) or 256
            (sobol).
        jobs: number of threads.
        lease: seconds without a sign of life after which another worker takes a batch over.
        ledger: folder or `Ledger` that counts every trial.
        progress: called with the number of finished trials before every batch.
        settings: fields of `Account` and `Search` in place of those of `account` and `search`.
    """
    of_account, of_search = split_keywords(settings, Account, Search)
    check_search(strategy, market, universe, None)
    account, search = make_account(account, of_account), make_search(search, of_search)
    sampler = search.sampler_name
    batch = default_batch(sampler) if batch is None else batch
    _check_numbers(seed, jobs, batch, lease)
    check_batch(sampler, batch)
    check_storage(search.storage)
    space = make_space(strategy, search.fixed, search.narrowed)
    strategy.create(space.fixed).check_market(market)
    of_run = run_settings(market, universe, start, end, account)
    points = space.points if search.design is None else search.design
    plan = SearchPlan(
        strategy,
        market,
        search,
        of_run,
        space,
        sets=first_sets(strategy, space, first),
        design=points,
        sampler=sampler,
        # NumPy's numbers cannot be stored in a study, and a ledger compares the written form.
        batch=int(batch),
        seed=int(seed),
    )
    counter, baselines = _checked(plan, ledger)
    with silence_optuna(), open_storage(search.storage) as storage:
        study = plan.make_study(storage)
        claims, evaluate = claims_of(study, storage, lease), plan.evaluator(baselines, jobs)
        number = search.trials_or(TRIALS)
        loop = SearchLoop(study, plan.proposer(), claims, evaluate, number, search.max_failed, counter)
        trials = plan.table(loop.run(progress))
    count = None if counter is None else counter.ledger.trial_count(counter.key)
    return Tuning(plan, study, trials, baselines, count)


def _checked(
    plan: SearchPlan, ledger: Ledger | str | Path | None
) -> tuple[SearchCounter | None, Mapping[str, Metrics]]:
    """The counter and the baselines of a search, after all checks that need no trial."""
    search = plan.search
    if search.storage is not None:
        refuse_nameless(search.objectives)
    opened = open_ledger(ledger, plan.market)
    if is_own(plan.strategy):
        # A report needs its shocks in the end: an error is better raised now than after the search.
        table = shared_table(plan.market, plan.settings["universe"], plan.settings["fill"])
        shocks_of(plan.strategy.create(plan.space.fixed), table)
    if may_exist(search.storage):
        with silence_optuna(), open_storage(search.storage) as storage:
            plan.check_study(storage)
    # The first work checks the settings too: no study is made for those that cannot be used.
    baselines = baseline_metrics(plan.market, search.objectives, plan.settings)
    return None if opened is None else plan.counter(opened), baselines


def _check_numbers(seed: int, jobs: int, batch: int, lease: float) -> None:
    for name, value, minimum in (("seed", seed, 0), ("jobs", jobs, 1), ("batch", batch, 1)):
        check_whole(name, value, minimum)
    if not is_number(lease) or not 1.0 <= lease <= 86_400.0:
        raise ParameterError(f"`lease` must be in [1, 86400] seconds, got {lease!r}")


def claims_of(study: optuna.Study, storage: BaseStorage, lease: float) -> Claims:
    """The claims of a study, shared where the storage is a database server.

    `lease` is in seconds.
    """
    server = server_of(storage)
    return LocalClaims() if server is None else SharedClaims(study, server, lease)
