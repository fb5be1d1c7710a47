"""The Sobol sequence continued: no trial changes what is tried next."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.trial import FrozenTrial

from undertow.backtests.tuning.samplers.names import SOBOL
from undertow.backtests.tuning.samplers.points import rows_at
from undertow.backtests.tuning.samplers.proposals import Proposal, SearchProblem


class SequenceSampler:
    """Continues the scrambled Sobol sequence of the design (Owen 1998).

    The first n trials behind the given sets are the design of n points, whatever the size of design and batches.

    Args:
        problem: what is known of the search before its first trial.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem

    def propose(self, batch: int, count: int, seen: Mapping[int, FrozenTrial]) -> list[Proposal]:
        """The first `count` points of the batch."""
        from scipy.stats import qmc

        problem = self._problem
        sequence = qmc.Sobol(len(problem.space), scramble=True, rng=problem.seed)
        begun = problem.design + (batch - 1) * problem.batch
        # scipy does not skip nothing.
        points = (sequence.fast_forward(begun) if begun else sequence).random(count)
        return [Proposal(parameters, SOBOL, {}) for parameters in rows_at(problem.space, points)]

    def complete(self, done: Mapping[int, FrozenTrial]) -> None:
        """Nothing is learnt."""
