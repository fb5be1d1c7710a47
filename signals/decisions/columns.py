"""Columns of the decision table: a signal read at the decisions, for many sets at once.

Each distinct combination of parameters is computed once, and only where a decision reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from undertow.market import (
    BoolArray,
    Feed,
    FloatArray,
    How,
    InstantArray,
    IntArray,
    Lifetimes,
    Spans,
    decision_spans,
    in_threads,
)
from undertow.signals.base import Spec
from undertow.signals.decisions.inputs import feed_inputs
from undertow.signals.decisions.requests import SignalSource, feed_parameters
from undertow.signals.decisions.series import SeriesTable, is_sparse

SIDES: Mapping[How, float] = {"last": 0.0, "min": -1.0, "max": 1.0}
# Memory for the values of some windows at the rows that are read, bytes.
_BLOCK_BYTES = 16e6


class Reading(NamedTuple):
    """A signal at the decisions, for P sets: the distinct columns, and the one of each set.

    `columns` is (D, T), `position` (P,).
    """

    columns: FloatArray
    position: IntArray

    @property
    def values(self) -> FloatArray:
        """The value of every set at every decision (T, P)."""
        return self.columns[self.position].T


class Request(NamedTuple):
    """What is read of a signal.

    Args:
        spec: definition of the signal.
        source: where it is read, with the name of the output.
        sets: the distinct parameter sets in order, then the lag in hours, and the value of `SIDES` last (D, K + 2).
        wanted: decisions whose value is needed (T,); None for all.
    """

    spec: Spec
    source: SignalSource
    sets: FloatArray
    wanted: BoolArray | None = None

    def parameters(self, row: int) -> dict[str, float]:
        """The parameters of a set by name."""
        return dict(zip(self.spec.parameters, self.sets[row, :-2].tolist(), strict=True))


def signal_columns(table: SeriesTable, request: Request) -> FloatArray:
    """The columns (D, T) of a request, one a distinct parameter set."""
    if request.spec.clock == "session":
        return _session_columns(table, request)
    spec = request.spec
    columns = np.empty((0, 0))
    wanted = np.ones(len(table), np.bool_) if request.wanted is None else request.wanted
    for number, feed in enumerate(table.feeds(spec, request.source)):
        missing = wanted if not number else wanted & np.isnan(columns).any(axis=0)
        found = _feed_columns(table, request, feed, missing)
        unknown = np.isnan(found[-1])[missing]
        # A feed with most of its rows has a reason to be noted only where it has no value at all.
        if unknown.any() and (unknown.all() or is_sparse(feed)):
            # Why, by what it has at every decision, whether it is needed there or not.
            last, everywhere = request._replace(sets=request.sets[-1:]), np.ones(len(table), np.bool_)
            whole = found[-1] if missing.all() else _feed_columns(table, last, feed, everywhere)[0]
            table.note_unused(spec, request.source.output, feed, last.parameters(0), np.isnan(whole))
        # In place: memory that is touched for the first time costs more than what is done in it.
        new = np.isfinite(found)
        if number:
            new &= np.isnan(columns)
            np.copyto(columns, found, where=new)
        else:
            np.copyto(found, np.nan, where=~new)
            columns = found
        table.used[feed.label] = table.used.get(feed.label, np.zeros(len(table), np.bool_)) | new.any(axis=0)
    return columns if len(columns) else np.full((len(request.sets), len(table)), np.nan)


def _session_columns(table: SeriesTable, request: Request) -> FloatArray:
    known_at = table.known_at(request.spec, request.source.asset)
    series = _Series(
        known_at,
        np.arange(len(known_at)),
        ("sessions", table.identity(request.spec), request.source.asset),
        lambda row: table.sessions_of(request.spec, request.parameters(row), request.source.asset)[
            request.spec.outputs.index(request.source.output)
        ][:, 0],
    )
    return _read(table, request, series, np.ones(len(table), np.bool_))


def _feed_columns(table: SeriesTable, request: Request, feed: Feed, wanted: BoolArray) -> FloatArray:
    spec, output = request.spec, request.source.output
    series = _Series(
        feed.known_at,
        feed.grid_rows,
        ("feed", table.identity(feed)),
        lambda row: table.output_in_hours(spec, feed, output, request.parameters(row)),
        feed.lifetimes,
    )
    if output not in spec.at:
        return _read(table, request, series, wanted)
    columns = [feed_parameters(spec, feed, request.parameters(row)) for row in range(len(request.sets))]
    inputs = table.cached(
        ("inputs", table.identity(spec), table.identity(feed)),
        lambda: tuple(values.ravel() for values in feed_inputs(spec, table, feed).values()),
    )
    scale = feed.row_hours if output in spec.in_rows else 1.0

    def at(firsts: IntArray, rows: IntArray) -> FloatArray:
        parameters = (np.array([columns[first][name] for first in firsts.tolist()]) for name in spec.parameters)
        values: FloatArray = spec.at[output](*inputs, *parameters, rows)
        return values if scale == 1.0 else values * scale

    return _read(table, request, series._replace(at=at), wanted)


class _Series(NamedTuple):
    """A source of values: when its rows are known, and how they are computed.

    Args:
        known_at: when each row is known (H,), UTC.
        places: place of each row in a whole series (H,).
        key: what tells its rows from those of others.
        whole: the whole series of a request's row.
        tolerance: age beyond which a row does not count, one for all or one a row.
        at: values (W, R) of the requests' rows (W,) at places (R,), where the signal has such a kernel.
    """

    known_at: InstantArray
    places: IntArray
    key: tuple[object, ...]
    whole: Callable[[int], FloatArray]
    tolerance: Lifetimes | None = None
    at: Callable[[IntArray, IntArray], FloatArray] | None = None


def _read(table: SeriesTable, request: Request, series: _Series, wanted: BoolArray) -> FloatArray:
    """The columns (D, T) of one source; NaN at decisions that are not wanted, too."""
    # Compiled code is loaded when a signal is read, not with the package.
    from undertow.signals.decisions.spans import mark_rows_nb, read_spans_nb

    shape = (len(request.sets), len(table))
    if not wanted.any() or not len(series.known_at):
        return np.full(shape, np.nan)
    kinds, kind_of = np.unique(request.sets[:, -2:], axis=0, return_inverse=True)
    spans = [_spans(table, request, series, *kind) for kind in kinds.tolist()]
    starts, ends = (np.ascontiguousarray(np.stack(part)) for part in zip(*spans, strict=True))
    ends[:, ~wanted] = starts[:, ~wanted]
    rows = mark_rows_nb(starts, ends, wanted, len(series.known_at))
    if not len(rows):
        return np.full(shape, np.nan)
    out = np.empty(shape)
    position = np.zeros(len(series.known_at), dtype=np.int64)
    position[rows] = np.arange(len(rows))
    # Sets of one window lie side by side: they are in order, lag and side last.
    parameters = request.sets[:, :-2]
    firsts = np.flatnonzero(np.concatenate(([True], (parameters[1:] != parameters[:-1]).any(axis=1))))
    bounds = np.append(firsts, len(parameters))

    def read(begin: int, end: int) -> None:
        values = _values(series, firsts[begin:end], series.places[rows])
        groups = bounds[begin : end + 1]
        read_spans_nb(values, position, groups, kind_of.ravel(), (starts, ends), kinds[:, 1].copy(), out)

    size = max(1, int(_BLOCK_BYTES // (8 * len(rows))))
    # Whole series are computed by code that may not be made for threads.
    in_threads(read, len(firsts), size=size, threads=0 if series.at is not None else 1)
    return out


def _values(series: _Series, firsts: IntArray, places: IntArray) -> FloatArray:
    if series.at is not None:
        return np.ascontiguousarray(series.at(firsts, places))
    return np.stack([series.whole(first)[places] for first in firsts.tolist()])


def _spans(table: SeriesTable, request: Request, series: _Series, lag: float, side: float) -> tuple[IntArray, IntArray]:
    extreme = side != 0.0
    spec = request.spec
    since = table.last_close(lag) if spec.since_close and spec.clock == "feed" else None

    def spans() -> tuple[Any, ...]:
        found: Spans = decision_spans(
            series.known_at,
            table.decisions.at,
            lag_hours=lag,
            tolerance=series.tolerance,
            how="min" if extreme else "last",
            since=since,
        )
        return found.starts, found.ends

    starts, ends = table.cached(("spans", *series.key, lag, extreme, since is not None), spans)
    return np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64)
