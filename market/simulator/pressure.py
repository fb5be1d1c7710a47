"""Forced equity selling after cascades: its size, its arrival, its reversal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market.clock import HOUR, FloatArray, InstantArray, IntArray
from undertow.market.simulator.clock import SimulationClock
from undertow.market.simulator.crypto import TYPICAL_LONGS_USD, Crypto

LAG_SD_HOURS = 8.0
# Of orders that arrive while the exchange is closed, this part is in the opening print, the rest over the day.
AT_THE_OPEN = 0.5

# A cascade: this share of the typical long book closed by force within this many hours.
_CASCADE_SHARE, _CASCADE_HOURS = 0.22, 12
_TAIL_HOURS, _SPACING_HOURS = 24, 96  # its size is counted this much longer; the least time between two cascades
# The basket's fall: the smallest, the addition for each further share of the book, the largest.
_SMALLEST, _SLOPE, _LARGEST = 0.02, 0.06, 0.075
# Bargain hunters buy back this part of the fall, with this mean delay in sessions.
_REVERSED, _REVERSAL_SESSIONS = 0.75, 7.0


@dataclass(frozen=True)
class Pressure:
    """Forced log-returns of the basket by segment (S, 2).

    The selling, and the reversal that follows.
    """

    selling: FloatArray
    reversal: FloatArray

    @property
    def total(self) -> FloatArray:
        """Selling and reversal together (S, 2)."""
        return self.selling + self.reversal


def find_cascades(crypto: Crypto, first: np.datetime64) -> pd.DataFrame:
    """The cascades from instant `first` on, one row each.

    time (UTC, end of the worst hour), liquidated_usd, btc_return (simple, over the 24 hours up to `time`) and share (in
    typical long books).
    """
    closed = crypto.book.long_closed
    total = np.concatenate(([0.0], np.cumsum(closed)))
    recent = total[_CASCADE_HOURS:] - total[:-_CASCADE_HOURS]
    alarms = np.flatnonzero(recent >= _CASCADE_SHARE) + _CASCADE_HOURS - 1
    rows = _spaced(alarms[crypto.hours[alarms] >= first])
    begin, end = rows + 1 - _CASCADE_HOURS, np.minimum(rows + 1 + _TAIL_HOURS, len(closed))
    worst = np.array([a + int(np.argmax(closed[a : b + 1])) for a, b in zip(begin, rows, strict=True)], dtype=np.int64)
    share = total[end] - total[begin]
    return pd.DataFrame(
        {
            "time": pd.DatetimeIndex(crypto.hours[worst] + HOUR, tz="UTC"),
            "liquidated_usd": share * TYPICAL_LONGS_USD,
            "btc_return": crypto.btc[worst] / crypto.btc[worst - 24] - 1.0,
            "share": share,
        }
    )


def _spaced(alarms: IntArray) -> IntArray:
    chosen = [-_SPACING_HOURS]
    for row in alarms:
        if row - chosen[-1] >= _SPACING_HOURS:
            chosen.append(int(row))
    return np.array(chosen[1:], dtype=np.int64)


def basket_impact(share: FloatArray) -> FloatArray:
    """Log-return of the basket that a cascade causes at effect 1.

    `share` (K,) is the size of the cascade in typical long books; the reversal is not included.
    """
    return -np.minimum(_SMALLEST + _SLOPE * (share - _CASCADE_SHARE), _LARGEST)


def land_selling(
    times: InstantArray, impact: FloatArray, clock: SimulationClock, lag_hours: float, at_the_open: float = AT_THE_OPEN
) -> Pressure:
    """Distribute the impact of cascades over segments (S, 2).

    Orders arrive with a normal lag of standard deviation `LAG_SD_HOURS`, cut off below zero; those that arrive at night
    or at the weekend wait for the next open.

    Args:
        times: instants of the cascades (K,), UTC.
        impact: their impact on the basket (K,), log-return.
        clock: hours and sessions.
        lag_hours: mean lag, hours.
        at_the_open: share of the waiting orders that is in the opening print.
    """
    edges = np.append(clock.segment_starts.ravel(), clock.segment_ends[-1, 1])
    arrived = np.zeros(len(edges))
    for time, size in zip(times, impact, strict=True):
        arrived += size * _arrived_by((edges - time) / HOUR, lag_hours)
    night, day = np.diff(arrived).reshape(-1, 2).T
    selling = np.stack((at_the_open * night, (1.0 - at_the_open) * night + day), axis=1)
    return Pressure(selling, _buy_back(selling.sum(axis=1)))


def _arrived_by(hours: FloatArray, lag_hours: float) -> FloatArray:
    from scipy.special import ndtr

    below = ndtr(-lag_hours / LAG_SD_HOURS)
    share = (ndtr((hours - lag_hours) / LAG_SD_HOURS) - below) / (1.0 - below)
    return np.where(hours > 0, share, 0.0)


def _buy_back(selling: FloatArray) -> FloatArray:
    from scipy.signal import lfilter

    persistence = 1.0 - 1.0 / _REVERSAL_SESSIONS
    outstanding = np.asarray(lfilter([1.0], [1.0, -persistence], selling), dtype=np.float64)
    bought = np.zeros((len(selling), 2))
    bought[1:, :] = -_REVERSED * (1.0 - persistence) * outstanding[:-1, None] * np.array([0.3, 0.7])
    return bought
