"""Conditions that several named strategies share, and the ranges they are tuned in."""

from __future__ import annotations

from typing import Annotated

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from undertow.strategies.rules.parts import AllClear, Condition, Tier
from undertow.strategies.rules.sources import SOURCES

Lag = Annotated[int, IntDistribution(0, 96)]
Cash = Annotated[float, FloatDistribution(0.05, 1.0)]
Window = Annotated[int, IntDistribution(24, 720, log=True)]
Depth = Annotated[float, FloatDistribution(-0.40, -0.05)]
Rank = Annotated[float, FloatDistribution(0.80, 1.0)]
# Every distinct window is a pass over years of hours; five days more or less make no difference to a rank.
SpikeDays = Annotated[int, IntDistribution(30, 365, step=5)]
SourceOfCash = Annotated[str, CategoricalDistribution(SOURCES)]
MinHold = Annotated[int, IntDistribution(0, 120)]
MaxHold = Annotated[int, IntDistribution(24, 480)]
Calm = Annotated[int, IntDistribution(0, 168)]
Steps = Annotated[int, IntDistribution(1, 5)]

HOURS_A_DAY = 24.0


def shorter(min_hold: float, max_hold: float) -> float:
    """The shortest stay of a tier in hours: never above the longest, which ends it whatever the shortest says."""
    return min(min_hold, max_hold)


def one_tier(name: str, min_hold: float, max_hold: float, *, cash: float = 0.0, hedge: float = 0.0) -> tuple[Tier, ...]:
    """One tier at a full score, held for `min_hold` to `max_hold` hours."""
    shortest = shorter(min_hold, max_hold)
    return (Tier(name=name, at=1.0, cash=cash, hedge=hedge, min_stay=shortest, max_stay=max_hold),)


def btc_drawdown(window: float, depth: float, *, watch: float | None = None) -> Condition:
    """BTC is `depth` (decimal, negative) or more below its high of the last `window` hours."""
    return Condition(signal="drawdown", parameters={"window": window}, below=depth, watch=watch, title="BTC drawdown")


def liquidation_spike(days: float, rank: float, *, watch: float | None = None) -> Condition:
    """A day's long liquidations rank at or above `rank` among those of the last `days`; the proxy stands in."""
    return Condition(
        signal="liquidation-spike",
        output="rank",
        parameters={"horizon": HOURS_A_DAY, "window": days * HOURS_A_DAY},
        above=rank,
        watch=watch,
        fallback="liquidation-proxy",
        title="liquidation rank",
    )


def no_new_low(days: float, hours: float) -> AllClear:
    """BTC has made no new low, of the last `days`, for `hours`."""
    return AllClear(
        signal="rows-since-low", parameters={"window": days * HOURS_A_DAY}, above=hours, title="hours since BTC's low"
    )


def stabilised(score: float) -> AllClear:
    """At least a share `score` of the signs of stabilisation that are known say so."""
    return AllClear(signal="stabilisation", above=score, title="stabilisation")
