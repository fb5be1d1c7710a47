"""The same walk-forward with other seeds of the tuning: how much of its outcome is the luck of the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from undertow.backtests.engines import run_tasks
from undertow.backtests.validation.result import WalkForwardResult
from undertow.backtests.validation.storage import refuse_held
from undertow.backtests.validation.walk_forward import fold_engine, walk_forward
from undertow.market.checks import is_whole
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.strategies.strategy import Strategy

FIGURES = ("annual_sharpe", "cagr", "max_drawdown", "annual_turnover", "average_exposure")


class SeedTask(NamedTuple):
    """What the walks of all seeds have in common."""

    strategy: type[Strategy]
    market: Market
    words: Mapping[str, Any]


def walk_seeds(
    strategy: type[Strategy],
    market: Market,
    seeds: Sequence[int],
    *,
    jobs: int | None = 1,
    backend: str = "loky",
    address: str | None = None,
    **words: Any,
) -> pd.DataFrame:
    """One row a seed: the mean objective of the folds in training and the figures of the joined run out of sample.

    `words` are the other arguments of `walk_forward`. Whole walks are the tasks here, one worker each. The median over
    seeds says more of a rule than the best of them. Raises what `walk_forward` raises, and `ParameterError` where
    `seeds` are none or repeat, or where there is a `seed` beside them.
    """
    given = list(seeds)
    if not given or not all(is_whole(each, 0) for each in given) or len(set(given)) < len(given):
        raise ParameterError(f"`seeds` must be one or more different whole numbers, 0 or more, got {given}")
    engine = fold_engine(jobs, backend, address)
    refuse_held(words.get("storage"), engine)
    if "seed" in words:
        raise ParameterError(f"`seed` is each of `seeds` in turn, leave it out; got {words['seed']!r}")
    return pd.DataFrame(run_tasks(_walked, SeedTask(strategy, market, words), [int(each) for each in given], **engine))


def seed_row(result: WalkForwardResult) -> dict[str, float]:
    """A walk as a row of `walk_seeds`."""
    metrics, hold = result.run.metrics, result.run.baselines["buy-and-hold"]
    return {
        "seed": result.seed,
        "in_objective": float(result.table["in_objective"].mean()),
        "folds": len(result.folds),
        "folds_acting": result.acting,
        **({} if result.gate is None else {"folds_proven": result.passed}),
        **{name: metrics[name] for name in FIGURES},
        "sharpe_over_buy_and_hold": metrics["annual_sharpe"] - hold["annual_sharpe"],
        "sharpe_over_vol_target": metrics["annual_sharpe"] - result.vol_target.metrics["annual_sharpe"],
    }


def _walked(shared: SeedTask, seed: int) -> dict[str, float]:
    return seed_row(walk_forward(shared.strategy, shared.market, seed=seed, **shared.words))
