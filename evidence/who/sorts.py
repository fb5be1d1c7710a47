"""What members are sorted by at the last close before a shock, and what they did."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.evidence.lag.baskets import (
    BETA_SESSIONS,
    QUINTILES,
    RETURN_SESSIONS,
    benchmark_symbol,
    half_instants,
    members_of,
    past_betas,
    past_log_returns,
    past_returns,
    quintile_numbers,
    read_leg,
)
from undertow.evidence.lag.points import places_of
from undertow.market import FloatArray, InstantArray, IntArray, Market, align

SORTS = ("return", "beta", "volatility", "correlation", "dollar_volume")
RESPONSES = ("base", "open")


class Members:
    """The members of a universe with what they are sorted by.

    Args:
        market: the market.
        universe: a universe of it.
        asset: asset of the correlation.
    """

    def __init__(self, market: Market, universe: str, asset: str) -> None:
        prices = market.prices
        self.instants = half_instants(market)
        self.membership = members_of(market, universe)
        self.columns = np.flatnonzero(self.membership.any(axis=0))
        self.membership = self.membership[:, self.columns]
        self.opens, self.closes = prices.open[:, self.columns], prices.close[:, self.columns]
        self.traded = self.closes * prices.volume[:, self.columns]
        self.benchmark = read_leg(market, benchmark_symbol(market), universe).daily()
        bars = market.bars(asset)
        levels = np.log(align(bars.known_at, bars["close"], market.calendar.closes, tolerance=bars.tolerance))
        self.asset_returns = np.concatenate(([np.nan], np.diff(levels)))

    def values(self, row: int, columns: IntArray) -> dict[str, FloatArray]:
        """What members (N,) are sorted by at a close; NaN before the look-back is full."""
        closes = self.closes[:, columns]
        returns = past_log_returns(closes, row)
        volatility = returns.std(axis=0, ddof=1)
        other = self.asset_returns[max(row - BETA_SESSIONS + 1, 0) : row + 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            if len(other) == BETA_SESSIONS:
                other = other - other.mean()
                covariance = other @ (returns - returns.mean(axis=0)) / (BETA_SESSIONS - 1)
                correlation = covariance / (volatility * other.std(ddof=1))
            else:
                correlation = np.full(len(columns), np.nan)
        first = row - RETURN_SESSIONS + 1
        traded = self.traded[max(first, 0) : row + 1, columns].mean(axis=0)
        return {
            "return": past_returns(closes, row),
            "beta": past_betas(closes, self.benchmark, row),
            "volatility": volatility,
            "correlation": correlation,
            "dollar_volume": traded if first >= 0 else np.full(len(columns), np.nan),
        }

    def quintile_moves(self, known: np.datetime64) -> FloatArray:
        """Mean simple return (sorts, 2, 5) of each quintile, to the close of S2.

        From the base and from the open of S1, of the members with all three prices. NaN where there are none.
        """
        out = np.full((len(SORTS), len(RESPONSES), QUINTILES), np.nan)
        places = places_of(self.instants, np.array([known]))
        base, first, row = int(places.base[0]), int(places.first[0]), int(places.last[0]) // 2
        if places.last[0] < 1 or first + 3 >= len(self.instants):
            return out
        start = self.closes[base // 2] if base % 2 else self.opens[base // 2]
        moves = np.vstack((self.closes[first // 2 + 1] / start, self.closes[first // 2 + 1] / self.opens[first // 2]))
        columns = np.flatnonzero(self.membership[row] & np.isfinite(moves).all(axis=0))
        if len(columns) < QUINTILES:
            return out
        for number, values in enumerate(self.values(row, columns).values()):
            quintiles = quintile_numbers(values)
            if not np.isfinite(quintiles).any():
                continue
            chosen = quintiles[:, None] == np.arange(QUINTILES)
            out[number] = (moves[:, columns] - 1.0) @ chosen / chosen.sum(axis=0)
        return out


def calm_instants(known: np.datetime64, falls: InstantArray, first: np.datetime64, last: np.datetime64) -> InstantArray:
    """The same hour of the exchange in at most eight other weeks, nearest first.

    Up to 26 weeks before and after, no fall within ten days; of two that are as near the earlier one first. The hour is
    that of New York: in UTC a control of the other half of the year would lie on the other side of an open or close.

    Args:
        known: when the shock was known.
        falls: instants at which a fall was known (F,), sorted.
        first: no control is earlier.
        last: no control is later.
    """
    weeks = np.array([sign * week for week in range(1, _WEEKS + 1) for sign in (-1, 1)])
    local = pd.Timestamp(known, tz="UTC").tz_convert(_EXCHANGE).tz_localize(None)
    shifted = pd.DatetimeIndex(local + pd.to_timedelta(7 * weeks, unit="D"))
    zoned = shifted.tz_localize(_EXCHANGE, ambiguous=np.ones(len(weeks), dtype=np.bool_), nonexistent="shift_forward")
    candidates = zoned.tz_convert("UTC").tz_localize(None).to_numpy(dtype="datetime64[ns]")
    margin = np.timedelta64(10, "D").astype("timedelta64[ns]")
    near = np.searchsorted(falls, candidates + margin, side="right") > np.searchsorted(falls, candidates - margin)
    calm: InstantArray = candidates[~near & (candidates >= first) & (candidates <= last)][:_MOST_CONTROLS]
    return calm


_WEEKS, _MOST_CONTROLS = 26, 8
_EXCHANGE = "America/New_York"
