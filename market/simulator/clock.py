"""The clocks of a simulated market, and its random streams.

Crypto hours, the two segments of a session, and one random stream a purpose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market.calendar import Calendar, load_calendar
from undertow.market.clock import HOUR, FloatArray, InstantArray, IntArray

CALENDAR = "XNYS"
HOURS_A_CALENDAR_YEAR = 8766.0  # 365.25 days
# The position book fills up during the burn-in; then crypto runs ahead of equities so that signals can warm up.
BURN_IN = 30 * 24
WARM_UP = 90 * 24
_FIRST_NIGHT = np.timedelta64(1050, "m")

# The position of a stream in this list is what it is spawned from, and must never change.
_STREAMS = (
    "episodes",
    "factor",
    "btc",
    "appetite",
    "bars",
    "feeds",
    "eth",
    "names",
    "returns",
    "ranges",
    "halts",
    "macro",
)


@dataclass(frozen=True)
class SimulationClock:
    """Crypto hours (H,) by their start, and the exchange sessions (S,) beside them.

    The hours include the burn-in. A session has two segments, (S, 2): the night from the last close to its open, the
    day from its open to its close.
    """

    hours: InstantArray
    calendar: Calendar

    @property
    def segment_starts(self) -> InstantArray:
        """When each segment begins (S, 2), UTC."""
        closes = self.calendar.closes
        nights = np.concatenate((self.calendar.opens[:1] - _FIRST_NIGHT, closes[:-1]))
        return np.stack((nights, self.calendar.opens), axis=1)

    @property
    def segment_ends(self) -> InstantArray:
        """When each segment ends (S, 2), UTC."""
        return np.stack((self.calendar.opens, self.calendar.closes), axis=1)

    def hour_rows(self, times: InstantArray) -> IntArray:
        """The hour of each instant, within the hours of the clock."""
        rows: IntArray = ((times - self.hours[0]) // HOUR).astype(np.int64)
        return np.minimum(np.maximum(rows, 0), len(self.hours) - 1)

    def spread_over_hours(self, segments: FloatArray) -> FloatArray:
        """Log-returns of segments (S, 2) spread evenly over their hours (H,).

        Zero outside every session.
        """
        row = np.searchsorted(self.segment_ends.ravel(), self.hours, side="right")
        row[self.hours < self.segment_starts[0, 0]] = segments.size
        segment_hours = np.bincount(row, minlength=segments.size + 1)[: segments.size]
        rates = np.append(segments.ravel() / np.maximum(segment_hours, 1), 0.0)
        return np.asarray(rates[np.minimum(row, segments.size)], dtype=np.float64)


def make_clock(start: pd.Timestamp, years: float) -> SimulationClock:
    """The clock of `years` of sessions from `start`.

    Crypto hours begin earlier by the burn-in and the warm-up.
    """
    end = start + pd.Timedelta(days=round(years * 365.25) - 1)
    calendar = load_calendar(CALENDAR, start, end)
    first = np.datetime64(calendar.sessions[0], "ns") - (BURN_IN + WARM_UP) * HOUR
    last = np.datetime64(calendar.sessions[-1], "ns") + 24 * HOUR
    return SimulationClock(np.arange(first, last, HOUR), calendar)


def random_streams(seed: int) -> dict[str, np.random.Generator]:
    """One independent random stream a purpose.

    So that a change in one part does not change the numbers of another.
    """
    children = np.random.SeedSequence(seed).spawn(len(_STREAMS))
    return {name: np.random.default_rng(child) for name, child in zip(_STREAMS, children, strict=True)}


def autoregression(rng: np.random.Generator, shape: tuple[int, ...], half_life: float) -> FloatArray:
    """A stationary autoregression of unit variance along the first axis.

    `half_life` in rows.
    """
    from scipy.signal import lfilter

    persistence = 0.5 ** (1.0 / half_life)
    shocks = rng.standard_normal(shape)
    shocks[1:] *= np.sqrt(1.0 - persistence**2)
    return np.asarray(lfilter([1.0], [1.0, -persistence], shocks, axis=0), dtype=np.float64)
