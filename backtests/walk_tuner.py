"""The seam between a walk-forward and what tunes its folds: one call a fold, and the default that answers it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from undertow.backtests.costs import Costs
from undertow.backtests.sweep import sweep
from undertow.market.calendar import Fill
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError, did_you_mean
from undertow.market.market import Market
from undertow.strategies.strategy import Strategy

# Figures of a run of which more is better; drawdown and shortfall are negative.
OBJECTIVES = (
    "annual_sharpe",
    "annual_sharpe_over_cash",
    "annual_sortino",
    "calmar",
    "cagr",
    "total_return",
    "max_drawdown",
    "cvar_95",
)
BACKENDS = ("loky", "threading")

LEAST_TAX_FIRST = "least-tax"


@dataclass(frozen=True)
class Terms:
    """What every fold of a walk-forward has in common: the account, and what may be tuned."""

    universe: str = "growth"
    fill: Fill = "open"
    costs: Costs = field(default_factory=Costs)
    weighting: str = "equal"
    rebalance: str = "monthly"
    capital: float = 1_000_000.0
    objective: str = "annual_sharpe"
    trials: int = 200
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, BaseDistribution] = field(default_factory=dict)

    @property
    def account(self) -> dict[str, Any]:
        """The settings that `backtest` and `sweep` share."""
        names = ("universe", "fill", "costs", "weighting", "rebalance", "capital")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class Tuned:
    """What tuning a fold came to: the best parameters, their figures in the training span, and one row a trial."""

    parameters: dict[str, Any]
    metrics: dict[str, float]
    trials: pd.DataFrame


class Tuner(Protocol):
    """Whatever finds parameters from the sessions `start` to `end` of a market, both included, and no later one."""

    def __call__(
        self, kind: type[Strategy], market: Market, start: pd.Timestamp, end: pd.Timestamp, seed: int, terms: Terms
    ) -> Tuned:
        """The best parameters of `kind` by `terms.objective`; equal arguments give equal answers."""
        ...


def sobol_tuner(
    kind: type[Strategy], market: Market, start: pd.Timestamp, end: pd.Timestamp, seed: int, terms: Terms
) -> Tuned:
    """One sweep over a scrambled Sobol design; the first of the best trials wins. Source: Owen (1998)."""
    trials = sweep(
        kind, market, design(terms.space, terms.fixed, terms.trials, seed), start=start, end=end, **terms.account
    )
    scores = trials[terms.objective].to_numpy(dtype=np.float64)
    if not np.isfinite(scores).any():
        raise ParameterError(
            f"no trial has a value of `{terms.objective}` from {start:%Y-%m-%d} to {end:%Y-%m-%d}; choose another"
        )
    best = trials.iloc[int(np.argmax(np.where(np.isfinite(scores), scores, -np.inf)))]
    given = {name: best[name] for name in kind.model_fields}
    parameters = kind.create({name: _plain(value) for name, value in given.items()}).parameters
    rest = [name for name in trials.columns if name not in kind.model_fields]
    return Tuned(parameters, {str(name): float(best[name]) for name in rest}, trials)


def design(space: Mapping[str, BaseDistribution], fixed: Mapping[str, Any], count: int, seed: int) -> pd.DataFrame:
    """`count` parameter sets, one a row: a scrambled Sobol sequence laid over the space, and what is fixed."""
    points = _points(len(space), count, seed)
    columns: dict[str, Any] = {
        name: [_value(each, float(u)) for u in points[:, place]] for place, (name, each) in enumerate(space.items())
    }
    columns |= {name: [value] * count for name, value in fixed.items()}
    return pd.DataFrame(columns, index=range(count))


def _points(dimensions: int, count: int, seed: int) -> FloatArray:
    if dimensions == 0:
        return np.zeros((count, 0))
    from scipy.stats import qmc

    power = max(0, math.ceil(math.log2(count)))
    drawn: FloatArray = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed)).random_base2(power)
    return drawn[:count]


def _value(space: BaseDistribution, u: float) -> Any:
    if isinstance(space, CategoricalDistribution):
        return space.choices[min(int(u * len(space.choices)), len(space.choices) - 1)]
    if isinstance(space, IntDistribution):
        low, high = (space.low, space.high + 1) if space.log else (space.low, space.high + space.step)
        raw = low * (high / low) ** u if space.log else low + u * (high - low)
        return min(space.low + int((raw - space.low) // space.step) * space.step, space.high)
    if not isinstance(space, FloatDistribution):
        raise ParameterError(f"a search range of kind {type(space).__name__} cannot be laid out; narrow it")
    value = space.low * (space.high / space.low) ** u if space.log else space.low + u * (space.high - space.low)
    if space.step is not None:
        value = space.low + round((value - space.low) / space.step) * space.step
    return min(max(value, space.low), space.high)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def search_space(
    kind: type[Strategy], fixed: Mapping[str, Any], narrowed: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """What is fixed, checked, and the distribution of each parameter that is left to tune.

    `narrowed` gives a distribution, a pair (low, high) or, for a choice, the choices that are left. Selling what is
    taxed least needs one account's lots from beginning to end, so that `source` has it only where it is fixed or
    narrowed to. Raises `ParameterError` on an unknown name, a value or range outside the strategy's own, or a parameter
    given twice.
    """
    whole = kind.search_space()
    for name in narrowed:
        if name not in whole:
            raise ParameterError(
                f"`{kind.name()}` has no parameter `{name}` to narrow{did_you_mean(name, whole)}; it has:"
                f" {', '.join(whole) or 'none'}"
            )
        if name in fixed:
            raise ParameterError(f"`{name}` is both fixed and narrowed; give it once")
    checked = kind.create(fixed).parameters
    space = {
        name: _narrow(kind, name, each, narrowed[name]) if name in narrowed else _joinable(each)
        for name, each in whole.items()
        if name not in fixed
    }
    return {name: checked[name] for name in fixed}, space


def _joinable(whole: BaseDistribution) -> BaseDistribution:
    """A distribution without the choice that folds of one account may not differ in."""
    if isinstance(whole, CategoricalDistribution) and LEAST_TAX_FIRST in whole.choices:
        return CategoricalDistribution([each for each in whole.choices if each != LEAST_TAX_FIRST])
    return whole


def _narrow(kind: type[Strategy], name: str, whole: BaseDistribution, given: Any) -> BaseDistribution:
    if isinstance(given, BaseDistribution):
        found = given
    elif isinstance(whole, CategoricalDistribution):
        found = CategoricalDistribution([given] if isinstance(given, str) else list(given))
    else:
        found = _between(name, whole, given)
    ends = found.choices if isinstance(found, CategoricalDistribution) else (found.low, found.high)  # type: ignore[attr-defined]
    for end in ends:
        kind.create({name: end})
    return found


def _between(name: str, whole: BaseDistribution, given: Any) -> BaseDistribution:
    pair = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
    if len(pair) != 2 or not pair[0] <= pair[1]:
        raise ParameterError(f"`narrowed` must give (low, high) for `{name}`, low first, got {given!r}")
    if isinstance(whole, IntDistribution):
        return IntDistribution(int(pair[0]), int(pair[1]), log=whole.log, step=whole.step)
    log = isinstance(whole, FloatDistribution) and whole.log
    return FloatDistribution(float(pair[0]), float(pair[1]), log=log)


def each(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], *, jobs: int, backend: str) -> list[Any]:
    """`function(*task)` of every task, in their order, whatever the number of workers."""
    if jobs == 1 or len(tasks) == 1:
        return [function(*task) for task in tasks]
    from joblib import Parallel, delayed

    return list(Parallel(n_jobs=jobs, backend=backend)(delayed(function)(*task) for task in tasks))
