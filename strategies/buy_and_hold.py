"""The passive baseline."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from undertow.signals.decisions import DecisionTable
from undertow.strategies.plan import Decision
from undertow.strategies.strategy import Sets, Strategy


class BuyAndHold(Strategy):
    """Hold the whole basket at its base weights: what a rule must beat after costs."""

    summary: ClassVar[str] = "Always fully invested in the basket"

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """Exposure 1 throughout; there are no parameters, so one set."""
        return Decision.proportional(np.ones((len(table), 1)))
