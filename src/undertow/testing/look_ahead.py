"""No decision may depend on what became known after it: checks of a strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market import Fill, Market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import WEIGHTINGS, Decision, Strategy, base_weights
from undertow.testing.decided import BY_SESSION, checked_decision, compact, sample_rules, suite_table
from undertow.testing.worlds import Cut, mirrored_after, noise_after, removed_after

# Where in a market the past ends, as shares of its sessions.
CUTS = (0.24, 0.48, 0.76)
# Decisions that are taken so many hours before their time, at one of the cuts: whoever reads the clock of the exchange
# instead of the decision knows too much then.
HOURS_EARLY = 7.0
# Of the compact market every second session after this share is a cut, of others so many sessions at random.
_FIRST_SHARE = 0.35
_EVERY = 2
_SAMPLED_ROWS = 4
# Parameter sets where many decisions are checked.
_FEW_RULES = 2
_WORLDS: tuple[tuple[str, Callable[[Market, Cut], Market]], ...] = (
    ("removed", removed_after),
    ("replaced by noise", noise_after),
    ("mirrored", mirrored_after),
)


def check_no_look_ahead(
    strategy: type[Strategy],
    market: Market,
    fill: Fill = "open",
    universe: str = "growth",
    sessions: Sequence[str | pd.Timestamp] = (),
) -> None:
    """Check that decisions stay when what became known after one is changed.

    It is removed, mirrored, and replaced by noise: every feed, price and membership that was known after the instant of
    the decision, the session's own high, low, close and volume among them, and its open where orders are filled at the
    open. Every decision up to that one must be equal, with its flags, selling orders and shocks. At one of the
    default sessions decisions are also taken hours before their time.

    Args:
        strategy: strategy class.
        market: market to decide on.
        fill: "open" or "close".
        universe: universe of the market.
        sessions: sessions after whose decision the market is changed; by default three shares of the market's.
    """
    complete = _Complete(strategy, market, universe, fill)
    for row in _rows_of(market, sessions):
        for label, _ in _WORLDS:
            complete.check(row, label)
    for rule in complete.rules[:2]:
        complete.check_shocks(rule, _rows_of(market, sessions)[-1], "mirrored")
    if not len(sessions):
        _Complete(strategy, market, universe, fill, HOURS_EARLY).check(_rows_of(market, ())[1], "mirrored")


def check_every_decision(strategy: type[Strategy], market: Market | None = None, universe: str = "growth") -> None:
    """Check many single decisions: what became known after each is mirrored.

    A rule that looks ahead on few sessions shows only where the change falls between such a session's decision and what
    it reads. Of the suite's compact market every second session with a past is such a cut, of others a few at random.
    Orders are filled at the open or at the close by turns, and some decisions are taken hours before their time.

    Args:
        strategy: strategy class.
        market: market to decide on; the compact one by default.
        universe: universe of the market.
    """
    chosen = compact() if market is None else market
    count = len(chosen.sessions)
    rows = np.arange(int(_FIRST_SHARE * count), count, _EVERY)
    if market is not None:
        rows = np.sort(np.random.default_rng(count).choice(rows, min(_SAMPLED_ROWS, len(rows)), replace=False))
    conditions: tuple[tuple[Fill, float], ...] = (("open", 0.0), ("close", 0.0), ("open", HOURS_EARLY))
    for number, (fill, hours_early) in enumerate(conditions):
        complete = _Complete(strategy, chosen, universe, fill, hours_early, count=_FEW_RULES)
        for row in rows[number :: len(conditions)].tolist():
            complete.check(row, "mirrored")


def _rows_of(market: Market, sessions: Sequence[str | pd.Timestamp]) -> list[int]:
    if not len(sessions):
        return [int(share * len(market.sessions)) for share in CUTS]
    return [int(market.sessions.searchsorted(pd.Timestamp(session), "right")) - 1 for session in sessions]


@lru_cache(maxsize=220)
def _changed_market(market: Market, row: int, at: np.datetime64, label: str) -> Market:
    return dict(_WORLDS)[label](market, Cut(row, at))


class _Complete:
    """What a strategy decides on a complete market, to compare with changed ones."""

    def __init__(
        self,
        strategy: type[Strategy],
        market: Market,
        universe: str,
        fill: Fill,
        hours_early: float = 0.0,
        count: int = 6,
    ) -> None:
        self.strategy, self.market, self.universe, self.fill = strategy, market, universe, fill
        self.hours_early = hours_early
        self.rules = sample_rules(strategy, count)
        self.decided = self._decide(market)

    def _table(self, market: Market) -> DecisionTable:
        return suite_table(market, self.universe, self.fill, self.hours_early)

    def _decide(self, market: Market) -> tuple[DecisionTable, Decision]:
        return checked_decision(self.strategy, market, self.rules, self.fill, self.universe, self._table(market))

    def _changed(self, row: int, label: str) -> tuple[Market, str]:
        at = self.decided[0].decisions.at[row]
        early = f", {self.hours_early:g} hours early" if self.hours_early else ""
        change = (
            f"when what became known after the decision of {self.market.sessions[row].date()} (fill at the"
            f" {self.fill}{early}) was {label}: it looks ahead"
        )
        return _changed_market(self.market, row, at, label), change

    def check(self, row: int, label: str) -> None:
        """Check that decisions up to a row stay when what came later is changed."""
        changed, change = self._changed(row, label)
        check_equal_decisions(self.strategy.name(), self.decided, self._decide(changed), row + 1, change)

    def check_shocks(self, rule: Strategy, row: int, label: str) -> None:
        """Check that the shocks of a rule up to a row stay."""
        changed, change = self._changed(row, label)
        shocks = [rule.shocks(self._table(market))[: row + 1] for market in (changed, self.market)]
        difference = first_changed_row(*(instants.astype("datetime64[ns]").astype(np.int64) for instants in shocks))
        if difference is not None:
            session = self.market.sessions[difference].date()
            raise AssertionError(f"`{self.strategy.name()}`: the shock on {session} changed {change}")


def check_equal_decisions(
    name: str,
    complete: tuple[DecisionTable, Decision],
    partial: tuple[DecisionTable, Decision],
    rows: int,
    change: str,
) -> None:
    """Check that two decisions are equal in their first `rows`, bit for bit.

    Args:
        name: name of the strategy.
        complete: table and decision on the complete market.
        partial: table and decision on the changed one.
        rows: number of sessions to compare.
        change: what was changed, for the error.
    """
    (table, whole_decision), (_, part_decision) = complete, partial
    pairs = by_session(part_decision, whole_decision) + _by_name(complete, partial)
    for label, values, expected in pairs:
        row = first_changed_row(values[:rows], expected[:rows])
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


def by_session(decision: Decision, expected: Decision) -> list[tuple[str, Any, Any]]:
    """The values of two decisions by session; a field that is not used counts as zero."""
    pairs = [(name, getattr(decision, name), getattr(expected, name)) for name in BY_SESSION]
    flags = sorted({*decision.flags, *expected.flags})
    pairs += [(f"flag {flag}", decision.flags.get(flag), expected.flags.get(flag)) for flag in flags]
    pairs.append(("resting", _by_row(decision), _by_row(expected)))
    return [(label, _or_zero(decision, values), _or_zero(expected, twins)) for label, values, twins in pairs]


def _by_row(decision: Decision) -> Any:
    resting = decision.resting
    return None if resting is None else np.broadcast_to(resting, decision.exposure.shape)


def _or_zero(decision: Decision, values: Any) -> Any:
    return np.zeros(decision.exposure.shape) if values is None else values


def _by_set(decision: Decision, expected: Decision) -> list[tuple[str, Any, Any]]:
    names = ("score_of_set", "stop", "stop_wait", "basket", "hedge_symbol")
    return [(name, getattr(decision, name), getattr(expected, name)) for name in names]


def check_base_weights(market: Market, universe: str = "growth", sessions: Sequence[str | pd.Timestamp] = ()) -> None:
    """Check that base weights stay when what became known after them is changed."""
    rows = _rows_of(market, sessions)
    fills: tuple[Fill, ...] = ("open", "close")
    for fill in fills:
        table = suite_table(market, universe, fill)
        for row in rows:
            for label, _ in _WORLDS:
                changed = _changed_market(market, row, table.decisions.at[row], label)
                _check_weights(table, suite_table(changed, universe, fill), row, f"{label}, filled at the {fill}")


def _check_weights(table: DecisionTable, part: DecisionTable, row: int, change: str) -> None:
    columns = [table.symbols.index(symbol) for symbol in part.symbols]
    for weighting in WEIGHTINGS:
        weights, _ = base_weights(part, slice(0, row + 1), weighting, "weekly")
        expected, _ = base_weights(table, slice(0, row + 1), weighting, "weekly")
        if not np.allclose(weights, expected[:, columns], rtol=1e-12, atol=0.0):
            session = table.market.sessions[row].date()
            raise AssertionError(f"{weighting} base weights up to {session} look ahead: what came later was {change}")


def first_changed_row(values: npt.NDArray[Any], expected: npt.NDArray[Any]) -> int | None:
    """The first row where two arrays differ; NaN equals NaN."""
    if values.shape != expected.shape:
        return 0
    equal = np.isclose(values, expected, rtol=0.0, atol=0.0, equal_nan=True)
    rows = np.flatnonzero(~equal.reshape(len(equal), -1).all(axis=1))
    return int(rows[0]) if len(rows) else None
