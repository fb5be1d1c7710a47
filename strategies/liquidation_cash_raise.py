"""The thesis in one line: liquidations spike, so raise cash for a while."""

from __future__ import annotations

from typing import Annotated, ClassVar

from optuna.distributions import IntDistribution

from undertow.strategies.common import Cash, Lag, Rank, SourceOfCash, SpikeDays, liquidation_spike
from undertow.strategies.rules.parts import Tier, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy


class LiquidationCashRaise(RuleStrategy):
    """Raise cash after a day of unusual long liquidations; return after `hold` hours.

    Acts `lag` hours after the liquidations were known. Only the liquidations start it and only the clock ends it: the
    smallest rule that acts on the thesis, so that what drawdowns, sources of cash and the all-clear add to it can be
    measured. The cash is raised in `sessions` steps, all of it before `deadline` hours are over; the hold waits for it.
    """

    summary: ClassVar[str] = "Raise cash after a liquidation spike, return on time"

    spike: Rank = 0.98
    spike_days: SpikeDays = 90
    lag: Lag = 24  # hours
    cash: Cash = 0.3  # of capital
    sessions: Annotated[int, IntDistribution(1, 5)] = 2
    deadline: Annotated[int, IntDistribution(0, 120)] = 48  # hours
    hold: Annotated[int, IntDistribution(24, 480)] = 72  # hours
    source: SourceOfCash = "proportional"

    def rule(self) -> Rule:
        """One tier on the spike, left when its time is over and the cash is raised."""
        timing = Timing(lag=self.lag, sessions=self.sessions, deadline=self.deadline)
        stay = max(float(self.hold), timing.raise_hours + 1.0 if self.sessions > 1 else 0.0)
        return Rule(
            name=self.name(),
            trigger=Trigger(when=(liquidation_spike(self.spike_days, self.spike),)),
            tiers=(Tier(name="cash", at=1.0, cash=self.cash, max_stay=stay, min_stay=stay),),
            timing=timing,
            source=self.source,
        )
