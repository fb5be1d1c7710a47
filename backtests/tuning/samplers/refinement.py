"""Refinement: quasi-random points in boxes of every size around the best sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial

from undertow.backtests.tuning.samplers.names import REFINE
from undertow.backtests.tuning.samplers.points import Leaders, Set, cells, plain_values, point_of, rows_at
from undertow.backtests.tuning.samplers.proposals import Proposal, SearchProblem
from undertow.market import BoolArray, FloatArray

# The best sets whose surroundings are searched; the better ones more often.
_LEADERS = 8
_PREFERENCE = 2.0
# Half the width of a box, as a share of a parameter's range: even in the logarithm between these.
_SMALLEST, _LARGEST = 0.002, 0.5
# Points drawn for every set that is wanted, since some repeat a set that was tried.
_SPARE = 4


class RefinementSampler:
    """Draws sets in boxes around the best ones, most parameters held.

    Every set starts at one of the best eight so far, keeps most of its parameters, and moves the others within a box
    whose size is drawn anew: one parameter or all of them, by a five-hundredth of the range or by half of it. Boxes of
    every size at once need no schedule by which they shrink, so that a search can be continued at any time. A choice
    that moves is drawn anew. One scrambled Sobol sequence a batch draws the start, the number of parameters that move,
    the size and the moves. No set is tried twice while others are left.

    Args:
        problem: what is known of the search before its first trial.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._leaders = Leaders(problem.space, problem.sign, _LEADERS)
        self._is_choice = np.array([isinstance(values, CategoricalDistribution) for values in problem.space.values()])
        # A smaller box would leave a whole number where it is.
        self._steps = np.array([1.0 / cells(values) for values in problem.space.values()])

    def propose(self, batch: int, count: int, seen: Mapping[int, FrozenTrial]) -> list[Proposal]:
        """The first `count` sets of the batch."""
        problem, leaders = self._problem, self._leaders.update(seen)
        points = self._points(batch)
        axes = len(problem.space)
        if leaders:
            candidates = self._moved(leaders, points[:, :3], points[:, 3 : 3 + axes], points[:, 3 + axes :])
        else:
            # Where no trial has a result yet, all of the space is as good.
            candidates = rows_at(problem.space, points[:, 3 + axes :])
        return [Proposal(parameters, REFINE, {}) for parameters in self._untried(candidates)[:count]]

    def complete(self, done: Mapping[int, FrozenTrial]) -> None:
        """The next batch sees them."""

    def _points(self, batch: int) -> FloatArray:
        """Points (P, 3 + 2 D) of a batch.

        Start, size and number of moves; which parameters move; where to.
        """
        from scipy.stats import qmc

        problem = self._problem
        sequence = qmc.Sobol(3 + 2 * len(problem.space), scramble=True, rng=problem.generator(batch))
        points: FloatArray = sequence.random_base2(math.ceil(math.log2(_SPARE * problem.batch)))
        return points

    def _moved(
        self, leaders: Sequence[Set], plan: FloatArray, lots: FloatArray, targets: FloatArray
    ) -> list[dict[str, Any]]:
        """Sets (P) that start at leaders.

        Args:
            leaders: the best sets, the best one first.
            plan: start, size and number of moves (P, 3).
            lots: which parameters move (P, D).
            targets: where they move to (P, D).
        """
        start = (len(leaders) * plan[:, 0] ** _PREFERENCE).astype(int)
        size = _SMALLEST * (_LARGEST / _SMALLEST) ** plan[:, 1]
        moves = _chosen(lots, plan[:, 2])
        space = self._problem.space
        columns = []
        for axis, distribution in enumerate(space.values()):
            values = [leader[axis] for leader in leaders]
            if self._is_choice[axis]:
                goals = targets[:, axis]
            else:
                centres = np.array([point_of(distribution, value) for value in values])[start]
                goals = _reflected(centres + (2 * targets[:, axis] - 1) * np.maximum(size, self._steps[axis]))
            drawn = plain_values(distribution, goals)
            columns.append(
                [drawn[row] if moves[row, axis] else values[leader] for row, leader in enumerate(start.tolist())]
            )
        return [dict(zip(space, row, strict=True)) for row in zip(*columns, strict=True)]

    def _untried(self, candidates: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sets of a batch: those that are new, then, where they are too few, the others."""
        fresh: dict[Set, dict[str, Any]] = {}
        for parameters in candidates:
            values = tuple(parameters.values())
            if values not in self._leaders.tried:
                fresh.setdefault(values, parameters)
            if len(fresh) == self._problem.batch:
                break
        return [*fresh.values(), *candidates]


def _chosen(lots: FloatArray, points: FloatArray) -> BoolArray:
    """Which of D parameters move (P, D), at least one.

    Each moves with probability D^-u, where u are points (P,) even in [0, 1).
    """
    axes = lots.shape[1]
    moves: BoolArray = lots < (float(axes) ** -points)[:, None]
    moves[np.arange(len(lots)), lots.argmin(axis=1)] = True
    return moves


def _reflected(points: FloatArray) -> FloatArray:
    """Points within [0, 1): what lies beyond an end is mirrored at it."""
    inside = np.abs(points)
    return np.minimum(np.where(inside >= 1.0, 2.0 - inside, inside), np.nextafter(1.0, 0.0))
