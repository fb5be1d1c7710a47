"""One chunk of a sweep: from parameter sets to their figures, in any process."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.kernel.prices import PriceGrid, read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves, decision_for_rows, plan_for_rows
from undertow.backtests.kernel.state import CASH, COUNTED, PAID, TURNOVER
from undertow.backtests.metrics import METRICS, annual_turnover
from undertow.backtests.objectives import MINIMIZE, NAMED
from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.runs.describe import known_cash_returns
from undertow.backtests.runs.episodes import acted_before, under_way
from undertow.backtests.segments.metrics import METRIC_NAMES
from undertow.backtests.sweeps.paths import WalkedSets, by_kernel, by_segments
from undertow.market import BoolArray, FloatArray, IntArray, Market, ParameterError
from undertow.signals.decisions import DecisionTable, shared_table
from undertow.strategies import LEAST_TAX, Decision, Plan, Sets, Strategy, base_weights, decided

# The figures of a set, in the order of the table: those of `Run.metrics`, then counts.
FIGURES = tuple(metric.key for metric in METRICS)
LESS_IS_BETTER = frozenset(metric.key for metric in METRICS if metric.direction == MINIMIZE)


def is_less_better(name: str) -> bool:
    """Whether less is better of a figure or objective, `ulcer:buy-and-hold` too."""
    head = name.partition(":")[0]
    return name in LESS_IS_BETTER or (head in NAMED and NAMED[head][1] == MINIMIZE)


class PreparedData(NamedTuple):
    """Data that all chunks of a sweep share.

    `table` holds the decisions of all sessions, `rows` the run's sessions among them. `grid` has the prices, `base`
    (T, N) the base weights, `rebalanced` (T,) the sessions on which they are set, and `cash_returns` (T,) those of the
    cash symbol, NaN where it has no price, for the run's sessions alone.
    """

    table: DecisionTable
    rows: slice
    grid: PriceGrid
    base: FloatArray
    rebalanced: IntArray
    cash_returns: FloatArray


class Chunk(NamedTuple):
    """Some parameter sets of a sweep, and whether their session returns are kept."""

    sets: Sets
    keep_returns: bool


class ChunkResult(NamedTuple):
    """The result of a chunk: figures, and session returns where they are kept.

    `figures` has one row a set; `returns` is (P, T), decimal, or (P, 0).
    """

    figures: pd.DataFrame
    returns: FloatArray


@dataclass(frozen=True, eq=False)
class SweepTask:
    """Everything that decides a sweep except its parameter sets.

    Args:
        strategy: class of the strategy.
        market: market that is swept.
        universe: name of a universe or a screen of the market.
        start: first session, None for the market's first.
        end: last session, None for the market's last.
        account: account that every set starts with.
    """

    strategy: type[Strategy]
    market: Market
    universe: str
    start: str | pd.Timestamp | None
    end: str | pd.Timestamp | None
    account: Account

    @property
    def year(self) -> int:
        """The sessions of a year on the market's calendar."""
        return self.market.calendar.sessions_a_year

    @cached_property
    def prepared(self) -> PreparedData:
        """Decisions, prices and base weights, computed once a process.

        Raises `ParameterError` where no name has a price.
        """
        table = shared_table(self.market, self.universe, self.account.fill)
        rows = session_rows(self.market, self.start, self.end)
        base, rebalanced = base_weights(table, rows, *self.account.basket)
        if not base.any():
            # The same error as that of `backtest`: a sweep would measure cash alone.
            raise ParameterError(
                f"universe `{self.universe}` has no name with prices in the requested sessions; move `start`"
            )
        grid = read_price_grid(table, rows, self.account.costs.haircut)
        cash_returns = known_cash_returns(table, rows, grid.cash_returns)
        return PreparedData(table, rows, grid, np.ascontiguousarray(base), rebalanced, cash_returns)

    def __getstate__(self) -> dict[str, Any]:
        """The state for another process, where the prepared data is computed again."""
        return {name: value for name, value in self.__dict__.items() if name != "prepared"}


def run_chunk(task: SweepTask, chunk: Chunk) -> ChunkResult:
    """The figures of a chunk's parameter sets, and their returns where they are kept."""
    prepared = task.prepared
    decision = decided(task.strategy, prepared.table, chunk.sets)
    prepared.table.forget()
    walked = walk_decision(task, decision, chunk.keep_returns)
    in_run = decision_for_rows(decision, prepared.rows)
    if in_run.hedge is not None:
        in_run = plan_for_rows(prepared.table, in_run, prepared.rows, prepared.base, prepared.rebalanced).decision
    figures = _figures(in_run, walked, acted_before(decision, prepared.rows.start), task.year)
    returns = session_returns(walked.values, task.account.capital) if chunk.keep_returns else walked.values
    return ChunkResult(figures, returns)


def decision_bytes(task: SweepTask, sets: Sets) -> int:
    """The peak memory of deciding for some sets, in bytes, measured."""
    table = task.prepared.table
    # The first call also loads and computes what all sets share.
    decided(task.strategy, table, sets)
    table.forget()
    tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    decided(task.strategy, table, sets)
    peak = tracemalloc.get_traced_memory()[1]
    table.forget()
    if not tracing:
        tracemalloc.stop()
    return peak - before


def walk_decision(task: SweepTask, decision: Decision, keep: bool) -> WalkedSets:
    """Walk every set by segments where they cover it, else by the order kernel."""
    prepared, costs, capital = task.prepared, task.account.costs, task.account.capital
    plain = covered(decision, prepared.rows)
    parts = []
    if plain.any():
        plan = Plan(decision_for_rows(select_sets(decision, plain), prepared.rows), prepared.base, prepared.rebalanced)
        parts.append(
            (
                plain,
                by_segments(prepared.grid, plan, costs, capital, year=task.year, cash=prepared.cash_returns, keep=keep),
            )
        )
    if not plain.all():
        uncovered = select_sets(decision, ~plain)
        in_run = decision_for_rows(uncovered, prepared.rows)
        plan = plan_for_rows(prepared.table, in_run, prepared.rows, prepared.base, prepared.rebalanced)
        grid = add_sleeves(prepared.grid, prepared.table, prepared.rows, uncovered, costs)
        parts.append(
            (~plain, by_kernel(grid, plan, costs, capital, year=task.year, cash=prepared.cash_returns, keep=keep))
        )
    return parts[0][1] if len(parts) == 1 else _merge(parts)


def _merge(parts: list[tuple[BoolArray, WalkedSets]]) -> WalkedSets:
    order = np.argsort(np.concatenate([np.flatnonzero(mask) for mask, _ in parts]))
    columns = zip(*(walked for _, walked in parts), strict=True)
    return WalkedSets(*(np.concatenate(arrays)[order] for arrays in columns))


def covered(decision: Decision, rows: slice) -> BoolArray:
    """Which sets (P,) hold nothing but stocks and cash, without stops or tax lots."""
    plain: BoolArray = decision.score_of_set != LEAST_TAX
    for sleeve in (decision.rotation, decision.hedge):
        if sleeve is not None:
            plain = plain & ~sleeve[rows].any(axis=0)
    return plain if decision.stop is None else plain & ~(decision.stop > 0.0)


def select_sets(decision: Decision, mask: BoolArray) -> Decision:
    """The decision of some of its sets, those where `mask` (P,) is true."""

    def select(values: Any) -> Any:
        # Sets lie one after the other in memory, and stay so.
        return None if values is None else values.T[mask].T

    return replace(
        decision,
        exposure=select(decision.exposure),
        stale=select(decision.stale),
        score_of_set=decision.score_of_set[mask],
        flags={name: select(flag) for name, flag in decision.flags.items()},
        rotation=select(decision.rotation),
        hedge=select(decision.hedge),
        stop=select(decision.stop),
        stop_wait=select(decision.stop_wait),
        above=select(decision.above),
        resting=select(decision.resting),
    )


def _figures(decision: Decision, walked: WalkedSets, before: BoolArray, year: int) -> pd.DataFrame:
    exposure = np.ascontiguousarray(decision.exposure.T)
    metrics = pd.DataFrame(walked.metrics, columns=list(METRIC_NAMES))
    metrics["annual_turnover"] = annual_turnover(walked.sums[:, TURNOVER], exposure.shape[1], year)
    metrics["average_exposure"] = exposure.mean(axis=1)
    cash = walked.sums[:, CASH] / exposure.shape[1]
    metrics["average_exposure_reached"], metrics["average_cash"] = 1.0 - cash, cash
    metrics["costs_paid"] = walked.sums[:, PAID]
    metrics["episodes"] = _episodes(decision, before)
    for name, position in COUNTED.items():
        metrics[name] = walked.counts[:, position]
    metrics["stale_sessions"] = decision.stale.sum(axis=0)
    return metrics


def session_returns(values: FloatArray, capital: float) -> FloatArray:
    """Returns (P, T), decimal, of account values at the close (P, T)."""
    growth = np.empty_like(values)
    growth[:, 0] = values[:, 0] / capital - 1.0
    growth[:, 1:] = values[:, 1:] / values[:, :-1] - 1.0
    return growth


def _episodes(decision: Decision, before: BoolArray) -> IntArray:
    acting, stocks = decision.acting, decision.exposure
    net = stocks if decision.hedge is None else stocks - decision.hedge
    begun = acting[0] + (acting[1:] & ~acting[:-1]).sum(axis=0)
    return np.asarray(begun - under_way(acting, net, stocks, before), dtype=np.int64)
