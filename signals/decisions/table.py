"""The decision table: every signal of a strategy at its decision instants.

Each distinct combination of parameters is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from undertow.market import (
    BoolArray,
    Decisions,
    Fill,
    FloatArray,
    How,
    InstantArray,
    Market,
    Universe,
    decisions,
    first_known,
)
from undertow.signals.decisions.columns import SIDES, Reading, Request, signal_columns
from undertow.signals.decisions.panel import SessionPanel
from undertow.signals.decisions.requests import (
    SignalSource,
    check_how,
    output_name,
    parameter_sets,
    signal_spec,
)
from undertow.signals.decisions.screen import Screen, is_screen
from undertow.signals.decisions.series import SeriesTable


class DecisionTable(SeriesTable):
    """Everything known at each decision: the only way from a market to a strategy.

    `symbols` (N,), `columns` (N,) and `decisions` (T,) are those of `SessionPanel`; a run uses a part of the sessions.
    `used` and `absent` are those of `SeriesTable`.

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
        self._aligned: dict[tuple[Any, ...], FloatArray] = {}
        self._others: dict[str, DecisionTable] = {}

    def forget(self) -> None:
        """Drop the columns that `signal` has aligned, so that a long sweep does not grow.

        Series on the clocks of feeds stay, within their budget.
        """
        self._aligned.clear()
        for table in self._others.values():
            table.forget()

    def of_universe(self, name: str) -> DecisionTable:
        """The same decisions on another universe, a screen, or the symbol of one name.

        What it notes of feeds is noted here. Raises `UnknownNameError` where the market has none of them.
        """
        if name not in self._others:
            market = self.market
            if name not in market.universes and not is_screen(name) and name in market.prices:
                market = replace(market, universes={**market.universes, name: Universe.of_symbol(name)})
            table = DecisionTable(market, name, self.decisions.fill, self.decisions)
            table.absent, table.unused, table.frozen, table.used = self.absent, self.unused, self.frozen, self.used
            self._others[name] = table
        return self._others[name]

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
        universe: str = "",
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
            universe: universe or screen whose names it reads, or the symbol of one; the table's where empty.

        Raises `ParameterError` on what is not a signal, an unknown `how` and impossible values, `UnknownNameError` on
        an output or a parameter that the signal does not have.
        """
        source = SignalSource(output, asset, interval_hours, universe)
        return self.read(signal, parameters, source, lag=lag, how=how).values

    def read(
        self,
        signal: Any,
        parameters: Mapping[str, npt.ArrayLike],
        source: SignalSource = SignalSource(),  # noqa: B008 - immutable
        *,
        lag: npt.ArrayLike = 0.0,
        how: How | Sequence[How] = "last",
        wanted: BoolArray | None = None,
    ) -> Reading:
        """As `signal`: its distinct columns, and the one of each set.

        Errors, timing and NaN are those of `signal`.

        Args:
            signal: an indicator, or its `spec`.
            parameters: values by name, (P,) or scalars; defaults for those left out.
            source: its output, feeds, bars and universe.
            lag: hours on the 24/7 clock, (P,) or a scalar.
            how: "last", "min" or "max", for all sets or one a set.
            wanted: the decisions that are needed (T,); the others are NaN and cost nothing. None: all.
        """
        spec = signal_spec(signal)
        sets = parameter_sets(spec, parameters, lag)
        if source.universe not in ("", self.universe.name):
            table, source = self.of_universe(source.universe), source._replace(universe="")
            return table.read(signal, parameters, source, lag=lag, how=how, wanted=wanted)
        source = source._replace(output=output_name(spec, source.output))
        sides = np.array([SIDES[check_how(each)] for each in ([how] if isinstance(how, str) else how)])
        if len(sets) == 1 or len(sides) == 1:
            sets = np.repeat(sets, max(len(sets), len(sides)) // len(sets), axis=0)
        sets = np.column_stack((sets, np.broadcast_to(sides, len(sets))))
        distinct, position = np.unique(sets, axis=0, return_inverse=True)
        request = Request(spec, source, distinct, wanted)
        if wanted is not None:
            return Reading(signal_columns(self, request), position.ravel())
        head = (self.identity(spec), *source)
        keys = [(*head, *row) for row in distinct.tolist()]
        # Another thread may drop them at any time, so the columns are held here.
        held = [self._aligned.get(key) for key in keys]
        missing = [number for number, column in enumerate(held) if column is None]
        if missing:
            columns = signal_columns(self, request._replace(sets=distinct[missing]))
            self._aligned.update((keys[number], column) for number, column in zip(missing, columns, strict=True))
            if len(missing) == len(keys):
                return Reading(columns, position.ravel())
            for number, column in zip(missing, columns, strict=True):
                held[number] = column
        return Reading(np.stack([column for column in held if column is not None]), position.ravel())

    def first_breach(
        self,
        signal: Any,
        parameters: Mapping[str, float],
        breached: Callable[[FloatArray], BoolArray],
        source: SignalSource = SignalSource(),  # noqa: B008 - immutable
        *,
        lag: float = 0.0,
    ) -> InstantArray:
        """When a condition on a signal first became known in each decision's window (T,).

        NaT where it did not. The window runs from the previous decision's cut-off to this one's, as in
        `align(how="min")`.

        Args:
            signal: an indicator, or its `spec`.
            parameters: one value each, by name; defaults for those left out.
            breached: the condition, a function from values (H,) to booleans (H,).
            source: its output, feeds, bars and universe.
            lag: hours on the 24/7 clock.
        """
        spec = signal_spec(signal)
        if source.universe not in ("", self.universe.name):
            table, source = self.of_universe(source.universe), source._replace(universe="")
            return table.first_breach(signal, parameters, breached, source, lag=lag)
        output, asset = output_name(spec, source.output), source.asset
        parameter_sets(spec, parameters, lag)
        if spec.clock == "session":
            values = self.sessions_of(spec, parameters, asset)[spec.outputs.index(output)][:, 0]
            return first_known(self.known_at(spec, asset), breached(values), self.decisions.at, lag_hours=lag)
        out = np.full(len(self), np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
        unknown, since = np.ones(len(self), np.bool_), self.last_close(lag) if spec.since_close else None
        for feed in self.feeds(spec, source):
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
