"""Conditions and search ranges that several named strategies share."""

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
# In steps: every distinct window is a pass over years of hours, and five days more or less do not change a rank.
SpikeDays = Annotated[int, IntDistribution(30, 365, step=5)]
SourceOfCash = Annotated[str, CategoricalDistribution(SOURCES)]
MinHold = Annotated[int, IntDistribution(0, 120)]
MaxHold = Annotated[int, IntDistribution(24, 480)]
Calm = Annotated[int, IntDistribution(0, 168)]
Steps = Annotated[int, IntDistribution(1, 5)]

HOURS_A_DAY = 24.0


def shortest_stay(min_hold: float, max_hold: float) -> float:
    """The shortest stay of a tier in hours, never above the longest."""
    return min(min_hold, max_hold)


def one_tier(name: str, min_hold: float, max_hold: float, *, cash: float = 0.0, hedge: float = 0.0) -> tuple[Tier, ...]:
    """One tier at a full score, held for `min_hold` to `max_hold` hours.

    Args:
        name: the name of the tier
        min_hold: the shortest stay, hours
        max_hold: the longest stay, hours
        cash: share of capital taken out of stocks
        hedge: share of capital sold short
    """
    shortest = shortest_stay(min_hold, max_hold)
    return (Tier(name=name, at=1.0, cash=cash, hedge=hedge, min_stay=shortest, max_stay=max_hold),)


def btc_drawdown(window: float, depth: float, *, watch: float | None = None) -> Condition:
    """BTC at or below `depth` (decimal, negative) from its high of `window` hours."""
    return Condition(signal="drawdown", parameters={"window": window}, below=depth, watch=watch, title="BTC drawdown")


def liquidation_spike(days: float, rank: float, *, watch: float | None = None) -> Condition:
    """A day's long liquidations at or above `rank` among those of the last `days`.

    The proxy from bars is the fallback where there is no liquidation feed.
    """
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
    """`hours` have passed since BTC's last low of a trailing window of `days`."""
    return AllClear(
        signal="rows-since-low", parameters={"window": days * HOURS_A_DAY}, above=hours, title="hours since BTC's low"
    )


def stabilised(score: float) -> AllClear:
    """At least a share `score` of the known signs of stabilisation are on."""
    return AllClear(signal="stabilisation", above=score, title="stabilisation")
