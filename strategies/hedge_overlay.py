"""Keep the stocks and sell the index short."""

from __future__ import annotations

from typing import Annotated, ClassVar

from optuna.distributions import FloatDistribution

from undertow.strategies.common import (
    Depth,
    Lag,
    MaxHold,
    MinHold,
    Rank,
    SpikeDays,
    Window,
    btc_drawdown,
    liquidation_spike,
    one_tier,
    stabilised,
)
from undertow.strategies.rules.parts import Destination, Reentry, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy
from undertow.strategies.strategy import Constant


class HedgeOverlay(RuleStrategy):
    """After a BTC cascade, short the benchmark for a share `hedge` of capital.

    No stock is sold: one order instead of a hundred, no realised gains, and covered with one order. It costs the borrow
    fee and leaves the basket's risk beyond the index. Covered once crypto has stabilised or after `max_hold` hours.
    """

    summary: ClassVar[str] = "Short the benchmark after a BTC cascade, keep the stocks"

    window: Window = 168  # hours
    drawdown: Depth = -0.15
    spike: Rank = 0.98
    spike_days: SpikeDays = 90
    lag: Lag = 24  # hours
    hedge: Annotated[float, FloatDistribution(0.05, 1.0)] = 0.5  # of capital
    min_hold: MinHold = 24  # hours
    max_hold: MaxHold = 120  # hours
    calm_score: Annotated[float, FloatDistribution(0.2, 1.0)] = 0.6
    symbol: Annotated[str, Constant()] = ""

    def rule(self) -> Rule:
        """One tier on either condition, with a hedge and no cash."""
        return Rule(
            name=self.name(),
            trigger=Trigger(
                when=(btc_drawdown(self.window, self.drawdown), liquidation_spike(self.spike_days, self.spike))
            ),
            tiers=one_tier("hedge", self.min_hold, self.max_hold, hedge=self.hedge),
            timing=Timing(lag=self.lag),
            destination=Destination(hedge_symbol=self.symbol),
            reentry=Reentry(when=(stabilised(self.calm_score),)),
        )
