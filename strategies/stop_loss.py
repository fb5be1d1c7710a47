"""A stop-loss for each name, as brokers offer it: a baseline."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.signals.decisions import DecisionTable
from undertow.strategies.plan import PROPORTIONAL, Decision
from undertow.strategies.strategy import Sets, Strategy


class StopLoss(Strategy):
    """Sell each name when it closes `stop` below its highest close since purchase.

    The money stays in cash until the first rebalance of the weights at least `wait` sessions later. Reads only each
    name's closes, a session late: what most brokers offer, and what a portfolio rule has to beat.
    """

    summary: ClassVar[str] = "A trailing stop for each name, bought again at a later rebalance"
    path_dependent: ClassVar[tuple[str, ...]] = ("stop", "wait")

    stop: Annotated[float, FloatDistribution(0.05, 0.50)] = 0.20  # below the highest close
    wait: Annotated[int, IntDistribution(0, 126)] = 21  # sessions

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """Fully invested, with a stop for each name."""
        shape = (len(table), len(sets["stop"]))
        return Decision(
            np.ones(shape),
            np.zeros(shape, np.bool_),
            np.full(shape[1], PROPORTIONAL, dtype=np.int64),
            stop=sets["stop"].astype(np.float64),
            stop_wait=sets["wait"].astype(np.int64),
        )
