"""The same walk-forward with other seeds: how much of its result is luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

import pandas as pd

from undertow.backtests.checks import check_search
from undertow.backtests.engines import Engine, run_tasks
from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.validation.plan import Robustness, WalkPlan, plan_walk, resolve_plan, walk_engine
from undertow.backtests.validation.result import WalkForwardResult
from undertow.backtests.validation.storage import refuse_shared_file
from undertow.backtests.validation.walk import walk_folds
from undertow.market import Market, ParameterError, is_whole
from undertow.strategies import Strategy

_METRICS = ("annual_sharpe", "cagr", "max_drawdown", "annual_turnover", "average_exposure")


class SeedTask(NamedTuple):
    """The part of a seed's walk that all seeds share, shipped to the workers once."""

    plan: WalkPlan
    market: Market


def walk_seeds(
    strategy: type[Strategy], market: Market, seeds: Sequence[int], *, engine: Engine | None = None, **settings: Any
) -> pd.DataFrame:
    """One row per seed: mean objective in training, and metrics of the joined run.

    Whole walks are the tasks, one worker each. The median over seeds says more about a rule than the best seed.

    Args:
        strategy: class of the strategy.
        market: the market.
        seeds: seeds of the tuning, different whole numbers, 0 or more.
        engine: engine that runs the walks; None for one worker in this process.
        settings: other arguments of `walk_forward`; `backend`, `jobs` and `address` replace fields of `engine`.

    Raises what `walk_forward` raises, and `ParameterError` on no seeds, on equal ones, and on `seed`, `seeds` or
    `paths` beside them.
    """
    numbers = list(seeds)
    if not numbers or not all(is_whole(seed, 0) for seed in numbers) or len(set(numbers)) < len(numbers):
        raise ParameterError(f"`seeds` must be one or more different whole numbers, 0 or more, got {numbers}")
    check_search(strategy, market, settings.get("universe", "growth"))
    names = {field.name for field in fields(Engine)}
    workers = walk_engine(engine, {name: value for name, value in settings.items() if name in names})
    walk_settings = {name: value for name, value in settings.items() if name not in names}
    search = settings.get("search")
    refuse_shared_file(settings.get("storage", getattr(search, "storage", None)), workers)
    if "seed" in settings:
        raise ParameterError(f"`seed` cannot be used with `seeds`, leave it out; got {settings['seed']!r}")
    plan = plan_walk(strategy, seed=numbers[0], **walk_settings)
    if plan.robustness != Robustness():
        raise ParameterError("`robustness` and `paths` belong to `walk_forward`; leave them out beside `seeds`")
    sessions = market.sessions[session_rows(market, plan.start, plan.end)]
    return seed_table(resolve_plan(plan, market, sessions), market, numbers, workers)


def seed_table(plan: WalkPlan, market: Market, seeds: Sequence[int], engine: Engine) -> pd.DataFrame:
    """One row per seed, as of `walk_seeds`.

    Args:
        plan: the plan, resolved on the market; its seed is replaced.
        market: the market.
        seeds: seeds of the tuning.
        engine: engine that runs the walks, one worker each.
    """
    task = SeedTask(replace(plan, engine=Engine()), market)
    return pd.DataFrame(run_tasks(_walk_seed, task, [int(seed) for seed in seeds], engine=engine))


def seed_row(result: WalkForwardResult) -> dict[str, float]:
    """A walk as a row of `walk_seeds`."""
    metrics, hold = result.run.metrics, result.run.baselines["buy-and-hold"]
    return {
        "seed": result.seed,
        "in_objective": float(result.table["in_objective"].mean()),
        "folds": len(result.folds),
        "folds_acting": result.acting,
        **({} if result.gate is None else {"folds_passed": result.passed}),
        **{name: metrics[name] for name in _METRICS},
        "sharpe_over_buy_and_hold": metrics["annual_sharpe"] - hold["annual_sharpe"],
        "sharpe_over_vol_target": metrics["annual_sharpe"] - result.vol_target.metrics["annual_sharpe"],
    }


def _walk_seed(task: SeedTask, seed: int) -> dict[str, float]:
    return seed_row(walk_folds(replace(task.plan, seed=seed), task.market))
