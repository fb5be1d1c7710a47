"""The numbers behind a signal's picture: each series with the instants at which its values were known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from undertow.market.clock import FloatArray, InstantArray, align
from undertow.market.errors import DataError, ParameterError, UnknownNameError, did_you_mean
from undertow.market.feeds import Feed
from undertow.signals.base.spec import Parameter, Spec
from undertow.signals.decisions.table import DecisionTable

# Of many names, these quantiles are drawn; the middle one is the line.
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, eq=False)
class Track:
    """A series as it came in: `at` (H,) when each value was known, `lines` (H, 1), or (H, 3) for many names."""

    name: str
    at: InstantArray
    lines: FloatArray

    def between(self, first: np.datetime64, last: np.datetime64) -> Track:
        """The part known from `first` to `last`, both included."""
        kept = (self.at >= first) & (self.at <= last)
        return Track(self.name, self.at[kept], self.lines[kept])


def chosen_parameters(spec: Spec, given: Mapping[str, Any]) -> dict[str, float]:
    """The defaults with what is given, text included; raises `ParameterError` with range or nearest name."""
    for name in given:
        if name not in spec.parameters:
            known = ", ".join(spec.parameters) or "none"
            near = did_you_mean(name, spec.parameters)
            raise ParameterError(f"`{spec.name}` has no parameter `{name}`{near}; it has: {known}")
    return {
        name: _number(name, given[name], each, unit_of(spec, each)) if name in given else each.default
        for name, each in spec.parameters.items()
    }


def unit_of(spec: Spec, parameter: Parameter) -> str:
    """The unit in which a parameter is given: hours where the table makes rows of them."""
    return "hours" if parameter.unit == "rows" and spec.clock == "feed" else parameter.unit


def _number(name: str, value: Any, parameter: Parameter, unit: str) -> float:
    low, high = parameter.range.low, parameter.range.high
    kind = "a whole number" if parameter.whole else "a number"
    problem = ParameterError(f"`{name}` must be {kind} in [{low:g}, {high:g}] ({unit}), got {value}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise problem from None
    if not (math.isfinite(number) and low <= number <= high) or (parameter.whole and number != int(number)):
        raise problem
    return number


def chosen_outputs(spec: Spec, output: str) -> tuple[str, ...]:
    """All outputs, or the one asked for."""
    if output and output not in spec.outputs:
        raise UnknownNameError(f"output of {spec.name}", output, spec.outputs)
    return (output,) if output else spec.outputs


def signal_tracks(
    spec: Spec, table: DecisionTable, parameters: Mapping[str, float], outputs: Sequence[str], asset: str
) -> dict[str, list[Track]]:
    """For each output its tracks: one for each feed, finest first, or one by session.

    Raises `DataError` where the market lacks the feed that the signal is computed on.
    """
    if spec.clock == "session":
        values = dict(zip(spec.outputs, table.sessions(spec, parameters, asset), strict=True))
        closes = table.market.calendar.closes
        return {name: [Track("", closes, _across(spec, table, values[name]))] for name in outputs}
    feeds = table.feeds(spec, asset)
    if not feeds:
        have = ", ".join(sorted({each.label for each in table.market.feeds})) or "none"
        raise DataError(
            f"`{spec.name}` cannot be drawn: market {table.market.name!r} has {table.absent[spec.name]}; it has: {have}"
        )
    found: dict[str, list[Track]] = {name: [] for name in outputs}
    for feed in feeds:
        series = dict(zip(spec.outputs, table.series(spec, feed, parameters), strict=True))
        for name in outputs:
            found[name].append(Track(feed.label, grid_known_at(feed), series[name][:, None]))
    return found


def asset_track(table: DecisionTable, asset: str, by_session: bool) -> Track | None:
    """The asset's closes on their own clock or by session; None where the market has no bars of it."""
    bars = table.market.feeds_of("bars", asset)
    if not bars:
        return None
    if not by_session:
        return Track(asset, grid_known_at(bars[0]), bars[0].on_grid("close")[:, None])
    closes = table.market.calendar.closes
    known = align(bars[0].known_at, bars[0]["close"], closes, tolerance=bars[0].tolerance)
    return Track(asset, closes, known[:, None])


def basket_track(table: DecisionTable, rows: slice) -> Track:
    """Growth of 1 of the universe's equally weighted basket over the sessions in `rows`, before costs."""
    returns = np.nan_to_num(table.basket_returns[rows])
    returns[0] = 0.0
    growth = np.cumprod(1.0 + returns, dtype=np.float64)
    return Track(table.universe.name, table.market.calendar.closes[rows], growth[:, None])


def grid_known_at(feed: Feed) -> InstantArray:
    """When each interval of the feed's regular grid (G,) was known, or would have been where it is missing."""
    if not feed.is_regular or not len(feed):
        return feed.known_at
    steps = np.arange(int(feed.grid_rows[-1]) + 1)
    found: InstantArray = feed.known_at[0] + steps * feed.interval.timedelta
    return found


def _across(spec: Spec, table: DecisionTable, values: FloatArray) -> FloatArray:
    if spec.across_names or values.shape[1] == 1:
        return values[:, :1]
    held = np.where(table.member, values, np.nan) if values.shape == table.member.shape else values
    out = np.full((len(held), len(QUANTILES)), np.nan)
    there = np.isfinite(held).any(axis=1)
    if there.any():
        out[there] = np.nanquantile(held[there], QUANTILES, axis=1).T
    return out
