"""Why a signal has no value: no feed, a window that is not full yet, an input that is missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from undertow.market.feeds import Feed
from undertow.signals.base.spec import Spec
from undertow.signals.decisions.table import DecisionTable, feed_parameters

_OTHERWISE = "an input is missing, or has not moved"


def why_blank(
    table: DecisionTable,
    spec: Spec,
    parameters: Mapping[str, float],
    output: str,
    asset: str,
    at: np.datetime64,
    *,
    ever: bool = False,
) -> str:
    """Why an output has no value at an instant; `ever`: why it has had none until then.

    `parameters` are as the decision table takes them, windows of feed signals in hours.
    """
    place = spec.outputs.index(output)
    if spec.clock == "session":
        short = _short_of_sessions(table, spec.lookback(**parameters)[place], at)
    else:
        feeds = table.feeds(spec, asset)
        if not feeds:
            return table.absent[spec.name]
        instants = {feed: min(at, feed.known_at[-1]) if ever else at for feed in feeds}
        there = [feed for feed, seen in instants.items() if feed.known_at[0] <= seen <= _last(feed)]
        if not there:
            return "; ".join(f"{feed.label} {_span(feed)}" for feed in feeds)
        short = "; ".join(
            filter(None, (_short_of_rows(spec, feed, parameters, place, instants[feed]) for feed in there))
        )
    return short or _absent(table, spec, asset) or _OTHERWISE


def grouped(blank: Mapping[str, str]) -> str:
    """What is blank with why, those of one reason together: `z, rank (no feed); intensity (no row)`."""
    names: dict[str, list[str]] = {}
    for name, why in blank.items():
        names.setdefault(why, []).append(name)
    return "; ".join(f"{', '.join(several)} ({why})" for why, several in names.items())


def _last(feed: Feed) -> np.datetime64:
    ends: np.datetime64 = feed.known_at[-1] + feed.tolerance
    return ends


def _span(feed: Feed) -> str:
    return f"has rows from {_day(feed.times[0])} to {_day(feed.times[-1])}"


def _short_of_rows(spec: Spec, feed: Feed, parameters: Mapping[str, float], place: int, at: np.datetime64) -> str:
    """How far the window is from full on a feed, counted from its first row or from its last change of venue."""
    needed = spec.lookback(**feed_parameters(spec, feed, parameters))[place]
    last = int(feed.grid_rows[np.searchsorted(feed.known_at, at, side="right") - 1])
    borders = np.flatnonzero(np.diff(feed.grid_regimes[: last + 1])) + 1
    begin = int(borders[-1]) if len(borders) and (feed.kind, "regime") in spec.inputs.values() else 0
    have = last - begin + 1
    if have >= needed:
        return ""
    first = feed.times[np.searchsorted(feed.grid_rows, begin)]
    since = f"a change of venue on {_day(first)}" if begin else _day(first)
    return f"{feed.label}: window of {needed:,} rows not full, {have:,} since {since}"


def _short_of_sessions(table: DecisionTable, needed: int, at: np.datetime64) -> str:
    have = int((table.market.calendar.closes <= at).sum())
    first = _day(table.market.sessions[0])
    return f"window of {needed:,} sessions not full, {have:,} since {first}" if have < needed else ""


def _absent(table: DecisionTable, spec: Spec, asset: str) -> str:
    """The feeds that the signal reads and the market does not have."""
    lacking = []
    for kind, column in spec.inputs.values():
        name, _, own = kind.partition(":")
        of = "" if name == "macro" else own or asset
        if name in ("prices", "sessions") or column == "regime":
            continue
        if not any(column in feed.columns for feed in table.market.feeds_of(name, of)):
            lacking.append(f"no feed of kind '{name}' with {column}" + (f" for {of}" if of else ""))
    return "; ".join(dict.fromkeys(lacking))


def _day(instant: np.datetime64 | pd.Timestamp) -> str:
    return str(pd.Timestamp(instant).date())
