"""The next sets to try: a function of seed, batch and the trials it sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from undertow.backtests.sweeps.design import design
from undertow.backtests.tuning.attributes import GENERATION
from undertow.backtests.tuning.samplers.evolution import EvolutionSampler
from undertow.backtests.tuning.samplers.names import CMAES, GIVEN, NSGA2, REFINE, SOBOL, TPE
from undertow.backtests.tuning.samplers.parzen import NSGA2Sampler, ParzenSampler
from undertow.backtests.tuning.samplers.proposals import BatchSampler, Proposal, SearchProblem
from undertow.backtests.tuning.samplers.refinement import RefinementSampler
from undertow.backtests.tuning.samplers.sequence import SequenceSampler

_SAMPLERS: dict[str, type[Any]] = {
    REFINE: RefinementSampler,
    TPE: ParzenSampler,
    CMAES: EvolutionSampler,
    SOBOL: SequenceSampler,
    NSGA2: NSGA2Sampler,
}


class Proposer:
    """Proposes batch by batch: the first sets and a design, then by a sampler.

    Args:
        problem: what is known of the search before its first trial.
        sampler: name of the sampler.
    """

    def __init__(self, problem: SearchProblem, sampler: str) -> None:
        self.space = dict(problem.space)
        self.schedule = problem.schedule
        self._problem = problem
        self._sampler: BatchSampler = _SAMPLERS[sampler](problem)
        # The design is the first generation of NSGA-II.
        self._system = {GENERATION: 0} if sampler == NSGA2 else {}

    def propose(self, batch: int, count: int, seen: Mapping[int, FrozenTrial]) -> list[Proposal]:
        """The first `count` proposals of a batch that sees the trials `seen`, by position."""
        return self._sampler.propose(batch, count, seen) if batch else self._first_batch()[:count]

    def complete(self, done: Mapping[int, FrozenTrial]) -> None:
        """Take over the results of the trials that were proposed last, by position."""
        self._sampler.complete(done)

    def _first_batch(self) -> list[Proposal]:
        problem, system = self._problem, self._system
        table = design(self.space, problem.design, seed=problem.seed) if problem.design else None
        rows = [] if table is None else table.to_dict(orient="records")
        drawn = [{name: _plain(row[name]) for name in self.space} for row in rows]
        first = [Proposal(parameters, GIVEN, system) for parameters in problem.first]
        return first + [Proposal(parameters, SOBOL, system) for parameters in drawn]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
