"""The decision table: every signal a strategy asks for, at its decision instants, once for each distinct parameter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market.calendar import Decisions, Fill, decisions, load_calendar
from undertow.market.clock import HOUR, BoolArray, FloatArray, How, InstantArray, align, first_known
from undertow.market.coarser import coarser
from undertow.market.errors import ParameterError
from undertow.market.feeds import Feed
from undertow.market.market import Market
from undertow.market.universe import Universe
from undertow.signals.base.spec import Spec
from undertow.signals.decisions.inputs import feed_inputs, session_inputs
from undertow.signals.decisions.requests import check_how, output_of, sets_of, spec_of
from undertow.signals.decisions.screen import Screen, is_screen

# A name counts as alive while its last close is no older than this many sessions: a halt of a week is not a delisting.
ALIVE_SESSIONS = 5
# How much memory the series of signals on their own clocks may take before the oldest is let go.
SERIES_BYTES = 256e6
# No exchange is closed for longer.
_WEEKS_AHEAD = pd.Timedelta(days=28)
# Threads of a sweep or of a walk share a table. Not the table's own: a lock could not be copied with it.
_ONE_AT_A_TIME = Lock()


class DecisionTable:
    """What could be known at each decision of a market: the only way from a market to a strategy.

    `universe` is a name of the market's, or a screen such as "sp500 | top 100 by beta, momentum | quarterly", evaluated
    on what was known at its refreshes. `market` supplies the numbers; `symbols` (N,) are the tradable names of the
    universe in alphabetical order; `decisions` has one row a session of the whole market (T,), of which a run uses a
    stretch. `used` marks, for each feed, the sessions for which it supplied a signal's value; `absent` says why a
    signal has no value at all. `series_bytes` is what the series of signals on their feeds' own clocks may take.
    """

    def __init__(self, market: Market, universe: str, fill: Fill = "open", decided: Decisions | None = None) -> None:
        self.market = market
        self.decisions: Decisions = decided or decisions(market.calendar, fill)
        self._screened: BoolArray | None = None
        if is_screen(universe):
            self._screen(Screen.parse(universe), fill)
        else:
            self.universe = market.universe(universe)
            self.symbols = tuple(symbol for symbol in self.universe.symbols if symbol in market.prices)
        self.columns = market.prices.columns_of(self.symbols)
        self.used: dict[str, BoolArray] = {}
        self.absent: dict[str, str] = {}
        self.series_bytes = SERIES_BYTES
        self._found: dict[tuple[Any, ...], FloatArray] = {}
        # A specification and a feed are known by their identity, which is their own as long as they are kept.
        self._keeping: dict[int, Spec | Feed] = {}
        self._coarse: dict[tuple[int, float], Feed] = {}
        self._series: OrderedDict[tuple[Any, ...], tuple[FloatArray, ...]] = OrderedDict()
        self._held = 0

    def _screen(self, screen: Screen, fill: Fill) -> None:
        """Take the names that a screen ever chose, and when each was in it."""
        parent = DecisionTable(self.market, screen.parent, fill, self.decisions)
        members = screen.members(parent)
        # Which names come into question depends on the whole market; which are members on a session does not.
        ever = np.flatnonzero(members.any(axis=0))
        self._screened = np.ascontiguousarray(members[:, ever])
        self.symbols = tuple(parent.symbols[name] for name in ever)
        spans = parent.universe.spans
        self.universe = Universe(str(screen), spans[spans["symbol"].isin([*self.symbols, *parent.unpriced])])

    def __len__(self) -> int:
        return len(self.decisions)

    def forget(self) -> None:
        """Let go of what `signal` has aligned, so that a long sweep does not grow; series stay within their budget."""
        self._found.clear()

    @cached_property
    def hours(self) -> FloatArray:
        """Hours on the 24/7 clock at each decision (T,), from the first one."""
        return np.asarray((self.decisions.at - self.decisions.at[0]) / HOUR, dtype=np.float64)

    @cached_property
    def next_hours(self) -> FloatArray:
        """The same clock at the decision after each one (T,), the last from the exchange's own schedule."""
        last = self.decisions.sessions[-1]
        ahead = load_calendar(self.market.calendar.name, last, last + _WEEKS_AHEAD)
        after = decisions(ahead, self.decisions.fill).at[1]
        return np.append(self.hours[1:], (after - self.decisions.at[0]) / HOUR)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Symbols of the universe that the market has no prices for."""
        return tuple(symbol for symbol in self.universe.symbols if symbol not in self.market.prices)

    @cached_property
    def close(self) -> FloatArray:
        """Closes of the universe (T, N) on their own sessions: not aligned, for signals that are computed on them."""
        return np.ascontiguousarray(self.market.prices.close[:, self.columns])

    @cached_property
    def member(self) -> BoolArray:
        """Membership in the universe (T, N), session by session."""
        if self._screened is not None:
            return self._screened
        return self.universe.members(self.decisions.sessions, self.symbols)

    def known(self, values: npt.ArrayLike) -> FloatArray:
        """Session values (T,) or (T, K), known at each session's close, carried to the decisions."""
        return align(self.market.calendar.closes, values, self.decisions.at)

    @cached_property
    def alive(self) -> BoolArray:
        """Names that can be held (T, N): members that session, with a close known at the decision and not too old."""
        rows = np.arange(len(self))[:, None]
        last = np.maximum.accumulate(np.where(np.isfinite(self.close), rows, -1), axis=0)
        fresh = (last >= 0) & (rows - last < ALIVE_SESSIONS)
        known_fresh: BoolArray = self.known(fresh) == 1.0
        return self.member & known_fresh

    @cached_property
    def basket_returns(self) -> FloatArray:
        """Close-to-close return of the equally weighted members of each session (T,); known at its close."""
        returns = np.full(self.close.shape, np.nan)
        returns[1:] = self.close[1:] / self.close[:-1] - 1.0
        returns[~self.member] = np.nan
        count = np.isfinite(returns).sum(axis=1)
        return np.where(count > 0, np.nansum(returns, axis=1) / np.maximum(count, 1), np.nan)

    @cached_property
    def benchmark(self) -> FloatArray:
        """Closes of the benchmark (T,); raises `ParameterError` where the market names none."""
        if self.market.benchmark is None:
            raise ParameterError(f"market {self.market.name!r} names no `benchmark`; add one to market.toml")
        return self.market.prices.close[:, self.market.prices.columns_of([self.market.benchmark])[0]]

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

        `lag` (hours) and the parameters are (P,) or scalars. On the "feed" clock, parameters whose unit is "rows" are
        given in hours and become whole rows of the feed, and outputs that count rows come back in hours;
        `interval_hours` computes it on coarser bars, which count only when closed. On the "session" clock parameters
        are as the signal defines them. Each distinct combination is computed once. Where several feeds of different
        intervals supply the signal, the finest that has a value is used; `used` says which. NaN where no feed has a
        value; `absent` says so where there is no feed at all.

        Raises `ParameterError` on what is no signal, on another `how`, and on parameters that cannot be,
        `UnknownNameError` on an output or a parameter that the signal does not have.
        """
        spec = spec_of(signal)
        names = list(spec.parameters)
        sets = sets_of(spec, parameters, lag)
        output = output_of(spec, output)
        check_how(how)
        distinct, position = np.unique(sets, axis=0, return_inverse=True)
        found = []
        for row in distinct:
            key = (self._identity(spec), output, asset, how, interval_hours, *row)
            # Another thread may let go of it at any time: what was found is held here.
            column = self._found.get(key)
            if column is None:
                given = dict(zip(names, row[:-1].tolist(), strict=True))
                column = self._aligned(spec, output, asset, float(row[-1]), how, interval_hours, given)
                self._found[key] = column
            found.append(column)
        return np.stack(found, axis=1)[:, position.ravel()]

    def _aligned(
        self,
        spec: Spec,
        output: str,
        asset: str,
        lag: float,
        how: How,
        interval_hours: float,
        parameters: Mapping[str, float],
    ) -> FloatArray:
        if spec.clock == "session":
            values = self._sessions_of(spec, parameters, asset)[spec.outputs.index(output)][:, 0]
            return align(self.market.calendar.closes, values, self.decisions.at, lag_hours=lag, how=how)
        column = np.full(len(self), np.nan)
        for feed in self.feeds(spec, asset, interval_hours):
            values = self._in_hours(spec, feed, output, parameters)
            aligned = feed.at(values, self.decisions.at, lag, how)
            new = np.isnan(column) & np.isfinite(aligned)
            column[new] = aligned[new]
            self.used[feed.label] = self.used.get(feed.label, np.zeros(len(self), np.bool_)) | new
        return column

    def _in_hours(self, spec: Spec, feed: Feed, output: str, parameters: Mapping[str, float]) -> FloatArray:
        values = self._output(spec, feed, output, parameters)
        return values * (feed.interval.minutes / 60.0) if output in spec.in_rows else values

    def sessions(self, signal: Any, parameters: Mapping[str, float], asset: str = "BTC") -> tuple[FloatArray, ...]:
        """Every output (T, N) of a signal on the session clock, known at each session's close, one parameter set."""
        spec = spec_of(signal)
        sets_of(spec, parameters, 0.0)
        return self._sessions_of(spec, parameters, asset)

    def _sessions_of(self, spec: Spec, parameters: Mapping[str, float], asset: str) -> tuple[FloatArray, ...]:
        key = (self._identity(spec), asset, *parameters.items())
        return self.kept(key, lambda: spec.compute(session_inputs(spec, self, asset), _given(spec, parameters)))

    def feeds(self, spec: Spec, asset: str, interval_hours: float = 0.0) -> tuple[Feed, ...]:
        """The feeds that a signal's first input comes from, finest first; none is recorded in `absent`."""
        kind, _ = next(iter(spec.inputs.values()))
        found = self.market.feeds_of(kind, asset)
        if not found:
            self.absent[spec.name] = f"no feed of kind {kind!r} for {asset}"
        return tuple(self._on_interval(feed, interval_hours) for feed in found)

    def _on_interval(self, feed: Feed, hours: float) -> Feed:
        # A feed that is as coarse already stays as it is.
        if not 0.0 < feed.interval.minutes < hours * 60.0:
            return feed
        key = (self._identity(feed), hours)
        if key not in self._coarse:
            self._coarse[key] = coarser(feed, hours)
        return self._coarse[key]

    def series(self, signal: Any, feed: Feed, parameters: Mapping[str, float]) -> tuple[FloatArray, ...]:
        """Every output of a signal on the regular grid (G,) of `feed`, parameters in hours as in `signal`."""
        spec = spec_of(signal)
        sets_of(spec, parameters, 0.0)
        return self._series_of(spec, feed, parameters)

    def _series_of(self, spec: Spec, feed: Feed, parameters: Mapping[str, float]) -> tuple[FloatArray, ...]:
        key = (self._identity(spec), self._identity(feed), *parameters.items())

        def computed() -> tuple[FloatArray, ...]:
            found = spec.compute(feed_inputs(spec, self, feed), in_bars(spec, feed, parameters))
            return tuple(values[:, 0] for values in found)

        return self.kept(key, computed)

    def _output(self, spec: Spec, feed: Feed, output: str, parameters: Mapping[str, float]) -> FloatArray:
        """One output (G,), by itself where the signal can give it sooner and the others are not there yet."""
        whole = (self._identity(spec), self._identity(feed), *parameters.items())
        if output not in spec.alone or whole in self._series:
            return self._series_of(spec, feed, parameters)[spec.outputs.index(output)]

        def computed() -> tuple[FloatArray, ...]:
            found = spec.compute_one(output, feed_inputs(spec, self, feed), in_bars(spec, feed, parameters))
            return (found[:, 0],)

        return self.kept((output, *whole), computed)[0]

    def _identity(self, thing: Spec | Feed) -> int:
        """What tells a specification or a feed from every other, of the same name too, while the table is there."""
        return id(self._keeping.setdefault(id(thing), thing))

    def kept(self, key: tuple[Any, ...], computed: Callable[[], tuple[FloatArray, ...]]) -> tuple[FloatArray, ...]:
        """What was computed before under this key, which must say all that it depends on beside the table.

        Within `series_bytes`: the least lately used makes room. The arrays are shared, and must be left as they are.
        """
        with _ONE_AT_A_TIME:
            found = self._series.get(key)
        # Computed outside the lock, since one series may be made from another; two threads may compute the same.
        made = computed() if found is None else found
        with _ONE_AT_A_TIME:
            if key not in self._series:
                self._series[key] = made
                self._held += sum(values.nbytes for values in made)
            self._series.move_to_end(key)
            while self._held > self.series_bytes and len(self._series) > 1:
                self._held -= sum(values.nbytes for values in self._series.popitem(last=False)[1])
        return made

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
        """When a condition on a signal first became known in each decision's window (T,), NaT where it did not.

        `breached` is a function from values (H,) to booleans. The window runs from the previous decision's cut-off to
        this one's, as in `align(how="min")`.
        """
        spec = spec_of(signal)
        output = output_of(spec, output)
        sets_of(spec, parameters, lag)
        if spec.clock == "session":
            values = self._sessions_of(spec, parameters, asset)[spec.outputs.index(output)][:, 0]
            return first_known(self.market.calendar.closes, breached(values), self.decisions.at, lag_hours=lag)
        out = np.full(len(self), np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
        unknown = np.ones(len(self), np.bool_)
        for feed in self.feeds(spec, asset):
            values = self._in_hours(spec, feed, output, parameters)
            when = first_known(feed.known_at, breached(values[feed.grid_rows]), self.decisions.at, lag_hours=lag)
            out = np.where(unknown, when, out)
            # As in `signal`: where a finer feed has a value, a coarser one is not asked.
            unknown &= np.isnan(feed.at(values, self.decisions.at, lag, "max"))
        return out


@lru_cache(maxsize=2)
def shared_table(market: Market, universe: str, fill: Fill = "open") -> DecisionTable:
    """The table of a market for work that reads it again and again: a series computed for one batch serves the next.

    What `used` and `absent` say of it is of no single run; a report makes a table of its own.
    """
    return DecisionTable(market, universe, fill)


def _given(spec: Spec, parameters: Mapping[str, float]) -> dict[str, float]:
    values = {name: float(parameters.get(name, each.default)) for name, each in spec.parameters.items()}
    return {name: int(value) if spec.parameters[name].whole else value for name, value in values.items()}


def in_bars(spec: Spec, feed: Feed, parameters: Mapping[str, float]) -> dict[str, float]:
    """Every parameter of a signal, those in hours as whole rows of the feed, and hours a year as rows a year."""

    def of_feed(unit: str, value: float) -> float:
        if unit == "rows":
            return feed.bars(value)
        return value * 60.0 / feed.interval.minutes if unit == "hours a year" and feed.interval.minutes else value

    return {name: of_feed(spec.parameters[name].unit, value) for name, value in _given(spec, parameters).items()}
