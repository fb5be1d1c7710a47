"""The samplers of Optuna: TPE for one objective, NSGA-II for several."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from undertow.backtests.tuning.attributes import GENERATION
from undertow.backtests.tuning.samplers.names import NSGA2, TPE
from undertow.backtests.tuning.samplers.proposals import Proposal, SearchProblem


class ParzenSampler:
    """TPE, from a study in memory of the trials a batch may see.

    Every batch has a fresh sampler whose seed follows from the search's seed and the batch's number.

    Args:
        problem: what is known of the search before its first trial.
    """

    name = TPE

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._seen: list[int] = []
        self._pending: list[Trial] = []
        self._reset()

    def propose(self, batch: int, count: int, seen: Mapping[int, FrozenTrial]) -> list[Proposal]:
        """The first `count` sets of the batch, asked one after another."""
        self._catch_up(seen)
        self._study.sampler = self._sampler(batch)
        self._pending = [self._study.ask(dict(self._problem.space)) for _ in range(count)]
        pending = self._study.get_trials(deepcopy=False)[len(self._seen) :]
        return [self._proposal(trial) for trial in pending]

    def complete(self, done: Mapping[int, FrozenTrial]) -> None:
        """Take over the results of the trials that were proposed last, by position."""
        for trial, finished in zip(self._pending, done.values(), strict=True):
            for name, value in finished.constraints.items():
                trial.set_constraint(name, value)
            state = None if finished.state == TrialState.COMPLETE else TrialState.FAIL
            self._study.tell(trial, finished.values, state)
        if self._pending:
            self._seen.extend(done)
        self._pending = []

    def _reset(self) -> None:
        self._study = optuna.create_study(directions=list(self._problem.directions))
        self._seen, self._pending = [], []

    def _catch_up(self, seen: Mapping[int, FrozenTrial]) -> None:
        positions = sorted(seen)
        if self._pending or positions[: len(self._seen)] != self._seen:
            self._reset()
        self._study.add_trials(seen[position] for position in positions[len(self._seen) :])
        self._seen = positions

    def _sampler(self, batch: int) -> BaseSampler:
        return TPESampler(seed=self._seed(batch))

    def _seed(self, batch: int) -> int:
        return int(self._problem.seeds(batch).generate_state(1)[0])

    def _proposal(self, trial: FrozenTrial) -> Proposal:
        system = {key: value for key, value in trial.system_attrs.items() if key == GENERATION}
        return Proposal(trial.params, self.name, system)


class NSGA2Sampler(ParzenSampler):
    """NSGA-II, whose generation is a batch.

    Args:
        problem: what is known of the search before its first trial.
    """

    name = NSGA2

    def _reset(self) -> None:
        super()._reset()
        self._generation = 0

    def _catch_up(self, seen: Mapping[int, FrozenTrial]) -> None:
        super()._catch_up(seen)
        self._choose_parents()

    def _sampler(self, batch: int) -> NSGAIISampler:
        return NSGAIISampler(population_size=max(2, self._problem.batch), seed=self._seed(batch))

    def _choose_parents(self) -> None:
        """Choose the parents of every generation that has trials, the earliest first.

        Optuna hands out parents in another order when it chooses them than when it remembers them, and looks for those
        of a late generation by recursion: chosen here, both are as they were when the trials were made.
        """
        trials = self._study.get_trials(deepcopy=False)
        last = max((trial.system_attrs.get(GENERATION, 0) for trial in trials), default=0)
        sampler = self._sampler(0)
        for generation in range(self._generation + 1, last + 1):
            sampler.get_parent_population(self._study, generation)
        self._generation = last
