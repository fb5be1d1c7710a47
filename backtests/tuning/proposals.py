"""The next sets to try: a function of seed, batch and the trials it sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from undertow.backtests.objectives import Direction
from undertow.backtests.sweeps.design import design
from undertow.backtests.tuning.attributes import GENERATION

GIVEN, SOBOL, TPE, NSGA2 = "given", "sobol", "tpe", "nsga2"


@dataclass(frozen=True)
class Proposal:
    """A parameter set to try.

    `design` is given, sobol, tpe or nsga2; `system` are the attributes that the sampler needs of a trial when the study
    is read again.
    """

    parameters: Mapping[str, Any]
    design: str
    system: Mapping[str, Any]


@dataclass(frozen=True)
class BatchSchedule:
    """The batch of every trial, whatever the number of trials.

    Batch 0 holds the first sets and the Sobol design, every later one `batch` trials of the sampler. A study that is
    continued to more trials therefore repeats none of its choices.
    """

    first: int
    batch: int

    def batches(self, trials: int) -> range:
        """The batches that hold the first `trials` trials."""
        return range(1 if trials <= self.first else 1 + -(-(trials - self.first) // self.batch))

    def positions(self, batch: int, trials: int) -> range:
        """The positions of a batch among the first `trials`."""
        begin = self.first + (batch - 1) * self.batch if batch else 0
        return range(min(begin, trials), min(begin + self.batch if batch else self.first, trials))


class Proposer:
    """Proposes batch by batch from a study in memory of the trials a batch may see.

    Every batch has a fresh sampler whose seed follows from the search's seed and the batch's number, so that it makes
    no difference whether the search was interrupted before it.

    Args:
        space: distributions by parameter.
        directions: direction of every objective.
        first: sets that are tried first.
        sobol: points of the Sobol design behind them.
        schedule: batch of every trial.
        seed: seed of the search.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        directions: Sequence[Direction],
        first: Sequence[Mapping[str, Any]],
        sobol: int,
        schedule: BatchSchedule,
        seed: int,
    ) -> None:
        self.space = dict(space)
        self.schedule = schedule
        self._directions = list(directions)
        self._first = tuple(first)
        self._sobol = sobol
        self._seed = seed
        self._seen: list[int] = []
        self._pending: list[Trial] = []
        self._reset()

    @property
    def several(self) -> bool:
        """Whether there are several objectives."""
        return len(self._directions) > 1

    def propose(self, batch: int, count: int, seen: Mapping[int, FrozenTrial]) -> list[Proposal]:
        """The first `count` proposals of a batch that sees the trials `seen`, by position."""
        if batch == 0:
            return self._first_batch()[:count]
        self._catch_up(seen)
        self._study.sampler = self._sampler(batch)
        self._pending = [self._study.ask(self.space) for _ in range(count)]
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
        self._study = optuna.create_study(directions=self._directions)
        self._seen = []
        self._pending = []
        self._generation = 0

    def _catch_up(self, seen: Mapping[int, FrozenTrial]) -> None:
        positions = sorted(seen)
        if self._pending or positions[: len(self._seen)] != self._seen:
            self._reset()
        self._study.add_trials(seen[position] for position in positions[len(self._seen) :])
        self._seen = positions
        if self.several:
            self._choose_parents()

    def _choose_parents(self) -> None:
        """Choose the parents of every generation that has trials, the earliest first.

        Optuna hands out parents in another order when it chooses them than when it remembers them, and looks for those
        of a late generation by recursion: chosen here, both are as they were when the trials were made.
        """
        trials = self._study.get_trials(deepcopy=False)
        last = max((trial.system_attrs.get(GENERATION, 0) for trial in trials), default=0)
        sampler = self._sampler(0)
        assert isinstance(sampler, NSGAIISampler)
        for generation in range(self._generation + 1, last + 1):
            sampler.get_parent_population(self._study, generation)
        self._generation = last

    def _sampler(self, batch: int) -> BaseSampler:
        seed = int(np.random.SeedSequence((self._seed, batch)).generate_state(1)[0])
        if self.several:
            return NSGAIISampler(population_size=max(2, self.schedule.batch), seed=seed)
        return TPESampler(seed=seed)

    def _proposal(self, trial: FrozenTrial) -> Proposal:
        system = {key: value for key, value in trial.system_attrs.items() if key == GENERATION}
        return Proposal(trial.params, NSGA2 if self.several else TPE, system)

    def _first_batch(self) -> list[Proposal]:
        system = {GENERATION: 0} if self.several else {}
        table = design(self.space, self._sobol, seed=self._seed) if self._sobol else None
        rows = [] if table is None else table.to_dict(orient="records")
        drawn = [{name: _plain(row[name]) for name in self.space} for row in rows]
        first = [Proposal(parameters, GIVEN, system) for parameters in self._first]
        return first + [Proposal(parameters, SOBOL, system) for parameters in drawn]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
