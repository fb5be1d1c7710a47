"""Points of events: opens and closes around a shock, and hours of the clock."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from undertow.evidence.lag.baskets import BETA_SESSIONS, Basket, half_instants
from undertow.market import BoolArray, FloatArray, InstantArray, IntArray, Market, align

BEFORE, AFTER = 3, 5
HOURS = np.arange(-72, 121)
POINTS = tuple(f"S{number} {part}" for number in range(1, AFTER + 1) for part in ("open", "close"))
BEFORE_POINTS = tuple(f"S-{number} {part}" for number in range(BEFORE, 0, -1) for part in ("open", "close"))
WINDOWS = ("24-48h", "0-24h", "S1 open to S2 close", "pre")


@dataclass(frozen=True, eq=False)
class Places:
    """Where events lie among half sessions (n,): numbers of opens (even), closes (odd).

    Args:
        base: the last open or close at or before the shock was known.
        first: the open of S1, the first session that opens after it was known.
        last: the close of S-1, the last session that had closed by then.
    """

    base: IntArray
    first: IntArray
    last: IntArray

    @property
    def within_session(self) -> BoolArray:
        """Shocks that became known within a session, whose close could still be traded."""
        return np.asarray(self.base % 2 == 0)


def places_of(instants: InstantArray, known: InstantArray) -> Places:
    """The places of events that were known at `known` (n,) among half sessions (2T,)."""
    base = np.searchsorted(instants, known, side="right").astype(np.int64) - 1
    closed = base % 2 == 1
    return Places(base, np.where(closed, base + 1, base + 2), np.where(closed, base, base - 1))


class Paths:
    """Growth of a basket by half session, as it is and less its mean drift.

    Args:
        market: the market.
        basket: the basket.
        rows: the sessions over which the drift is measured, overnight and in-session apart.
    """

    def __init__(self, market: Market, basket: Basket, rows: slice) -> None:
        self.basket = basket
        self.instants = half_instants(market)
        self._legs = (basket.first,) if basket.second is None else (basket.first, basket.second)
        halves = slice(2 * rows.start, 2 * rows.stop)
        self._raw = [np.concatenate(([0.0], np.cumsum(np.nan_to_num(leg.steps)))) for leg in self._legs]
        self._level = [np.concatenate(([0.0], np.cumsum(_less_drift(leg.steps, halves)))) for leg in self._legs]
        gaps = [np.isnan(leg.steps) if leg.missing is None else np.isnan(leg.steps) | leg.missing for leg in self._legs]
        self._missing = [np.concatenate(([0], np.cumsum(gap))) for gap in gaps]

    def usable(self, places: Places) -> BoolArray:
        """Events (n,) with three sessions before, five after, and every price."""
        count = len(self.instants)
        start, end = places.last - (2 * BEFORE - 1), places.first + 2 * AFTER - 1
        inside = (start >= 0) & (end < count)
        start, end = np.where(inside, start, 0), np.where(inside, end, 0)
        for missing in self._missing:
            # The step to the first point does not matter.
            inside &= missing[end + 1] == missing[start + 1]
        if self.basket.beta:
            inside &= np.isfinite(self.betas(np.where(inside, places.base, 0)))
        return inside

    @cached_property
    def _daily(self) -> tuple[FloatArray, FloatArray]:
        return self._legs[0].daily(), self._legs[-1].daily()

    def betas(self, base: IntArray) -> FloatArray:
        """Slope (n,) of 126 daily log returns to the base; 1 for a basket without a beta."""
        if not self.basket.beta:
            return np.ones(len(base))
        betas = np.full(len(base), np.nan)
        for number, place in enumerate(base):
            # Sessions that have closed: the close of session t has number 2 t + 1.
            stop = (int(place) + 1) // 2
            own, other = (returns[max(stop - BETA_SESSIONS, 0) : stop] for returns in self._daily)
            if len(own) == BETA_SESSIONS and np.isfinite(own).all() and np.isfinite(other).all():
                other = other - other.mean()
                betas[number] = (other @ own) / (other @ other)
        return betas

    def moves(self, places: IntArray, base: IntArray, betas: FloatArray, *, raw: bool = False) -> FloatArray:
        """Log return (n, k) from a base (n,) to places (n, k), less the drift.

        Args:
            places: numbers of half sessions.
            base: the number that each row starts from.
            betas: the factor (…) of the second leg.
            raw: whether the drift stays in.
        """
        levels = self._raw if raw else self._level
        first = levels[0][places + 1] - levels[0][base + 1][..., None]
        if len(levels) == 1:
            return np.asarray(first, dtype=np.float64)
        return np.asarray(first - betas[..., None] * (levels[1][places + 1] - levels[1][base + 1][..., None]))

    def at_points(self, places: Places, *, raw: bool = False) -> FloatArray:
        """Log return (n, 16) from the base to S-3 open … S-1 close, S1 open … S5 close."""
        before = places.last[:, None] + np.arange(1 - 2 * BEFORE, 1)
        after = places.first[:, None] + np.arange(2 * AFTER)
        return self.moves(np.hstack((before, after)), places.base, self.betas(places.base), raw=raw)

    def by_clock(self, known: InstantArray, *, raw: bool = False) -> FloatArray:
        """Log return (n, 193) as of -72 to +120 hours, from the price as of the shock."""
        base = places_of(self.instants, known).base
        at = known[:, None] + HOURS.astype("timedelta64[h]")
        places = np.searchsorted(self.instants, at, side="right") - 1
        return self.moves(np.maximum(places, 0), base, self.betas(base), raw=raw)


class BarPaths:
    """Growth of a symbol by bars of its own, as of hours around a shock.

    Args:
        market: the market, with bars of the symbol.
        symbol: the symbol.
        rows: the sessions over which the drift is measured, the first bar of a session apart.
    """

    def __init__(self, market: Market, symbol: str, rows: slice) -> None:
        feed = market.feeds_of("bars", symbol)[0]
        present = np.isfinite(feed["close"])
        self.known_at = feed.known_at[present]
        prices = np.log(feed["close"][present])
        steps = np.concatenate(([0.0], np.diff(prices)))
        session = np.searchsorted(market.calendar.opens, self.known_at, side="right") - 1
        overnight = np.concatenate(([True], session[1:] != session[:-1]))
        inside = (session >= rows.start) & (session < rows.stop)
        drift = np.zeros(len(steps))
        for kind in (overnight, ~overnight):
            chosen = kind & inside
            chosen[0] = False
            drift[kind] = steps[chosen].mean() if chosen.any() else 0.0
        self._raw, self._level = prices, np.cumsum(steps - drift)

    def covers(self, known: InstantArray) -> bool:
        """Whether every event lies within the bars, from -72 to +120 hours."""
        hours = HOURS[[0, -1]].astype("timedelta64[h]")
        # A weekend may lie between the last bar and the end of a window.
        slack = np.timedelta64(96, "h")
        return bool(
            len(self.known_at)
            and known.min() + hours[0] >= self.known_at[0]
            and known.max() + hours[1] <= self.known_at[-1] + slack
        )

    def by_clock(self, known: InstantArray, *, raw: bool = False) -> FloatArray:
        """Log return (n, 193) as of -72 to +120 hours, from the price as of the shock."""
        levels = self._raw if raw else self._level
        at = known[:, None] + HOURS.astype("timedelta64[h]")
        order = np.argsort(at, axis=None, kind="stable")
        values = np.empty(at.size)
        values[order] = align(self.known_at, levels, at.ravel()[order])
        values = values.reshape(at.shape)
        return np.asarray(values - values[:, [int(np.flatnonzero(HOURS == 0)[0])]])


def window_moves(paths: Paths, clock: FloatArray, places: Places, *, raw: bool = False) -> FloatArray:
    """Log return (n, 4) of events in each of `WINDOWS`.

    Args:
        paths: growth of the basket.
        clock: log returns (n, 193) by the clock, with or without the drift as `raw` says.
        places: the places of the events.
        raw: whether the drift stays in.
    """
    betas = paths.betas(places.base)
    column = {hour: int(np.flatnonzero(hour == HOURS)[0]) for hour in (24, 48)}
    held = paths.moves((places.first + 3)[:, None], places.first, betas, raw=raw)[:, 0]
    start = places.last - (2 * BEFORE - 1)
    pre = paths.moves(places.base[:, None], start, betas, raw=raw)[:, 0]
    return np.column_stack((clock[:, column[48]] - clock[:, column[24]], clock[:, column[24]], held, pre))


def _less_drift(steps: FloatArray, halves: slice) -> FloatArray:
    """Steps (2T,) less their mean over a span, by half of the day; 0 of NaN."""
    out = steps.copy()
    for kind in (0, 1):
        inside = steps[halves][kind::2]
        inside = inside[np.isfinite(inside)]
        out[kind::2] -= inside.mean() if len(inside) else 0.0
    return np.nan_to_num(out)
