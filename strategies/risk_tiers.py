"""The full checklist as a strategy: hedge, reduce, or wait."""

from __future__ import annotations

from typing import Annotated, ClassVar

from optuna.distributions import FloatDistribution, IntDistribution

from undertow.strategies.checklist import correlation, crypto, leadership, macro, tailwind, weighted
from undertow.strategies.common import (
    Cash,
    Depth,
    Lag,
    MinHold,
    Rank,
    SourceOfCash,
    SpikeDays,
    Steps,
    Window,
    shortest_stay,
    stabilised,
)
from undertow.strategies.rules.parts import Reentry, Tier, Timing, Trigger
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy

Weight = Annotated[float, FloatDistribution(0.05, 1.0)]
# How far below its entry level the score must be for a tier to be left.
SLACK = 0.05


class RiskTiers(RuleStrategy):
    """Score the whole checklist; enter watch, reduce and cash as the score rises.

    Macro, leadership, crypto and correlation each count by their weight, and each of their conditions as ok (0), watch
    (0.5) or alarm (1). The tier `watch` hedges a small share with the benchmark, `reduce` and `cash` raise cash; a
    policy tailwind (stocks rallying on falling yields while Bitcoin is sold) scales the score by `policy`. A tier is
    left once the score has fallen and crypto has stabilised. With the default weights and every driver known, no single
    driver enters a tier, and a collapse of crypto alone, with stocks, credit and yields calm, enters `reduce` at most.
    `cash` is never below `reduce`.
    """

    summary: ClassVar[str] = "The whole checklist: watch, reduce and cash by a weighted score"

    macro_weight: Weight = 0.25
    leadership_weight: Weight = 0.25
    crypto_weight: Weight = 0.40
    correlation_weight: Weight = 0.10
    window: Window = 168  # hours
    drawdown: Depth = -0.15
    spike: Rank = 0.98
    spike_days: SpikeDays = 90
    lag: Lag = 24  # hours
    watch_at: Annotated[float, FloatDistribution(0.10, 0.50)] = 0.25  # score
    reduce_after: Annotated[float, FloatDistribution(0.05, 0.30)] = 0.15  # score above watch
    cash_after: Annotated[float, FloatDistribution(0.05, 0.30)] = 0.15  # score above reduce
    hedge: Annotated[float, FloatDistribution(0.0, 0.50)] = 0.15  # of capital, while watching
    reduce: Cash = 0.30  # of capital
    cash: Cash = 0.60  # of capital
    source: SourceOfCash = "winners"
    policy: Annotated[float, FloatDistribution(0.0, 1.0)] = 0.5  # of the score
    min_hold: MinHold = 24  # hours
    max_hold: Annotated[int, IntDistribution(24, 960)] = 240  # hours in each tier
    calm_score: Annotated[float, FloatDistribution(0.2, 1.0)] = 0.4
    steps: Steps = 2  # sessions

    def rule(self) -> Rule:
        """Three tiers on the weighted score."""
        families = {
            "macro": macro(),
            "leadership": leadership(),
            "crypto": crypto(self.window, self.drawdown, self.spike_days, self.spike),
            "correlation": correlation(),
        }
        weights = {name: getattr(self, f"{name}_weight") for name in families}
        return Rule(
            name=self.name(),
            trigger=Trigger(when=weighted(families, weights), combine="score"),
            gates=(tailwind(self.policy),),
            tiers=self._tiers(),
            timing=Timing(lag=self.lag),
            source=self.source,
            reentry=Reentry(when=(stabilised(self.calm_score),), steps=self.steps),
        )

    def _tiers(self) -> tuple[Tier, ...]:
        reduce_at = self.watch_at + self.reduce_after
        # Rounded like the score, so that a score equal to a level meets it exactly.
        levels = {"watch": self.watch_at, "reduce": reduce_at, "cash": reduce_at + self.cash_after}
        levels = {name: min(1.0, round(at, 12)) for name, at in levels.items()}
        cash = {"watch": 0.0, "reduce": self.reduce, "cash": max(self.reduce, self.cash)}
        return tuple(
            Tier(
                name=name,
                at=at,
                # Rounded, so that 0.35000000000000003 becomes the 0.35 that is meant.
                leave=round(at - SLACK, 12),
                cash=cash[name],
                hedge=self.hedge if name == "watch" else 0.0,
                min_stay=0 if name == "watch" else shortest_stay(self.min_hold, self.max_hold),
                max_stay=self.max_hold,
            )
            for name, at in levels.items()
        )
