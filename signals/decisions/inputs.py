"""The inputs of a signal on its own clock.

Each input enters by what was known of it when the signal's row became known.
"""

from __future__ import annotations

import numpy as np

from undertow.market import (
    HOUR,
    PRICE_FIELDS,
    SETTLEMENT_HOURS,
    BoolArray,
    Feed,
    FloatArray,
    InstantArray,
    Lifetimes,
    ParameterError,
    align,
    did_you_mean,
)
from undertow.signals.base import Spec
from undertow.signals.decisions.panel import SessionPanel

# Inputs that are no columns of a file.
DERIVED = ("regime", "hours", "rate_8h")
# A number of a session that is published later than this after its close enters by what was known at the close.
SAME_EVENING = 12 * HOUR


def feed_inputs(spec: Spec, panel: SessionPanel, feed: Feed) -> dict[str, FloatArray]:
    """Each input (G, 1) on the regular grid of `feed`.

    An input from another feed enters by what was known of it, NaN where the market has no such feed. Kind "sessions"
    has "since_close" and "since_open": the hours since the exchange's last close, and since its last open, when each
    row became known. Kind "funding" has "hours", from the settlement before, and "rate_8h", the rate for eight hours.
    """
    return {name: _on_grid(panel, feed, kind, column, spec) for name, (kind, column) in spec.inputs.items()}


def _on_grid(panel: SessionPanel, feed: Feed, kind: str, column: str, spec: Spec) -> FloatArray:
    feed_kind, _ = next(iter(spec.inputs.values()))
    if kind == "sessions":
        calendar = panel.market.calendar
        return _hours_since(calendar.opens if column == "since_open" else calendar.closes, feed)[:, None]
    if kind == feed_kind:
        if column == "regime":
            return feed.grid_regimes.astype(np.float64)[:, None]
        return feed.spread(_column(feed, column), np.nan)[:, None]
    kind, _, asset = kind.partition(":")
    sources = panel.market.feeds_of(kind, asset or feed.asset)
    known = np.full(len(feed), np.nan)
    regimes = 0
    for source in sources:
        panel.note_frozen(source, "" if column in DERIVED else column)
        # Regimes of different feeds are different regimes too.
        values = _last_known(source, column, feed.known_at) + (regimes if column == "regime" else 0)
        known = np.where(np.isnan(known), values, known)
        regimes += len(source.regime_names)
    if not sources:
        panel.absent[f"{spec.name}: {column}"] = f"no feed of kind {kind!r} for {asset or feed.asset}"
    if column == "regime":
        # A missing interval belongs to the regime before it, as in `Feed.grid_regimes`.
        return known[np.searchsorted(feed.grid_rows, np.arange(int(feed.grid_rows[-1]) + 1), side="right") - 1][:, None]
    return feed.spread(known, np.nan)[:, None]


def session_inputs(spec: Spec, panel: SessionPanel, asset: str) -> dict[str, FloatArray]:
    """Each input (T, N) or (T, 1) by what was known at the close of each session.

    Kind "prices" has the universe's panels by field, "member" (1 or 0), "basket" (level of its equally weighted
    index) and "benchmark"; any other kind is a feed, whose column enters by its last value known at the close, NaN
    where the market has no such feed. A series of sessions that is published within `SAME_EVENING` of the close it
    belongs to, such as the VIX, enters by what is known then: the row of `session_known_at` waits for it.
    """
    return {name: _at_close(panel, spec, kind, column, asset) for name, (kind, column) in spec.inputs.items()}


def session_known_at(spec: Spec, panel: SessionPanel, asset: str) -> InstantArray:
    """When each row of a signal on the session clock is known (T,).

    At the close, or after the longest wait for an input that belongs to the close.
    """
    known_at = panel.market.calendar.closes
    for kind, column in spec.inputs.values():
        if kind != "prices":
            for feed in _sources(panel, kind, column, asset):
                known_at = np.maximum(known_at, _published(panel, feed))
    return known_at


def _published(panel: SessionPanel, feed: Feed) -> InstantArray:
    """When the row of each session's date is published (T,), if on that evening.

    Else the close. Macro series alone are stamped with dates: those by session are known after its close, those by day
    after midnight.
    """
    closes = panel.market.calendar.closes
    if feed.kind != "macro" or feed.delay.sessions or feed.interval.sessions > 1:
        return closes
    days = np.asarray(panel.market.sessions, dtype="datetime64[ns]")
    ends = closes if feed.interval.sessions else days + feed.interval.timedelta
    published = np.asarray(ends + feed.delay.timedelta, dtype="datetime64[ns]")
    return np.where((published > closes) & (published <= closes + SAME_EVENING), published, closes)


def _sources(panel: SessionPanel, kind: str, column: str, asset: str) -> list[Feed]:
    kind, _, named = kind.partition(":")
    feeds = panel.market.feeds_of(kind, "" if kind == "macro" else named or asset)
    return [feed for feed in feeds if column in (*feed.columns, *DERIVED)]


def _at_close(panel: SessionPanel, spec: Spec, kind: str, column: str, asset: str) -> FloatArray:
    if kind == "prices":
        return _from_prices(panel, column)
    feeds = _sources(panel, kind, column, asset)
    known = np.full(len(panel), np.nan)
    for feed in feeds:
        panel.note_frozen(feed, "" if column in DERIVED else column)
        values = _last_known(feed, column, _published(panel, feed))
        known = np.where(np.isnan(known), values, known)
    if not feeds:
        kind = kind.partition(":")[0]
        panel.absent[f"{spec.name}: {column}"] = f"no feed of kind {kind!r} with {column}"
    return known[:, None]


def _column(feed: Feed, column: str) -> FloatArray:
    """A column of a feed (H,), or what is derived of it."""
    if column == "regime":
        return feed.regimes.astype(np.float64)
    if column == "hours":
        return feed.settlement_hours
    if column == "rate_8h":
        return np.asarray(feed["funding_rate"] * (SETTLEMENT_HOURS / feed.settlement_hours), dtype=np.float64)
    return feed[column]


def _last_known(feed: Feed, column: str, at: InstantArray) -> FloatArray:
    # Macro series share one table of calendar days: a blank is a day without a publication, not a missing number.
    values = _column(feed, column)
    rows = np.ones(len(feed), np.bool_)
    if feed.kind == "macro":
        # A value that was removed, because it had repeated for too long, is no blank.
        rows = np.isfinite(values) | feed.frozen.get(column, np.zeros(len(feed), np.bool_))
    return align(feed.known_at[rows], values[rows], at, tolerance=_lifetimes(feed, rows))


def _lifetimes(feed: Feed, rows: BoolArray) -> Lifetimes:
    lifetimes = feed.lifetimes
    return lifetimes[rows] if isinstance(lifetimes, np.ndarray) else lifetimes


def _hours_since(instants: InstantArray, feed: Feed) -> FloatArray:
    """Hours from the last of `instants` until each row of the grid became known (G,).

    Missing intervals of the feed included.
    """
    known_at = feed.known_at
    if feed.hours is not None:
        first = int(np.searchsorted(feed.hours.starts, feed.times[0]))
        known_at = feed.hours.known_at[first : first + int(feed.grid_rows[-1]) + 1]
    elif feed.is_regular:
        known_at = known_at[0] + np.arange(int(feed.grid_rows[-1]) + 1) * feed.interval.timedelta
    last = np.searchsorted(instants, known_at, side="right") - 1
    return np.where(last >= 0, (known_at - instants[np.maximum(last, 0)]) / HOUR, np.nan)


def _basket_level(returns: FloatArray) -> FloatArray:
    """The level of an index (T,), NaN on sessions without a return.

    1 on the session before the first one.
    """
    level = np.cumprod(1.0 + np.nan_to_num(returns))
    known = np.isfinite(returns)
    first = int(known.argmax()) if known.any() else 0
    known[max(first - 1, 0)] = known.any()
    return np.asarray(np.where(known, level, np.nan), dtype=np.float64)


def _from_prices(panel: SessionPanel, column: str) -> FloatArray:
    if column in PRICE_FIELDS:
        return np.ascontiguousarray(getattr(panel.market.prices, column)[:, panel.columns])
    if column == "member":
        return panel.member.astype(np.float64)
    if column == "basket":
        return _basket_level(panel.basket_returns)[:, None]
    if column == "benchmark":
        return np.ascontiguousarray(panel.benchmark[:, None])
    suggestion = did_you_mean(column, (*PRICE_FIELDS, "member", "basket", "benchmark"))
    raise ParameterError(f"`prices` has no input {column!r}{suggestion}")
