"""The baseline that any overlay must beat: scale exposure by recent volatility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.signals import BasketVolatility
from undertow.signals.decisions import DecisionTable
from undertow.strategies.band import banded_nb
from undertow.strategies.plan import Decision
from undertow.strategies.strategy import Sets, Strategy


class VolTarget(Strategy):
    """Scale exposure to a target volatility: min(1, target / realised).

    Realised volatility is that of the equally weighted basket over `window` sessions, annualised with the
    sessions of the calendar's year. The exposure is changed only by `band` or more. Source: Moreira and Muir (2017),
    capped at 1 since there is no borrowing.
    """

    summary: ClassVar[str] = "Exposure min(1, target / realised volatility of the basket)"
    least_active: ClassVar[Mapping[str, Any]] = {"target": 0.60}

    target: Annotated[float, FloatDistribution(0.05, 0.60)] = 0.20  # a year
    window: Annotated[int, IntDistribution(5, 126)] = 21  # sessions
    band: Annotated[float, FloatDistribution(0.0, 0.30)] = 0.10  # of capital

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """Exposure from closes known at the decision; stale until the window is full."""
        year = float(table.market.calendar.sessions_a_year)
        volatility = table.signal(BasketVolatility, {"window": sets["window"], "periods": year})
        target = np.minimum(1.0, sets["target"] / np.where(volatility > 0, volatility, np.nan))
        return Decision.proportional(*banded_nb(target, sets["band"].astype(np.float64)))
