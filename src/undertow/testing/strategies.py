"""The contract of a strategy as plain functions: each raises `AssertionError` that names what is broken."""

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

from undertow.market import Feed, Market, ParameterError, simulate_market
from undertow.market.calendar import Fill
from undertow.market.prices import PRICE_FIELDS
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.strategies.plan import LEAST_TAX
from undertow.strategies.weights import WEIGHTINGS, base_weights

Kind = type[Strategy]
# Where in a market the past is cut off, as shares of its sessions.
CUTS = (0.24, 0.48, 0.76)
_BY_SESSION = ("exposure", "stale", "rotation", "hedge")
# What each of the tables that strategies share may keep of its signals.
_SERIES_BYTES = 32e6


@cache
def simulated() -> Market:
    """The market that the suite brings along: ten names for two and a half years, with cascades."""
    return simulate_market(seed=11, years=2.5, names=10)


def several(strategy: Kind, count: int = 6) -> list[Strategy]:
    """The defaults and random members of the search space, as many as asked for; one without parameters.

    Parameters of one name and range are drawn alike for every strategy, so that strategies share their signals.
    """
    found = [strategy()]
    while len(found) < count and strategy.model_fields:
        streams = {name: np.random.default_rng([len(found), *name.encode()]) for name in strategy.search_space()}
        drawn = {name: _draw(streams[name], space) for name, space in strategy.search_space().items()}
        found.append(strategy.create(drawn))
    return found


def _draw(rng: np.random.Generator, space: Any) -> Any:
    if isinstance(space, CategoricalDistribution):
        return space.choices[rng.integers(len(space.choices))]
    if isinstance(space, IntDistribution):
        return int(space.low + space.step * rng.integers((space.high - space.low) // space.step + 1))
    return float(rng.uniform(space.low, space.high))


def decided(
    strategy: Kind,
    market: Market,
    rules: Sequence[Strategy],
    fill: Fill = "open",
    universe: str = "growth",
    table: DecisionTable | None = None,
) -> tuple[DecisionTable, Decision]:
    """The table and the decision of several rules at once, after looking at all its shapes and ranges."""
    table = table or DecisionTable(market, universe, fill)
    decision = strategy.decide(table, strategy.stack(list(rules)))
    _check_shapes(strategy.name(), decision, (len(table), len(rules)), len(table.symbols))
    _check_ranges(strategy.name(), market, decision)
    return table, decision


def _check_shapes(name: str, decision: Decision, shape: tuple[int, int], names: int) -> None:
    by_session: dict[str, Any] = {name: getattr(decision, name) for name in _BY_SESSION}
    by_session |= {f"mark {mark}": found for mark, found in decision.flags.items()}
    by_set: dict[str, Any] = {name: getattr(decision, name) for name in ("score_of_set", "stop", "stop_wait")}
    expected: list[tuple[str, Any, tuple[int, ...], str]]
    expected = [(what, found, shape, "(sessions, sets)") for what, found in by_session.items()]
    expected += [(what, found, shape[1:], "(sets,)") for what, found in by_set.items()]
    expected += [
        (f"selling order {n}", each, (shape[0], names), "(sessions, names)") for n, each in enumerate(decision.scores)
    ]
    for what, found, wanted, words in expected:
        if found is not None and found.shape != wanted:
            raise AssertionError(f"`{name}`: {what} has the shape {found.shape}, expected {words} {wanted}")


def _check_ranges(name: str, market: Market, decision: Decision) -> None:
    rooms: list[tuple[str, Any, Any, str]] = [("exposure", decision.exposure, 1.0, "a share of capital in [0, 1]")]
    if decision.rotation is not None:
        # A share that is worked out from another may be a rounding above what is left.
        room = 1.0 - decision.exposure + 1e-12
        rooms.append(("rotation", decision.rotation, room, "a share of capital in [0, 1 - exposure]"))
    if decision.hedge is not None:
        rooms.append(("hedge", decision.hedge, 1.0, "a share of capital in [0, 1]"))
    for what, found, most, words in rooms:
        bad = np.argwhere(~((found >= 0) & (found <= most)))
        if len(bad):
            session, value = market.sessions[bad[0][0]].date(), found[tuple(bad[0])]
            raise AssertionError(f"`{name}`: {what} on {session} is {value:g}; it must be {words}")
    if decision.stop is not None and not ((decision.stop > 0) & (decision.stop < 1)).all():
        raise AssertionError(f"`{name}`: stop must be in (0, 1), got {decision.stop}")
    if decision.rotation is not None and decision.rotation.any() and decision.basket not in market.universes:
        raise AssertionError(f"`{name}`: basket {decision.basket!r} is no universe of the market")
    if (decision.score_of_set >= len(decision.scores)).any() or (decision.score_of_set < LEAST_TAX).any():
        raise AssertionError(f"`{name}`: score_of_set names an order that `scores` lacks: {decision.score_of_set}")


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
    table, whole = decided(strategy, market, rules, fill, universe, _table(market, universe, fill))
    chosen = sessions or [market.sessions[int(share * len(market.sessions))] for share in CUTS]
    for session in map(pd.Timestamp, chosen):
        for words, other in _changed(market, session):
            rows = int(market.sessions.searchsorted(session, "right"))
            part, decision = decided(strategy, other, rules, fill, universe, _table(other, universe, fill))
            change = f"when what became known after {session.date()} was {words}: it looks ahead"
            _same_decisions(strategy.name(), table, part, whole, decision, rows, change)


@lru_cache(maxsize=6)
def _changed(market: Market, session: pd.Timestamp) -> tuple[tuple[str, Market], ...]:
    return ("removed", market.until(session)), ("replaced by noise", noise_after(market, session))


@lru_cache(maxsize=14)
def _table(market: Market, universe: str, fill: Fill) -> DecisionTable:
    # One strategy after the other is asked about the same markets, and many read the same signals.
    table = DecisionTable(market, universe, fill)
    table.series_bytes = _SERIES_BYTES
    return table


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
        *_by_session(decision, whole),
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
    for what, mine, its in _by_set(decision, whole):
        if not np.array_equal(mine, its):
            raise AssertionError(f"`{name}`: {what} changed {change}")


def _by_session(one: Decision, other: Decision) -> list[tuple[str, Any, Any]]:
    """What two decisions say of each session; what is not used is nothing held."""
    marks = sorted({*one.flags, *other.flags})
    found = [(name, _held(one, getattr(one, name)), _held(other, getattr(other, name))) for name in _BY_SESSION]
    return found + [
        (f"mark {mark}", _held(one, one.flags.get(mark)), _held(other, other.flags.get(mark))) for mark in marks
    ]


def _held(decision: Decision, found: Any) -> Any:
    return np.zeros(decision.exposure.shape) if found is None else found


def _by_set(one: Decision, other: Decision) -> list[tuple[str, Any, Any]]:
    names = ("score_of_set", "stop", "stop_wait", "basket", "hedge_symbol")
    return [(name, getattr(one, name), getattr(other, name)) for name in names]


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
    """Many parameter sets at once equal one at a time: all that is decided by session, and the selling order."""
    rules = several(strategy, 8)
    _, together = decided(strategy, market, rules, universe=universe)
    for which, rule in enumerate(rules):
        _, alone = decided(strategy, market, [rule], universe=universe)
        pairs = [(what, many[:, which], one[:, 0]) for what, many, one in _by_session(together, alone)]
        pairs.append(("the selling order", _score(together, which), _score(alone, 0)))
        for what, many, one in pairs:
            found = _first_apart(many, one)
            if found is not None:
                raise AssertionError(
                    f"`{strategy.name()}`: {what} on {market.sessions[found].date()} is not the same when"
                    f" {rule.parameters} is run alone and together with other sets"
                )


def _score(decision: Decision, which: int) -> npt.NDArray[np.float64]:
    score = int(decision.score_of_set[which])
    return decision.scores[score] if score >= 0 else np.full((len(decision.exposure), 1), float(score))


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
    # What is held before anything is known, a reserve for example, is the first session's.
    before = np.vstack((decision.exposure[:1], decision.exposure[:-1]))
    moved = np.argwhere(decision.stale & (decision.exposure != before))
    if decision.hedge is not None and not len(moved):
        hedged = np.vstack((decision.hedge[:1], decision.hedge[:-1]))
        moved = np.argwhere(decision.stale & (decision.hedge != hedged))
    if len(moved):
        raise AssertionError(
            f"`{name}`: {words} the exposure or hedge moved on {market.sessions[moved[0][0]].date()}, a session it"
            " marks stale; a stale session holds the last exposure and hedge"
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
    for name in PRICE_FIELDS:
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
