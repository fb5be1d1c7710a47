"""The plan of a walk-forward: its arguments checked before a market is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from inspect import isclass, signature
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pandas as pd

from undertow.backtests.account import Account, AccountSettings, make_account
from undertow.backtests.engines import Engine, EngineSettings, make_engine
from undertow.backtests.keywords import split_keywords
from undertow.backtests.ledger.ledger import Ledger
from undertow.backtests.tuning.settings import Search, SearchSettings, make_search
from undertow.backtests.validation.cpcv import check_path_objective
from undertow.backtests.validation.gate import (
    AUTO,
    FoldGate,
    check_gate,
    default_gate,
    refuse_path_dependent,
    refuse_short,
)
from undertow.backtests.validation.result import HOLD, ON_FAIL
from undertow.backtests.validation.settings import (
    SEARCH,
    TUNERS,
    Tuner,
    WalkSettings,
    make_walk_settings,
    resolve_events,
)
from undertow.backtests.validation.splits import WalkForward, make_split
from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
from undertow.backtests.validation.storage import locate_studies
from undertow.market import Market, ParameterError, check_whole, did_you_mean, is_whole
from undertow.signals.decisions import shared_table
from undertow.strategies import Strategy

MAX_SEEDS = 1000


@dataclass(frozen=True)
class Robustness:
    """Checks beside a walk-forward: other seeds and combinatorial paths.

    Raises `ParameterError` on a number of seeds outside 1 to 1000, and on another kind of split.

    Args:
        seeds: number of seeds to walk with, the walk's seed and those that follow it.
        paths: split of a combinatorial cross-validation; None for none.
    """

    seeds: int = 1
    paths: CombinatorialPurgedKFold | None = None

    def __post_init__(self) -> None:
        if not is_whole(self.seeds, 1) or self.seeds > MAX_SEEDS:
            raise ParameterError(f"`seeds` must be 1 to {MAX_SEEDS} seeds, got {self.seeds!r}")
        paths: object = self.paths
        if paths is not None and not isinstance(paths, CombinatorialPurgedKFold):
            raise ParameterError(f"`paths` must be a CombinatorialPurgedKFold, got {paths!r}")


class RobustnessSettings(TypedDict, total=False):
    """The fields of `Robustness` as keywords of a function."""

    seeds: int
    paths: CombinatorialPurgedKFold | None


# Plain keywords are collected into these records.
_RECORDS: tuple[type[Any], ...] = (Account, Search, Engine, Robustness)


class WalkKeywords(AccountSettings, SearchSettings, EngineSettings, RobustnessSettings, total=False):
    """The fields of the records of `walk_forward` as its keywords."""


@dataclass(frozen=True)
class WalkPlan:
    """A walk-forward whose arguments are checked; made by `plan_walk`.

    Args:
        strategy: class of the strategy.
        split: the split.
        settings: settings of the account and of the tuning.
        seed: seed of the tuning.
        tuner: function that tunes a fold.
        tuner_name: name of the tuner, or the path of a user-defined one.
        engine: engine that tunes the folds.
        gate: test that the trials of a fold pass before its choice acts, "auto", or None.
        on_fail: "hold" or "act", the conduct of a fold that does not pass the gate.
        robustness: checks beside the walk.
        start: first session; None for the market's first.
        end: last session; None for the market's last.
        ledger: ledger, or its folder, that counts the trials; None for none.
    """

    strategy: type[Strategy]
    split: WalkForward
    settings: WalkSettings
    seed: int
    tuner: Tuner
    tuner_name: str
    engine: Engine
    gate: FoldGate | str | None
    on_fail: str
    robustness: Robustness
    start: str | pd.Timestamp | None
    end: str | pd.Timestamp | None
    ledger: Ledger | str | Path | None


def plan_walk(
    strategy: type[Strategy],
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    split: WalkForward | None = None,
    search: Search | None = None,
    seed: int = 7,
    account: Account | None = None,
    engine: Engine | None = None,
    tuner: Tuner | str = "search",
    gate: FoldGate | str | None = None,
    on_fail: str = HOLD,
    robustness: Robustness | None = None,
    ledger: Ledger | str | Path | None = None,
    **settings: Unpack[WalkKeywords],
) -> WalkPlan:
    """Check all arguments of a walk-forward that need no market; see `run_walk`.

    Args:
        strategy: class of the strategy.
        universe: name of the universe, or a screen.
        start: first session; None for the market's first.
        end: last session; None for the market's last.
        split: the split; None for `WalkForward()`.
        search: objective, constraints, trials a fold, fixed and narrowed parameters, sampler, storage of the studies.
        seed: seed of the tuning.
        account: settings of the account.
        engine: engine that tunes the folds; None for one worker in this process.
        tuner: "search", "design", or a function as in `Tuner`.
        gate: test that the trials of a fold pass before its choice acts, "auto", or None.
        on_fail: "hold" or "act", the conduct of a fold that does not pass the gate.
        robustness: checks beside the walk.
        ledger: ledger, or its folder, that counts the trials; None for none.
        settings: fields of `Search`, `Account`, `Engine` and `Robustness` as keywords.

    Raises `ParameterError` as `walk_forward` does.
    """
    _refuse_unknown(settings)
    account_settings, search_settings, engine_settings, robustness_settings = split_keywords(settings, *_RECORDS)
    if not (isclass(strategy) and issubclass(strategy, Strategy)):
        raise ParameterError(f"`strategy` must be the class of a strategy, got {strategy!r}")
    search = make_search(search, search_settings)
    split = make_split(split, WalkForward)
    check_whole("seed", seed, 0)
    walk_settings = make_walk_settings(strategy, search, make_account(account, account_settings), universe=universe)
    tune, tuner_name = _read_tuner(tuner)
    engine = walk_engine(engine, engine_settings)
    if on_fail not in ON_FAIL:
        suggestion = did_you_mean(str(on_fail), ON_FAIL)
        raise ParameterError(f"`on_fail` must be one of {', '.join(ON_FAIL)}; got {on_fail!r}{suggestion}")
    check_gate(gate)
    if gate is not None and gate != AUTO:
        refuse_path_dependent(strategy)
    robustness = make_robustness(robustness, robustness_settings)
    if robustness.paths is not None:
        _check_paths(walk_settings, gate, on_fail)
    if search.storage is not None and tuner_name not in TUNERS:
        raise ParameterError(
            f"`storage` can only be used with the tuners {' and '.join(TUNERS)}, got the tuner {tuner_name}"
        )
    if tuner_name != SEARCH and (search.sampler is not None or search.design is not None):
        setting = "sampler" if search.sampler is not None else "design"
        raise ParameterError(f"`{setting}` can only be used with the tuner {SEARCH}, got the tuner {tuner_name}")
    studies = locate_studies(search.storage, search.study, strategy.name(), engine)
    return WalkPlan(
        strategy=strategy,
        split=split,
        settings=replace(walk_settings, studies=studies),
        # A ledger distinguishes NumPy's numbers from Python's.
        seed=int(seed),
        tuner=tune,
        tuner_name=tuner_name,
        engine=engine,
        gate=gate,
        on_fail=on_fail,
        robustness=robustness,
        start=start,
        end=end,
        ledger=ledger,
    )


def _refuse_unknown(settings: Mapping[str, object]) -> None:
    """Raise `ParameterError` on an unknown keyword, with the nearest."""
    arguments = [name for name in signature(plan_walk).parameters if name != "settings"]
    known = [*arguments, *(field.name for record in _RECORDS for field in fields(record))]
    for name in settings:
        if name not in known:
            raise ParameterError(f"unknown setting `{name}`{did_you_mean(name, known)}; known: {', '.join(known)}")


def walk_engine(engine: Engine | None, settings: Mapping[str, Any]) -> Engine:
    """The engine of a walk, with keywords in place of its fields.

    Without `engine`, `backend` is "loky", and `jobs` is 1 or, with an `address`, all workers of the cluster.
    """
    default = Engine(backend="loky", jobs=None if settings.get("address") else 1)
    changed = make_engine(default if engine is None else engine, settings)
    # One worker needs no other process.
    return Engine() if changed.jobs == 1 and changed.address is None else changed


def make_robustness(robustness: Robustness | None, settings: Mapping[str, Any]) -> Robustness:
    """The checks beside a walk, with keywords in place of their fields."""
    if robustness is not None and not isinstance(robustness, Robustness):
        raise ParameterError(f"`robustness` must be a `Robustness`, got {type(robustness).__name__}")
    return replace(robustness or Robustness(), **settings)


def _read_tuner(tuner: Tuner | str) -> tuple[Tuner, str]:
    if not isinstance(tuner, str) and not callable(tuner):
        raise ParameterError(f"`tuner` must be one of {', '.join(TUNERS)} or a function; got {tuner!r}")
    if not isinstance(tuner, str):
        return tuner, f"{tuner.__module__}:{getattr(tuner, '__qualname__', type(tuner).__qualname__)}"
    if tuner not in TUNERS:
        suggestion = did_you_mean(tuner, TUNERS)
        raise ParameterError(f"`tuner` must be one of {', '.join(TUNERS)} or a function; got {tuner!r}{suggestion}")
    return TUNERS[tuner], tuner


def _check_paths(settings: WalkSettings, gate: FoldGate | str | None, on_fail: str) -> None:
    """Raise `ParameterError` where paths cannot follow the settings of a walk."""
    if settings.constraints or (gate is not None and on_fail == HOLD):
        name = "constraints" if settings.constraints else "gate"
        raise ParameterError(f"`{name}` binds the walk-forward alone; leave out `paths`")
    check_path_objective(settings.objective)


def resolve_plan(plan: WalkPlan, market: Market, sessions: pd.DatetimeIndex) -> WalkPlan:
    """A plan with its universe, its events and its gate looked up in the market.

    Args:
        plan: the plan.
        market: the market.
        sessions: sessions of the span.

    Raises `ParameterError` where the split, the paths or the gate does not fit the sessions.
    """
    settings, strategy = plan.settings, plan.strategy
    table = shared_table(market, settings.universe, settings.account.fill)
    settings = replace(settings, universe=table.universe.name)
    split = resolve_events(plan.split, strategy, market, sessions, settings)
    folds = split.folds(sessions)
    gate = plan.gate
    if isinstance(gate, str):
        gate = default_gate(strategy, folds)
    elif gate is not None:
        refuse_short(gate, folds)
    paths = plan.robustness.paths
    if paths is not None:
        paths = resolve_events(paths, strategy, market, sessions, settings)
        paths.folds(sessions)
    robustness = replace(plan.robustness, paths=paths)
    return replace(plan, settings=settings, split=split, gate=gate, robustness=robustness)
