"""Many parameter sets of one strategy at once: signals once a distinct value, paths in parallel, metrics only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from undertow.backtests.backtest import session_rows
from undertow.backtests.costs import Costs
from undertow.backtests.legs import during, stage, with_legs
from undertow.backtests.many import walk_all
from undertow.backtests.metrics import SESSIONS_A_YEAR, return_metrics
from undertow.backtests.orders import CASH, CLOSED, DEFERRED, OPEN_AT_END, PAID, TURNOVER
from undertow.backtests.tape import Tape, read_tape
from undertow.market.calendar import Fill
from undertow.market.clock import FloatArray, IntArray
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.signals.table import DecisionTable
from undertow.strategies.strategy import Sets, Strategy
from undertow.strategies.weights import base_weights

# What one set takes beside the market: about twelve arrays of a float a session while its signals are put together.
_ARRAYS_A_SET = 12


def sweep(
    strategy: type[Strategy],
    market: Market,
    parameters: pd.DataFrame,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    fill: Fill = "open",
    costs: Costs | None = None,
    weighting: str = "equal",
    rebalance: str = "monthly",
    capital: float = 1_000_000.0,
    memory_bytes: float = 1e9,
) -> pd.DataFrame:
    """Metrics of every row of `parameters`, in its order: the parameters, then what `Run.metrics` has.

    Columns of `parameters` that are left out take the strategy's defaults; every row is checked before any work starts.
    The sets are worked through in chunks that need about `memory_bytes` beside the market itself. A row equals
    `backtest` with the same parameters to 1e-9, whatever the chunks and the number of threads.

    Raises `ParameterError` as `backtest` does, and where `parameters` has no rows.
    """
    costs = costs or Costs()
    if not len(parameters):
        raise ParameterError("`parameters` has no rows; give one row a parameter set")
    if not (np.isfinite(capital) and capital > 0):
        raise ParameterError(f"`capital` must be positive, got {capital}")
    sets = strategy.sets_of(parameters)
    table = DecisionTable(market, universe, fill)
    rows = session_rows(market, start, end)
    base, renewed = base_weights(table, rows, weighting, rebalance)
    tape = read_tape(table, rows, costs.haircut_bps / 1e4)
    found = [
        _chunk(strategy, part, table, rows, tape, (base, renewed), costs, capital)
        for part in _chunks(sets, len(parameters), len(table), memory_bytes)
    ]
    given = pd.DataFrame(dict(sets))
    return pd.concat([given, pd.concat(found, ignore_index=True)], axis=1)


def _chunks(sets: Sets, count: int, sessions: int, memory_bytes: float) -> Iterator[Sets]:
    size = max(1, int(memory_bytes // (sessions * 8 * _ARRAYS_A_SET)))
    for first in range(0, count, size):
        yield {name: values[first : first + size] for name, values in sets.items()} or {"": np.zeros(1)}


def _chunk(
    strategy: type[Strategy],
    sets: Sets,
    table: DecisionTable,
    rows: slice,
    tape: Tape,
    base: tuple[FloatArray, IntArray],
    costs: Costs,
    capital: float,
) -> pd.DataFrame:
    decision = strategy.decide(table, sets)
    exposure = np.ascontiguousarray(decision.exposure[rows].T)
    plan = stage(table, during(decision, rows), rows, *base)
    values, sums, counts = walk_all(with_legs(tape, table, rows, decision, costs), plan, costs, capital)
    table.forget()
    cash = tape.cash_returns
    metrics = pd.DataFrame([return_metrics(_returns(path, capital), cash) for path in values])
    metrics["annual_turnover"] = sums[:, TURNOVER] / (len(tape.sessions) / SESSIONS_A_YEAR)
    metrics["average_exposure"] = exposure.mean(axis=1)
    metrics["average_cash"] = sums[:, CASH] / len(tape.sessions)
    metrics["costs_paid"] = sums[:, PAID]
    metrics["episodes"] = _episodes(exposure)
    metrics["deferred_fills"] = counts[:, DEFERRED]
    metrics["price_ends_closed"] = counts[:, CLOSED]
    metrics["orders_open_at_end"] = counts[:, OPEN_AT_END]
    metrics["stale_sessions"] = decision.stale[rows].sum(axis=0)
    return metrics


def _returns(values: FloatArray, capital: float) -> FloatArray:
    growth: FloatArray = values / np.concatenate(([capital], values[:-1])) - 1.0
    return growth


def _episodes(exposure: FloatArray) -> IntArray:
    below = exposure < 1.0
    return np.asarray(below[:, 0] + (below[:, 1:] & ~below[:, :-1]).sum(axis=1), dtype=np.int64)
