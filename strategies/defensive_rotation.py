"""Rotate into defensive sectors instead of cash after a Bitcoin cascade."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from optuna.distributions import FloatDistribution
from pydantic import model_validator

from undertow.signals.decisions import Screen, is_screen
from undertow.strategies.common import (
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
    one_tier,
    stabilised,
)
from undertow.strategies.rules.parts import Destination, Reentry, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy
from undertow.strategies.strategy import Constant


class DefensiveRotation(RuleStrategy):
    """After a BTC cascade, move money into the universe `basket` until crypto is calm.

    Being out of high-beta names need not mean being out of stocks: what is sold to raise cash is not what is bought for
    shelter. A share `share` of what is raised goes into the equally weighted universe `basket`, the rest into cash. The
    money comes back once a share `calm_score` of the signs of stabilisation is on.
    """

    summary: ClassVar[str] = "Rotate into defensive sectors after a BTC cascade"

    window: Window = 168  # hours
    drawdown: Depth = -0.15
    spike: Rank = 0.98
    spike_days: SpikeDays = 90
    lag: Lag = 24  # hours
    moved: Cash = 0.6  # of capital
    share: Annotated[float, FloatDistribution(0.0, 1.0)] = 1.0  # of what is moved
    source: SourceOfCash = "beta"
    min_hold: MinHold = 72  # hours
    max_hold: MaxHold = 336  # hours
    calm_score: Annotated[float, FloatDistribution(0.2, 1.0)] = 0.6
    steps: Steps = 2  # sessions
    basket: Annotated[str, Constant()] = "defensive"

    @model_validator(mode="after")
    def _has_a_basket(self) -> Self:
        if not self.basket:
            raise ValueError("`basket` must be a universe of the market, or a screen; it is empty")
        if is_screen(self.basket):
            Screen.parse(self.basket)
        return self

    def rule(self) -> Rule:
        """One tier on either condition, whose money goes into the basket."""
        return Rule(
            name=self.name(),
            trigger=Trigger(
                when=(btc_drawdown(self.window, self.drawdown), liquidation_spike(self.spike_days, self.spike))
            ),
            tiers=one_tier("cash", self.min_hold, self.max_hold, cash=self.moved),
            timing=Timing(lag=self.lag),
            source=self.source,
            destination=Destination(basket=self.basket, share=self.share),
            reentry=Reentry(when=(stabilised(self.calm_score),), steps=self.steps),
        )
