"""Markets that differ from another in what became known after an instant.

What was known by then is equal to the bit: a decision taken by then must be equal too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from undertow.market import PRICE_FIELDS, BoolArray, Feed, FloatArray, Market, Universe

# The largest log move of a mirrored row: a fall of 86 %.
_LARGEST_MOVE = 2.0
_DEVIATION = 0.3  # of the log noise
# Feed kinds whose values are levels, mirrored by their changes; those of other kinds are amounts.
_LEVELS = ("open_interest", "macro")


@dataclass(frozen=True)
class Cut:
    """The end of the past: the row of a session, and an instant UTC.

    Rows up to `row`, and no later one, are decided at `at` or before.
    """

    row: int
    at: np.datetime64


def removed_after(market: Market, cut: Cut) -> Market:
    """The market without anything known after a cut.

    The session of the cut stays, with what was known of it; a later end of a membership is unknown.
    """
    prices = market.prices.select(slice(0, cut.row + 1))
    late = dict(_late(market, cut))
    panels: dict[str, Any] = {n: np.where(late[n][: cut.row + 1], np.nan, getattr(prices, n)) for n in late}
    feeds = tuple(kept for kept in (feed.keep(feed.known_at <= cut.at) for feed in market.feeds) if len(kept))
    universes = {name: _members_until(universe, market, cut) for name, universe in market.universes.items()}
    return replace(market, prices=replace(prices, **panels), feeds=feeds, universes=universes, truth=None)


def noise_after(market: Market, cut: Cut, seed: int = 9) -> Market:
    """The market with everything known after a cut multiplied by noise.

    Some names end, and members come and go on other days.
    """
    rng = np.random.default_rng(seed)
    fixed = [symbol for symbol in (market.benchmark, market.cash) if symbol in market.prices]
    ends = rng.random(len(market.prices.symbols)) < 0.3
    ends[market.prices.columns_of([symbol for symbol in fixed if symbol is not None])] = False
    panels = {}
    for name, late in _late(market, cut):
        panel = getattr(market.prices, name)
        noisy = panel * rng.lognormal(0.0, _DEVIATION, panel.shape)
        ended = ends & (np.arange(len(panel)) > cut.row + 5)[:, None]
        panels[name] = np.where(late, np.where(ended, np.nan, noisy), panel)
    changed: dict[str, Any] = _consistent(panels, dict(_late(market, cut)))
    prices = replace(market.prices, **changed)

    def with_noise(feed: Feed) -> Feed:
        late = feed.known_at > cut.at
        noisy = {n: np.where(late, v * rng.lognormal(0.0, _DEVIATION, len(v)), v) for n, v in feed.columns.items()}
        return replace(feed, columns=_consistent(noisy, dict.fromkeys(noisy, late)))

    universes = {name: _other_members(universe, market, cut, rng) for name, universe in market.universes.items()}
    return replace(market, prices=prices, feeds=tuple(map(with_noise, market.feeds)), universes=universes, truth=None)


def mirrored_after(market: Market, cut: Cut) -> Market:
    """The market with every move after a cut reversed, and three times as large.

    Whoever knows the direction of a later move decides otherwise here.
    """
    late = dict(_late(market, cut))
    panels = {name: getattr(market.prices, name) for name in PRICE_FIELDS}
    changed: dict[str, Any] = _mirrored_bars(panels, late["open"][:, 0], late["close"][:, 0], 0.01)
    prices = replace(market.prices, **changed)
    feeds = tuple(_mirrored_feed(feed, feed.known_at > cut.at) for feed in market.feeds)
    return replace(market, prices=prices, feeds=feeds, truth=None)


def shuffled(market: Market, seed: int = 9) -> Market:
    """The market with its moves in another order: another past of the same names."""
    rng = np.random.default_rng(seed)
    order = rng.random(len(market.sessions))
    panels = _shuffled_bars({name: getattr(market.prices, name) for name in PRICE_FIELDS}, order)
    feeds = []
    for feed in market.feeds:
        order = rng.random(len(feed))
        columns = {name: values[:, None] for name, values in feed.columns.items()}
        if feed.kind == "bars":
            mixed = _shuffled_bars(columns, order)
        elif feed.kind in _LEVELS:
            mixed = {name: _shuffled_levels(values, order) for name, values in columns.items()}
        else:
            mixed = {name: values[np.argsort(order)] for name, values in columns.items()}
        feeds.append(replace(feed, columns={name: values[:, 0] for name, values in mixed.items()}))
    changed: dict[str, Any] = panels
    return replace(market, prices=replace(market.prices, **changed), feeds=tuple(feeds), truth=None)


def _late(market: Market, cut: Cut) -> list[tuple[str, BoolArray]]:
    """For each price field, the sessions (T, 1) on which it is known after a cut."""
    closes = (market.calendar.closes > cut.at)[:, None]
    opens = (market.calendar.opens > cut.at)[:, None]
    return [(name, opens if name == "open" else closes) for name in PRICE_FIELDS]


def _consistent(columns: dict[str, FloatArray], late: dict[str, BoolArray]) -> dict[str, FloatArray]:
    """The columns, with changed highs and lows that enclose open and close."""
    if not {"open", "high", "low", "close"} <= set(columns):
        return columns
    top = np.fmax(columns["open"], columns["close"])
    bottom = np.fmin(columns["open"], columns["close"])
    high = np.where(late["high"], np.maximum(columns["high"], top), columns["high"])
    low = np.where(late["low"], np.minimum(columns["low"], bottom), columns["low"])
    return {**columns, "high": high, "low": low}


def _filled(values: FloatArray) -> FloatArray:
    """The last value up to each row (T, N); before the first one, that one."""
    filled = pd.DataFrame(values).ffill().bfill()
    return filled.to_numpy(dtype=np.float64, copy=True)


def _reversed(move: FloatArray, least: float) -> FloatArray:
    """A log move, three times and `least` larger, the other way; 0 where missing."""
    larger = np.where(move > 0, -3.0 * move - least, -3.0 * move + least)
    return np.clip(np.where(np.isfinite(move), larger, 0.0), -_LARGEST_MOVE, _LARGEST_MOVE)


def _moves(columns: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Closes without gaps; log moves of closes and opens since the close before."""
    with np.errstate(invalid="ignore", divide="ignore"):
        close = _filled(columns["close"])
        before = np.concatenate((close[:1], close[:-1]))
        return close, np.log(columns["close"] / before), np.log(columns["open"] / before)


def _mirrored_bars(
    columns: dict[str, FloatArray], late_open: BoolArray, late: BoolArray, least: float
) -> dict[str, FloatArray]:
    if not late.any():
        return columns
    close, move, opening = _moves(columns)
    first = int(np.argmax(late))
    start = close[max(first - 1, 0)]
    path = start * np.exp(np.cumsum(_reversed(move[first:], least), axis=0))
    level = np.concatenate((close[:first], path))
    before = np.concatenate((level[:1], level[:-1]))
    changed = dict(columns)
    missing = {name: np.isnan(values) for name, values in columns.items()}
    changed["close"] = np.where(late[:, None], level, columns["close"])
    changed["open"] = np.where(late_open[:, None], before * np.exp(_reversed(opening, least)), columns["open"])
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, outer in (("high", np.fmax), ("low", np.fmin)):
            reach = columns[name] / outer(columns["open"], columns["close"])
            changed[name] = np.where(late[:, None], outer(changed["open"], changed["close"]) * reach, columns[name])
    for name in set(columns) - {"open", "high", "low", "close"}:
        changed[name] = _mirrored_amounts(columns[name], late)
    return {name: np.where(missing[name], np.nan, values) for name, values in changed.items()}


def _mirrored_amounts(values: FloatArray, late: BoolArray) -> FloatArray:
    """Large amounts become small ones (T, N), about their usual size before."""
    known = values[~late]
    if (np.nan_to_num(known) < 0).any():
        return np.where(late[:, None], 2.0 * np.nanmedian(known) - 3.0 * values, values)
    positive = known[known > 0]
    usual = float(np.median(positive)) if len(positive) else 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        mirrored = np.where(values > 0, usual * usual / values, 10.0 * usual)
    return np.where(late[:, None] & np.isfinite(values), mirrored, values)


def _mirrored_levels(values: FloatArray, late: BoolArray) -> FloatArray:
    """Changes of levels (T, N) since the last one before are reversed."""
    if not late.any():
        return values
    last = _filled(values)[max(int(np.argmax(late)) - 1, 0)]
    if (np.nan_to_num(values, nan=1.0) > 0).all():
        with np.errstate(invalid="ignore"):
            mirrored = last * np.exp(_reversed(np.log(values / last), 0.01))
        return np.where(late[:, None] & np.isfinite(values), mirrored, values)
    return np.where(late[:, None], last - 3.0 * (values - last), values)


def _mirrored_feed(feed: Feed, late: BoolArray) -> Feed:
    columns = {name: values[:, None] for name, values in feed.columns.items()}
    if feed.kind == "bars":
        mirrored = _mirrored_bars(columns, late, late, 0.002)
    elif feed.kind in _LEVELS:
        mirrored = {name: _mirrored_levels(values, late) for name, values in columns.items()}
    else:
        mirrored = {name: _mirrored_amounts(values, late) for name, values in columns.items()}
    return replace(feed, columns={name: values[:, 0] for name, values in mirrored.items()})


def _shuffled_bars(columns: dict[str, FloatArray], order: FloatArray) -> dict[str, FloatArray]:
    close, move, opening = _moves(columns)
    changed = {name: values.copy() for name, values in columns.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = {
            name: columns[name] / outer(columns["open"], columns["close"])
            for name, outer in (("high", np.fmax), ("low", np.fmin))
        }
    for column in range(close.shape[1]):
        rows = np.flatnonzero(np.isfinite(columns["close"][:, column]))
        source = rows[np.argsort(order[rows])]
        if not len(rows):
            continue
        path = close[rows[0], column] * np.exp(np.cumsum(np.nan_to_num(move[source, column])))
        changed["close"][rows, column] = path
        before = np.concatenate((close[rows[:1], column], path[:-1]))
        changed["open"][rows, column] = before * np.exp(opening[source, column])
        outer_open, outer_close = changed["open"][rows, column], changed["close"][rows, column]
        changed["high"][rows, column] = np.fmax(outer_open, outer_close) * reach["high"][source, column]
        changed["low"][rows, column] = np.fmin(outer_open, outer_close) * reach["low"][source, column]
        for name in set(columns) - {"open", "high", "low", "close"}:
            changed[name][rows, column] = columns[name][source, column]
    return changed


def _shuffled_levels(values: FloatArray, order: FloatArray) -> FloatArray:
    out = values.copy()
    for column in range(values.shape[1]):
        rows = np.flatnonzero(np.isfinite(values[:, column]))
        if len(rows) < 2:
            continue
        level = values[rows, column]
        # By their logs where that is possible, so that a level stays above zero.
        positive = bool((level > 0).all())
        scaled = np.log(level) if positive else level
        moves = np.diff(scaled)[np.argsort(order[rows[1:]])]
        path = scaled[0] + np.concatenate(([0.0], np.cumsum(moves)))
        out[rows, column] = np.exp(path) if positive else path
    return out


def _members_until(universe: Universe, market: Market, cut: Cut) -> Universe:
    session = market.sessions[cut.row]
    spans = universe.spans[~(universe.spans["start"] > session)].copy()
    spans["end"] = spans["end"].where(spans["end"] < session)
    return replace(universe, spans=spans.reset_index(drop=True))


def _other_members(universe: Universe, market: Market, cut: Cut, rng: np.random.Generator) -> Universe:
    """Later starts on other days; every end after the cut on another day, or never."""
    session, spans = market.sessions[cut.row], universe.spans.copy()
    days = pd.to_timedelta(rng.integers(1, 120, len(spans)), unit="D")
    later = (spans["start"] > session).to_numpy()
    spans["start"] = spans["start"].where(~later, session + days)
    gone = (spans["end"] < session).to_numpy()
    ends = rng.random(len(spans)) < 0.4
    after = pd.Series(session + days + pd.Timedelta(days=150), index=spans.index).where(ends)
    spans["end"] = spans["end"].where(gone, after)
    return replace(universe, spans=spans)
