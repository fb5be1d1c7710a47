"""The settings that all folds of a walk-forward share, and the tuners of a fold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution

from undertow.backtests.account import Account
from undertow.backtests.objectives import Constraint, Objective, read_objectives
from undertow.backtests.tuning.evaluate import Evaluator, baseline_metrics
from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.tuning.result import Tuning
from undertow.backtests.tuning.samplers.names import REFINE
from undertow.backtests.tuning.settings import MAX_FAILED, Search
from undertow.backtests.tuning.space import space_left
from undertow.backtests.validation.events import SHOCKS, shock_events
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
from undertow.backtests.validation.storage import StudyLocation
from undertow.market import Market, ParameterError
from undertow.strategies import Strategy

_Split = TypeVar("_Split", WalkForward, CombinatorialPurgedKFold)

# Trials a fold where a search does not set them.
FOLD_TRIALS = 200
# The choice of `source` that needs the lots of one account.
LEAST_TAX_FIRST = "least-tax"


@dataclass(frozen=True)
class WalkSettings:
    """Settings that all folds of a walk-forward share.

    Args:
        universe: name of the universe, or a screen.
        account: settings of the account.
        objective: objective of the tuning.
        constraints: bounds on metrics that a choice must keep.
        trials: parameter sets tried a fold.
        max_failed: share of failed trials, decimal, above which the search of a fold ends the walk.
        fixed: values by parameter that are not searched.
        space: ranges by parameter that are searched; empty where nothing is tuned.
        unsearched: choices of the strategy's own space that the walk leaves out, as "parameter=choice".
        studies: storage of the folds' studies, None for memory.
        sampler: what proposes the sets of a fold behind its design.
        design: points of the Sobol design of a fold; None for the default.
    """

    universe: str = "growth"
    account: Account = field(default_factory=Account)
    objective: Objective = field(default_factory=lambda: read_objectives("sharpe")[0])
    constraints: tuple[Constraint, ...] = ()
    trials: int = FOLD_TRIALS
    max_failed: float = MAX_FAILED
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, BaseDistribution] = field(default_factory=dict)
    unsearched: tuple[str, ...] = ()
    studies: StudyLocation | None = None
    sampler: str = REFINE
    design: int | None = None

    def keywords(self) -> dict[str, Any]:
        """The universe and the account as keywords of `backtest` and `sweep`."""
        return {"universe": self.universe, **self.account.keywords()}


@dataclass(frozen=True, eq=False)
class TunedFold:
    """The result of tuning a fold.

    Args:
        parameters: the chosen parameters, all of the strategy's.
        metrics: their metrics in the training sessions.
        trials: one row a trial, with a column for each tuned parameter.
        objective: their value of the objective.
        feasible: whether they keep every constraint; False for the nearest miss where no trial does.
    """

    parameters: dict[str, Any]
    metrics: dict[str, float]
    trials: pd.DataFrame
    objective: float = float("nan")
    feasible: bool = True


class Tuner(Protocol):
    """A function that chooses parameters from the training sessions of a fold."""

    def __call__(
        self,
        strategy: type[Strategy],
        market: Market,
        start: pd.Timestamp,
        end: pd.Timestamp,
        seed: int,
        settings: WalkSettings,
    ) -> TunedFold:
        """Choose the best parameters of `strategy` by `settings.objective`.

        Called once a fold, by position, with the first and last training session; it may use no session after `end`.
        Equal arguments give equal results.
        """
        ...


def search_tuner(
    strategy: type[Strategy], market: Market, start: pd.Timestamp, end: pd.Timestamp, seed: int, settings: WalkSettings
) -> TunedFold:
    """`optimize` on the training sessions: defaults, Sobol design, then a sampler.

    Args:
        strategy: class of the strategy.
        market: the market.
        start: first training session.
        end: last training session.
        seed: seed of the search.
        settings: settings of the walk; with an empty space there is one trial.

    Raises what `optimize` raises.
    """
    return _tune(strategy, market, start, end, seed, settings, design=settings.design)


def design_tuner(
    strategy: type[Strategy], market: Market, start: pd.Timestamp, end: pd.Timestamp, seed: int, settings: WalkSettings
) -> TunedFold:
    """One sweep on the training sessions: the defaults and a Sobol design.

    The design is scrambled (Owen 1998); nothing is adaptive.

    Args:
        strategy: class of the strategy.
        market: the market.
        start: first training session.
        end: last training session.
        seed: seed of the design.
        settings: settings of the walk; with an empty space there is one trial.
    """
    return _tune(strategy, market, start, end, seed, settings, design=settings.trials)


SEARCH = "search"
TUNERS: dict[str, Tuner] = {SEARCH: search_tuner, "design": design_tuner}


def _tune(
    strategy: type[Strategy],
    market: Market,
    start: pd.Timestamp,
    end: pd.Timestamp,
    seed: int,
    settings: WalkSettings,
    *,
    design: int | None,
) -> TunedFold:
    if not settings.space:
        return _evaluate_fixed(strategy, market, start, end, settings)
    defaults = strategy.create(settings.fixed).parameters
    search = Search(
        objective=settings.objective,
        constraints=settings.constraints,
        trials=settings.trials,
        max_failed=settings.max_failed,
        fixed={**settings.fixed, **{name: defaults[name] for name in defaults if name not in settings.space}},
        narrowed=settings.space,
        sampler=settings.sampler,
        design=design,
        **({} if settings.studies is None else settings.studies.study_of(seed, start, end)),
    )
    tuning = optimize(
        strategy,
        market,
        seed=seed,
        search=search,
        universe=settings.universe,
        start=start,
        end=end,
        account=settings.account,
        jobs=os.cpu_count() or 1,
    )
    value = float(tuning.best[f"objective {settings.objective.name}"])
    return TunedFold(tuning.best_parameters, _best_metrics(tuning), tuning.trials, value, tuning.feasible)


def _best_metrics(tuning: Tuning) -> dict[str, float]:
    best = tuning.best
    return {name: float(best[name]) for name in tuning.baselines["buy-and-hold"] if name in best}


def _evaluate_fixed(
    strategy: type[Strategy], market: Market, start: pd.Timestamp, end: pd.Timestamp, settings: WalkSettings
) -> TunedFold:
    """The single parameter set of a walk in which nothing is tuned."""
    span = {**settings.keywords(), "start": start, "end": end}
    parameters = strategy.create(settings.fixed).parameters
    evaluate = Evaluator(
        strategy,
        market,
        span,
        objectives=[settings.objective],
        constraints=settings.constraints,
        baselines=baseline_metrics(market, [settings.objective], span),
        fixed={},
        jobs=os.cpu_count() or 1,
    )
    result = evaluate([parameters])[0]
    if result.values is None:
        raise ParameterError(
            f"`{strategy.name()}` cannot be judged from {start:%Y-%m-%d} to {end:%Y-%m-%d}: {result.error}"
        )
    metrics = {name: float(value) for name, value in result.metrics.items()}
    feasible = all(missed <= 0 for missed in result.violations.values())
    trials = pd.DataFrame([{"feasible": feasible, **parameters, **metrics}])
    return TunedFold(parameters, metrics, trials, float(result.values[0]), feasible)


def make_walk_settings(
    strategy: type[Strategy], search: Search, account: Account, *, universe: str = "growth"
) -> WalkSettings:
    """The settings of a walk-forward from a search and an account.

    The sale of the lots that are taxed least needs one account's lots from the first session to the last, so a tuned
    `source` has that choice only where it is narrowed to it alone; `unsearched` lists it where it was left out.

    Args:
        strategy: class of the strategy.
        search: settings of the tuning, with one objective.
        account: settings of the account.
        universe: name of the universe, or a screen.

    Raises `ParameterError` on several objectives, on a parameter outside its range, and on parameters of the whole
    account that the folds would choose separately.
    """
    if len(search.objectives) != 1:
        names = ", ".join(objective.name for objective in search.objectives)
        raise ParameterError(
            f"`objective` must be one objective, got {names}: each fold trades the one set that is best; for a front"
            " of several use `optimize`"
        )
    space = space_left(strategy, search.fixed, search.narrowed)
    narrowed = search.narrowed or {}
    free = {
        name: _check_narrowed(name, values) if name in narrowed else _without_least_tax(values)
        for name, values in space.free.items()
    }
    _refuse_path_dependent(strategy, free)
    return WalkSettings(
        universe=universe,
        account=account,
        objective=search.objectives[0],
        constraints=search.bounds,
        trials=search.trials_or(FOLD_TRIALS),
        max_failed=search.max_failed,
        fixed=space.fixed,
        space=free,
        sampler=search.sampler_name,
        design=search.design,
        unsearched=tuple(f"{name}={LEAST_TAX_FIRST}" for name, values in space.free.items() if values != free[name]),
    )


def _refuse_path_dependent(strategy: type[Strategy], free: Mapping[str, BaseDistribution]) -> None:
    tuned = [f"`{name}`" for name in strategy.path_dependent if name in free and not free[name].single()]
    if tuned:
        raise ParameterError(
            f"`{strategy.name()}` has {' and '.join(tuned)} for a whole account, but the folds would choose them"
            " separately: fix them, and tune the rest"
        )


def _check_narrowed(name: str, values: BaseDistribution) -> BaseDistribution:
    """A narrowed range; raises `ParameterError` where folds may not differ in it."""
    if _has_least_tax(values) and not values.single():
        raise ParameterError(
            f"`{name}` must be {LEAST_TAX_FIRST} in every fold of one account or in none, but the folds would choose"
            f" separately: narrow it to {LEAST_TAX_FIRST} alone, or to the others"
        )
    return values


def _has_least_tax(values: BaseDistribution) -> bool:
    return isinstance(values, CategoricalDistribution) and LEAST_TAX_FIRST in values.choices


def _without_least_tax(values: BaseDistribution) -> BaseDistribution:
    """A range without the choice in which folds of one account may not differ."""
    if not _has_least_tax(values):
        return values
    assert isinstance(values, CategoricalDistribution)
    return CategoricalDistribution([choice for choice in values.choices if choice != LEAST_TAX_FIRST])


def resolve_events(
    split: _Split, strategy: type[Strategy], market: Market, sessions: pd.DatetimeIndex, settings: WalkSettings
) -> _Split:
    """A split with its events as `Events`, "shocks" replaced.

    They become the shocks of the strategy at its defaults and fixed parameters.

    Args:
        split: the split.
        strategy: class of the strategy.
        market: the market.
        sessions: sessions to split.
        settings: settings of the walk.

    Raises `ParameterError` where the strategy names no shock in the sessions.
    """
    if not isinstance(split.events, str) or split.events != SHOCKS:
        return split
    rule = strategy.create(settings.fixed)
    events = shock_events(rule, market, sessions, universe=settings.universe, fill=settings.account.fill)
    return replace(split, events=events)
