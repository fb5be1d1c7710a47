"""Episodes without forced crypto selling.

They occur in every simulated market, whatever the effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market.clock import HOUR, FloatArray, IntArray
from undertow.market.simulator.clock import SimulationClock

UniformRange = tuple[float, float]


@dataclass(frozen=True)
class EpisodeKind:
    """A kind of episode.

    Mean number a year, length in sessions, and the total log-returns that it adds.
    """

    name: str
    yearly_count: float
    sessions: tuple[int, int]
    equity: UniformRange
    btc: UniformRange = (0.0, 0.0)
    btc_delay_hours: UniformRange = (0.0, 0.0)  # after the last close; before the first open where negative
    btc_hours: tuple[int, int] = (1, 1)


EPISODE_KINDS = (
    # A macro scare: stocks fall alone.
    EpisodeKind("macro fall", 1.8, (1, 4), (-0.065, -0.025)),
    # Stocks fall first, crypto follows within a day and a half: cause and effect the other way round.
    EpisodeKind("stocks first", 1.2, (1, 2), (-0.045, -0.02), (-0.12, -0.05), (4.0, 30.0), (6, 24)),
    # Crypto falls on crypto news while stocks rally.
    EpisodeKind("divergence", 1.2, (2, 4), (0.015, 0.04), (-0.14, -0.07), (-12.0, -1.0), (12, 48)),
)


@dataclass(frozen=True)
class Episodes:
    """The episodes drawn.

    `table` has one row each; `equity` (S, 2) and `btc` (H,) are the log moves that they add.
    """

    table: pd.DataFrame
    equity: FloatArray
    btc: FloatArray


def draw_episodes(clock: SimulationClock, rng: np.random.Generator, years: float) -> Episodes:
    """Draw the episodes of a market, at uniform sessions.

    A Poisson number of each kind, at least one.
    """
    equity = np.zeros((len(clock.calendar.sessions), 2))
    btc = np.zeros(len(clock.hours))
    rows = []
    for kind in EPISODE_KINDS:
        count = max(1, int(rng.poisson(kind.yearly_count * years)))
        for first in np.sort(rng.integers(0, len(equity) - kind.sessions[1], count)):
            rows.append(_add_episode(kind, int(first), clock, rng, equity, btc))
    table = pd.DataFrame(rows, columns=["kind", "start", "end", "equity_return", "btc_return"])
    return Episodes(table.sort_values("start", kind="stable", ignore_index=True), equity, btc)


def _add_episode(
    kind: EpisodeKind, first: int, clock: SimulationClock, rng: np.random.Generator, equity: FloatArray, btc: FloatArray
) -> tuple[str, pd.Timestamp, pd.Timestamp, float, float]:
    length = int(rng.integers(kind.sessions[0], kind.sessions[1] + 1))
    last = first + length - 1
    moves = rng.uniform(*kind.equity), rng.uniform(*kind.btc)
    equity[first : last + 1] += moves[0] * rng.dirichlet(np.full(2 * length, 2.0)).reshape(length, 2)
    hours = _btc_hours(kind, first, last, clock, rng)
    btc[hours] += moves[1] / len(hours)
    ends = clock.calendar.opens[first], clock.calendar.closes[last]
    return kind.name, pd.Timestamp(ends[0], tz="UTC"), pd.Timestamp(ends[1], tz="UTC"), *moves


def _btc_hours(kind: EpisodeKind, first: int, last: int, clock: SimulationClock, rng: np.random.Generator) -> IntArray:
    delay = rng.uniform(*kind.btc_delay_hours)
    origin = clock.calendar.opens[first] if delay < 0 else clock.calendar.closes[last]
    begin = clock.hour_rows(np.array([origin + int(delay * 60) * (HOUR // 60)]))[0]
    count = int(rng.integers(kind.btc_hours[0], kind.btc_hours[1] + 1))
    return np.arange(begin, min(begin + count, len(clock.hours)), dtype=np.int64)
