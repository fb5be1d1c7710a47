"""Cut exposure while Bitcoin is below its trailing high."""

from __future__ import annotations

from typing import Annotated, ClassVar

from optuna.distributions import FloatDistribution

from undertow.strategies.common import Cash, Depth, Lag, Window, btc_drawdown
from undertow.strategies.rules.parts import AllClear, Reentry, Tier, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy


class DrawdownDeRisk(RuleStrategy):
    """Cut exposure after a fall of BTC; restore it when most of the fall is recovered.

    Raises `cash` when the worst drawdown from the trailing high since the last decision, known `lag` hours before,
    reached `threshold`; returns when the drawdown is above `recovered` times the threshold. Sells in proportion. The
    plainest form of the thesis, on the price of Bitcoin alone: what the other rules have to improve on.
    """

    summary: ClassVar[str] = "Cash while BTC is far below its trailing high"

    window: Window = 168  # hours
    threshold: Depth = -0.15
    recovered: Annotated[float, FloatDistribution(0.0, 1.0)] = 0.5  # of the threshold
    lag: Lag = 24  # hours
    cash: Cash = 0.5  # of capital

    def rule(self) -> Rule:
        """One tier on the drawdown; the return reads the same drawdown with the same lag."""
        back = AllClear(
            signal="drawdown",
            parameters={"window": self.window},
            above=self.recovered * self.threshold,
            lag=self.lag,
            title="BTC drawdown recovered",
        )
        return Rule(
            name=self.name(),
            trigger=Trigger(when=(btc_drawdown(self.window, self.threshold),)),
            tiers=(Tier(name="cash", at=1.0, cash=self.cash),),
            timing=Timing(lag=self.lag),
            reentry=Reentry(when=(back,)),
        )
