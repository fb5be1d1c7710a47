"""Checked decisions: the way from a strategy into a backtest or a sweep."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np

from undertow.market import InstantArray, ParameterError, UndertowError
from undertow.signals.decisions import DecisionTable
from undertow.strategies.plan import LEAST_TAX, Decision
from undertow.strategies.strategy import Sets, Strategy

# Fields of a decision with a value for each session and set, and for each set.
_PANELS = ("exposure", "stale", "rotation", "hedge", "above")
_COLUMNS = ("score_of_set", "stop", "stop_wait")


def decided(strategy_class: type[Strategy], table: DecisionTable, sets: Sets) -> Decision:
    """The decision of a strategy class for `sets` over every session of `table`.

    Raises `ParameterError` where `decide` does not return a `Decision`, where its shapes do not match the table and the
    sets, and where it raises an error, which is named with file and line.
    """
    try:
        decision = strategy_class.decide(table, sets)
    except (UndertowError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise _failed("decide", strategy_class, error) from error
    _check_shapes(strategy_class, table, decision, len(next(iter(sets.values()))) if sets else 1)
    return decision


def shocks_of(strategy: Strategy, table: DecisionTable) -> InstantArray:
    """When the trigger became known in each decision's window (T,), UTC; else NaT.

    Raises `ParameterError` where `shocks` of the strategy returns anything else, or raises an error.
    """
    strategy_class = type(strategy)
    try:
        shocks = np.asarray(strategy.shocks(table))
    except (UndertowError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise _failed("shocks", strategy_class, error) from error
    if shocks.shape != (len(table),) or shocks.dtype.kind != "M":
        raise ParameterError(
            f"`shocks` of `{strategy_class.name()}` must be instants in UTC without a time zone, NaT where the trigger"
            f" did not go on, of the shape {(len(table),)}, sessions of the table; got {shocks.dtype} of the shape"
            f" {shocks.shape}; fix the strategy"
        )
    return shocks.astype("datetime64[ns]")


def _failed(method: str, strategy_class: type[Strategy], error: BaseException) -> ParameterError:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
    return ParameterError(
        f"`{method}` of `{strategy_class.name()}` failed: {type(error).__name__}: {error} ({line}); fix the strategy"
    )


def _check_shapes(strategy_class: type[Strategy], table: DecisionTable, decision: Any, count: int) -> None:
    if not isinstance(decision, Decision):
        raise ParameterError(
            f"`decide` of `{strategy_class.name()}` must return a `Decision`, got {type(decision).__name__}"
        )
    rows, names = len(table), len(table.symbols)

    def check(field: str, value: Any, shape: tuple[int, ...], axes: str) -> None:
        if value is not None and np.shape(value) != shape:
            raise ParameterError(
                f"a decision's `{field}` must have the shape {shape}, {axes}, got {np.shape(value)}; fix `decide` of"
                f" `{strategy_class.name()}`"
            )

    for name in _PANELS:
        check(name, getattr(decision, name), (rows, count), "sessions of the table and parameter sets")
    for name, flag in decision.flags.items():
        check(f"flags[{name!r}]", flag, (rows, count), "sessions of the table and parameter sets")
    for name in _COLUMNS:
        check(name, getattr(decision, name), (count,), "parameter sets")
    for index, score in enumerate(decision.scores):
        check(f"scores[{index}]", score, (rows, names), "sessions of the table and names of the universe")
    if decision.resting is not None and np.shape(decision.resting) != (count,):
        check("resting", decision.resting, (rows, count), "sessions of the table and parameter sets")
    indices, scores = np.asarray(decision.score_of_set), len(decision.scores)
    if not np.issubdtype(indices.dtype, np.integer) or (indices < LEAST_TAX).any() or (indices >= scores).any():
        raise ParameterError(
            f"a decision's `score_of_set` must hold indices into `scores`, which has {scores}, or PROPORTIONAL or"
            f" LEAST_TAX, got {indices.tolist()[:8]}; fix `decide` of `{strategy_class.name()}`"
        )
