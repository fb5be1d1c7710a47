"""Parameter sets walked in chunks that fit into memory, by any engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from undertow.backtests.engines import Engine, run_tasks
from undertow.backtests.identity import is_own
from undertow.backtests.sweeps.chunk import Chunk, ChunkResult, SweepTask, decision_bytes, run_chunk
from undertow.backtests.sweeps.ordering import reading_order
from undertow.strategies import Sets

# Memory of one set while a strategy decides, in floats a session: the most among the named strategies, rounded up.
# Where that is too much for the memory limit, and for a user-defined strategy, it is measured with a few sets.
_DECIDING, _PROBE = 12, 16
# Memory of the walk beside that: the exposure by set and by session, and values that become returns.
_WALKING = 4


def walk_sets(
    task: SweepTask, sets: Sets, count: int, engine: Engine, memory: float, *, keep_returns: bool
) -> ChunkResult:
    """Figures of parameter sets in their order, and returns where they are kept.

    Args:
        task: strategy, market, sessions and account.
        sets: parameters by name, each an array (P,); without any all rows are one set, which is walked once.
        count: number of rows.
        engine: where chunks run.
        memory: bytes for all workers together, beside the market and the result.
        keep_returns: whether session returns (P, T) are kept.
    """
    rows = count if sets else 1
    size = _chunk_size(task, sets, rows, memory / engine.workers, engine.workers)
    order = np.arange(rows)
    if size < rows:
        order = reading_order(task, sets, rows)
    ordered = {name: values[order] for name, values in sets.items()}
    chunks = [Chunk(part, keep_returns) for part in _parts(ordered, rows, size)]
    results = run_tasks(run_chunk, task, chunks, engine=engine)
    back = np.argsort(order) if sets else np.zeros(count, dtype=np.int64)
    figures = pd.concat([result.figures for result in results], ignore_index=True).iloc[back].reset_index(drop=True)
    return ChunkResult(figures, np.concatenate([result.returns for result in results])[back])


def _chunk_size(task: SweepTask, sets: Sets, count: int, memory: float, workers: int) -> int:
    column = len(task.prepared.table) * 8.0
    needed = column * (_DECIDING + _WALKING)
    if count > _PROBE and (needed * count > memory or is_own(task.strategy)):
        needed = decision_bytes(task, next(_parts(sets, count, _PROBE))) / _PROBE + column * _WALKING
    # Several chunks a worker, so that a slow one does not hold up the others.
    share = -(-count // (3 * workers)) if workers > 1 else count
    return max(1, min(share, int(memory // needed)))


def _parts(sets: Sets, count: int, size: int) -> Iterator[Sets]:
    for first in range(0, count, size):
        yield {name: values[first : first + size] for name, values in sets.items()} or {"": np.zeros(1)}
