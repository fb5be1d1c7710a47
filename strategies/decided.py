"""What a strategy decides, checked: every decision enters a backtest or a sweep through here."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np

from undertow.market.clock import InstantArray
from undertow.market.errors import ParameterError, UndertowError
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.plan import LEAST_TAX, Decision
from undertow.strategies.strategy import Sets, Strategy

# What has a number for each session and set, and for each set alone.
_PANELS = ("exposure", "stale", "rotation", "hedge", "above")
_COLUMNS = ("score_of_set", "stop", "stop_wait")


def decided(kind: type[Strategy], table: DecisionTable, sets: Sets) -> Decision:
    """The decision of `kind` for `sets` over every session of `table`.

    Raises `ParameterError` where `decide` gives no `Decision`, one of other shapes than the table and the sets have,
    or fails with an error of its own, which is named with its place.
    """
    try:
        found = kind.decide(table, sets)
    except (UndertowError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise _failed("decide", kind, error) from error
    _check_shapes(kind, table, found, len(next(iter(sets.values()))) if sets else 1)
    return found


def shocks_of(strategy: Strategy, table: DecisionTable) -> InstantArray:
    """When the strategy's trigger became known in each decision's window of `table` (T,), UTC, NaT where it did not.

    Raises `ParameterError` where `shocks` gives something else, or fails with an error of its own.
    """
    kind = type(strategy)
    try:
        found = np.asarray(strategy.shocks(table))
    except (UndertowError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise _failed("shocks", kind, error) from error
    if found.shape != (len(table),) or found.dtype.kind != "M":
        raise ParameterError(
            f"`shocks` of `{kind.name()}` must be instants in UTC without a time zone, NaT where there is none, of the"
            f" shape {(len(table),)}, sessions of the table; got {found.dtype} of the shape {found.shape}; mend the"
            " strategy"
        )
    return found.astype("datetime64[ns]")


def _failed(what: str, kind: type[Strategy], error: BaseException) -> ParameterError:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
    return ParameterError(
        f"`{what}` of `{kind.name()}` failed: {type(error).__name__}: {error} ({where}); mend the strategy"
    )


def _check_shapes(kind: type[Strategy], table: DecisionTable, found: Any, count: int) -> None:
    if not isinstance(found, Decision):
        raise ParameterError(f"`decide` of `{kind.name()}` must return a `Decision`, got {type(found).__name__}")
    rows, names = len(table), len(table.symbols)
    for name in _PANELS:
        _check(kind, name, getattr(found, name), (rows, count), "sessions of the table and parameter sets")
    for name, mark in found.flags.items():
        _check(kind, f"marks[{name!r}]", mark, (rows, count), "sessions of the table and parameter sets")
    for name in _COLUMNS:
        _check(kind, name, getattr(found, name), (count,), "parameter sets")
    for place, score in enumerate(found.scores):
        _check(kind, f"scores[{place}]", score, (rows, names), "sessions of the table and names of the universe")
    if found.resting is not None and np.shape(found.resting) != (count,):
        _check(kind, "resting", found.resting, (rows, count), "sessions of the table and parameter sets")
    which = np.asarray(found.score_of_set)
    if not np.issubdtype(which.dtype, np.integer) or (which < LEAST_TAX).any() or (which >= len(found.scores)).any():
        raise ParameterError(
            f"a decision's `score_of_set` must hold places in `scores`, of which there are {len(found.scores)}, or"
            f" PROPORTIONAL or LEAST_TAX, got {which.tolist()[:8]}; mend `decide` of `{kind.name()}`"
        )


def _check(kind: type[Strategy], name: str, value: Any, shape: tuple[int, ...], words: str) -> None:
    if value is not None and np.shape(value) != shape:
        raise ParameterError(
            f"a decision's `{name}` must have the shape {shape}, {words}, got {np.shape(value)}; mend `decide` of"
            f" `{kind.name()}`"
        )
