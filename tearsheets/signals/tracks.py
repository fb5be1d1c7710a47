"""The series of a signal page, with the instants at which values became known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from undertow.backtests import carried_returns, known_span
from undertow.market import (
    DataError,
    Feed,
    FloatArray,
    InstantArray,
    ParameterError,
    UnknownNameError,
    align,
    did_you_mean,
)
from undertow.signals.base import Parameter, Spec
from undertow.signals.decisions import DecisionTable, SignalSource

# For a signal with a value for each name, these quantiles are drawn: a band around the median.
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, eq=False)
class Track:
    """A series by the time at which its values became known.

    `at` (H,) are the instants; `lines` (H, 1) the values, or (H, 3) quantiles of a signal with a value for each name.
    """

    name: str
    at: InstantArray
    lines: FloatArray

    def between(self, first: np.datetime64, last: np.datetime64) -> Track:
        """The part known from `first` to `last`, both included."""
        rows = (self.at >= first) & (self.at <= last)
        return Track(self.name, self.at[rows], self.lines[rows])


def parameter_values(spec: Spec, values: Mapping[str, Any]) -> dict[str, float]:
    """The parameters of a signal: the defaults, updated by `values` (numbers or text).

    Raises `ParameterError` with the range or the nearest name.
    """
    for name in values:
        if name not in spec.parameters:
            known = ", ".join(spec.parameters) or "none"
            suggestion = did_you_mean(name, spec.parameters)
            raise ParameterError(f"`{spec.name}` has no parameter `{name}`{suggestion}; it has: {known}")
    return {
        name: _number(name, values[name], parameter, unit_of(spec, parameter)) if name in values else parameter.default
        for name, parameter in spec.parameters.items()
    }


def unit_of(spec: Spec, parameter: Parameter) -> str:
    """The unit of a parameter: hours for a window of rows on the feed clock."""
    return "hours" if parameter.unit == "rows" and spec.clock == "feed" else parameter.unit


def _number(name: str, value: Any, parameter: Parameter, unit: str) -> float:
    low, high = parameter.range.low, parameter.range.high
    noun = "a whole number" if parameter.whole else "a number"
    problem = ParameterError(f"`{name}` must be {noun} in [{low:g}, {high:g}] ({unit}), got {value}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise problem from None
    if not (math.isfinite(number) and low <= number <= high) or (parameter.whole and number != int(number)):
        raise problem
    return number


def select_outputs(spec: Spec, output: str) -> tuple[str, ...]:
    """The requested output, or all where it is empty."""
    if output and output not in spec.outputs:
        raise UnknownNameError(f"output of {spec.name}", output, spec.outputs)
    return (output,) if output else spec.outputs


def signal_tracks(
    spec: Spec, table: DecisionTable, parameters: Mapping[str, float], outputs: Sequence[str], asset: str
) -> dict[str, list[Track]]:
    """The tracks of each output: one for each feed, finest first, or one by session.

    Raises `DataError` where the market lacks the feed that the signal needs.

    Args:
        spec: the signal
        table: the decision table of the market
        parameters: its parameters, windows of feed signals in hours
        outputs: the outputs to compute
        asset: the symbol of the feeds
    """
    if spec.clock == "session":
        values = dict(zip(spec.outputs, table.sessions(spec, parameters, asset), strict=True))
        known_at = table.known_at(spec, asset)
        return {name: [Track("", known_at, _across(spec, table, values[name]))] for name in outputs}
    feeds = table.feeds(spec, SignalSource(asset=asset))
    if not feeds:
        labels = ", ".join(sorted({feed.label for feed in table.market.feeds})) or "none"
        absent = table.absent[spec.name]
        raise DataError(f"`{spec.name}` cannot be drawn: market {table.market.name!r} has {absent}; it has: {labels}")
    tracks: dict[str, list[Track]] = {name: [] for name in outputs}
    for feed in feeds:
        series = dict(zip(spec.outputs, table.series(spec, feed, parameters), strict=True))
        for name in outputs:
            tracks[name].append(Track(feed.label, grid_known_at(feed), series[name][:, None]))
    return tracks


def asset_track(table: DecisionTable, asset: str, by_session: bool) -> Track | None:
    """The closes of an asset by bar or by session; None without bars."""
    bars = table.market.feeds_of("bars", asset)
    if not bars:
        return None
    if not by_session:
        return Track(asset, grid_known_at(bars[0]), bars[0].on_grid("close")[:, None])
    closes = table.market.calendar.closes
    known = align(bars[0].known_at, bars[0]["close"], closes, tolerance=bars[0].lifetimes)
    return Track(asset, closes, known[:, None])


def basket_track(table: DecisionTable, rows: slice) -> Track:
    """Growth of 1 of the equally weighted basket over some sessions, before costs."""
    returns = carried_returns(table.basket_returns[rows])
    growth, span = np.full(len(returns), np.nan), known_span(returns)
    # The growth starts at the close before the first return, or at the first close.
    first = max(span.start - 1, 0)
    returns[first] = 0.0
    growth[first : span.stop] = np.cumprod(1.0 + returns[first : span.stop], dtype=np.float64)
    return Track(table.universe.name, table.market.calendar.closes[rows], growth[:, None])


def grid_known_at(feed: Feed) -> InstantArray:
    """The instants (G,) at which the intervals of a feed's grid became known.

    A missing interval has the instant at which it would have become known.
    """
    if not feed.is_regular or not len(feed):
        return feed.known_at
    steps = np.arange(int(feed.grid_rows[-1]) + 1)
    known_at: InstantArray = feed.known_at[0] + steps * feed.interval.timedelta
    return known_at


def _across(spec: Spec, table: DecisionTable, values: FloatArray) -> FloatArray:
    if spec.across_names or values.shape[1] == 1:
        return values[:, :1]
    held = np.where(table.member, values, np.nan) if values.shape == table.member.shape else values
    out = np.full((len(held), len(QUANTILES)), np.nan)
    known = np.isfinite(held).any(axis=1)
    if known.any():
        out[known] = np.nanquantile(held[known], QUANTILES, axis=1).T
    return out
