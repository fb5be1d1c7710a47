"""The contract of a strategy as functions: `AssertionError` names what is broken."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import Feed, Market, ParameterError
from undertow.strategies import Decision, Strategy
from undertow.testing.decided import checked_decision, sample_rules, simulated
from undertow.testing.look_ahead import (
    by_session,
    check_base_weights,
    check_every_decision,
    check_no_look_ahead,
    first_changed_row,
)
from undertow.testing.other_worlds import check_worlds

__all__ = [
    "check_base_weights",
    "check_every_decision",
    "check_missing_feeds",
    "check_no_look_ahead",
    "check_record",
    "check_sets",
    "check_strategy_definition",
    "check_worlds",
    "checked_decision",
    "sample_rules",
    "simulated",
]


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


def check_sets(strategy: type[Strategy], market: Market, universe: str = "growth") -> None:
    """Check that sets at once equal sets one at a time, selling order included."""
    rules = sample_rules(strategy, 8)
    _, together = checked_decision(strategy, market, rules, universe=universe)
    for index, rule in enumerate(rules):
        _, alone = checked_decision(strategy, market, [rule], universe=universe)
        pairs = [(label, joint[:, index], single[:, 0]) for label, joint, single in by_session(together, alone)]
        pairs.append(("the selling order", _score(together, index), _score(alone, 0)))
        for label, joint, single in pairs:
            row = first_changed_row(joint, single)
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


def _with_gap(market: Market, start: pd.Timestamp, stop: pd.Timestamp) -> Market:
    low, high = start.to_datetime64(), stop.to_datetime64()

    def with_gap(feed: Feed) -> Feed:
        return feed.keep((feed.known_at < low) | (feed.known_at >= high))

    return replace(market, feeds=tuple(feed for feed in map(with_gap, market.feeds) if len(feed)))
