"""Coarser bars from finer ones, and bars of exchange hours around the clock.

Each is known only when its span has ended.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from undertow.market.calendar import ExchangeHours
from undertow.market.clock import MINUTE, BoolArray, FloatArray, InstantArray, IntArray, Span
from undertow.market.errors import ParameterError
from undertow.market.feeds import Feed

# How a bar's column is made from those of its rows; what is not named here and is no USD amount is its last value.
_FOLDS: dict[str, np.ufunc] = {"high": np.fmax, "low": np.fmin, "volume": np.add}
_HOURS_A_DAY = 24.0


def coarsen(feed: Feed, hours: float) -> Feed:
    """The feed on bars of `hours`, from midnight UTC on.

    A bar is known only when it has closed: open is the first, high the highest, low the lowest, close the last, volume
    and USD amounts the sum. A bar with less than half of its rows is left out, and so is the last one if its span has
    not ended in the feed. Of a feed that keeps exchange hours, bars begin with the session, the last one of a session
    ends with it, and 24 hours are a session.

    Raises `ParameterError` unless the hours divide the day and hold whole intervals of the feed.
    """
    minutes = feed.interval.minutes
    if not minutes or _HOURS_A_DAY % hours or (hours * 60) % minutes:
        raise ParameterError(
            f"`interval_hours` must divide 24 and hold whole intervals of {feed.interval}, got {hours}"
        )
    if hours * 60 == minutes:
        return feed
    if feed.hours is not None:
        return _coarsen_sessions(feed, feed.hours, hours)
    span = round(hours * 60) * MINUTE
    bar = (feed.times - np.datetime64(0, "ns")) // span
    starts = np.flatnonzero(np.concatenate(([True], bar[1:] != bar[:-1]))).astype(np.int64)
    times = np.datetime64(0, "ns") + bar[starts] * span
    ended = times + span <= feed.times[-1] + feed.interval.timedelta
    expected = np.full(len(starts), hours * 60 / minutes)
    known_at = times + span + feed.delay.timedelta
    interval = replace(feed.interval, minutes=hours * 60)
    return _folded(feed, starts, expected, ended, interval, times, known_at=known_at, hours=None)


def _coarsen_sessions(feed: Feed, grid: ExchangeHours, hours: float) -> Feed:
    size = round(hours * 60 / feed.interval.minutes)
    first = np.flatnonzero(np.concatenate(([True], grid.session[1:] != grid.session[:-1])))
    place = np.arange(len(grid.starts)) - np.repeat(first, np.diff(np.append(first, len(grid.starts))))
    bar_of = np.cumsum(place % size == 0) - 1
    begins = np.flatnonzero(place % size == 0)
    lasts = np.append(begins[1:], len(grid.starts)) - 1
    bars_a_session = np.median(np.bincount(grid.session[begins])[np.unique(grid.session)])
    rows_a_session = np.median(np.bincount(grid.session)[np.unique(grid.session)])
    coarse = ExchangeHours(
        grid.starts[begins],
        grid.known_at[lasts],
        grid.expires[lasts],
        grid.session[begins],
        float(grid.row_hours * rows_a_session / bars_a_session),
        grid.share,
    )
    bar = bar_of[np.searchsorted(grid.starts, feed.times)]
    starts = np.flatnonzero(np.concatenate(([True], bar[1:] != bar[:-1]))).astype(np.int64)
    bars = bar[starts]
    ended = grid.starts[lasts[bars]] <= feed.times[-1]
    expected = (lasts - begins + 1)[bars].astype(np.float64)
    span = replace(feed.interval, minutes=hours * 60)
    times, known_at = coarse.starts[bars], coarse.known_at[bars]
    return _folded(feed, starts, expected, ended, span, times, known_at=known_at, hours=coarse)


def _folded(
    feed: Feed,
    starts: IntArray,
    expected: FloatArray,
    ended: BoolArray,
    interval: Span,
    times: InstantArray,
    *,
    known_at: InstantArray,
    hours: ExchangeHours | None,
) -> Feed:
    """The feed with one row for each stretch of its rows that begins at `starts`.

    Args:
        feed: the feed.
        starts: first row of each stretch (B,).
        expected: rows that a whole stretch has (B,).
        ended: whether the span of a stretch has ended (B,).
        interval: length of a bar.
        times: starts of the bars (B,).
        known_at: when they are known (B,).
        hours: bars of the exchange's hours; None on the 24/7 clock.
    """
    counts = np.diff(np.append(starts, len(feed)))
    keep = ended & (2 * counts >= expected)
    return replace(
        feed,
        interval=interval,
        times=times[keep],
        known_at=known_at[keep],
        columns={name: _fold(name, values, starts)[keep] for name, values in feed.columns.items()},
        regimes=feed.regimes[starts + counts - 1][keep],
        frozen={name: rows[starts + counts - 1][keep] for name, rows in feed.frozen.items()},
        hours=hours,
    )


def around_the_clock(feed: Feed) -> Feed:
    """Bars of exchange hours with rows for the hours in between, for the 24/7 clock.

    Where the exchange is closed a row has the last close in every price, and no volume; a bar that is missing while it
    is open stays missing. Other feeds come back as they are.
    """
    grid = feed.hours
    if grid is None or not len(feed):
        return feed
    step = feed.interval.timedelta
    following = int(np.searchsorted(grid.starts, feed.times[-1], side="right"))
    end = grid.starts[following] if following < len(grid.starts) else feed.times[-1] + step
    stamps = feed.times[0] + np.arange(int((end - feed.times[0]) // step)) * step
    stamps = stamps[~np.isin(stamps, grid.starts)]
    before = np.searchsorted(feed.times, stamps, side="right") - 1
    order = np.argsort(np.concatenate((feed.times, stamps)), kind="stable")

    def column(name: str, values: FloatArray) -> FloatArray:
        carried = np.zeros(len(stamps)) if name == "volume" else feed["close"][before]
        return np.asarray(np.concatenate((values, carried))[order], dtype=np.float64)

    times = np.concatenate((feed.times, stamps))[order]
    known_at = np.concatenate((feed.known_at, stamps + step + feed.delay.timedelta))[order]
    return replace(
        feed,
        times=times,
        known_at=known_at,
        columns={name: column(name, values) for name, values in feed.columns.items()},
        regimes=np.concatenate((feed.regimes, feed.regimes[before]))[order],
        frozen={
            name: np.concatenate((flags, np.zeros(len(stamps), np.bool_)))[order] for name, flags in feed.frozen.items()
        },
        hours=None,
        stale_after=None,
        carried=True,
    )


def _fold(name: str, values: FloatArray, starts: IntArray) -> FloatArray:
    if name == "open":
        return np.asarray(values[starts], dtype=np.float64)
    flow = name.endswith("_usd") and name != "open_interest_usd"
    fold = np.add if flow else _FOLDS.get(name)
    if fold is None:
        return np.asarray(values[np.append(starts[1:], len(values)) - 1], dtype=np.float64)
    return np.asarray(fold.reduceat(values, starts), dtype=np.float64)
