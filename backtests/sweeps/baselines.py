"""Baselines of a sweep: the account held without a rule, and a volatility target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from undertow.backtests.kernel.path import walk_plan
from undertow.backtests.objectives import BASELINES, Metrics
from undertow.backtests.runs.describe import held_moves
from undertow.backtests.runs.notes import BASKET
from undertow.backtests.sweeps.chunk import Chunk, ChunkResult, SweepTask, run_chunk
from undertow.strategies import BuyAndHold, Decision, Plan, Strategy, VolTarget

_STRATEGIES: dict[str, type[Strategy]] = dict(zip(BASELINES, (BuyAndHold, VolTarget), strict=True))


def baseline_strategy(name: str) -> type[Strategy]:
    """The class of a baseline, one of `BASELINES`."""
    return _STRATEGIES[name]


def baseline_figures(name: str, task: SweepTask) -> Metrics:
    """The figures of a baseline at its defaults, with a sweep's sessions and account."""
    row = walk_baseline(_STRATEGIES[name], task).figures.to_dict(orient="records")[0]
    return {str(figure): value for figure, value in row.items()}


def basket_moves(task: SweepTask) -> list[dict[str, Any]]:
    """The extreme moves of names that the basket held, as `Run.moves` has them.

    The sets of a sweep hold no others, except in a basket of their own.
    """
    prepared = task.prepared
    invested = Decision.proportional(np.ones((len(prepared.grid.sessions), 1)))
    plan = Plan(invested, prepared.base, prepared.rebalanced)
    return held_moves({BASKET: walk_plan(prepared.grid, plan, 0, task.account.costs, task.account.capital)})


def walk_baseline(strategy: type[Strategy], task: SweepTask, *, keep_returns: bool = False) -> ChunkResult:
    """A strategy at its defaults, with a sweep's sessions and account."""
    sets = strategy.stack([strategy()]) or {"": np.zeros(1)}
    return run_chunk(replace(task, strategy=strategy), Chunk(sets, keep_returns))
