"""One chunk of a sweep: from parameter sets to their figures, in whatever process it runs."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.prices import PriceGrid, read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves, decision_for_rows, plan_for_rows
from undertow.backtests.metrics import SESSIONS_A_YEAR
from undertow.backtests.objectives import MINIMIZE, NAMED
from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.segments.metrics import METRIC_NAMES
from undertow.backtests.sweeps.paths import WalkedSets, by_kernel, by_segments
from undertow.market.calendar import Fill
from undertow.market.clock import BoolArray, FloatArray, IntArray
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.signals.decisions.table import DecisionTable, shared_table
from undertow.strategies.decided import decided
from undertow.strategies.plan import LEAST_TAX, Decision, Plan
from undertow.strategies.strategy import Sets, Strategy
from undertow.strategies.weights import base_weights

# The figures of a set, in the order of the table: those of `Run.metrics`, then what was counted.
COUNTED = ("deferred_fills", "price_ends_closed", "orders_open_at_end", "stale_sessions")
FIGURES = (*METRIC_NAMES, "annual_turnover", "average_exposure", "average_cash", "costs_paid", "episodes", *COUNTED)
# Of these less is better: what an objective minimises, and whatever is counted.
LESS_IS_BETTER = frozenset({metric for metric, way in NAMED.values() if way == MINIMIZE} | {"episodes", *COUNTED})


def is_less_better(name: str) -> bool:
    """Whether less is better of a figure, or of an objective such as `ulcer:buy-and-hold`."""
    head = name.partition(":")[0]
    return name in LESS_IS_BETTER or (head in NAMED and NAMED[head][1] == MINIMIZE)


class PreparedData(NamedTuple):
    """What all chunks of a sweep share: decisions, the sessions of the run among them, prices and base weights."""

    table: DecisionTable
    rows: slice
    tape: PriceGrid
    base: FloatArray
    rebalanced: IntArray


class ChunkResult(NamedTuple):
    """What a chunk came to: one row of figures a set, and session returns (P, T), or (P, 0) where not asked for."""

    metrics: pd.DataFrame
    returns: FloatArray


@dataclass(frozen=True, eq=False)
class SweepTask:
    """Everything about a sweep but its parameter sets; what is derived from it stays where it was derived."""

    strategy: type[Strategy]
    market: Market
    universe: str
    start: str | pd.Timestamp | None
    end: str | pd.Timestamp | None
    fill: Fill
    costs: Costs
    weighting: str
    rebalance: str
    capital: float

    @property
    def account(self) -> dict[str, Any]:
        """The settings that `backtest` takes too, but for the sessions."""
        names = ("universe", "fill", "costs", "weighting", "rebalance", "capital")
        return {name: getattr(self, name) for name in names}

    @cached_property
    def stage(self) -> PreparedData:
        """Decisions, prices and base weights, computed once a process; `ParameterError` where nothing has a price."""
        table = shared_table(self.market, self.universe, self.fill)
        rows = session_rows(self.market, self.start, self.end)
        base, rebalanced = base_weights(table, rows, self.weighting, self.rebalance)
        if not base.any():
            # As `backtest` says it: a sweep would measure cash alone.
            raise ParameterError(
                f"universe `{self.universe}` has no name with prices in the sessions asked for; move `start`"
            )
        tape = read_price_grid(table, rows, self.costs.haircut)
        return PreparedData(table, rows, tape, np.ascontiguousarray(base), rebalanced)

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: not the stage, which is made there."""
        return {name: value for name, value in self.__dict__.items() if name != "stage"}


def run_chunk(setting: SweepTask, task: tuple[Sets, bool]) -> ChunkResult:
    """The figures of some parameter sets, and their returns where the task asks for them."""
    sets, keep = task
    stage = setting.stage
    found = decided(setting.strategy, stage.table, sets)
    stage.table.forget()
    walked = _walked(setting, found, keep)
    own = decision_for_rows(found, stage.rows)
    if own.hedge is not None:
        own = plan_for_rows(stage.table, own, stage.rows, stage.base, stage.rebalanced).decision
    metrics = _figures(own, walked)
    return ChunkResult(metrics, _returns(walked.values, setting.capital) if keep else walked.values)


def decision_bytes(setting: SweepTask, sets: Sets) -> int:
    """The most memory that deciding for some sets takes at once, in bytes, measured."""
    table = setting.stage.table
    # The first time it also loads and computes what all sets share.
    decided(setting.strategy, table, sets)
    table.forget()
    tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    decided(setting.strategy, table, sets)
    most = tracemalloc.get_traced_memory()[1]
    table.forget()
    if not tracing:
        tracemalloc.stop()
    return most - before


def _walked(setting: SweepTask, decided: Decision, keep: bool) -> WalkedSets:
    """Every path by the segment walk where that covers it, by the order kernel where not."""
    stage, costs, capital = setting.stage, setting.costs, float(setting.capital)
    plain = covered(decided, stage.rows)
    parts = []
    if plain.any():
        plan = Plan(decision_for_rows(only(decided, plain), stage.rows), stage.base, stage.rebalanced)
        parts.append((plain, by_segments(stage.tape, plan, costs, capital, keep=keep)))
    if not plain.all():
        others = only(decided, ~plain)
        plan = plan_for_rows(
            stage.table, decision_for_rows(others, stage.rows), stage.rows, stage.base, stage.rebalanced
        )
        tape = add_sleeves(stage.tape, stage.table, stage.rows, others, costs)
        parts.append((~plain, by_kernel(tape, plan, costs, capital, keep=keep)))
    return parts[0][1] if len(parts) == 1 else _merged(parts)


def _merged(parts: list[tuple[BoolArray, WalkedSets]]) -> WalkedSets:
    order = np.argsort(np.concatenate([np.flatnonzero(those) for those, _ in parts]))
    return WalkedSets(*(np.concatenate(both)[order] for both in zip(*(walked for _, walked in parts), strict=True)))


def covered(decision: Decision, rows: slice) -> BoolArray:
    """The sets (P,) that hold nothing but stocks and cash, without stops or tax lots."""
    plain: BoolArray = decision.score_of_set != LEAST_TAX
    for leg in (decision.rotation, decision.hedge):
        if leg is not None:
            plain = plain & ~leg[rows].any(axis=0)
    return plain if decision.stop is None else plain & ~(decision.stop > 0.0)


def only(decision: Decision, those: BoolArray) -> Decision:
    """The decision of some of its sets (P,)."""
    return replace(
        decision,
        exposure=decision.exposure[:, those],
        stale=decision.stale[:, those],
        score_of_set=decision.score_of_set[those],
        flags={name: mark[:, those] for name, mark in decision.flags.items()},
        rotation=None if decision.rotation is None else decision.rotation[:, those],
        hedge=None if decision.hedge is None else decision.hedge[:, those],
        stop=None if decision.stop is None else decision.stop[those],
        stop_wait=None if decision.stop_wait is None else decision.stop_wait[those],
        above=None if decision.above is None else decision.above[:, those],
        resting=None if decision.resting is None else decision.resting[..., those],
    )


def _figures(decision: Decision, walked: WalkedSets) -> pd.DataFrame:
    exposure = np.ascontiguousarray(decision.exposure.T)
    metrics = pd.DataFrame(walked.metrics, columns=list(METRIC_NAMES))
    metrics["annual_turnover"] = walked.sums[:, 0] / (exposure.shape[1] / SESSIONS_A_YEAR)
    metrics["average_exposure"] = exposure.mean(axis=1)
    metrics["average_cash"] = walked.sums[:, 2] / exposure.shape[1]
    metrics["costs_paid"] = walked.sums[:, 1]
    metrics["episodes"] = _episodes(decision.acting)
    metrics["deferred_fills"] = walked.counts[:, 0]
    metrics["price_ends_closed"] = walked.counts[:, 1]
    metrics["orders_open_at_end"] = walked.counts[:, 2]
    metrics["stale_sessions"] = decision.stale.sum(axis=0)
    return metrics


def _returns(values: FloatArray, capital: float) -> FloatArray:
    growth = np.empty_like(values)
    growth[:, 0] = values[:, 0] / capital - 1.0
    growth[:, 1:] = values[:, 1:] / values[:, :-1] - 1.0
    return growth


def _episodes(acting: BoolArray) -> IntArray:
    return np.asarray(acting[0] + (acting[1:] & ~acting[:-1]).sum(axis=0), dtype=np.int64)
