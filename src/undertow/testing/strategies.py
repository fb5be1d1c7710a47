"""The contract of a strategy as functions: `AssertionError` names what is broken."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from undertow.market import PRICE_FIELDS, Feed, Fill, Market, ParameterError, simulate_market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import LEAST_TAX, WEIGHTINGS, Decision, Strategy, base_weights

# Where in a market the past ends, as shares of its sessions.
CUTS = (0.24, 0.48, 0.76)
_BY_SESSION = ("exposure", "stale", "rotation", "hedge")
# Memory for the signals of a table that strategies share, bytes.
_SERIES_BYTES = 32e6


@cache
def simulated() -> Market:
    """The market of the suite: ten names for two and a half years, with cascades."""
    return simulate_market(seed=11, years=2.5, names=10)


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
    by_session: dict[str, Any] = {name: getattr(decision, name) for name in _BY_SESSION}
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


def check_strategy_definition(strategy: type[Strategy]) -> None:
    """Check docstring, summary, and search ranges that hold the defaults."""
    name = strategy.name()
    if not (strategy.__doc__ or "").strip() or strategy.__doc__ == Strategy.__doc__:
        raise AssertionError(f"`{name}` has no docstring")
    if not strategy.summary.strip():
        raise AssertionError(f"`{name}` has no `summary`: one line for the list of strategies")
    try:
        strategy.search_space()
        strategy()
    except Exception as error:
        raise AssertionError(f"`{name}` cannot be made from its defaults: {error}") from error


def check_no_look_ahead(
    strategy: type[Strategy],
    market: Market,
    fill: Fill = "open",
    universe: str = "growth",
    sessions: Sequence[str | pd.Timestamp] = (),
) -> None:
    """Check that decisions stay when later data is removed or replaced by noise.

    Args:
        strategy: strategy class.
        market: market to decide on.
        fill: "open" or "close".
        universe: universe of the market.
        sessions: sessions after which the market is changed; by default three shares of the market's.
    """
    rules = sample_rules(strategy)
    complete = checked_decision(strategy, market, rules, fill, universe, _table(market, universe, fill))
    for session in map(pd.Timestamp, sessions or _cuts(market)):
        for label, changed in _changed_markets(market, session):
            rows = int(market.sessions.searchsorted(session, "right"))
            partial = checked_decision(strategy, changed, rules, fill, universe, _table(changed, universe, fill))
            change = f"when what became known after {session.date()} was {label}: it looks ahead"
            _check_equal_decisions(strategy.name(), complete, partial, rows, change)


def _cuts(market: Market) -> list[pd.Timestamp]:
    return [market.sessions[int(share * len(market.sessions))] for share in CUTS]


@lru_cache(maxsize=6)
def _changed_markets(market: Market, session: pd.Timestamp) -> tuple[tuple[str, Market], ...]:
    return ("removed", market.until(session)), ("replaced by noise", noise_after(market, session))


@lru_cache(maxsize=14)
def _table(market: Market, universe: str, fill: Fill) -> DecisionTable:
    # One strategy after the other decides on the same markets, and many read the same signals.
    table = DecisionTable(market, universe, fill)
    table.series_bytes = _SERIES_BYTES
    return table


def _check_equal_decisions(
    name: str,
    complete: tuple[DecisionTable, Decision],
    partial: tuple[DecisionTable, Decision],
    rows: int,
    change: str,
) -> None:
    (table, whole_decision), (_, part_decision) = complete, partial
    pairs = _by_session(part_decision, whole_decision) + _by_name(complete, partial)
    for label, values, expected in pairs:
        row = _first_difference(values[:rows], expected[:rows])
        if row is not None:
            session = table.market.sessions[row].date()
            raise AssertionError(f"`{name}`: {label} on {session} changed {change}")
    for label, value, expected in _by_set(part_decision, whole_decision):
        if not np.array_equal(value, expected):
            raise AssertionError(f"`{name}`: {label} changed {change}")


def _by_name(
    complete: tuple[DecisionTable, Decision], partial: tuple[DecisionTable, Decision]
) -> list[tuple[str, Any, Any]]:
    """Names alive and selling orders of two tables, on the symbols of both."""
    (table, whole_decision), (part, part_decision) = complete, partial
    shared = [symbol for symbol in table.symbols if symbol in part.symbols]
    part_columns, table_columns = ([grid.symbols.index(symbol) for symbol in shared] for grid in (part, table))
    # A screen may choose other names later: until then those must not have been alive.
    later = [
        np.asarray(np.delete(grid.alive, columns, axis=1).any(axis=1))
        for grid, columns in ((part, part_columns), (table, table_columns))
    ]
    pairs = [
        ("the names alive", part.alive[:, part_columns], table.alive[:, table_columns]),
        ("the names that only one market has", later[0], np.zeros(len(part), np.bool_)),
        ("the names that only one market has", later[1], np.zeros(len(table), np.bool_)),
    ]
    return pairs + [
        (
            f"selling order {n}",
            np.where(part.alive, score, np.nan)[:, part_columns],
            np.where(table.alive, expected, np.nan)[:, table_columns],
        )
        for n, (score, expected) in enumerate(zip(part_decision.scores, whole_decision.scores, strict=True))
    ]


def _by_session(decision: Decision, expected: Decision) -> list[tuple[str, Any, Any]]:
    """The values of two decisions by session; a field that is not used counts as zero."""
    pairs = [(name, getattr(decision, name), getattr(expected, name)) for name in _BY_SESSION]
    flags = sorted({*decision.flags, *expected.flags})
    pairs += [(f"flag {flag}", decision.flags.get(flag), expected.flags.get(flag)) for flag in flags]
    return [(label, _filled(decision, values), _filled(expected, twins)) for label, values, twins in pairs]


def _filled(decision: Decision, values: Any) -> Any:
    return np.zeros(decision.exposure.shape) if values is None else values


def _by_set(decision: Decision, expected: Decision) -> list[tuple[str, Any, Any]]:
    names = ("score_of_set", "stop", "stop_wait", "basket", "hedge_symbol")
    return [(name, getattr(decision, name), getattr(expected, name)) for name in names]


def check_base_weights(market: Market, universe: str = "growth", sessions: Sequence[str | pd.Timestamp] = ()) -> None:
    """Check that base weights stay when later data is removed or replaced by noise."""
    table = DecisionTable(market, universe)
    for session in map(pd.Timestamp, sessions or _cuts(market)):
        rows = int(market.sessions.searchsorted(session, "right"))
        for changed in (market.until(session), noise_after(market, session)):
            part = DecisionTable(changed, universe)
            columns = [table.symbols.index(symbol) for symbol in part.symbols]
            for weighting in WEIGHTINGS:
                weights, _ = base_weights(part, slice(0, rows), weighting, "monthly")
                expected, _ = base_weights(table, slice(0, rows), weighting, "monthly")
                if not np.allclose(weights, expected[:, columns], rtol=1e-12, atol=0.0):
                    raise AssertionError(f"{weighting} base weights up to {session.date()} look ahead")


def check_sets(strategy: type[Strategy], market: Market, universe: str = "growth") -> None:
    """Check that sets at once equal sets one at a time, selling order included."""
    rules = sample_rules(strategy, 8)
    _, together = checked_decision(strategy, market, rules, universe=universe)
    for index, rule in enumerate(rules):
        _, alone = checked_decision(strategy, market, [rule], universe=universe)
        pairs = [(label, joint[:, index], single[:, 0]) for label, joint, single in _by_session(together, alone)]
        pairs.append(("the selling order", _score(together, index), _score(alone, 0)))
        for label, joint, single in pairs:
            row = _first_difference(joint, single)
            if row is not None:
                raise AssertionError(
                    f"`{strategy.name()}`: {label} on {market.sessions[row].date()} is not the same when"
                    f" {rule.parameters} is run alone and together with other sets"
                )


def _score(decision: Decision, index: int) -> npt.NDArray[np.float64]:
    score = int(decision.score_of_set[index])
    return decision.scores[score] if score >= 0 else np.full((len(decision.exposure), 1), float(score))


def check_missing_feeds(strategy: type[Strategy], market: Market, universe: str = "growth") -> None:
    """Check that without feeds it holds the last exposure and marks sessions stale."""
    rules = sample_rules(strategy)
    table, complete = checked_decision(strategy, market, rules, universe=universe)
    bare, decision = checked_decision(strategy, replace(market, feeds=()), rules, universe=universe)
    reads_feeds = bool(bare.absent) or any(used.any() for used in table.used.values())
    _check_held(strategy.name(), market, "with no feed", (complete, decision), reads_feeds)
    start, stop = (market.sessions[int(share * len(market.sessions))] for share in (0.5, 0.6))
    _, decision = checked_decision(strategy, _with_gap(market, start, stop), rules, universe=universe)
    _check_held(strategy.name(), market, "with a gap in every feed", (complete, decision), reads_feeds)


def _check_held(
    name: str, market: Market, condition: str, decisions: tuple[Decision, Decision], reads_feeds: bool
) -> None:
    complete, decision = decisions
    # The exposure before anything is known, a reserve for example, is the first session's.
    before = np.vstack((decision.exposure[:1], decision.exposure[:-1]))
    moved = np.argwhere(decision.stale & (decision.exposure != before))
    if decision.hedge is not None and not len(moved):
        hedged = np.vstack((decision.hedge[:1], decision.hedge[:-1]))
        moved = np.argwhere(decision.stale & (decision.hedge != hedged))
    if len(moved):
        raise AssertionError(
            f"`{name}`: {condition} the exposure or hedge moved on {market.sessions[moved[0][0]].date()}, a session it"
            " marks stale; a stale session holds the last exposure and hedge"
        )
    silent = ~decision.stale.any(axis=0)
    # A set that reads no feed at all, beside others that do, decides as before.
    changed = (decision.exposure != complete.exposure).any(axis=0)
    if reads_feeds and (silent.all() or (silent & changed).any()):
        raise AssertionError(
            f"`{name}` reads feeds, but {condition} it marks no session stale; `stale` must be true where a"
            " signal is NaN"
        )


def check_record(strategy: type[Strategy]) -> None:
    """Check that it is frozen, pickles, and refuses bad values and unknown names."""
    rule, name = strategy(), strategy.name()
    if pickle.loads(pickle.dumps(rule)) != rule:  # noqa: S301 - made on the same line
        raise AssertionError(f"`{name}` comes back from a pickle as another rule")
    for parameter, space in strategy.search_space().items():
        try:
            setattr(rule, parameter, getattr(rule, parameter))
        except (ValueError, TypeError):
            pass
        else:
            raise AssertionError(f"`{name}`.{parameter} can be changed; a strategy is frozen")
        outside: tuple[Any, ...] = ("nonsense",)
        if isinstance(space, FloatDistribution | IntDistribution):
            outside = (space.high + 1, space.low - 1)
        for bad in outside:
            _check_refused(strategy, parameter, bad, f"`{parameter}` must be")
    _check_refused(strategy, "nonsense", 1, "has no parameter `nonsense`")


def _check_refused(strategy: type[Strategy], parameter: str, value: Any, message: str) -> None:
    try:
        strategy.create({parameter: value})
    except ParameterError as error:
        if message not in str(error):
            raise AssertionError(
                f"`{strategy.name()}`: the error for {parameter}={value} lacks `{message}`: {error}"
            ) from None
        return
    raise AssertionError(f"`{strategy.name()}` accepts {parameter}={value!r}, which is outside its range")


def noise_after(market: Market, session: pd.Timestamp) -> Market:
    """The market with all data known after `session` closed multiplied by noise."""
    rng = np.random.default_rng(9)
    row = int(market.sessions.searchsorted(session, "right"))
    cutoff = market.calendar.closes[row - 1]

    def with_noise(feed: Feed) -> Feed:
        late = feed.known_at > cutoff
        columns = {n: np.where(late, v * rng.lognormal(0, 0.3, len(v)), v) for n, v in feed.columns.items()}
        return replace(feed, columns=columns)

    panels = {}
    for name in PRICE_FIELDS:
        panel = getattr(market.prices, name).copy()
        panel[row:] *= rng.lognormal(0, 0.3, panel[row:].shape)
        panels[name] = panel
    return replace(
        market, prices=replace(market.prices, **panels), feeds=tuple(with_noise(feed) for feed in market.feeds)
    )


def _with_gap(market: Market, start: pd.Timestamp, stop: pd.Timestamp) -> Market:
    low, high = start.to_datetime64(), stop.to_datetime64()

    def with_gap(feed: Feed) -> Feed:
        return feed.keep((feed.known_at < low) | (feed.known_at >= high))

    return replace(market, feeds=tuple(feed for feed in map(with_gap, market.feeds) if len(feed)))


def _first_difference(values: npt.NDArray[Any], expected: npt.NDArray[Any]) -> int | None:
    """The first row where two arrays differ; NaN equals NaN."""
    if values.shape != expected.shape:
        return 0
    equal = np.isclose(values, expected, rtol=0.0, atol=0.0, equal_nan=True)
    rows = np.flatnonzero(~equal.reshape(len(equal), -1).all(axis=1))
    return int(rows[0]) if len(rows) else None
