"""Decisions of a strategy on the markets of the suite, shapes and ranges checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, IntDistribution

from undertow.market import Decisions, Fill, Market, coarsen, decisions, simulate_market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import LEAST_TAX, Decision, Strategy

BY_SESSION = ("exposure", "stale", "rotation", "hedge", "above")
# Memory for the signals of a table that strategies share, bytes: columns at the decisions are kept beside it.
_SERIES_BYTES = 8e6
# So many tables of markets as large as the simulated one stay in memory, and of smaller ones.
_LARGE_TABLES, _SMALL_TABLES = 50, 140
_SMALL_SESSIONS = 200


@cache
def simulated() -> Market:
    """The market of the suite: ten names for two and a half years, with cascades."""
    return simulate_market(seed=11, years=2.5, names=10)


@cache
def compact() -> Market:
    """A small market, on which every decision is checked: feeds of four hours."""
    market = simulate_market(seed=12, years=0.7, names=6)
    feeds = tuple(
        coarsen(feed, 4) if feed.interval.minutes == 60.0 else feed for feed in market.feeds if feed.asset != "ETH"
    )
    return replace(market, feeds=feeds)


def suite_table(market: Market, universe: str, fill: Fill, hours_early: float = 0.0) -> DecisionTable:
    """A table of decisions, taken `hours_early` before those of `fill`.

    One strategy after the other decides on the same markets, and many read the same signals.

    Args:
        market: market to decide on.
        universe: universe of the market.
        fill: "open" or "close".
        hours_early: hours before the decisions of the fill.
    """
    small = len(market.sessions) < _SMALL_SESSIONS
    return (_small_table if small else _large_table)(market, universe, fill, hours_early)


def _table(market: Market, universe: str, fill: Fill, hours_early: float) -> DecisionTable:
    table = DecisionTable(market, universe, fill, decisions_of(market, fill, hours_early))
    table.series_bytes = _SERIES_BYTES
    return table


_large_table = lru_cache(maxsize=_LARGE_TABLES)(_table)
_small_table = lru_cache(maxsize=_SMALL_TABLES)(_table)


def decisions_of(market: Market, fill: Fill, hours_early: float = 0.0) -> Decisions:
    """The decisions of a fill, each taken `hours_early` before its time."""
    regular = decisions(market.calendar, fill)
    early = np.timedelta64(round(hours_early * 3600), "s").astype("timedelta64[ns]")
    return Decisions(regular.sessions, regular.at - early, regular.filled_at, fill)


def sample_rules(strategy: type[Strategy], count: int = 6) -> list[Strategy]:
    """The defaults and random members of the search space, `count` rules in all.

    A strategy without parameters has one. Parameters of one name and range are drawn alike for every strategy, so that
    strategies share their signals.
    """
    rules = [strategy()]
    while len(rules) < count and strategy.model_fields:
        streams = {name: np.random.default_rng([len(rules), *name.encode()]) for name in strategy.search_space()}
        drawn = {name: _draw(streams[name], space) for name, space in strategy.search_space().items()}
        rules.append(strategy.create(drawn))
    return rules


def _draw(rng: np.random.Generator, space: Any) -> Any:
    if isinstance(space, CategoricalDistribution):
        return space.choices[rng.integers(len(space.choices))]
    if isinstance(space, IntDistribution):
        return int(space.low + space.step * rng.integers((space.high - space.low) // space.step + 1))
    return float(rng.uniform(space.low, space.high))


def checked_decision(
    strategy: type[Strategy],
    market: Market,
    rules: Sequence[Strategy],
    fill: Fill = "open",
    universe: str = "growth",
    table: DecisionTable | None = None,
) -> tuple[DecisionTable, Decision]:
    """The table and the decision of several rules at once, shapes and ranges checked.

    Args:
        strategy: strategy class of the rules.
        market: market to decide on.
        rules: strategies of that class, one a parameter set.
        fill: "open" or "close".
        universe: universe of the market.
        table: table of decisions to use; None makes one.
    """
    table = table or DecisionTable(market, universe, fill)
    decision = strategy.decide(table, strategy.stack(list(rules)))
    _check_shapes(strategy.name(), decision, (len(table), len(rules)), len(table.symbols))
    _check_ranges(strategy.name(), market, decision)
    return table, decision


def _check_shapes(name: str, decision: Decision, shape: tuple[int, int], names: int) -> None:
    by_session: dict[str, Any] = {name: getattr(decision, name) for name in BY_SESSION}
    by_session |= {f"flag {flag}": values for flag, values in decision.flags.items()}
    by_set: dict[str, Any] = {name: getattr(decision, name) for name in ("score_of_set", "stop", "stop_wait")}
    checks: list[tuple[str, Any, tuple[int, ...], str]]
    checks = [(label, values, shape, "(sessions, sets)") for label, values in by_session.items()]
    checks += [(label, values, shape[1:], "(sets,)") for label, values in by_set.items()]
    checks += [
        (f"selling order {n}", score, (shape[0], names), "(sessions, names)") for n, score in enumerate(decision.scores)
    ]
    for label, values, expected, axes in checks:
        if values is not None and values.shape != expected:
            raise AssertionError(f"`{name}`: {label} has the shape {values.shape}, expected {axes} {expected}")


def _check_ranges(name: str, market: Market, decision: Decision) -> None:
    limits: list[tuple[str, Any, Any, str]] = [("exposure", decision.exposure, 1.0, "a share of capital in [0, 1]")]
    if decision.rotation is not None:
        # A share that is computed from another may be a rounding above the remainder.
        remainder = 1.0 - decision.exposure + 1e-12
        limits.append(("rotation", decision.rotation, remainder, "a share of capital in [0, 1 - exposure]"))
    if decision.hedge is not None:
        limits.append(("hedge", decision.hedge, 1.0, "a share of capital in [0, 1]"))
    for label, shares, limit, rule in limits:
        bad = np.argwhere(~((shares >= 0) & (shares <= limit)))
        if len(bad):
            session, value = market.sessions[bad[0][0]].date(), shares[tuple(bad[0])]
            raise AssertionError(f"`{name}`: {label} on {session} is {value:g}; it must be {rule}")
    if decision.stop is not None and not ((decision.stop > 0) & (decision.stop < 1)).all():
        raise AssertionError(f"`{name}`: stop must be in (0, 1), got {decision.stop}")
    if decision.rotation is not None and decision.rotation.any() and decision.basket not in market.universes:
        raise AssertionError(f"`{name}`: basket {decision.basket!r} is not a universe of the market")
    if (decision.score_of_set >= len(decision.scores)).any() or (decision.score_of_set < LEAST_TAX).any():
        raise AssertionError(f"`{name}`: score_of_set names an order that `scores` lacks: {decision.score_of_set}")
