"""The data behind the checks: its age, and what is missing of it."""

from __future__ import annotations

import numpy as np

from undertow.backtests.checklist.instants import instant_text
from undertow.market import HOUR, Feed, FloatArray, Market
from undertow.signals.base import Spec
from undertow.signals.decisions import DERIVED, DecisionTable
from undertow.strategies.rules import Condition

_NANOSECOND = np.timedelta64(1, "ns")


def fallback_spec(condition: Condition) -> Spec:
    """The signal that is read where the first one of a condition has no value."""
    return condition.model_copy(update={"signal": condition.fallback}).spec


def input_age(table: DecisionTable, condition: Condition, instant: np.datetime64, *, fallback: bool) -> float:
    """Hours since the observation of the oldest input that a check reads; NaN without.

    An observation is the end of the interval of a row with a value, not the instant at which it was published.

    Args:
        table: decisions up to the present one.
        condition: condition of the check.
        instant: present instant, UTC.
        fallback: whether the fallback signal is read.
    """
    specs = [fallback_spec(condition)] if fallback else [condition.spec]
    if condition.fallback and not fallback:
        specs.append(fallback_spec(condition))
    for spec in specs:
        observed = _observed(table, condition, spec, instant)
        if observed:
            return float((instant - min(observed)) / HOUR)
    return float("nan")


def _observed(table: DecisionTable, condition: Condition, spec: Spec, instant: np.datetime64) -> list[np.datetime64]:
    """The last observation of each input of a signal; empty where one is absent."""
    market, observed, source = table.market, [], condition.source
    if source.universe not in ("", table.universe.name):
        table = table.of_universe(source.universe)
    (first, _), asset_of_rule = next(iter(spec.inputs.values())), condition.asset
    # Of coarser bars the last one that has closed.
    bars = list(table.feeds(spec, source)) if spec.clock == "feed" else []
    for argument, (kind, column) in spec.inputs.items():
        if kind == "prices":
            rows = np.isfinite(market.prices.close[:, table.columns]).any(axis=1) & (market.calendar.closes <= instant)
            observed += [market.calendar.closes[rows][-1]] if rows.any() else []
        elif kind != "sessions" and column != "regime":
            ends = [
                _last_observation(market, feed, column)
                for feed in (bars if bars and kind == first else _feeds(market, kind, column, asset_of_rule))
                if column in (*feed.columns, *DERIVED) and np.isfinite(_values(feed, column)).any()
            ]
            if not ends and argument not in spec.defaults:
                return []
            observed += [max(ends)] if ends else []
    return observed


def _feeds(market: Market, kind: str, column: str, asset_of_rule: str) -> list[Feed]:
    name, _, asset = kind.partition(":")
    feeds = market.feeds_of(name, "" if name == "macro" else asset or asset_of_rule)
    return [feed for feed in feeds if column in (*feed.columns, *DERIVED)]


def _source(feed: Feed, column: str) -> str:
    """The column of the feed that an input is made from."""
    return column if column in feed.columns else next(iter(feed.columns))


def _values(feed: Feed, column: str) -> FloatArray:
    return feed[_source(feed, column)]


def _last_observation(market: Market, feed: Feed, column: str) -> np.datetime64:
    """The end of the interval of the last row with a value."""
    row = int(np.flatnonzero(np.isfinite(_values(feed, column)))[-1])
    end = feed.times[row] + feed.interval.timedelta
    if feed.interval.sessions:
        end = market.calendar.nth_close_after(feed.times[row : row + 1] - _NANOSECOND, feed.interval.sessions)[0]
    return np.datetime64(feed.known_at[row] if np.isnat(end) else min(end, feed.known_at[row]))


def lack_of_data(market: Market, condition: Condition, instant: np.datetime64) -> str:
    """What a check without a value lacks: feeds that are absent, ended or frozen.

    "" where it only lacks history, or has a gap.
    """
    specs = [condition.spec, *([fallback_spec(condition)] if condition.fallback else [])]
    lacks = [_lack(market, spec, condition.asset, instant) for spec in specs]
    return "; ".join(dict.fromkeys(lacks)) if all(lacks) else ""


def has_feeds(market: Market, condition: Condition) -> bool:
    """Whether the market has the feeds of a condition's signal, or of its fallback."""
    specs = [condition.spec, *([fallback_spec(condition)] if condition.fallback else [])]
    return any(not any(_absent(market, spec, condition.asset)) for spec in specs)


def _absent(market: Market, spec: Spec, asset_of_rule: str) -> list[str]:
    return [
        _label(kind, asset_of_rule) for kind, column in _needed(spec) if not _feeds(market, kind, column, asset_of_rule)
    ]


def _needed(spec: Spec) -> list[tuple[str, str]]:
    """The feeds, by kind and column, without which a signal has no value."""
    return [
        (kind, column)
        for argument, (kind, column) in spec.inputs.items()
        if kind not in ("prices", "sessions") and column != "regime" and argument not in spec.defaults
    ]


def _label(kind: str, asset_of_rule: str) -> str:
    name, _, asset = kind.partition(":")
    return name if name == "macro" else f"{name} {asset or asset_of_rule}"


def _lack(market: Market, spec: Spec, asset_of_rule: str, instant: np.datetime64) -> str:
    for kind, column in _needed(spec):
        label, feeds = _label(kind, asset_of_rule), _feeds(market, kind, column, asset_of_rule)
        if not feeds:
            return f"no {label}"
        states = [_state(market, feed, column, instant) for feed in feeds]
        if all(states):
            return f"{label} {states[0]}"
    return ""


def _state(market: Market, feed: Feed, column: str, instant: np.datetime64) -> str:
    """Why a feed has no value now; "" where it has one that is not stale."""
    known = np.flatnonzero(np.isfinite(_values(feed, column)))
    if not len(known):
        return "has no value"
    last = instant_text(_last_observation(market, feed, column))
    if feed.expires_at(-1) < instant:
        return f"ended {last}"
    if _is_frozen(feed, column):
        return f"frozen since {last}: it repeats its last row"
    stale = feed.expires_at(int(known[-1])) < instant
    return f"has had no value since {last}" if stale else ""


def _is_frozen(feed: Feed, column: str) -> bool:
    """Whether the last row lost its value because it repeats what was before."""
    frozen = feed.frozen.get(_source(feed, column))
    return frozen is not None and bool(frozen[-1])
