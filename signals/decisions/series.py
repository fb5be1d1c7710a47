"""Series of signals on their own clocks, kept for the decisions that read them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import numpy as np

from undertow.market import (
    EVENT_KINDS,
    BoolArray,
    Decisions,
    Feed,
    FloatArray,
    InstantArray,
    Market,
    Universe,
    around_the_clock,
    coarsen,
    window_ends,
)
from undertow.signals.base import Spec
from undertow.signals.decisions.inputs import feed_inputs, session_inputs, session_known_at
from undertow.signals.decisions.panel import SessionPanel
from undertow.signals.decisions.requests import (
    SignalSource,
    feed_parameters,
    parameter_sets,
    signal_spec,
    with_defaults,
)

# Memory that the series of signals on their own clocks may take; the least recently used are dropped beyond it.
SERIES_BYTES = 256e6
# A feed with rows on a smaller share of its intervals says so where it has no value.
_FEW_ROWS = 0.75
# Threads of a sweep or of a walk share a table. Not an attribute of the table: a lock could not be copied with it.
_SERIES_LOCK = Lock()


def is_sparse(feed: Feed) -> bool:
    """Whether a feed has rows on so few of its intervals that windows may not be full."""
    return len(feed) < _FEW_ROWS * (len(feed) + feed.missing_intervals)


class SeriesTable(SessionPanel):
    """The names of a universe at the decisions, and signals on their own clocks.

    `used` flags, for each feed, the sessions on which it supplied a signal's value; `absent` gives the reason why a
    signal has no value at all. `series_bytes` is the memory for series of signals on the clocks of their feeds.
    """

    def __init__(
        self, market: Market, universe: Universe, decided: Decisions, membership: BoolArray | None = None
    ) -> None:
        super().__init__(market, universe, decided, membership)
        self.used: dict[str, BoolArray] = {}
        self.series_bytes = SERIES_BYTES
        # Specifications and feeds are keyed by their identity, which is unique only while they are referenced.
        self._referenced: dict[int, Spec | Feed] = {}
        self._coarse: dict[tuple[int, float, bool], Feed] = {}
        self._series: OrderedDict[tuple[Any, ...], tuple[FloatArray, ...]] = OrderedDict()
        self._series_size = 0

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

    def output_in_hours(self, spec: Spec, feed: Feed, output: str, parameters: Mapping[str, float]) -> FloatArray:
        """One output on the grid of a feed (G,); one that counts rows is in hours.

        Args:
            spec: definition of the signal.
            feed: the feed.
            output: name of the output.
            parameters: parameters of the signal by name, lengths in hours.
        """
        values = self._feed_output(spec, feed, output, parameters)
        return values * feed.row_hours if output in spec.in_rows else values

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

    def known_at(self, signal: Any, asset: str = "BTC") -> InstantArray:
        """When each row of a signal on the session clock is known (T,).

        At the close of the session, or as much later as an input for that close is published: see
        `session_inputs`.
        """
        return session_known_at(signal_spec(signal), self, asset)

    def last_close(self, lag: float) -> InstantArray:
        """The last close before each decision less a lag in hours (T,).

        For decisions before it the first close, which is later.
        """
        closes = self.market.calendar.closes
        last = window_ends(closes, self.decisions.at, lag) - 1
        return np.where(last >= 0, closes[np.maximum(last, 0)], closes[0])

    def feeds(self, spec: Spec, source: SignalSource) -> tuple[Feed, ...]:
        """The feeds of a signal's first input on the bars of a source, finest first.

        A signal without one is recorded in `absent`.
        """
        kind, _ = next(iter(spec.inputs.values()))
        kind, _, named = kind.partition(":")
        asset = named or source.asset
        feeds = self.market.feeds_of(kind, asset)
        if not feeds:
            self.absent[spec.name] = f"no feed of kind {kind!r} for {asset}"
        for feed in feeds:
            self.note_frozen(feed)
        return tuple(self._on_bars(feed, source) for feed in feeds)

    def _on_bars(self, feed: Feed, source: SignalSource) -> Feed:
        filled = source.hours == "clock" and feed.hours is not None
        # A feed that is as coarse already stays as it is.
        coarser = 0.0 < feed.interval.minutes < source.interval_hours * 60.0
        if not filled and not coarser:
            return feed
        key = (self.identity(feed), source.interval_hours if coarser else 0.0, filled)
        if key not in self._coarse:
            bars = around_the_clock(feed) if filled else feed
            self._coarse[key] = coarsen(bars, source.interval_hours) if coarser else bars
        return self._coarse[key]

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
            missing: decisions at which it has no value (T,).
        """
        rows, intervals = len(feed), len(feed) + feed.missing_intervals
        if not rows or not (missing.all() or is_sparse(feed)):
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
        elif is_sparse(feed):
            reason = (
                f"it has rows on {rows:,} of its {intervals:,} intervals ({rows / intervals:.0%}), and at least half of"
                f" a window ({-(-lookback // 2):,} of {lookback:,}) is needed"
            )
            if feed.kind in EVENT_KINDS and feed.missing == "unknown":
                reason += '; where no row means that nothing happened, write missing = "zero" in market.toml'
        self.unused[f"{feed.label}, for {spec.name}"] = f"no value on {number}: {reason}"

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
