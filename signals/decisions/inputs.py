"""Where a signal's inputs come from: by what was known of each when the signal's own row became known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from undertow.market.clock import HOUR, FloatArray, InstantArray, align
from undertow.market.errors import ParameterError, did_you_mean
from undertow.market.feeds import Feed
from undertow.signals.base.spec import Spec

if TYPE_CHECKING:
    from undertow.signals.decisions.table import DecisionTable

_PANELS = ("open", "high", "low", "close", "volume")


def feed_inputs(spec: Spec, table: DecisionTable, feed: Feed) -> dict[str, FloatArray]:
    """Each input (G, 1) on the regular grid of `feed`; another feed's by what was known of it, NaN without one.

    Kind "sessions" has "since_close" and "since_open": the hours since the exchange's last close, and since its last
    open, when each row became known.
    """
    return {name: _on_grid(table, feed, kind, column, spec) for name, (kind, column) in spec.inputs.items()}


def _on_grid(table: DecisionTable, feed: Feed, kind: str, column: str, spec: Spec) -> FloatArray:
    own_kind, _ = next(iter(spec.inputs.values()))
    if kind == "sessions":
        calendar = table.market.calendar
        return _since(calendar.opens if column == "since_open" else calendar.closes, feed)[:, None]
    if kind == own_kind:
        own = feed.grid_regimes.astype(np.float64) if column == "regime" else feed.on_grid(column)
        return own[:, None]
    kind, _, asset = kind.partition(":")
    others = table.market.feeds_of(kind, asset or feed.asset)
    known = np.full(len(feed), np.nan)
    regimes = 0
    for other in others:
        # Regimes of different feeds are different regimes too.
        found = _last_known(other, column, feed.known_at) + (regimes if column == "regime" else 0)
        known = np.where(np.isnan(known), found, known)
        regimes += len(other.regime_names)
    if not others:
        table.absent[f"{spec.name}: {column}"] = f"no feed of kind {kind!r} for {asset or feed.asset}"
    if column == "regime":
        # A missing interval belongs to the regime before it, as in `Feed.grid_regimes`.
        return known[np.searchsorted(feed.grid_rows, np.arange(int(feed.grid_rows[-1]) + 1), side="right") - 1][:, None]
    return feed.spread(known, np.nan)[:, None]


def session_inputs(spec: Spec, table: DecisionTable, asset: str) -> dict[str, FloatArray]:
    """Each input (T, N) or (T, 1) by what was known at the close of each session.

    Kind "prices" has the universe's panels by field, "member" (1 or 0), "basket" (level of its equally weighted
    index) and "benchmark"; any other kind is a feed, whose column enters by its last value known at the close, NaN
    without a feed.
    """
    return {name: _at_close(table, spec, kind, column, asset) for name, (kind, column) in spec.inputs.items()}


def _at_close(table: DecisionTable, spec: Spec, kind: str, column: str, asset: str) -> FloatArray:
    if kind == "prices":
        return _from_prices(table, column)
    kind, _, named = kind.partition(":")
    feeds = [f for f in table.market.feeds_of(kind, "" if kind == "macro" else named or asset) if column in f.columns]
    known = np.full(len(table), np.nan)
    for feed in feeds:
        found = _last_known(feed, column, table.market.calendar.closes)
        known = np.where(np.isnan(known), found, known)
    if not feeds:
        table.absent[f"{spec.name}: {column}"] = f"no feed of kind {kind!r} with {column}"
    return known[:, None]


def _last_known(feed: Feed, column: str, at: InstantArray) -> FloatArray:
    # Macro series share one table of calendar days: a blank is a day without a publication, not a missing number.
    values = feed.regimes.astype(np.float64) if column == "regime" else feed[column]
    rows = np.isfinite(values) if feed.kind == "macro" else np.ones(len(feed), np.bool_)
    return align(feed.known_at[rows], values[rows], at, tolerance=feed.tolerance)


def _since(instants: InstantArray, feed: Feed) -> FloatArray:
    """Hours from the last of some instants to when each interval of the grid became known (G,), missing ones too."""
    known_at = feed.known_at
    if feed.is_regular:
        known_at = known_at[0] + np.arange(int(feed.grid_rows[-1]) + 1) * feed.interval.timedelta
    last = np.searchsorted(instants, known_at, side="right") - 1
    return np.where(last >= 0, (known_at - instants[np.maximum(last, 0)]) / HOUR, np.nan)


def _from_prices(table: DecisionTable, column: str) -> FloatArray:
    if column in _PANELS:
        return np.ascontiguousarray(getattr(table.market.prices, column)[:, table.columns])
    if column == "member":
        return table.member.astype(np.float64)
    if column == "basket":
        return np.asarray(np.cumprod(1.0 + np.nan_to_num(table.basket_returns))[:, None], dtype=np.float64)
    if column == "benchmark":
        return np.ascontiguousarray(table.benchmark[:, None])
    near = did_you_mean(column, (*_PANELS, "member", "basket", "benchmark"))
    raise ParameterError(f"`prices` has no input {column!r}{near}")
