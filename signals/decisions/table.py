"""The decision table: every signal of a strategy at its decision instants.

Each distinct combination of parameters is computed once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from undertow.market import (
    EVENT_KINDS,
    BoolArray,
    Decisions,
    Feed,
    Fill,
    FloatArray,
    How,
    InstantArray,
    Market,
    coarsen,
    decisions,
    first_known,
    window_ends,
)
from undertow.signals.base import Spec
from undertow.signals.decisions.columns import SIDES, Reading, Request, read_columns
from undertow.signals.decisions.inputs import feed_inputs, session_inputs, session_known_at
from undertow.signals.decisions.panel import SessionPanel
from undertow.signals.decisions.requests import (
    check_how,
    feed_parameters,
    output_name,
    parameter_sets,
    signal_spec,
    with_defaults,
)
from undertow.signals.decisions.screen import Screen, is_screen

# Memory that the series of signals on their own clocks may take; the least recently used are dropped beyond it.
SERIES_BYTES = 256e6
# A feed with rows on a smaller share of its intervals says so where it has no value.
_FEW_ROWS = 0.75
# Threads of a sweep or of a walk share a table. Not an attribute of the table: a lock could not be copied with it.
_SERIES_LOCK = Lock()


class DecisionTable(SessionPanel):
    """Everything known at each decision: the only way from a market to a strategy.

    `symbols` (N,), `columns` (N,) and `decisions` (T,) are those of `SessionPanel`; a run uses a part of the sessions.
    `used` flags, for each feed, the sessions on which it supplied a signal's value; `absent` gives the reason why a
    signal has no value at all. `series_bytes` is the memory for series of signals on the clocks of their feeds.

    Args:
        market: the market; its sessions are the rows (T,).
        universe: a universe of the market, or a screen such as "sp500 | top 100 by beta, momentum | quarterly",
            evaluated on what was known at each of its refreshes.
        fill: "open" or "close": when orders are filled, and so when a strategy decides.
        decided: the decisions, where they are not those of `fill` on the market's calendar.
    """

    def __init__(self, market: Market, universe: str, fill: Fill = "open", decided: Decisions | None = None) -> None:
        decided = decided or decisions(market.calendar, fill)
        if is_screen(universe):
            screen = Screen.parse(universe)
            parent = SessionPanel(market, market.universe(screen.parent), decided)
            names, membership = screen.select(parent)
            super().__init__(market, names, decided, membership)
        else:
            super().__init__(market, market.universe(universe), decided)
        self.used: dict[str, BoolArray] = {}
        self.series_bytes = SERIES_BYTES
        self._aligned: dict[tuple[Any, ...], FloatArray] = {}
        # Specifications and feeds are keyed by their identity, which is unique only while they are referenced.
        self._referenced: dict[int, Spec | Feed] = {}
        self._coarse: dict[tuple[int, float], Feed] = {}
        self._series: OrderedDict[tuple[Any, ...], tuple[FloatArray, ...]] = OrderedDict()
        self._series_size = 0

    def forget(self) -> None:
        """Drop the columns that `signal` has aligned, so that a long sweep does not grow.

        Series on the clocks of feeds stay, within their budget.
        """
        self._aligned.clear()

    def signal(
        self,
        signal: Any,
        parameters: Mapping[str, npt.ArrayLike],
        *,
        output: str = "",
        asset: str = "BTC",
        lag: npt.ArrayLike = 0.0,
        how: How = "last",
        interval_hours: float = 0.0,
    ) -> FloatArray:
        """One output of a signal at the decisions, (T, P), for P parameter sets at once.

        On the "feed" clock, parameters whose unit is "rows" are in hours here and become whole rows of the feed, and
        outputs that count rows come back in hours. On the "session" clock parameters are as the signal defines them.
        Each distinct combination is computed once. Where several feeds of different intervals supply the signal, the
        finest that has a value is used; `used` tells which. NaN where no feed has a value; `absent` has the reason
        where there is no feed at all.

        Args:
            signal: an indicator, or its `spec`.
            parameters: values by name, (P,) or scalars; defaults for those left out.
            output: name of the output; the first one by default.
            asset: asset of the feeds, such as "BTC".
            lag: hours on the 24/7 clock, (P,) or a scalar: the least age of what is used at a decision.
            how: "last", or "min" or "max" since the decision before, as in `align`.
            interval_hours: compute it on bars of so many hours, each known when it has closed; 0: the feed's own bars.

        Raises `ParameterError` on what is not a signal, an unknown `how` and impossible values, `UnknownNameError` on
        an output or a parameter that the signal does not have.
        """
        return self.read(
            signal, parameters, output=output, asset=asset, lag=lag, how=how, interval_hours=interval_hours
        ).values

    def read(
        self,
        signal: Any,
        parameters: Mapping[str, npt.ArrayLike],
        *,
        output: str = "",
        asset: str = "BTC",
        lag: npt.ArrayLike = 0.0,
        how: How | Sequence[How] = "last",
        interval_hours: float = 0.0,
        wanted: BoolArray | None = None,
    ) -> Reading:
        """As `signal`, as its distinct columns and the one of each set; `how` is one for all or one a set.

        With `wanted` (T,) only at those decisions, and NaN elsewhere: the others cost nothing.
        """
        spec = signal_spec(signal)
        sets = parameter_sets(spec, parameters, lag)
        output = output_name(spec, output)
        sides = np.array([SIDES[check_how(each)] for each in ([how] if isinstance(how, str) else how)])
        if len(sets) == 1 or len(sides) == 1:
            sets = np.repeat(sets, max(len(sets), len(sides)) // len(sets), axis=0)
        sets = np.column_stack((sets, np.broadcast_to(sides, len(sets))))
        distinct, position = np.unique(sets, axis=0, return_inverse=True)
        request = Request(spec, output, asset, interval_hours, distinct, wanted)
        if wanted is not None:
            return Reading(read_columns(self, request), position.ravel())
        head = (self.identity(spec), output, asset, interval_hours)
        keys = [(*head, *row) for row in distinct.tolist()]
        # Another thread may drop them at any time, so the columns are held here.
        held = [self._aligned.get(key) for key in keys]
        missing = [number for number, column in enumerate(held) if column is None]
        if missing:
            columns = read_columns(self, request._replace(sets=distinct[missing]))
            self._aligned.update((keys[number], column) for number, column in zip(missing, columns, strict=True))
            if len(missing) == len(keys):
                return Reading(columns, position.ravel())
            for number, column in zip(missing, columns, strict=True):
                held[number] = column
        return Reading(np.stack([column for column in held if column is not None]), position.ravel())

    def last_close(self, lag: float) -> InstantArray:
        """The last close before each decision less a lag in hours (T,).

        For decisions before it the first close, which is later.
        """
        closes = self.market.calendar.closes
        last = window_ends(closes, self.decisions.at, lag) - 1
        return np.where(last >= 0, closes[np.maximum(last, 0)], closes[0])

    def known_at(self, signal: Any, asset: str = "BTC") -> InstantArray:
        """When each row of a signal on the session clock is known (T,).

        At the close of the session, or as much later as an input for that close is published: see
        `session_inputs`.
        """
        return session_known_at(signal_spec(signal), self, asset)

    def output_in_hours(self, spec: Spec, feed: Feed, output: str, parameters: Mapping[str, float]) -> FloatArray:
        """One output on the grid of a feed (G,); one that counts rows is in hours."""
        values = self._feed_output(spec, feed, output, parameters)
        return values * (feed.interval.minutes / 60.0) if output in spec.in_rows else values

    def sessions(self, signal: Any, parameters: Mapping[str, float], asset: str = "BTC") -> tuple[FloatArray, ...]:
        """Every output (T, N) of a signal on the session clock, for one parameter set.

        Known at each session's close, or the minutes later that `known_at` has.
        """
        spec = signal_spec(signal)
        parameter_sets(spec, parameters, 0.0)
        return self.sessions_of(spec, parameters, asset)

    def sessions_of(self, spec: Spec, parameters: Mapping[str, float], asset: str) -> tuple[FloatArray, ...]:
        """As `sessions`, of a signal and parameters that have been checked."""
        key = (self.identity(spec), asset, *parameters.items())
        return self.cached(
            key, lambda: spec.compute(session_inputs(spec, self, asset), with_defaults(spec, parameters))
        )

    def feeds(self, spec: Spec, asset: str, interval_hours: float = 0.0) -> tuple[Feed, ...]:
        """The feeds of a signal's first input, finest first.

        A signal without one is recorded in `absent`.
        """
        kind, _ = next(iter(spec.inputs.values()))
        feeds = self.market.feeds_of(kind, asset)
        if not feeds:
            self.absent[spec.name] = f"no feed of kind {kind!r} for {asset}"
        for feed in feeds:
            self.note_frozen(feed)
        return tuple(self._on_interval(feed, interval_hours) for feed in feeds)

    def note_unused(
        self, spec: Spec, output: str, feed: Feed, parameters: Mapping[str, float], missing: BoolArray
    ) -> None:
        """Record in `unused` why a feed supplies no value of a signal.

        On any session, or on some for want of rows.

        Args:
            spec: definition of the signal.
            output: name of the output.
            feed: the feed.
            parameters: parameters of the signal, in hours.
            missing: decisions at which it has no value though one is needed (T,).
        """
        rows, intervals = len(feed), len(feed) + feed.missing_intervals
        if not rows or not (missing.all() or rows < _FEW_ROWS * intervals):
            return
        number = "any session"
        if not missing.all():
            fresh = np.isfinite(feed.at(np.zeros(int(feed.grid_rows[-1]) + 1), self.decisions.at))
            gaps = missing & fresh & (np.arange(len(missing)) > int(np.flatnonzero(~missing)[0]))
            number = f"{int(gaps.sum()):,} of {len(self):,} sessions"
            if not gaps.any():
                return
        lookback = spec.lookback(**feed_parameters(spec, feed, parameters))[spec.outputs.index(output)]
        reason = f"none of its windows of {lookback:,} rows is full where it is needed"
        if intervals < lookback:
            reason = f"it has {rows:,} rows, and {lookback:,} are needed for the first value"
        elif rows < _FEW_ROWS * intervals:
            reason = (
                f"it has rows on {rows:,} of its {intervals:,} intervals ({rows / intervals:.0%}), and at least half of"
                f" a window ({-(-lookback // 2):,} of {lookback:,}) is needed"
            )
            if feed.kind in EVENT_KINDS and feed.missing == "unknown":
                reason += '; where no row means that nothing happened, write missing = "zero" in market.toml'
        self.unused[f"{feed.label}, for {spec.name}"] = f"no value on {number}: {reason}"

    def _on_interval(self, feed: Feed, hours: float) -> Feed:
        # A feed that is as coarse already stays as it is.
        if not 0.0 < feed.interval.minutes < hours * 60.0:
            return feed
        key = (self.identity(feed), hours)
        if key not in self._coarse:
            self._coarse[key] = coarsen(feed, hours)
        return self._coarse[key]

    def series(self, signal: Any, feed: Feed, parameters: Mapping[str, float]) -> tuple[FloatArray, ...]:
        """Every output of a signal on the regular grid (G,) of `feed`.

        Parameters are in hours, as in `signal`.
        """
        spec = signal_spec(signal)
        parameter_sets(spec, parameters, 0.0)
        return self._feed_outputs(spec, feed, parameters)

    def _feed_outputs(self, spec: Spec, feed: Feed, parameters: Mapping[str, float]) -> tuple[FloatArray, ...]:
        key = (self.identity(spec), self.identity(feed), *parameters.items())

        def compute() -> tuple[FloatArray, ...]:
            outputs = spec.compute(feed_inputs(spec, self, feed), feed_parameters(spec, feed, parameters))
            return tuple(values[:, 0] for values in outputs)

        return self.cached(key, compute)

    def _feed_output(self, spec: Spec, feed: Feed, output: str, parameters: Mapping[str, float]) -> FloatArray:
        """One output (G,).

        By its own kernel, where it has one and the outputs are not all computed yet.
        """
        key = (self.identity(spec), self.identity(feed), *parameters.items())
        if output not in spec.output_kernels or key in self._series:
            return self._feed_outputs(spec, feed, parameters)[spec.outputs.index(output)]

        def compute() -> tuple[FloatArray, ...]:
            values = spec.compute_one(output, feed_inputs(spec, self, feed), feed_parameters(spec, feed, parameters))
            return (values[:, 0],)

        return self.cached((output, *key), compute)[0]

    def identity(self, definition: Spec | Feed) -> int:
        """A key of a specification or a feed, different for others of the same name."""
        return id(self._referenced.setdefault(id(definition), definition))

    def cached(self, key: tuple[Any, ...], compute: Callable[[], tuple[FloatArray, ...]]) -> tuple[FloatArray, ...]:
        """The result of `compute`, cached under a key.

        The key must contain everything that the result depends on beside the table. Within `series_bytes`: the least
        recently used make room. The arrays are shared and must not be changed.
        """
        with _SERIES_LOCK:
            stored = self._series.get(key)
        # Computed outside the lock, since one series may need another; two threads may compute the same.
        series = compute() if stored is None else stored
        with _SERIES_LOCK:
            if key not in self._series:
                self._series[key] = series
                self._series_size += sum(values.nbytes for values in series)
            self._series.move_to_end(key)
            while self._series_size > self.series_bytes and len(self._series) > 1:
                self._series_size -= sum(values.nbytes for values in self._series.popitem(last=False)[1])
        return series

    def first_breach(
        self,
        signal: Any,
        parameters: Mapping[str, float],
        breached: Callable[[FloatArray], BoolArray],
        *,
        output: str = "",
        asset: str = "BTC",
        lag: float = 0.0,
    ) -> InstantArray:
        """When a condition on a signal first became known in each decision's window (T,).

        NaT where it did not. The window runs from the previous decision's cut-off to this one's, as in
        `align(how="min")`.

        Args:
            signal: an indicator, or its `spec`.
            parameters: one value each, by name; defaults for those left out.
            breached: the condition, a function from values (H,) to booleans (H,).
            output: name of the output; the first one by default.
            asset: asset of the feeds.
            lag: hours on the 24/7 clock.
        """
        spec = signal_spec(signal)
        output = output_name(spec, output)
        parameter_sets(spec, parameters, lag)
        if spec.clock == "session":
            values = self.sessions_of(spec, parameters, asset)[spec.outputs.index(output)][:, 0]
            return first_known(self.known_at(spec, asset), breached(values), self.decisions.at, lag_hours=lag)
        out = np.full(len(self), np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
        unknown, since = np.ones(len(self), np.bool_), self.last_close(lag) if spec.since_close else None
        for feed in self.feeds(spec, asset):
            values = self.output_in_hours(spec, feed, output, parameters)
            held = breached(values[feed.grid_rows])
            when = first_known(feed.known_at, held, self.decisions.at, lag_hours=lag, since=since)
            out = np.where(unknown, when, out)
            # As in `signal`: a coarser feed counts only where no finer one has a value.
            unknown &= np.isnan(feed.at(values, self.decisions.at, lag, "max", since))
        return out


@lru_cache(maxsize=2)
def shared_table(market: Market, universe: str, fill: Fill = "open") -> DecisionTable:
    """The table of a market for work that reads it again and again.

    A batch reuses the series of earlier ones. Its `used` and `absent` do not belong to a single run; a report makes a
    table of its own.
    """
    return DecisionTable(market, universe, fill)
