"""Many parameter sets of one strategy at once: signals once a distinct value, paths in parallel, metrics only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, overload

import numpy as np
import pandas as pd

from undertow.backtests.checks import check_search
from undertow.backtests.costs import Costs
from undertow.backtests.engines import run_tasks, worker_count
from undertow.backtests.identity import is_own
from undertow.backtests.ledger.entries import enter_sweep
from undertow.backtests.ledger.ledger import Ledger, open_ledger
from undertow.backtests.sweeps.chunk import SweepTask, decision_bytes, run_chunk
from undertow.backtests.sweeps.memory import bytes_of
from undertow.backtests.sweeps.ordering import reading_order
from undertow.backtests.sweeps.reserved import refuse_reserved
from undertow.market.calendar import Fill
from undertow.market.checks import check_positive
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.strategies.strategy import Sets, Strategy

# What one set takes while a strategy decides, in floats a session: the most among the named strategies, rounded up.
# Where that is too much for the memory given, and for a strategy of one's own, it is measured with a few sets.
_DECIDING, _PROBE = 300, 16
# What the walk takes beside that: the exposure by set and by session, and values that become returns.
_WALKING = 4


@overload
def sweep(
    strategy: type[Strategy],
    market: Market,
    parameters: pd.DataFrame,
    *,
    universe: str = ...,
    start: str | pd.Timestamp | None = ...,
    end: str | pd.Timestamp | None = ...,
    fill: Fill = ...,
    costs: Costs | None = ...,
    weighting: str = ...,
    rebalance: str = ...,
    capital: float = ...,
    memory_bytes: float | str = ...,
    returns: Literal[False] = ...,
    backend: str = ...,
    jobs: int | None = ...,
    address: str | None = ...,
    ledger: Ledger | str | Path | None = ...,
) -> pd.DataFrame: ...


@overload
def sweep(
    strategy: type[Strategy],
    market: Market,
    parameters: pd.DataFrame,
    *,
    universe: str = ...,
    start: str | pd.Timestamp | None = ...,
    end: str | pd.Timestamp | None = ...,
    fill: Fill = ...,
    costs: Costs | None = ...,
    weighting: str = ...,
    rebalance: str = ...,
    capital: float = ...,
    memory_bytes: float | str = ...,
    returns: Literal[True],
    backend: str = ...,
    jobs: int | None = ...,
    address: str | None = ...,
    ledger: Ledger | str | Path | None = ...,
) -> tuple[pd.DataFrame, FloatArray]: ...


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
    memory_bytes: float | str = "1GB",
    returns: bool = False,
    backend: str = "serial",
    jobs: int | None = None,
    address: str | None = None,
    ledger: Ledger | str | Path | None = None,
) -> pd.DataFrame | tuple[pd.DataFrame, FloatArray]:
    """Metrics of every row of `parameters`, in its order: the parameters, then what `Run.metrics` has.

    Columns of `parameters` that are left out take the strategy's defaults; every row is checked before any work starts.
    A row equals `backtest` with the same parameters to 1e-9; its bytes depend on neither chunks, threads nor engine.
    Where `backtest` finds the account worth nothing, the figures are NaN. With `returns=True` the session returns
    (P, T), decimal, close to close, come with it: a pair.

    The sets are worked through in chunks that need about `memory_bytes`, a number or a text such as "500MB", beside
    the market itself and what is handed back. `backend` runs the chunks: "serial" in this process, on all cores;
    "threading"; "loky", "dask" or "ray" on `jobs` workers, by default as many as there are cores, or on the cluster at
    `address`. `memory_bytes` is shared out among the workers. A `ledger` counts every set as a trial, once the work is
    done; the same sets again, or from the command line, count nothing twice.

    Raises `ParameterError` as `backtest` does, where `parameters` has no rows, and where a parameter has the name of a
    figure; `DataError` where the ledger cannot be read or written.
    """
    check_search(strategy, market, universe, costs)
    sets = strategy.sets_of(parameters)
    if not len(parameters):
        raise ParameterError("`parameters` has no rows; give one row a parameter set")
    refuse_reserved(strategy)
    check_positive("capital", capital)
    memory = bytes_of("memory_bytes", memory_bytes)
    workers = worker_count(backend, jobs, address)
    kept = open_ledger(ledger, market)
    account = universe, start, end, fill, costs or Costs(), weighting, rebalance, float(capital)
    setting = SweepTask(strategy, market, *account)
    # Without parameters all rows are one set, which is walked once.
    count = len(parameters) if sets else 1
    size = _chunk_size(setting, sets, count, memory / workers, workers)
    order = np.arange(count)
    if size < count:
        order = reading_order(setting, sets, count)
    tasks = [(part, returns) for part in _chunks({name: each[order] for name, each in sets.items()}, len(order), size)]
    pieces = run_tasks(run_chunk, setting, tasks, backend=backend, jobs=jobs, address=address)
    back = np.argsort(order) if sets else np.zeros(len(parameters), dtype=np.int64)
    columns = {name: values if values.ndim == 1 else list(values) for name, values in sets.items()}
    given = pd.DataFrame(columns, index=range(len(parameters)))
    figures = pd.concat([piece.metrics for piece in pieces], ignore_index=True).iloc[back].reset_index(drop=True)
    table = pd.concat([given, figures], axis=1)
    if kept is not None:
        # As the strategy reads them: "24" and 24 are one set.
        enter_sweep(kept, strategy, market, given, "given", start=start, end=end, account=setting.account)
    return (table, np.concatenate([piece.returns for piece in pieces])[back]) if returns else table


def _chunk_size(setting: SweepTask, sets: Sets, count: int, memory: float, workers: int) -> int:
    each = len(setting.stage.table) * 8.0
    needed = each * (_DECIDING + _WALKING)
    if count > _PROBE and (needed * count > memory or is_own(setting.strategy)):
        needed = decision_bytes(setting, next(_chunks(sets, count, _PROBE))) / _PROBE + each * _WALKING
    # Several chunks a worker, so that one that is slow does not hold up the rest.
    share = -(-count // (3 * workers)) if workers > 1 else count
    return max(1, min(share, int(memory // needed)))


def _chunks(sets: Sets, count: int, size: int) -> Iterator[Sets]:
    for first in range(0, count, size):
        yield {name: values[first : first + size] for name, values in sets.items()} or {"": np.zeros(1)}
