"""The fifteen-minute risk-off checklist: what it looks at, family by family."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from undertow.strategies.common import btc_drawdown, liquidation_spike
from undertow.strategies.rules.parts import Condition, Gate

FAMILIES = ("macro", "leadership", "crypto", "correlation")


@cache
def macro() -> tuple[Condition, ...]:
    """Volatility, yields, the dollar and credit; all known at the close, so without a lag."""
    return (
        Condition(signal="vix", output="spike", above=0.5, watch=0.25, lag=0.0, title="VIX above its median"),
        Condition(signal="rates-shock", output="z_nominal", above=2.0, watch=1.25, lag=0.0, title="yield shock"),
        Condition(signal="dollar-shock", output="z", above=2.0, watch=1.25, lag=0.0, title="dollar shock"),
        Condition(signal="credit-shock", output="z", above=2.0, watch=1.25, lag=0.0, title="credit spread shock"),
    )


@cache
def leadership() -> tuple[Condition, ...]:
    """Whether growth still leads, and how many names still hold their average."""
    return (
        Condition(signal="leadership", output="z", below=-1.5, watch=-0.75, lag=0.0, title="lead of growth"),
        Condition(signal="breadth", output="change", below=-0.35, watch=-0.2, lag=0.0, title="change of breadth"),
    )


def crypto(window: float, drawdown: float, days: float, rank: float) -> tuple[Condition, ...]:
    """The fall, the forced selling, the weekend and the leverage that is gone; `lag` hours after they were known."""
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
    """Whether stocks move with Bitcoin at all."""
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
    """Stocks rally on falling yields while Bitcoin is sold: selling stocks then fights policy."""
    return Gate(signal="policy-tailwind", output="gate", above=1.0, scale=scale, title="policy tailwind")


def weighted(families: Mapping[str, tuple[Condition, ...]], weights: Mapping[str, float]) -> tuple[Condition, ...]:
    """The conditions of every family whose weight is above 0, each with its share of the family's weight."""
    return tuple(
        each.model_copy(update={"weight": weights[name] / len(found)})
        for name, found in families.items()
        if weights[name] > 0
        for each in found
    )
