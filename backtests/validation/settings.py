"""What tunes the folds of a walk-forward: the search of `optimize`, a design alone, or whatever takes their seat."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution

from undertow.backtests.checks import check_trials
from undertow.backtests.costs import Costs
from undertow.backtests.objectives import Constraint, Metrics, Objective, read_constraints, read_objectives
from undertow.backtests.tuning.evaluate import Evaluator, baseline_metrics
from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.tuning.result import Tuning
from undertow.backtests.tuning.settings import MAX_FAILED
from undertow.backtests.tuning.space import space_left
from undertow.market.calendar import Fill
from undertow.market.checks import check_positive, check_share
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.strategies.strategy import Strategy

# The choice of `source` that needs one account's lots.
LEAST_TAX_FIRST = "least-tax"


class StudyPlace(Protocol):
    """Where each fold of a walk keeps its study."""

    def of(self, seed: int, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, Any]:
        """The arguments `storage` and `study` of `optimize` for the fold that is trained on `start` to `end`."""
        ...


@dataclass(frozen=True)
class WalkSettings:
    """What every fold of a walk-forward has in common: the account, what is aimed at, and what may be tuned.

    `unsearched` are the choices that a strategy's own space has and the walk leaves out, as "parameter=choice". `kept`
    is where the folds keep their studies; above the share `max_failed` of failed trials a fold's search ends the walk.
    """

    universe: str = "growth"
    fill: Fill = "open"
    costs: Costs = field(default_factory=Costs)
    weighting: str = "equal"
    rebalance: str = "monthly"
    capital: float = 1_000_000.0
    objective: Objective = field(default_factory=lambda: read_objectives("sharpe")[0])
    constraints: tuple[Constraint, ...] = ()
    trials: int = 200
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, BaseDistribution] = field(default_factory=dict)
    unsearched: tuple[str, ...] = ()
    kept: StudyPlace | None = None
    max_failed: float = MAX_FAILED

    @property
    def account(self) -> dict[str, Any]:
        """The settings that `backtest` and `sweep` share."""
        names = ("universe", "fill", "costs", "weighting", "rebalance", "capital")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class Tuned:
    """What tuning a fold came to: the best parameters, their metrics in the training span, and one row a trial.

    `objective` is the value of what was aimed at; `feasible` says whether the choice kept every constraint, False for
    the nearest miss where no trial did.
    """

    parameters: dict[str, Any]
    metrics: dict[str, float]
    trials: pd.DataFrame
    objective: float = float("nan")
    feasible: bool = True


class Tuner(Protocol):
    """Whatever finds parameters from the sessions `start` to `end` of a market, both included, and no later one."""

    def __call__(
        self,
        kind: type[Strategy],
        market: Market,
        start: pd.Timestamp,
        end: pd.Timestamp,
        seed: int,
        settings: WalkSettings,
    ) -> Tuned:
        """The best parameters of `kind` by `settings.objective`; equal arguments give equal answers."""
        ...


def search_tuner(
    kind: type[Strategy], market: Market, start: pd.Timestamp, end: pd.Timestamp, seed: int, settings: WalkSettings
) -> Tuned:
    """`optimize` on the training sessions alone: the defaults, a Sobol design, then TPE.

    With nothing to tune it is one trial. Raises what `optimize` raises.
    """
    return _tuned(kind, market, start, end, seed, settings, None)


def design_tuner(
    kind: type[Strategy], market: Market, start: pd.Timestamp, end: pd.Timestamp, seed: int, settings: WalkSettings
) -> Tuned:
    """One sweep on the training sessions: the defaults and a scrambled Sobol design (Owen 1998), nothing adaptive."""
    return _tuned(kind, market, start, end, seed, settings, settings.trials)


TUNERS: dict[str, Tuner] = {"search": search_tuner, "design": design_tuner}


def _tuned(
    kind: type[Strategy],
    market: Market,
    start: pd.Timestamp,
    end: pd.Timestamp,
    seed: int,
    settings: WalkSettings,
    sobol: int | None,
) -> Tuned:
    if not settings.space:
        return _single(kind, market, start, end, settings)
    usual = kind.create(settings.fixed).parameters
    found = optimize(
        kind,
        market,
        objective=settings.objective,
        constraints=settings.constraints,
        trials=settings.trials,
        seed=seed,
        jobs=os.cpu_count() or 1,
        start=start,
        end=end,
        fixed={**settings.fixed, **{name: usual[name] for name in usual if name not in settings.space}},
        narrowed=settings.space,
        sobol=sobol,
        max_failed=settings.max_failed,
        **({} if settings.kept is None else settings.kept.of(seed, start, end)),
        **settings.account,
    )
    reached = float(found.best[f"objective {settings.objective.name}"])
    return Tuned(found.best_parameters, _metrics(found), found.trials, reached, found.feasible)


def _metrics(found: Tuning) -> dict[str, float]:
    best = found.best
    return {name: float(best[name]) for name in found.baselines["buy-and-hold"] if name in best}


def _single(
    kind: type[Strategy], market: Market, start: pd.Timestamp, end: pd.Timestamp, settings: WalkSettings
) -> Tuned:
    """The one set that is left where nothing is tuned."""
    span = {**settings.account, "start": start, "end": end}
    whole = kind.create(settings.fixed).parameters
    baselines = baseline_metrics(market, [settings.objective], span)
    jobs = os.cpu_count() or 1
    evaluate = Evaluator(
        kind,
        market,
        span,
        objectives=[settings.objective],
        constraints=settings.constraints,
        baselines=baselines,
        fixed={},
        jobs=jobs,
    )
    made = evaluate([whole])
    outcome = made[0]
    if outcome.values is None:
        raise ParameterError(
            f"`{kind.name()}` cannot be judged from {start:%Y-%m-%d} to {end:%Y-%m-%d}: {outcome.error}"
        )
    metrics = {name: float(value) for name, value in outcome.metrics.items()}
    kept = all(missed <= 0 for missed in outcome.violations.values())
    trials = pd.DataFrame([{"feasible": kept, **whole, **metrics}])
    return Tuned(whole, metrics, trials, float(outcome.values[0]), kept)


def checked_settings(
    strategy: type[Strategy],
    fixed: Mapping[str, Any] | None = None,
    narrowed: Mapping[str, Any] | None = None,
    objective: str | Objective | Callable[[Metrics], float] = "sharpe",
    constraints: str | Constraint | Sequence[str | Constraint] | None = None,
    trials: int = 200,
    *,
    max_failed: float = MAX_FAILED,
    universe: str = "growth",
    fill: Fill = "open",
    costs: Costs | None = None,
    weighting: str = "equal",
    rebalance: str = "monthly",
    capital: float = 1_000_000.0,
) -> WalkSettings:
    """The settings of a walk-forward; raises `ParameterError` on an objective, a count or a parameter outside its rule.

    Selling what is taxed least needs one account's lots from beginning to end, so that a tuned `source` has it only
    where it is narrowed to that alone; `unsearched` says that it was left out.
    """
    aims = read_objectives(objective)
    if len(aims) != 1:
        names = ", ".join(each.name for each in aims)
        raise ParameterError(
            f"`objective` must be one objective, got {names}: each fold trades the one set that is best; for a front"
            " of several use `optimize`"
        )
    check_trials(trials)
    check_share("max_failed", max_failed)
    check_positive("capital", capital)
    space = space_left(strategy, fixed, narrowed)
    asked = narrowed or {}
    free = {name: (_narrowed if name in asked else _joinable)(name, each) for name, each in space.free.items()}
    bounds = read_constraints(constraints)
    own = costs or Costs()
    _refuse_whole_account(strategy, free)
    out = tuple(f"{name}={LEAST_TAX_FIRST}" for name, each in space.free.items() if each != free[name])
    account = universe, fill, own, weighting, rebalance, float(capital)
    return WalkSettings(*account, aims[0], bounds, int(trials), space.fixed, free, out, max_failed=max_failed)


def _refuse_whole_account(strategy: type[Strategy], free: Mapping[str, BaseDistribution]) -> None:
    tuned = [f"`{name}`" for name in strategy.path_dependent if name in free and not free[name].single()]
    if tuned:
        raise ParameterError(
            f"`{strategy.name()}` has {' and '.join(tuned)} for a whole account, but each fold would choose its own:"
            " fix them, and tune the rest"
        )


def _narrowed(name: str, each: BaseDistribution) -> BaseDistribution:
    """A distribution that was asked for; raises `ParameterError` where folds of one account may differ in it."""
    if _has_least_tax(each) and not each.single():
        raise ParameterError(
            f"`{name}` must be {LEAST_TAX_FIRST} in every fold of one account or in none, but each fold would choose"
            f" its own: narrow it to {LEAST_TAX_FIRST} alone, or to the others"
        )
    return each


def _has_least_tax(each: BaseDistribution) -> bool:
    return isinstance(each, CategoricalDistribution) and LEAST_TAX_FIRST in each.choices


def _joinable(_: str, each: BaseDistribution) -> BaseDistribution:
    """A distribution without the choice that folds of one account may not differ in."""
    if not _has_least_tax(each):
        return each
    assert isinstance(each, CategoricalDistribution)
    return CategoricalDistribution([choice for choice in each.choices if choice != LEAST_TAX_FIRST])
