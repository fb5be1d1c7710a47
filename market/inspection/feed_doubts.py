"""What is probably wrong in the feeds of coins and of the economy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from undertow.market.clock import HOUR, FloatArray, InstantArray
from undertow.market.feeds import Feed
from undertow.market.inspection.doubt import Doubt
from undertow.market.inspection.findings import frozen_span
from undertow.market.market import Market

# Hours by which bars are tried against those of another coin and against the index.
_SHIFTS = range(-12, 13)
_HOURS_NEEDED, _CLEARLY, _CLEARLY_OF_STOCKS = 2_000, 0.15, 0.08
# Days of amounts on each side of a border, and how many times the level changes there.
_LEVEL_DAYS, _LEVEL_FACTOR = 60, 4.0
_GAP_ROWS, _ZERO_DAYS = 48, 3
# A bar that leaps by so much and comes back at once; a funding rate above this is a percentage.
_SPIKE, _PERCENT = 0.35, 0.003
# Daily long liquidations and open interest of Bitcoin in USD are above these in any year since 2018.
_LEAST = {"liquidations": 1e4, "open_interest": 1e7}


def feed_doubts(market: Market) -> list[Doubt]:
    """Doubts about the feeds of a market, in the order of the feeds.

    Args:
        market: the market.
    """
    doubts: list[Doubt] = []
    for feed in market.feeds:
        doubts += [*_ages(feed, market), *_gaps(feed), *_frozen(feed)]
        if feed.kind == "bars":
            doubts += [*_spikes(feed), *_zones(feed, market)]
        if feed.kind in ("liquidations", "open_interest"):
            doubts += [*_levels(feed), *_zeros(feed), *_units(feed)]
        if feed.kind == "funding":
            doubts += _percent(feed)
    return doubts


def _at(feed: Feed, row: int) -> str:
    return str(np.datetime_as_string(feed.times[row], unit="m"))


def _ages(feed: Feed, market: Market) -> Iterator[Doubt]:
    end = market.calendar.closes[-1]
    age = end - feed.known_at[-1]
    if age > feed.tolerance:
        yield Doubt(
            "warning",
            "a feed that ends early",
            feed.label,
            int(age / HOUR),
            f"last row {_at(feed, len(feed) - 1)}, {age / HOUR:,.0f} hours before the last session's close",
            "supply the later rows, or read later decisions as made without it",
        )


def _gaps(feed: Feed) -> Iterator[Doubt]:
    if len(feed) < 2 or not feed.interval.minutes or feed.kind == "macro":
        return
    rows = np.diff(feed.times) / feed.interval.timedelta
    # Bars of an exchange rest at nights and weekends.
    if feed.kind == "bars" and np.mean(rows > 1.0) > 0.05:
        return
    long = np.flatnonzero(rows > max(_GAP_ROWS * HOUR / feed.interval.timedelta, 3.0))
    if len(long):
        first = int(long[0])
        yield Doubt(
            "warning",
            "long gaps",
            feed.label,
            len(long),
            f"no row from {_at(feed, first)} to {_at(feed, first + 1)}",
            "supply the rows that are missing",
        )


def _frozen(feed: Feed) -> Iterator[Doubt]:
    if not feed.frozen:
        return
    count, first, last, now = frozen_span(feed)
    yield Doubt(
        "error" if now else "warning",
        "a feed that stands still",
        feed.label,
        count,
        f"{first} to {last}" + (", its last row included" if now else ""),
        "supply those rows again, or raise `tolerance` if nothing did change",
    )


def _spikes(feed: Feed) -> Iterator[Doubt]:
    close = feed["close"]
    change = close[1:] / close[:-1] - 1.0
    leap = np.abs(np.log1p(change)) > np.log1p(_SPIKE)
    back = leap[:-1] & leap[1:] & (np.sign(change[:-1]) != np.sign(change[1:]))
    rows = np.flatnonzero(back)
    if len(rows):
        row = int(rows[0]) + 1
        yield Doubt(
            "error",
            "a bar of another price",
            feed.label,
            len(rows),
            f"{close[row - 1]:g}, {close[row]:g} at {_at(feed, row)}, {close[row + 1]:g}",
            "remove the bar",
        )


def _zones(feed: Feed, market: Market) -> Iterator[Doubt]:
    """Bars that move with those of another coin, or of a stock, some hours apart."""
    if feed.hours is not None or feed.interval.timedelta != HOUR:
        return
    for other in market.feeds_of("bars"):
        if other.interval.timedelta > HOUR or (other.hours is None and other.asset <= feed.asset):
            continue
        # Around the clock a shift leaves many hours in common, and of an exchange's bars all but few.
        ends = other.times + other.interval.timedelta
        inner = np.diff(other.times) == other.interval.timedelta
        if inner.sum() < _HOURS_NEEDED:
            continue
        theirs = np.diff(np.log(other["close"]))[inner]
        found = {}
        for shift in _SHIFTS:
            ours = np.log(_closes_at(feed, ends + shift * HOUR))
            found[shift] = _correlation(np.diff(ours)[inner], theirs)
        best = max(found, key=lambda shift: found[shift])
        if best and found[best] > found[0] + (_CLEARLY if other.hours is None else _CLEARLY_OF_STOCKS):
            yield Doubt(
                "error",
                "stamps some hours apart",
                f"{feed.label}, {other.label}",
                abs(best),
                f"correlation of returns with {other.asset} {found[best]:.2f} where {feed.asset} is read"
                f" {abs(best)} hours {'later' if best > 0 else 'earlier'}, {found[0]:.2f} as stamped",
                "one of them has local times or the ends of its hours: supply starts in UTC",
            )


def _closes_at(feed: Feed, instants: InstantArray) -> FloatArray:
    """Closes of the last bars that had ended at instants (H,); NaN beyond an hour."""
    ends = feed.times + feed.interval.timedelta
    rows = np.searchsorted(ends, instants, side="right") - 1
    fresh = (rows >= 0) & (instants - ends[rows] < HOUR)
    return np.where(fresh, feed["close"][rows], np.nan)


def _correlation(first: FloatArray, second: FloatArray) -> float:
    both = np.isfinite(first) & np.isfinite(second)
    return float(np.corrcoef(first[both], second[both])[0, 1]) if both.sum() > _HOURS_NEEDED / 2 else 0.0


def _levels(feed: Feed) -> Iterator[Doubt]:
    """A level that changes for good within a venue regime."""
    rows = max(int(_LEVEL_DAYS * 24 * HOUR / feed.interval.timedelta), 1) if feed.interval.minutes else _LEVEL_DAYS
    if rows > 20 * _LEVEL_DAYS:
        return
    for regime in np.unique(feed.regimes):
        inside = np.flatnonzero(feed.regimes == regime)
        values = np.sum([np.nan_to_num(feed[name][inside]) for name in feed.columns], axis=0)
        if len(values) < 3 * rows:
            continue
        levels = np.log(np.maximum(_medians(values, rows), 1.0))
        step = levels[rows:] - levels[:-rows]
        place = int(np.argmax(np.abs(step)))
        if abs(step[place]) > np.log(_LEVEL_FACTOR):
            row = int(inside[place + rows])
            yield Doubt(
                "warning",
                "a level that changes for good",
                feed.label,
                1,
                f"the median of {_LEVEL_DAYS} days goes {np.exp(step[place]):.2g} times at {_at(feed, row)[:10]}",
                "if venues changed there, begin another `venue_regime` at that row",
            )


def _medians(values: FloatArray, rows: int) -> FloatArray:
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(values, rows), axis=1), dtype=np.float64)


def _zeros(feed: Feed) -> Iterator[Doubt]:
    """Zeros for days in a feed that is not filled with them."""
    values = np.sum([np.nan_to_num(feed[name]) for name in feed.columns], axis=0)
    if feed.missing == "zero" or np.mean(values == 0.0) > 0.5:
        return
    needed = max(int(_ZERO_DAYS * 24 * HOUR / feed.interval.timedelta), 1) if feed.interval.minutes else _ZERO_DAYS
    ends = np.flatnonzero(np.diff(np.concatenate(([0], (values == 0.0).astype(np.int64), [0]))))
    for first, after in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
        if after - first >= needed:
            yield Doubt(
                "error",
                "zeros in the place of amounts",
                feed.label,
                after - first,
                f"{_at(feed, first)} to {_at(feed, after - 1)}",
                "remove the rows: a signal takes them for calm",
            )
            return


def _units(feed: Feed) -> Iterator[Doubt]:
    name = next(iter(feed.columns))
    days = 24 * HOUR / feed.interval.timedelta if feed.interval.minutes else 1.0
    level = float(np.nanmedian(feed[name])) * (days if feed.kind == "liquidations" else 1.0)
    if feed.asset in ("BTC", "ETH") and level < _LEAST[feed.kind]:
        yield Doubt(
            "error",
            "amounts that look like coins",
            feed.label,
            len(feed),
            f"the median of {name} is {level:,.4g} a day",
            "multiply them by the price",
        )


def _percent(feed: Feed) -> list[Doubt]:
    rates = np.abs(feed["funding_rate"])
    level = float(np.nanmedian(rates))
    if not level > _PERCENT:
        return []
    example = f"the median rate is {level:.4g}, {level:.2%} for eight hours"
    return [Doubt("error", "rates that look like percentages", feed.label, len(feed), example, "divide them by 100")]
