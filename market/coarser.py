"""Coarser bars from finer ones, each known only when its span has ended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from undertow.market.clock import MINUTE, FloatArray, IntArray, Span
from undertow.market.errors import ParameterError
from undertow.market.feeds import Feed

# How a bar's column is made from those of its rows; what is not named here and is no USD amount is its last value.
_FOLDS: dict[str, np.ufunc] = {"high": np.fmax, "low": np.fmin, "volume": np.add}


def coarsen(feed: Feed, hours: float) -> Feed:
    """The feed on bars of `hours`, from midnight UTC on.

    A bar is known only when it has closed: open is the first, high the highest, low the lowest, close the last, volume
    and USD amounts the sum. A bar with less than half of its rows is left out, and so is the last one if its span has
    not ended in the feed.

    Raises `ParameterError` unless the hours divide the day and hold whole intervals of the feed.
    """
    minutes = feed.interval.minutes
    if not minutes or 24 % hours or (hours * 60) % minutes:
        raise ParameterError(
            f"`interval_hours` must divide 24 and hold whole intervals of {feed.interval}, got {hours}"
        )
    if hours * 60 == minutes:
        return feed
    span = round(hours * 60) * MINUTE
    bar = (feed.times - np.datetime64(0, "ns")) // span
    starts = np.flatnonzero(np.concatenate(([True], bar[1:] != bar[:-1]))).astype(np.int64)
    counts = np.diff(np.append(starts, len(feed)))
    times = np.datetime64(0, "ns") + bar[starts] * span
    ended = times + span <= feed.times[-1] + feed.interval.timedelta
    keep = ended & (2 * counts * minutes >= hours * 60)
    columns = {name: _fold(name, values, starts)[keep] for name, values in feed.columns.items()}
    return replace(
        feed,
        interval=Span(minutes=hours * 60),
        times=times[keep],
        known_at=times[keep] + span + feed.delay.timedelta,
        columns=columns,
        regimes=feed.regimes[starts + counts - 1][keep],
        frozen={name: rows[starts + counts - 1][keep] for name, rows in feed.frozen.items()},
    )


def _fold(name: str, values: FloatArray, starts: IntArray) -> FloatArray:
    if name == "open":
        return np.asarray(values[starts], dtype=np.float64)
    flow = name.endswith("_usd") and name != "open_interest_usd"
    fold = np.add if flow else _FOLDS.get(name)
    if fold is None:
        return np.asarray(values[np.append(starts[1:], len(values)) - 1], dtype=np.float64)
    return np.asarray(fold.reduceat(values, starts), dtype=np.float64)
