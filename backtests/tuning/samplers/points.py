"""Sets as points of the unit cube and back, and the best trials of a search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from undertow.backtests.sweeps.design import values_at
from undertow.market import FloatArray

Set = tuple[Any, ...]


def rows_at(space: Mapping[str, BaseDistribution], points: FloatArray) -> list[dict[str, Any]]:
    """The sets at points (P, D) of the unit cube, with Python's own numbers."""
    columns = [plain_values(distribution, points[:, axis]) for axis, distribution in enumerate(space.values())]
    return [dict(zip(space, values, strict=True)) for values in zip(*columns, strict=True)]


def plain_values(distribution: BaseDistribution, points: FloatArray) -> list[Any]:
    """Values (P,) of a distribution at points (P,) in [0, 1), as Python's own numbers."""
    values = values_at(distribution, points)
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def point_of(distribution: BaseDistribution, value: Any) -> float:
    """The point in [0, 1) of a value: the middle of the points that have it."""
    if distribution.single():
        return 0.5
    if isinstance(distribution, CategoricalDistribution):
        # Choices such as 1 and True are equal, and Optuna tells them apart.
        return float((distribution.to_internal_repr(value) + 0.5) / len(distribution.choices))
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = distribution.low, distribution.high
    if distribution.log:
        margin = 0.5 if isinstance(distribution, IntDistribution) else 0.0
        bottom, top = math.log(low - margin), math.log(high + margin)
        return float((math.log(value) - bottom) / (top - bottom))
    if distribution.step is not None:
        return float(((value - low) / distribution.step + 0.5) / cells(distribution))
    return float((value - low) / (high - low))


def cells(distribution: BaseDistribution) -> float:
    """The number of values of a distribution, infinite for reals without steps."""
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return (
        math.inf if distribution.step is None else round((distribution.high - distribution.low) / distribution.step) + 1
    )


@dataclass(frozen=True, order=True)
class TrialRank:
    """The place of a trial among others, the best one first.

    A trial that keeps the constraints comes before those that miss them by less and by more in all, these before those
    that failed; of equals the earliest.
    """

    missed: float
    loss: float
    position: int


def rank_of(position: int, trial: FrozenTrial, sign: float) -> TrialRank:
    """The rank of a finished trial.

    `sign` is 1 where the objective is maximised, -1 where it is minimised.
    """
    if trial.state != TrialState.COMPLETE:
        return TrialRank(math.inf, math.inf, position)
    missed = sum(max(amount, 0.0) for amount in trial.constraints.values())
    return TrialRank(missed, -sign * float(trial.values[0]), position)


class Leaders:
    """The best trials so far with different results, and every set that was tried.

    Sets that differ in a parameter without an effect have one result: of those the earliest alone leads.

    Args:
        space: distributions by parameter.
        sign: 1 where the objective is maximised, -1 where it is minimised.
        most: number of leaders.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], sign: float, most: int) -> None:
        self._space = space
        self._sign = sign
        self._most = most
        self.tried: set[Set] = set()
        self._positions: set[int] = set()
        self._ranked: dict[TrialRank, Set] = {}

    def update(self, seen: Mapping[int, FrozenTrial]) -> list[Set]:
        """The leaders among the trials `seen`, by position, the best one first."""
        if not self._positions <= seen.keys():
            self.tried, self._positions, self._ranked = set(), set(), {}
        fresh = [position for position in seen if position not in self._positions]
        self._positions.update(fresh)
        ranked = dict(self._ranked)
        for position in fresh:
            trial = seen[position]
            values = tuple(trial.params[name] for name in self._space)
            self.tried.add(values)
            rank = rank_of(position, trial, self._sign)
            if math.isfinite(rank.missed):
                ranked[rank] = values
        self._ranked = {}
        results = set()
        for rank in sorted(ranked):
            if (rank.missed, rank.loss) not in results:
                results.add((rank.missed, rank.loss))
                self._ranked[rank] = ranked[rank]
            if len(self._ranked) == self._most:
                break
        return list(self._ranked.values())
