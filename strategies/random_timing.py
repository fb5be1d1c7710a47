"""The placebo: the same de-risking at random times."""

from __future__ import annotations

import zlib
from typing import Annotated, ClassVar, Self

import numpy as np
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market.calendar import load_calendar
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError
from undertow.signals.table import DecisionTable
from undertow.strategies.common import Cash
from undertow.strategies.plan import Decision
from undertow.strategies.strategy import Constant, Sets, Strategy

SESSIONS_A_YEAR = 252


class RandomTiming(Strategy):
    """De-risk at random: about `a_year` episodes of `length` sessions with `cash` out of stocks, by `seed`.

    A rule that is worth something beats most of its own placebos: `RandomTiming.like(exposure, seed=...)` has exactly
    as many episodes, of the same lengths and depths, at random times between the same sessions. Whether an episode
    starts on a session depends on the seed and the date alone, so nothing looks ahead.
    """

    summary: ClassVar[str] = "Placebo: as much de-risking, at random times"

    seed: Annotated[int, IntDistribution(0, 1_000_000)] = 0
    a_year: Annotated[float, FloatDistribution(0.5, 40.0)] = 12.0  # episodes
    length: Annotated[int, IntDistribution(1, 60)] = 4  # sessions
    cash: Cash = 0.5  # of capital
    start: Annotated[str, Constant()] = ""
    end: Annotated[str, Constant()] = ""
    pattern: Annotated[str, Constant()] = ""

    @classmethod
    def like(cls, exposure: pd.Series, *, seed: int) -> Self:
        """A placebo of `exposure` (sessions): the same episodes, each exposure by exposure, at other times.

        Raises `ParameterError` where there is no episode to place.
        """
        values = exposure.to_numpy(dtype=np.float64)
        below = np.concatenate(([False], values < 1.0, [False]))
        starts, ends = np.flatnonzero(below[1:-1] & ~below[:-2]), np.flatnonzero(below[1:-1] & ~below[2:]) + 1
        if not len(starts):
            raise ParameterError("the exposure never falls below 1: there is no episode whose timing could be random")
        episodes = (values[first:last] for first, last in zip(starts, ends, strict=True))
        pattern = ";".join(",".join(f"{1.0 - each:.12g}" for each in episode) for episode in episodes)
        first, last = (str(pd.Timestamp(exposure.index[place]).date()) for place in (0, -1))
        return cls(seed=seed, start=first, end=last, pattern=pattern)

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """Exposure from the dates and the seed; the market is not looked at."""
        rows = len(sets["seed"])
        columns = [_exposure(table, cls.model_construct(**{n: v[row] for n, v in sets.items()})) for row in range(rows)]
        return Decision.proportional(np.column_stack(columns))


def _exposure(table: DecisionTable, rule: RandomTiming) -> FloatArray:
    if rule.pattern:
        return _placed(table, rule)
    chance = rule.a_year / SESSIONS_A_YEAR
    out, left = np.ones(len(table)), 0
    for row, draw in enumerate(_draws(table.decisions.sessions, int(rule.seed))):
        if left == 0 and draw < chance:
            left = int(rule.length)
        if left > 0:
            out[row], left = 1.0 - rule.cash, left - 1
    return out


def _draws(sessions: pd.DatetimeIndex, seed: int) -> FloatArray:
    """A number in [0, 1) for each date, from the seed and the date alone: a longer market changes no earlier one."""
    return np.array([zlib.crc32(f"{seed}/{day.date()}".encode()) / 2.0**32 for day in sessions])


def _placed(table: DecisionTable, rule: RandomTiming) -> FloatArray:
    """The episodes in random order with random gaps between them, over the sessions that the pattern is for."""
    start, end = pd.Timestamp(rule.start), pd.Timestamp(rule.end)
    days = load_calendar(table.market.calendar.name, start, end).sessions
    episodes = [np.array(part.split(","), dtype=np.float64) for part in str(rule.pattern).split(";")]
    rng = np.random.default_rng(int(rule.seed))
    order = rng.permutation(len(episodes))
    # At least one session between two episodes, so that there are as many of them as there were.
    free = len(days) - sum(map(len, episodes)) - (len(episodes) - 1)
    if free < 0:
        raise ParameterError(f"`pattern` has more sessions than {rule.start} to {rule.end} holds")
    cuts = np.sort(rng.integers(0, free + 1, size=len(episodes)))
    exposure, used = np.ones(len(days)), 0
    for place, (which, gap) in enumerate(zip(order, cuts, strict=True)):
        first = int(gap) + used + place
        exposure[first : first + len(episodes[which])] = 1.0 - episodes[which]
        used += len(episodes[which])
    found = days.get_indexer(table.decisions.sessions)
    return np.where(found >= 0, exposure[np.maximum(found, 0)], 1.0)
