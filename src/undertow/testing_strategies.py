"""The contract of a strategy as plain functions: each raises `AssertionError` that names what is broken."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from undertow.market import Feed, Market, ParameterError, simulate_market
from undertow.market.calendar import Fill
from undertow.market.prices import FIELDS
from undertow.signals.table import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.strategies.weights import WEIGHTINGS, base_weights

Kind = type[Strategy]
# Where in a market the past is cut off, as shares of its sessions.
CUTS = (0.24, 0.48, 0.76)


@cache
def simulated() -> Market:
    """The market that the suite brings along: ten names for two and a half years, with cascades."""
    return simulate_market(seed=11, years=2.5, names=10)


def several(strategy: Kind, count: int = 6) -> list[Strategy]:
    """The defaults and random members of the search space, as many as asked for; one without parameters."""
    rng = np.random.default_rng(3)
    found = [strategy()]
    while len(found) < count and strategy.model_fields:
        drawn = {name: _draw(rng, space) for name, space in strategy.search_space().items()}
        found.append(strategy.create(drawn))
    return found


def _draw(rng: np.random.Generator, space: Any) -> Any:
    if isinstance(space, CategoricalDistribution):
        return space.choices[rng.integers(len(space.choices))]
    if isinstance(space, IntDistribution):
        return int(rng.integers(space.low, space.high + 1))
    return float(rng.uniform(space.low, space.high))


def decided(
    strategy: Kind, market: Market, rules: Sequence[Strategy], fill: Fill = "open", universe: str = "growth"
) -> tuple[DecisionTable, Decision]:
    """The table and the decision of several rules at once, after looking at its shapes and its exposure."""
    table = DecisionTable(market, universe, fill)
    decision = strategy.decide(table, strategy.stack(list(rules)))
    name, shape = strategy.name(), (len(table), len(rules))
    for what, have in (("exposure", decision.exposure.shape), ("stale", decision.stale.shape)):
        if have != shape:
            raise AssertionError(f"`{name}`: {what} has the shape {have}, expected (sessions, sets) {shape}")
    if decision.score_of_set.shape != shape[1:]:
        raise AssertionError(
            f"`{name}`: score_of_set has the shape {decision.score_of_set.shape}, expected {shape[1:]}"
        )
    bad = np.argwhere(~((decision.exposure >= 0) & (decision.exposure <= 1)))
    if len(bad):
        session, value = market.sessions[bad[0][0]].date(), decision.exposure[tuple(bad[0])]
        raise AssertionError(f"`{name}`: exposure on {session} is {value:g}; it must be a share of capital in [0, 1]")
    return table, decision


def check_definition(strategy: Kind) -> None:
    """It says what it does, every field has a search range that holds its default, and its name is kebab-case."""
    name = strategy.name()
    if not (strategy.__doc__ or "").strip() or strategy.__doc__ == Strategy.__doc__:
        raise AssertionError(f"`{name}` has no docstring of its own")
    if not strategy.summary.strip():
        raise AssertionError(f"`{name}` has no `summary`: one line for the list of strategies")
    try:
        strategy.search_space()
        strategy()
    except Exception as error:
        raise AssertionError(f"`{name}` cannot be made from its defaults: {error}") from error


def check_prefix_invariance(
    strategy: Kind,
    market: Market,
    fill: Fill = "open",
    universe: str = "growth",
    sessions: Sequence[str | pd.Timestamp] = (),
) -> None:
    """A decision stands whatever comes later: when the later part of the market is removed, and when it is noise."""
    rules = several(strategy)
    table, whole = decided(strategy, market, rules, fill, universe)
    chosen = sessions or [market.sessions[int(share * len(market.sessions))] for share in CUTS]
    for session in map(pd.Timestamp, chosen):
        changes = (("removed", market.until(session)), ("replaced by noise", noise_after(market, session)))
        for words, other in changes:
            rows = int(market.sessions.searchsorted(session, "right"))
            part, decision = decided(strategy, other, rules, fill, universe)
            change = f"when what became known after {session.date()} was {words}: it looks ahead"
            _same_decisions(strategy.name(), table, part, whole, decision, rows, change)


def _same_decisions(
    name: str,
    table: DecisionTable,
    part: DecisionTable,
    whole: Decision,
    decision: Decision,
    rows: int,
    change: str,
) -> None:
    # A screen may choose other names later: until then those must not have been alive.
    shared = [symbol for symbol in table.symbols if symbol in part.symbols]
    here, there = ([each.symbols.index(symbol) for symbol in shared] for each in (part, table))
    pairs_of = ((part, here), (table, there))
    later = [np.asarray(np.delete(each.alive, names, axis=1).any(axis=1)) for each, names in pairs_of]
    pairs = [
        ("exposure", decision.exposure, whole.exposure),
        ("stale", decision.stale, whole.stale),
        ("the names alive", part.alive[:, here], table.alive[:, there]),
        ("the names that only one of them has", later[0], np.zeros(len(part), np.bool_)),
        ("the names that only one of them has", later[1], np.zeros(len(table), np.bool_)),
    ]
    pairs += [
        (
            f"selling order {n}",
            np.where(part.alive, ours, np.nan)[:, here],
            np.where(table.alive, theirs, np.nan)[:, there],
        )
        for n, (ours, theirs) in enumerate(zip(decision.scores, whole.scores, strict=True))
    ]
    for what, ours, theirs in pairs:
        found = _first_apart(ours[:rows], theirs[:rows])
        if found is not None:
            session = table.market.sessions[found].date()
            raise AssertionError(f"`{name}`: {what} on {session} changed {change}")


def check_base_weights(market: Market, universe: str = "growth", sessions: Sequence[str | pd.Timestamp] = ()) -> None:
    """Base weights stand whatever comes later, like decisions."""
    table = DecisionTable(market, universe)
    chosen = sessions or [market.sessions[int(share * len(market.sessions))] for share in CUTS]
    for session in map(pd.Timestamp, chosen):
        rows = int(market.sessions.searchsorted(session, "right"))
        for other in (market.until(session), noise_after(market, session)):
            part = DecisionTable(other, universe)
            columns = [table.symbols.index(symbol) for symbol in part.symbols]
            for weighting in WEIGHTINGS:
                ours, _ = base_weights(part, slice(0, rows), weighting, "monthly")
                theirs, _ = base_weights(table, slice(0, rows), weighting, "monthly")
                if not np.allclose(ours, theirs[:, columns], rtol=1e-12, atol=0.0):
                    raise AssertionError(f"{weighting} base weights up to {session.date()} look ahead")


def check_sets(strategy: Kind, market: Market, universe: str = "growth") -> None:
    """Many parameter sets at once equal one at a time: exposure, stale sessions, selling order."""
    rules = several(strategy, 8)
    _, together = decided(strategy, market, rules, universe=universe)
    for which, rule in enumerate(rules):
        _, alone = decided(strategy, market, [rule], universe=universe)
        pairs = [
            ("exposure", together.exposure[:, which], alone.exposure[:, 0]),
            ("stale", together.stale[:, which], alone.stale[:, 0]),
            ("the selling order", _score(together, which), _score(alone, 0)),
        ]
        for what, many, one in pairs:
            found = _first_apart(many, one)
            if found is not None:
                raise AssertionError(
                    f"`{strategy.name()}`: {what} on {market.sessions[found].date()} is not the same when"
                    f" {rule.parameters} is run alone and together with other sets"
                )


def _score(decision: Decision, which: int) -> npt.NDArray[np.float64]:
    score = int(decision.score_of_set[which])
    return decision.scores[score] if score >= 0 else np.full((len(decision.exposure), 1), -1.0)


def check_missing_feeds(strategy: Kind, market: Market, universe: str = "growth") -> None:
    """Without its feeds, and where they have a gap, it holds the last exposure and marks the session stale."""
    rules = several(strategy)
    table, whole = decided(strategy, market, rules, universe=universe)
    bare, decision = decided(strategy, replace(market, feeds=()), rules, universe=universe)
    reads_feeds = bool(bare.absent) or any(used.any() for used in table.used.values())
    _holds(strategy.name(), market, "with no feed", whole, decision, reads_feeds)
    start, stop = (market.sessions[int(share * len(market.sessions))] for share in (0.5, 0.6))
    _, decision = decided(strategy, _with_gap(market, start, stop), rules, universe=universe)
    _holds(strategy.name(), market, "with a gap in every feed", whole, decision, reads_feeds)


def _holds(name: str, market: Market, words: str, whole: Decision, decision: Decision, reads_feeds: bool) -> None:
    before = np.vstack((np.ones((1, decision.exposure.shape[1])), decision.exposure[:-1]))
    moved = np.argwhere(decision.stale & (decision.exposure != before))
    if len(moved):
        raise AssertionError(
            f"`{name}`: {words} the exposure moved on {market.sessions[moved[0][0]].date()}, a session it marks stale;"
            " a stale session holds the last exposure"
        )
    silent = ~decision.stale.any(axis=0)
    # A set that reads no feed at all, beside others that do, decides as before.
    changed = (decision.exposure != whole.exposure).any(axis=0)
    if reads_feeds and (silent.all() or (silent & changed).any()):
        raise AssertionError(
            f"`{name}` reads feeds, but {words} it marks no session stale; `stale` must be true where a signal is NaN"
        )


def check_record(strategy: Kind) -> None:
    """A frozen record that pickles, refuses what is outside a range and says what it does not know."""
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
            _refused(strategy, parameter, bad, f"`{parameter}` must be")
    _refused(strategy, "nonsense", 1, "has no parameter `nonsense`")


def _refused(strategy: Kind, parameter: str, value: Any, words: str) -> None:
    try:
        strategy.create({parameter: value})
    except ParameterError as error:
        if words not in str(error):
            raise AssertionError(
                f"`{strategy.name()}`: the error for {parameter}={value} lacks `{words}`: {error}"
            ) from None
        return
    raise AssertionError(f"`{strategy.name()}` accepts {parameter}={value!r}, which is outside its range")


def noise_after(market: Market, session: pd.Timestamp) -> Market:
    """The market with everything that became known after `session` closed multiplied by noise."""
    rng = np.random.default_rng(9)
    row = int(market.sessions.searchsorted(session, "right"))
    cutoff = market.calendar.closes[row - 1]

    def feed(each: Feed) -> Feed:
        late = each.known_at > cutoff
        columns = {n: np.where(late, v * rng.lognormal(0, 0.3, len(v)), v) for n, v in each.columns.items()}
        return replace(each, columns=columns)

    panels = {}
    for name in FIELDS:
        panel = getattr(market.prices, name).copy()
        panel[row:] *= rng.lognormal(0, 0.3, panel[row:].shape)
        panels[name] = panel
    return replace(market, prices=replace(market.prices, **panels), feeds=tuple(feed(each) for each in market.feeds))


def _with_gap(market: Market, start: pd.Timestamp, stop: pd.Timestamp) -> Market:
    low, high = start.to_datetime64(), stop.to_datetime64()

    def feed(each: Feed) -> Feed:
        return each.keep((each.known_at < low) | (each.known_at >= high))

    return replace(market, feeds=tuple(each for each in map(feed, market.feeds) if len(each)))


def _first_apart(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> int | None:
    if one.shape != other.shape:
        return 0
    same = np.isclose(one, other, rtol=0.0, atol=0.0, equal_nan=True)
    rows = np.flatnonzero(~same.reshape(len(same), -1).all(axis=1))
    return int(rows[0]) if len(rows) else None
