"""Sell last quarter's winners once they stop leading."""

from __future__ import annotations

from typing import Annotated, ClassVar

from optuna.distributions import FloatDistribution

from undertow.strategies.common import (
    Cash,
    Depth,
    Lag,
    MaxHold,
    MinHold,
    Rank,
    SpikeDays,
    Steps,
    Window,
    btc_drawdown,
    liquidation_spike,
    one_tier,
    stabilised,
)
from undertow.strategies.rules.parts import Gate, Reentry, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy


class WinnersFirst(RuleStrategy):
    """After a BTC cascade, sell last quarter's winners first, unless growth leads.

    Whoever has to raise cash sells what has gained and can be sold, so last quarter's winners should fall first; while
    growth leads the benchmark by `lead` standard deviations nobody is selling them, and the rule is vetoed. Comes back
    once a share `calm_score` of the signs of stabilisation is on.
    """

    summary: ClassVar[str] = "Sell last quarter's winners after a cascade, once they stop leading"

    window: Window = 168  # hours
    drawdown: Depth = -0.12
    spike: Rank = 0.97
    spike_days: SpikeDays = 90
    lead: Annotated[float, FloatDistribution(-1.0, 3.0)] = 1.0  # standard deviations
    lag: Lag = 24  # hours
    cash: Cash = 0.4  # of capital
    min_hold: MinHold = 24  # hours
    max_hold: MaxHold = 168  # hours
    calm_score: Annotated[float, FloatDistribution(0.2, 1.0)] = 0.6
    steps: Steps = 2  # sessions

    def rule(self) -> Rule:
        """One tier on either condition, with a veto while growth leads."""
        leads = Gate(signal="leadership", output="z", above=self.lead, title="growth still leads")
        return Rule(
            name=self.name(),
            trigger=Trigger(
                when=(btc_drawdown(self.window, self.drawdown), liquidation_spike(self.spike_days, self.spike))
            ),
            gates=(leads,),
            tiers=one_tier("cash", self.min_hold, self.max_hold, cash=self.cash),
            timing=Timing(lag=self.lag),
            source="winners",
            reentry=Reentry(when=(stabilised(self.calm_score),), steps=self.steps),
        )
