"""The placebo: the same de-risking at random times."""

from __future__ import annotations

import math
from datetime import date
from typing import Annotated, ClassVar, Self

import numpy as np
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution
from pydantic import model_validator

from undertow.market import FloatArray, ParameterError, load_calendar
from undertow.signals.decisions import DecisionTable
from undertow.strategies.common import Cash
from undertow.strategies.plan import Decision
from undertow.strategies.strategy import Constant, Sets, Strategy

# Day 0 of the draws: before any market.
_FIRST_DAY = np.datetime64("1900-01-01", "D")
# Parameters that need a pattern, with their values without one.
_WITH_PATTERN = {"start": "", "end": "", "rest": 1.0}


class RandomTiming(Strategy):
    """De-risk at random: about `a_year` episodes of `length` sessions, by `seed`.

    In an episode `cash` is out of stocks. A rule that is worth something beats most of its placebos:
    `RandomTiming.like(exposure, seed=...)` has exactly as many episodes, of the same lengths and depths, at random
    times between the same sessions. Whether an episode may start on a session depends only on the seed and the date,
    and none starts while another lasts, so nothing looks ahead.

    `pattern` holds the episodes to place between `start` and `end`: exposures by session, separated by commas, episodes
    separated by semicolons; between episodes the exposure is `rest`. With a pattern, `a_year`, `length` and `cash` have
    no effect; without one, `start`, `end` and `rest` are refused.
    """

    summary: ClassVar[str] = "Placebo: as much de-risking, at random times"

    seed: Annotated[int, IntDistribution(0, 1_000_000)] = 0
    a_year: Annotated[float, FloatDistribution(0.5, 40.0)] = 12.0  # episodes
    length: Annotated[int, IntDistribution(1, 60)] = 4  # sessions
    cash: Cash = 0.5  # of capital
    start: Annotated[str, Constant()] = ""
    end: Annotated[str, Constant()] = ""
    pattern: Annotated[str, Constant()] = ""
    rest: Annotated[float, Constant()] = 1.0

    @model_validator(mode="after")
    def _pattern_can_be_placed(self) -> Self:
        if not self.pattern:
            for name, default in _WITH_PATTERN.items():
                if getattr(self, name) != default:
                    raise ValueError(
                        f"`{name}` can only be used with a `pattern`, which is empty; got {getattr(self, name)!r}"
                    )
            return self
        if _day("start", self.start) > _day("end", self.end):
            raise ValueError(f"`start` must not be after `end`, got {self.start} and {self.end}")
        if not 0.0 <= self.rest <= 1.0:
            raise ValueError(f"`rest` must be an exposure in [0, 1], got {self.rest:g}")
        _episodes(self.pattern)
        return self

    @classmethod
    def like(cls, exposure: pd.Series, *, seed: int) -> Self:
        """A placebo of `exposure` (sessions): the same episodes at other times.

        An episode is a stretch of sessions away from the most common exposure, the higher one of two equally common
        ones; its exposures stay as they are. Raises `ParameterError` where there is no episode, or where the episodes
        leave no session free to move them by.
        """
        values = exposure.to_numpy(dtype=np.float64)
        levels, counts = np.unique(values, return_counts=True)
        resting = float(levels[counts == counts.max()][-1])
        away = np.concatenate(([False], values != resting, [False]))
        starts, ends = np.flatnonzero(away[1:] & ~away[:-1]), np.flatnonzero(away[:-1] & ~away[1:])
        if not len(starts):
            raise ParameterError(
                f"the exposure is {resting:g} throughout: it has no episode to place at random; for a hedge, pass the"
                " exposure less what is sold short"
            )
        episodes = [values[first:last].tolist() for first, last in zip(starts, ends, strict=True)]
        start, end = (str(pd.Timestamp(exposure.index[row]).date()) for row in (0, -1))
        _free(len(values), episodes, start, end)
        pattern = ";".join(",".join(map(repr, episode)) for episode in episodes)
        return cls(seed=seed, start=start, end=end, pattern=pattern, rest=resting)

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """Exposure from the dates and the seed; nothing of the market is read."""
        rows = len(sets["seed"])
        columns = [_exposure(table, cls.model_construct(**{n: v[row] for n, v in sets.items()})) for row in range(rows)]
        return Decision.proportional(np.column_stack(columns))


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"`{name}` must be a date such as 2018-01-02 where there is a `pattern`, got {text!r}"
        ) from None


def _episodes(pattern: str) -> list[list[float]]:
    return [[_share(value) for value in part.split(",")] for part in pattern.split(";")]


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"`pattern` must be exposures in [0, 1], such as 0.5,0.5;0.7; got {text!r} among them")
    return value


def _exposure(table: DecisionTable, rule: RandomTiming) -> FloatArray:
    if rule.pattern:
        return _placed(table, rule)
    chance = rule.a_year / table.market.calendar.sessions_a_year
    exposure, remaining = np.ones(len(table)), 0
    for row, draw in enumerate(_draws(table.decisions.sessions, int(rule.seed))):
        if remaining == 0 and draw < chance:
            remaining = int(rule.length)
        if remaining > 0:
            exposure[row], remaining = 1.0 - rule.cash, remaining - 1
    return exposure


def _draws(sessions: pd.DatetimeIndex, seed: int) -> FloatArray:
    """A number in [0, 1) for each date, from the seed and the date alone.

    A longer market changes no earlier number.
    """
    days = (np.asarray(sessions, dtype="datetime64[D]") - _FIRST_DAY).astype(np.int64)
    # The stream of a bit generator never changes between versions, unlike the methods on top of it.
    raw = np.random.PCG64(seed).random_raw(int(days[-1]) + 1)[days]
    return np.asarray((raw >> np.uint64(11)) / 2.0**53, dtype=np.float64)


def _placed(table: DecisionTable, rule: RandomTiming) -> FloatArray:
    """The episodes of the pattern in random order, with random gaps between them."""
    start, end = pd.Timestamp(rule.start), pd.Timestamp(rule.end)
    days = load_calendar(table.market.calendar.name, start, end).sessions
    episodes = _episodes(str(rule.pattern))
    free = _free(len(days), episodes, rule.start, rule.end)
    rng = np.random.default_rng(int(rule.seed))
    order = rng.permutation(len(episodes))
    # Every way to spread the free sessions over the gaps is equally likely.
    positions = np.sort(rng.choice(free + len(episodes), size=len(episodes), replace=False))
    exposure, used = np.full(len(days), float(rule.rest)), 0
    for position, number in zip(positions, order, strict=True):
        # A position counts one session for its episode, so that two episodes never touch.
        first, episode = int(position) + used, episodes[number]
        exposure[first : first + len(episode)] = episode
        used += len(episode)
    rows = days.get_indexer(table.decisions.sessions)
    return np.where(rows >= 0, exposure[np.maximum(rows, 0)], float(rule.rest))


def _free(sessions: int, episodes: list[list[float]], start: str, end: str) -> int:
    """The number of sessions to spread over the gaps, one kept back between episodes."""
    free = sessions - sum(map(len, episodes)) - (len(episodes) - 1)
    if free < 1:
        raise ParameterError(
            f"`pattern` leaves no session free between {start} and {end} ({sessions} sessions): its {len(episodes)}"
            " episodes cannot be moved"
        )
    return free
