"""CMA-ES: a normal distribution that learns from every generation."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from undertow.backtests.tuning.samplers.names import CMAES
from undertow.backtests.tuning.samplers.points import TrialRank, point_of, rank_of, rows_at
from undertow.backtests.tuning.samplers.proposals import Proposal, SearchProblem
from undertow.market import FloatArray

# Standard deviation of the first generation, as a share of every range.
_SIGMA = 0.2
# More trials than any search has.
_ENDLESS = 10**9

Generation = list[tuple[int, FrozenTrial]]


class EvolutionSampler:
    """CMA-ES (Hansen 2016) on the unit cube, a batch a generation.

    It starts from the best set of the design. A distribution whose best trial has not been bettered for 10 + 30 D /
    batch generations, or that has shrunk to a point, is given up for a new one around a random point. Results count
    by their order alone, so that constraints and failed trials have a place in it. Needs the extra `cmaes`.

    Args:
        problem: what is known of the search before its first trial.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._patience = 10 + math.ceil(30 * len(problem.space) / problem.batch)
        self._cma = importlib.import_module("cmaes").CMA
        self._learnt: list[int] = []
        self._model: Any = None
        self._best: TrialRank | None = None
        self._stale = 0

    def propose(self, batch: int, count: int, seen: Mapping[int, FrozenTrial]) -> list[Proposal]:
        """The first `count` sets of the batch."""
        self._catch_up(seen)
        self._model.reseed_rng(int(self._problem.seeds(batch).generate_state(1)[0]))
        # An end of a range belongs to it, the end of the cube does not.
        points = np.clip([self._model.ask() for _ in range(count)], 0.0, np.nextafter(1.0, 0.0))
        return [Proposal(parameters, CMAES, {}) for parameters in rows_at(self._problem.space, points)]

    def complete(self, done: Mapping[int, FrozenTrial]) -> None:
        """The next batch sees them."""

    def _catch_up(self, seen: Mapping[int, FrozenTrial]) -> None:
        """Learn from the complete generations that are new, in their order."""
        generations = self._generations(seen)
        if self._model is None or generations[: len(self._learnt)] != self._learnt:
            first = self._problem.schedule.positions(0, len(self._problem.first) + self._problem.design)
            self._learnt = []
            self._start(self._best_point([(position, seen[position]) for position in first]))
        for batch in generations[len(self._learnt) :]:
            self._learn(batch, [(position, seen[position]) for position in self._positions(batch)])

    def _generations(self, seen: Mapping[int, FrozenTrial]) -> list[int]:
        """The batches of which every trial is seen; the last of a search may be cut short."""
        last = max(seen, default=-1)
        batch, generations = 1, []
        while (positions := self._positions(batch))[0] <= last:
            if positions[0] in seen and positions[-1] in seen:
                generations.append(batch)
            batch += 1
        return generations

    def _positions(self, batch: int) -> range:
        begin = self._problem.schedule.positions(batch, _ENDLESS).start
        return range(begin, begin + self._problem.batch)

    def _learn(self, batch: int, trials: Generation) -> None:
        ranks = self._ranks(trials)
        order = sorted(range(len(ranks)), key=ranks.__getitem__)
        points = self._points(trials)
        self._model.tell([(points[index], float(place)) for place, index in enumerate(order)])
        self._learnt.append(batch)
        best = ranks[order[0]]
        if self._best is None or (best.missed, best.loss) < (self._best.missed, self._best.loss):
            self._best, self._stale = best, 0
        else:
            self._stale += 1
        if self._stale >= self._patience or self._model.should_stop():
            self._start(self._problem.generator(batch).random(len(self._problem.space)))

    def _start(self, mean: FloatArray) -> None:
        bounds = np.tile([0.0, 1.0], (len(mean), 1))
        self._model = self._cma(mean=mean, sigma=_SIGMA, bounds=bounds, population_size=self._problem.batch, seed=0)
        self._best, self._stale = None, 0

    def _best_point(self, trials: Generation) -> FloatArray:
        if not trials:
            return np.full(len(self._problem.space), 0.5)
        ranks = self._ranks(trials)
        best: FloatArray = self._points(trials)[ranks.index(min(ranks))]
        return best

    def _ranks(self, trials: Generation) -> list[TrialRank]:
        return [rank_of(position, trial, self._problem.sign) for position, trial in trials]

    def _points(self, trials: Generation) -> FloatArray:
        space = self._problem.space
        rows = [[point_of(space[name], trial.params[name]) for name in space] for _, trial in trials]
        return np.array(rows, dtype=np.float64)
