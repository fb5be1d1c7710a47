"""The contrarian: buy stocks when a cascade of Bitcoin is exhausted."""

from __future__ import annotations

from typing import Annotated, ClassVar

from optuna.distributions import FloatDistribution, IntDistribution

from undertow.strategies.common import Calm, Depth, Window
from undertow.strategies.rules.parts import Condition, Tier, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy


class DipBuyer(RuleStrategy):
    """Keep a cash reserve and buy stocks once a deep fall of BTC is exhausted.

    A fall is exhausted when it has made no new low for `calm` hours. If forced selling pushes stocks below their value,
    a buyer with cash should be paid for buying from those who must sell. The counter-thesis of every other rule here,
    on the same signals.
    """

    summary: ClassVar[str] = "Hold a reserve, buy stocks into exhausted BTC cascades"

    window: Window = 336  # hours
    depth: Depth = -0.20
    calm: Calm = 24  # hours without a new low
    reserve: Annotated[float, FloatDistribution(0.05, 0.50)] = 0.20  # of capital
    hold: Annotated[int, IntDistribution(24, 960)] = 240  # hours

    def rule(self) -> Rule:
        """A calm tier with the reserve in cash, and a tier without it."""
        fell = Condition(signal="drawdown", parameters={"window": self.window}, below=self.depth, read="now", lag=0.0)
        return Rule(
            name=self.name(),
            # 0 hours without a new low is true of every fall, so it needs no condition.
            trigger=Trigger(when=(fell, self._exhausted()) if self.calm else (fell,), combine="all"),
            tiers=(
                Tier(name="calm", at=0.0, cash=self.reserve),
                Tier(name="buy", at=1.0, min_stay=self.hold, max_stay=self.hold),
            ),
            timing=Timing(lag=0.0),
        )

    def _exhausted(self) -> Condition:
        return Condition(
            signal="rows-since-low",
            parameters={"window": self.window},
            above=self.calm,
            read="now",
            lag=0.0,
            title="hours since BTC's low",
        )
