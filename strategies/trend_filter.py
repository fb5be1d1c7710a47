"""The oldest baseline: out of stocks while they are below their moving average."""

from __future__ import annotations

from typing import Annotated, ClassVar

from optuna.distributions import FloatDistribution, IntDistribution

from undertow.strategies.common import Cash
from undertow.strategies.rules.parts import Condition, Tier, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy


class TrendFilter(RuleStrategy):
    """Hold cash while the basket is below its moving average of `window` sessions.

    A band around the average prevents flicker. Reads nothing of Bitcoin: a rule that watches crypto has to be worth
    more than the trend of the stocks. Source: Faber (2007).
    """

    summary: ClassVar[str] = "Cash while the basket is below its 200-session average"

    window: Annotated[int, IntDistribution(50, 300)] = 200  # sessions
    band: Annotated[float, FloatDistribution(0.0, 0.10)] = 0.02  # of the average
    cash: Cash = 1.0  # of capital

    def rule(self) -> Rule:
        """One tier, entered below the band and left above it."""
        below = Condition(
            signal="trend", parameters={"window": self.window}, below=-self.band, leave=self.band, title="trend"
        )
        return Rule(
            name=self.name(),
            trigger=Trigger(when=(below,)),
            tiers=(Tier(name="cash", at=1.0, leave=1.0, cash=self.cash),),
            timing=Timing(lag=0.0),
        )
