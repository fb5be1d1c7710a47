"""The flagship: raise cash some hours after Bitcoin longs are force-sold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from optuna.distributions import CategoricalDistribution, IntDistribution

from undertow.strategies.common import (
    Calm,
    Cash,
    Depth,
    Lag,
    MaxHold,
    MinHold,
    Rank,
    SourceOfCash,
    SpikeDays,
    Steps,
    Window,
    btc_drawdown,
    liquidation_spike,
    no_new_low,
    one_tier,
)
from undertow.strategies.rules.parts import Reentry, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy

TRIGGERS = ("any", "all", "drawdown", "spike")


class LiquidityDrain(RuleStrategy):
    """Raise cash `lag` hours after a BTC cascade; re-enter when crypto is calm.

    Trigger: BTC's drawdown from its trailing high reaches `drawdown`, or the day's long liquidations rank at or above
    `spike` among those of the last `spike_days`, or both, as `trigger` says; the worst value since the previous
    decision counts, so that a weekend cascade which has recovered is seen. Where no liquidation feed has a value, the
    proxy from bars is the fallback, and the result counts those sessions.

    The cash target `cash` is then raised from `source`, by default from what funds sell first. After `min_hold` hours
    the position comes back once BTC has made no new low (of `low_days`) for `calm` hours, after `max_hold` hours at the
    latest, in `steps` equal steps, one a session. The lag delays only the trigger: the all-clear is read at the
    decision itself.
    """

    summary: ClassVar[str] = "Raise cash some hours after a BTC liquidation cascade, re-enter when crypto is calm"
    least_active: ClassVar[Mapping[str, Any]] = {"trigger": "all", "drawdown": -0.40, "spike": 1.0, "cash": 0.05}

    trigger: Annotated[str, CategoricalDistribution(TRIGGERS)] = "any"
    window: Window = 168  # hours
    drawdown: Depth = -0.15
    spike: Rank = 0.98
    spike_days: SpikeDays = 90
    lag: Lag = 24  # hours
    cash: Cash = 0.5  # of capital
    source: SourceOfCash = "winners"
    min_hold: MinHold = 24  # hours
    max_hold: MaxHold = 120  # hours
    low_days: Annotated[int, IntDistribution(1, 30)] = 7
    calm: Calm = 48  # hours
    steps: Steps = 2  # sessions

    def rule(self) -> Rule:
        """One tier on the drawdown, the spike, or both."""
        conditions = {
            "drawdown": btc_drawdown(self.window, self.drawdown),
            "spike": liquidation_spike(self.spike_days, self.spike),
        }
        when = tuple(condition for name, condition in conditions.items() if self.trigger in (name, "any", "all"))
        return Rule(
            name=self.name(),
            trigger=Trigger(when=when, combine="all" if self.trigger == "all" else "any"),
            tiers=one_tier("cash", self.min_hold, self.max_hold, cash=self.cash),
            timing=Timing(lag=self.lag),
            source=self.source,
            reentry=Reentry(when=(no_new_low(self.low_days, self.calm),), steps=self.steps),
        )
