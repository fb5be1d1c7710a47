"""Cut exposure while Bitcoin is below its trailing high."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market.clock import HOUR, FloatArray, InstantArray
from undertow.signals.drawdown import Drawdown
from undertow.signals.table import DecisionTable
from undertow.strategies.machine import exposure_nb
from undertow.strategies.plan import Decision
from undertow.strategies.strategy import Sets, Strategy


class DrawdownDeRisk(Strategy):
    """Cut exposure when BTC falls from its trailing high, restore it when most of the fall is gone.

    Raises `cash` when the worst drawdown since the last decision reached `threshold`, known `lag` hours before; goes
    back when the drawdown is above `recovered` times the threshold. Sells in proportion.
    """

    summary: ClassVar[str] = "Cash while BTC is far below its trailing high"

    window: Annotated[int, IntDistribution(24, 720, log=True)] = 168  # hours
    threshold: Annotated[float, FloatDistribution(-0.40, -0.05)] = -0.15
    recovered: Annotated[float, FloatDistribution(0.0, 1.0)] = 0.5  # of the threshold
    lag: Annotated[int, IntDistribution(0, 96)] = 24  # hours
    cash: Annotated[float, FloatDistribution(0.05, 1.0)] = 0.5  # of capital

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """Exposure from the BTC drawdown; held, and stale, where BTC bars are missing or too old."""
        window = {"window": sets["window"]}
        worst = table.signal(Drawdown, window, lag=sets["lag"], how="min")
        now = table.signal(Drawdown, window, lag=sets["lag"])
        trigger = when_known(worst, worst <= sets["threshold"])
        all_clear = when_known(now, now >= sets["recovered"] * sets["threshold"])
        count = len(sets["lag"])
        exposure, stale = exposure_nb(
            trigger,
            all_clear,
            clock_hours(table),
            sets["cash"].astype(np.float64),
            np.zeros(count),
            np.full(count, np.inf),
            np.ones(count, dtype=np.int64),
        )
        return Decision.proportional(exposure, stale)

    def shocks(self, table: DecisionTable) -> InstantArray:
        """When BTC's drawdown first reached the threshold in each decision's window."""
        return table.first_breach(Drawdown, {"window": self.window}, lambda x: x <= self.threshold, lag=self.lag)


def when_known(signal: FloatArray, condition: object) -> FloatArray:
    """1 where the condition holds, 0 where not, NaN where the signal is NaN."""
    return np.where(np.isnan(signal), np.nan, np.asarray(condition, dtype=np.float64))


def clock_hours(table: DecisionTable) -> FloatArray:
    """Hours on the 24/7 clock at each decision (T,), from the first one."""
    return np.asarray((table.decisions.at - table.decisions.at[0]) / HOUR, dtype=np.float64)
