"""Three playbooks by horizon: sessions, weeks and quarters."""

from __future__ import annotations

from typing import Annotated, ClassVar

from optuna.distributions import FloatDistribution, IntDistribution

from undertow.strategies.common import Calm, Cash, Depth, Lag, MinHold, Rank, SourceOfCash, Steps, Window
from undertow.strategies.risk_tiers import RiskTiers
from undertow.strategies.rules.parts import AllClear, Condition, Reentry, Tier, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy


class ShortTerm(RiskTiers):
    """The checklist for traders by the session: act within a day, out for days.

    Reads three days of Bitcoin instead of a week, acts half a day after a cascade, and stays in a tier for three days
    at most, whatever happens: what is earned or lost is the reaction to the cascade itself. The money comes back in one
    step.
    """

    summary: ClassVar[str] = "Playbook by the session: act within a day, three days in a tier at most"

    window: Window = 72  # hours
    drawdown: Depth = -0.10
    lag: Lag = 12  # hours
    min_hold: MinHold = 0  # hours
    max_hold: Annotated[int, IntDistribution(24, 960)] = 72  # hours in each tier
    steps: Steps = 1  # sessions


class Swing(RiskTiers):
    """The checklist for traders by the week: slower levels, longer stays.

    Waits two days after a cascade, so that a crash which other markets ignore is sold late, and stays in `reduce` and
    `cash` for at least five days and at most three weeks each. The money comes back in thirds.
    """

    summary: ClassVar[str] = "Playbook by the week: slower to act, out for weeks, back in steps"

    window: Window = 336  # hours
    drawdown: Depth = -0.20
    spike: Rank = 0.97
    lag: Lag = 48  # hours
    source: SourceOfCash = "beta"
    min_hold: MinHold = 120  # hours
    max_hold: Annotated[int, IntDistribution(24, 960)] = 504  # hours in each tier
    steps: Steps = 3  # sessions


class LongTerm(RuleStrategy):
    """For holders who rebalance: a limit on the basket's drawdown, in two stages.

    Bitcoin is not read: the horizon is quarters. A quarter of the capital goes into cash at the first limit, half of it
    at the second, which is never milder than the first; the money comes back once the basket is above its average of
    `trend` sessions, or after `max_hold` hours in each tier.
    """

    summary: ClassVar[str] = "Playbook by the quarter: rebalance, with a limit on the basket's drawdown"

    first: Annotated[float, FloatDistribution(-0.25, -0.05)] = -0.15  # drawdown of the basket
    second: Annotated[float, FloatDistribution(-0.50, -0.10)] = -0.25
    reduce: Cash = 0.25  # of capital
    cash: Cash = 0.50  # of capital
    trend: Annotated[int, IntDistribution(20, 250)] = 100  # sessions
    min_hold: Calm = 120  # hours
    max_hold: Annotated[int, IntDistribution(240, 8760)] = 4320  # hours in each tier
    steps: Steps = 3  # sessions

    def rule(self) -> Rule:
        """Two tiers on the basket's drawdown from its high of a year."""
        second = min(self.first, self.second)
        fall = Condition(
            signal="basket-selloff",
            output="drawdown",
            below=second,
            watch=self.first,
            lag=0.0,
            title="drawdown of the basket",
        )
        recovered = AllClear(signal="trend", parameters={"window": self.trend}, above=0.0, title="trend of the basket")
        return Rule(
            name=self.name(),
            trigger=Trigger(when=(fall,)),
            tiers=(
                Tier(name="reduce", at=0.5, cash=self.reduce, min_stay=self.min_hold, max_stay=self.max_hold),
                Tier(
                    name="cash",
                    at=1.0,
                    cash=max(self.reduce, self.cash),
                    min_stay=self.min_hold,
                    max_stay=self.max_hold,
                ),
            ),
            timing=Timing(lag=0.0),
            reentry=Reentry(when=(recovered,), steps=self.steps),
        )
