"""The fifteen-minute risk-off checklist: its conditions, family by family."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from undertow.strategies.common import btc_drawdown, liquidation_spike
from undertow.strategies.rules.parts import Condition, Gate


@cache
def macro() -> tuple[Condition, ...]:
    """Volatility, yields, the dollar and credit: known at the close, so without a lag."""
    return (
        Condition(signal="vix", output="spike", above=0.5, watch=0.25, lag=0.0, title="VIX above its median"),
        Condition(signal="rates-shock", output="z_nominal", above=2.0, watch=1.25, lag=0.0, title="yield shock"),
        Condition(signal="dollar-shock", output="z", above=2.0, watch=1.25, lag=0.0, title="dollar shock"),
        Condition(signal="credit-shock", output="z", above=2.0, watch=1.25, lag=0.0, title="credit spread shock"),
    )


@cache
def leadership() -> tuple[Condition, ...]:
    """Whether growth leads the benchmark, and how many names are above their average."""
    return (
        Condition(signal="leadership", output="z", below=-1.5, watch=-0.75, lag=0.0, title="lead of growth"),
        Condition(signal="breadth", output="change", below=-0.35, watch=-0.2, lag=0.0, title="change of breadth"),
    )


def crypto(window: float, drawdown: float, days: float, rank: float) -> tuple[Condition, ...]:
    """Bitcoin's fall, forced selling, weekend gap and lost leverage.

    The weekend gap is read without a lag, the others `lag` hours after they were known.

    Args:
        window: lookback of the drawdown, hours
        drawdown: the drawdown that alarms, decimal, negative
        days: lookback of the liquidation rank, days
        rank: the rank of a day's long liquidations that alarms, in [0, 1]
    """
    return (
        btc_drawdown(window, drawdown, watch=drawdown * 2.0 / 3.0),
        liquidation_spike(days, rank, watch=rank - 0.05),
        *_leverage(),
    )


@cache
def _leverage() -> tuple[Condition, ...]:
    return (
        Condition(signal="weekend-gap", output="gap", below=-0.08, watch=-0.05, lag=0.0, title="BTC since the close"),
        Condition(signal="open-interest-change", output="z", below=-2.5, watch=-1.5, title="open interest change"),
    )


@cache
def correlation() -> tuple[Condition, ...]:
    """Whether stocks move with Bitcoin."""
    return (
        Condition(
            signal="btc-equity-correlation",
            output="correlation",
            above=0.5,
            watch=0.3,
            lag=0.0,
            title="correlation with BTC",
        ),
    )


def tailwind(scale: float) -> Gate:
    """A gate that is on while stocks rally on falling yields and Bitcoin is sold."""
    return Gate(signal="policy-tailwind", output="gate", above=1.0, scale=scale, title="policy tailwind")


def weighted(families: Mapping[str, tuple[Condition, ...]], weights: Mapping[str, float]) -> tuple[Condition, ...]:
    """The conditions of the families with a weight above 0, each with its share of it."""
    return tuple(
        condition.model_copy(update={"weight": weights[name] / len(conditions)})
        for name, conditions in families.items()
        if weights[name] > 0
        for condition in conditions
    )
