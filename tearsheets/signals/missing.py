"""The reason why a signal has no value: no feed, too few rows, or a missing input."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from undertow.market import Feed
from undertow.signals.base import Spec
from undertow.signals.decisions import DecisionTable, SignalSource, feed_parameters

_DEFAULT_REASON = "an input is missing or constant"


def missing_reason(
    table: DecisionTable,
    spec: Spec,
    parameters: Mapping[str, float],
    output: str,
    asset: str,
    at: np.datetime64,
    *,
    ever: bool = False,
) -> str:
    """The reason why an output has no value at an instant.

    Args:
        table: the decision table of the market
        spec: the signal
        parameters: its parameters as the decision table takes them, windows of feed signals in hours
        output: the output without a value
        asset: the symbol of the feeds
        at: the instant
        ever: whether the output has had no value at any time until then
    """
    index = spec.outputs.index(output)
    if spec.clock == "session":
        shortfall = _session_shortfall(table, spec.lookback(**parameters)[index], at)
    else:
        feeds = table.feeds(spec, SignalSource(asset=asset))
        if not feeds:
            return table.absent[spec.name]
        instants = {feed: min(at, feed.known_at[-1]) if ever else at for feed in feeds}
        covering = [feed for feed, instant in instants.items() if feed.known_at[0] <= instant <= _last(feed)]
        if not covering:
            return "; ".join(f"{feed.label} {_span(feed)}" for feed in feeds)
        shortfall = "; ".join(
            filter(None, (_row_shortfall(spec, feed, parameters, index, instants[feed]) for feed in covering))
        )
    return shortfall or _missing_feeds(table, spec, asset) or _DEFAULT_REASON


def group_by_reason(reasons: Mapping[str, str]) -> str:
    """Names without a value by reason: `z, rank (no feed); intensity (no row)`."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(members)} ({reason})" for reason, members in names.items())


def _last(feed: Feed) -> np.datetime64:
    ends: np.datetime64 = feed.expires_at(-1)
    return ends


def _span(feed: Feed) -> str:
    return f"has rows from {_day(feed.times[0])} to {_day(feed.times[-1])}"


def _row_shortfall(spec: Spec, feed: Feed, parameters: Mapping[str, float], index: int, at: np.datetime64) -> str:
    """The rows that a window needs and has since the feed's start or change of venue."""
    needed = spec.lookback(**feed_parameters(spec, feed, parameters))[index]
    last = int(feed.grid_rows[np.searchsorted(feed.known_at, at, side="right") - 1])
    borders = np.flatnonzero(np.diff(feed.grid_regimes[: last + 1])) + 1
    begin = int(borders[-1]) if len(borders) and (feed.kind, "regime") in spec.inputs.values() else 0
    available = last - begin + 1
    if available >= needed:
        return ""
    first = feed.times[np.searchsorted(feed.grid_rows, begin)]
    since = f"a change of venue on {_day(first)}" if begin else _day(first)
    return f"{feed.label}: needs {needed:,} rows, has {available:,} since {since}"


def _session_shortfall(table: DecisionTable, needed: int, at: np.datetime64) -> str:
    available = int((table.market.calendar.closes <= at).sum())
    first = _day(table.market.sessions[0])
    return f"needs {needed:,} sessions, has {available:,} since {first}" if available < needed else ""


def _missing_feeds(table: DecisionTable, spec: Spec, asset: str) -> str:
    """The feeds that the signal reads and the market lacks."""
    missing = []
    for kind, column in spec.inputs.values():
        name, _, symbol = kind.partition(":")
        feed_asset = "" if name == "macro" else symbol or asset
        if name in ("prices", "sessions") or column == "regime":
            continue
        if not any(column in feed.columns for feed in table.market.feeds_of(name, feed_asset)):
            missing.append(f"no feed of kind '{name}' with {column}" + (f" for {feed_asset}" if feed_asset else ""))
    return "; ".join(dict.fromkeys(missing))


def _day(instant: np.datetime64 | pd.Timestamp) -> str:
    return str(pd.Timestamp(instant).date())
