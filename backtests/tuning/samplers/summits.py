"""The summits of a search: its best sets that lie apart from each other."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from undertow.backtests.tuning.samplers.points import Set, TrialRank, point_of, rank_of
from undertow.market import FloatArray

# Two sets are apart where their parameters differ by so much on average, as a share of the range; another choice is 1.
_APART = 0.12
# More are kept than are searched around: of two that are close, the worse one may be the better's only rival.
_KEPT = 4


class Summits:
    """Sets that no better set is close to, as the search came to know them.

    Args:
        space: distributions by parameter.
        sign: 1 where the objective is maximised, -1 where it is minimised.
        most: number of summits.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], sign: float, most: int) -> None:
        self._space = space
        self._sign = sign
        self._most = most
        self._is_choice = np.array([isinstance(values, CategoricalDistribution) for values in space.values()])
        self._positions: set[int] = set()
        self._last = -1
        self._kept: list[tuple[TrialRank, Set, FloatArray]] = []

    def update(self, seen: Mapping[int, FrozenTrial]) -> list[Set]:
        """The summits among the trials `seen`, by position, the best one first."""
        fresh = sorted(position for position in seen if position not in self._positions)
        if not self._positions <= seen.keys() or (fresh and fresh[0] < self._last):
            # What is a summit depends on the order of the trials, which is that of their positions.
            self._positions, self._last, self._kept = set(), -1, []
            fresh = sorted(seen)
        for position in fresh:
            self._add(rank_of(position, seen[position], self._sign), seen[position])
            self._last = position
        self._positions.update(fresh)
        return [values for _, values, _ in self._kept[: self._most]]

    def _add(self, rank: TrialRank, trial: FrozenTrial) -> None:
        is_full = len(self._kept) == _KEPT * self._most
        if not math.isfinite(rank.missed) or (is_full and rank > self._kept[-1][0]):
            return
        values = tuple(trial.params[name] for name in self._space)
        point = np.array([point_of(self._space[name], trial.params[name]) for name in self._space])
        is_close = self._distances(point) < _APART
        if any(close and other < rank for close, (other, _, _) in zip(is_close, self._kept, strict=True)):
            return
        self._kept = [entry for close, entry in zip(is_close, self._kept, strict=True) if not close]
        self._kept = sorted([*self._kept, (rank, values, point)], key=lambda entry: entry[0])[: _KEPT * self._most]

    def _distances(self, point: FloatArray) -> FloatArray:
        """The mean difference (K,) of a point (D,) from every set that is kept."""
        others = np.array([other for _, _, other in self._kept]).reshape(-1, len(point))
        away = np.abs(others - point)
        distances: FloatArray = np.where(self._is_choice, away > 1e-9, away).mean(axis=1)
        return distances
