"""Proposals, their batches, and what every sampler knows of the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from undertow.backtests.objectives import Direction


@dataclass(frozen=True)
class Proposal:
    """A parameter set to try.

    `design` is given or the name of the sampler; `system` are the attributes that the sampler needs of a trial when the
    study is read again.
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


@dataclass(frozen=True)
class SearchProblem:
    """What a sampler knows of a search before its first trial.

    Args:
        space: distributions by parameter.
        directions: direction of every objective.
        first: sets that are tried first.
        design: points of the Sobol design behind them.
        batch: number of sets that the sampler proposes at a time.
        seed: seed of the search.
    """

    space: Mapping[str, BaseDistribution]
    directions: Sequence[Direction]
    first: Sequence[Mapping[str, Any]]
    design: int
    batch: int
    seed: int

    @property
    def schedule(self) -> BatchSchedule:
        """The batch of every trial."""
        return BatchSchedule(len(self.first) + self.design, self.batch)

    @property
    def sign(self) -> float:
        """1 where the first objective is maximised, -1 where it is minimised."""
        return 1.0 if self.directions[0] == "maximize" else -1.0

    def seeds(self, batch: int) -> np.random.SeedSequence:
        """The seeds of a batch, whatever was drawn before it."""
        return np.random.SeedSequence((self.seed, batch))

    def generator(self, batch: int) -> np.random.Generator:
        """The random numbers of a batch."""
        return np.random.default_rng(self.seeds(batch))


class BatchSampler(Protocol):
    """Proposes the sets of every batch behind the design.

    What it proposes is a function of the problem, the batch and the trials that the batch may see, so that it makes no
    difference whether the search was interrupted before it. Of a batch that is cut short it proposes the first sets.
    """

    def propose(self, batch: int, count: int, seen: Mapping[int, FrozenTrial]) -> list[Proposal]:
        """The first `count` proposals of a batch that sees the trials `seen`, by position."""

    def complete(self, done: Mapping[int, FrozenTrial]) -> None:
        """Take over the results of the trials that were proposed last, by position."""
