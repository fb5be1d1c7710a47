"""The checks of the four observing steps: macro, leadership, crypto, correlation."""

from __future__ import annotations

from typing import Any, NamedTuple

from undertow.market import Market
from undertow.strategies.rules import Condition

MACRO, LEADERSHIP, CRYPTO, CORRELATION, ACTION = (
    "macro",
    "leadership",
    "crypto structure",
    "correlation and timeframes",
    "action",
)
# Baskets whose breadth is read, and the fund that stands for one where a market has no list of its names.
BASKETS = (("semis", "SMH"), ("software", "IGV"), ("crypto-linked", "BITQ"))
# The bars on which Bitcoin is judged: length, window in hours, and the fall from its high that breaks it.
BREAKS = (("1h", 24, -0.03), ("4h", 72, -0.07), ("1d", 336, -0.12))
# The same for the common trend with the stock index: length, window, and the hours of the present volatility.
TRENDS = (("1h", 120, 24), ("4h", 480, 96))


class PanelCheck(NamedTuple):
    """A check of a step: a condition, read at the decision.

    `key` names it for the conclusions.
    """

    key: str
    condition: Condition


def panel(market: Market) -> dict[str, tuple[PanelCheck, ...]]:
    """The checks of each observing step, by its name."""
    return {
        MACRO: _macro(),
        LEADERSHIP: _leadership(market),
        CRYPTO: _crypto(),
        CORRELATION: _correlation(),
    }


def _check(key: str, title: str, signal: str, output: str = "", **levels: Any) -> PanelCheck:
    return PanelCheck(key, Condition(signal=signal, output=output, lag=0.0, title=title, **levels))


def _macro() -> tuple[PanelCheck, ...]:
    shock = {"above": 2.0, "watch": 1.25}
    return (
        _check("nominal", "10-year yield shock", "rates-shock", "z_nominal", **shock),
        _check("real", "10-year real yield shock", "rates-shock", "z_real", **shock),
        _check("dollar", "dollar shock", "dollar-shock", "z", **shock),
        _check("together", "yields and dollar up together", "yields-and-dollar", "both", above=1.0, watch=0.5),
        _check("credit", "credit spread shock", "credit-shock", "z", **shock),
        _check("path", "2-year less policy rate shock", "policy-path", "z", **shock),
        _check("target", "target rate in a quarter", "policy-path", "target", above=0.5, watch=0.25),
    )


def _leadership(market: Market) -> tuple[PanelCheck, ...]:
    few: dict[str, object] = {"above": None, "below": 0.25, "watch": 0.4}
    checks = [
        _check("lead", "lead over the index", "leadership", "z", below=-1.5, watch=-0.75),
        _check("breadth", "breadth of the universe", "breadth", "share", **few),
    ]
    for name, fund in BASKETS:
        known = name if name in market.universes else fund if fund in market.prices else ""
        if known:
            checks.append(_check("basket", f"breadth of {known}", "breadth", "share", universe=known, **few))
    return tuple(checks)


def _crypto() -> tuple[PanelCheck, ...]:
    day = {"horizon": 24.0, "window": 2160.0}
    spike = {"parameters": day, "above": 0.98, "watch": 0.93, "fallback": "liquidation-proxy"}
    return (
        _check("price", "BTC drawdown", "drawdown", parameters={"window": 168.0}, below=-0.15, watch=-0.10),
        _check("gap", "BTC since the close", "weekend-gap", "gap", below=-0.08, watch=-0.05),
        _check("interest", "open interest change", "open-interest-change", "z", below=-2.5, watch=-1.5),
        _check("liquidations", "liquidation rank", "liquidation-spike", "rank", **spike),
        _check("funding", "funding against its usual", "funding", "z", above=3.0, watch=2.0),
    )


def _correlation() -> tuple[PanelCheck, ...]:
    title = "correlation over 63 sessions"
    checks = [_check("sessions", title, "btc-equity-correlation", "correlation", above=0.5, watch=0.3)]
    for interval, window, short in TRENDS:
        lengths = {"window": float(window), "short": float(short)}
        checks.append(
            _check(
                "trend",
                f"BTC and QQQ both down on {interval}",
                "common-trend",
                "stress",
                parameters=lengths,
                interval=interval,
                read="now",
                above=1.0,
                fallback="common-trend-spy",
            )
        )
    for interval, hours, fall in BREAKS:
        checks.append(
            _check(
                f"break {interval}",
                f"BTC from its high on {interval}",
                "drawdown",
                parameters={"window": float(hours)},
                interval=interval,
                read="now",
                below=fall,
            )
        )
    checks.append(_check("warning", "precursors of compression", "compression-warning", "count", above=2.0, watch=1.0))
    return tuple(checks)
