"""Baskets by half session: symbols, universes, quintiles, weights, differences."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from undertow.market import (
    BoolArray,
    FloatArray,
    InstantArray,
    Market,
    ParameterError,
    UnknownNameError,
    period_starts,
    read_weights,
    safe_text,
)

SORTED = ("winners", "losers", "high-beta", "low-beta")
RETURN_SESSIONS, BETA_SESSIONS, QUINTILES = 63, 126, 5
_BETA = "beta*"


@dataclass(frozen=True, eq=False)
class Leg:
    """A basket's log returns by half session.

    Args:
        name: the basket as the user names it.
        steps: log returns (2T,): from the close before to the open, from the open to the close, session by session;
            NaN where there is no price.
        missing: prices of a symbol (2T,) that are not there within its span, where the price before stands for them:
            no event has a point there. None where there are none.
    """

    name: str
    steps: FloatArray
    missing: BoolArray | None = None

    @property
    def carried(self) -> int:
        """Number of prices that the one before stands for."""
        return 0 if self.missing is None else int(self.missing.sum())

    def daily(self) -> FloatArray:
        """Log returns from close to close (T,)."""
        return np.asarray(self.steps[0::2] + self.steps[1::2], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Basket:
    """A leg, or the difference of two, the second times its beta where `beta` is true."""

    name: str
    first: Leg
    second: Leg | None = None
    beta: bool = False

    @property
    def symbol(self) -> str:
        """The name of a basket of one leg; empty for a difference."""
        return self.first.name if self.second is None else ""


def half_instants(market: Market) -> InstantArray:
    """The open and the close of every session (2T,), UTC."""
    return np.column_stack((market.calendar.opens, market.calendar.closes)).ravel()


def read_basket(market: Market, text: str, universe: str) -> Basket:
    """The basket of a text: a name, `a-b`, or `a-beta*b`.

    A name is a symbol, a universe, winners, losers, high-beta or low-beta (of `universe`), or a file of weights.
    Raises `UnknownNameError` on any other name.
    """
    if _is_leg(market, text):
        return Basket(text, read_leg(market, text, universe))
    for hyphen in re.finditer("-", text):
        first, second = text[: hyphen.start()], text[hyphen.end() :]
        beta = second.startswith(_BETA)
        second = second.removeprefix(_BETA)
        if _is_leg(market, first) and _is_leg(market, second):
            return Basket(text, read_leg(market, first, universe), read_leg(market, second, universe), beta)
    raise UnknownNameError("basket", text, (*market.universes, *SORTED, *market.prices.symbols))


def read_leg(market: Market, name: str, universe: str) -> Leg:
    """The half sessions of one name; see `read_basket`.

    A symbol's missing price within its span is the price before it. A basket of several names is the mean of simple
    half-session returns of the names with both prices, renewed at every point, without costs.
    """
    if name in market.universes:
        return Leg(name, mean_steps(simple_steps(market), members_of(market, name)))
    if name in SORTED:
        return Leg(name, mean_steps(simple_steps(market), sorted_members(market, name, universe)))
    if name in market.prices:
        return _symbol_leg(market, name)
    return _weighted_leg(market, name)


def simple_steps(market: Market) -> FloatArray:
    """Simple half-session returns of every symbol (2T, N); NaN without a price."""
    opens, closes = market.prices.open, market.prices.close
    steps = np.full((2 * len(opens), opens.shape[1]), np.nan)
    steps[2::2] = opens[1:] / closes[:-1] - 1.0
    steps[1::2] = closes / opens - 1.0
    return steps


def mean_steps(steps: FloatArray, weights: BoolArray | FloatArray) -> FloatArray:
    """Log of one plus the weighted mean of half-session returns (2T,).

    Args:
        steps: simple returns (2T, N), NaN where a price is missing.
        weights: membership or weights (T, N); of names without a price they are left out.
    """
    both = np.repeat(np.asarray(weights, dtype=np.float64), 2, axis=0) * np.isfinite(steps)
    total = both.sum(axis=1)
    sums = np.einsum("tn,tn->t", both, np.where(np.isfinite(steps), steps, 0.0))
    mean = np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0.0)
    return np.asarray(np.log1p(mean), dtype=np.float64)


def members_of(market: Market, universe: str) -> BoolArray:
    """Membership (T, N) of every symbol of the market in a universe."""
    return market.universe(universe).members(market.sessions, market.prices.symbols)


def sorted_members(market: Market, name: str, universe: str) -> BoolArray:
    """Members of an outer quintile (T, N), sorted at the end of the month before.

    `winners` and `losers` by the return of 63 sessions, `high-beta` and `low-beta` by the beta to the benchmark of 126
    sessions. None before the first full look-back.
    """
    members, closes = members_of(market, universe), market.prices.close
    benchmark = None if name in ("winners", "losers") else _benchmark_returns(market)
    top = name in ("winners", "high-beta")
    out = np.zeros(members.shape, dtype=np.bool_)
    starts = period_starts(market.sessions, "monthly")
    for first, last in zip(starts, np.append(starts[1:], len(closes)), strict=True):
        if first == 0:
            continue
        columns = np.flatnonzero(members[first])
        values = (
            past_returns(closes[:, columns], first - 1)
            if benchmark is None
            else past_betas(closes[:, columns], benchmark, first - 1)
        )
        numbers = quintile_numbers(values)
        out[first:last, columns[numbers == (QUINTILES - 1 if top else 0)]] = True
    return out


def past_returns(closes: FloatArray, row: int) -> FloatArray:
    """Simple return (N,) over 63 sessions to a row; NaN where a price is missing."""
    if row < RETURN_SESSIONS:
        return np.full(closes.shape[1], np.nan)
    return np.asarray(closes[row] / closes[row - RETURN_SESSIONS] - 1.0, dtype=np.float64)


def past_log_returns(closes: FloatArray, row: int) -> FloatArray:
    """Log returns (126, N) of the sessions to a row; NaN before the look-back is full."""
    if row < BETA_SESSIONS:
        return np.full((BETA_SESSIONS, closes.shape[1]), np.nan)
    return np.diff(np.log(closes[row - BETA_SESSIONS : row + 1]), axis=0)


def past_betas(closes: FloatArray, benchmark: FloatArray, row: int) -> FloatArray:
    """Slope (N,) of 126 daily log returns on those of the benchmark (T,), all present."""
    own = past_log_returns(closes, row)
    other = benchmark[row - BETA_SESSIONS + 1 : row + 1] if row >= BETA_SESSIONS else np.full(BETA_SESSIONS, np.nan)
    other = other - other.mean()
    return np.asarray(other @ (own - own.mean(axis=0)) / (other @ other), dtype=np.float64)


def quintile_numbers(values: FloatArray) -> FloatArray:
    """The quintile of each value, 0 lowest to 4 highest; ties by order; NaN of NaN."""
    numbers = np.full(len(values), np.nan)
    present = np.flatnonzero(np.isfinite(values))
    if len(present) >= QUINTILES:
        order = present[np.argsort(values[present], kind="stable")]
        numbers[order] = np.arange(len(order)) * QUINTILES // len(order)
    return numbers


def benchmark_symbol(market: Market) -> str:
    """The benchmark of a market; raises `ParameterError` where it has none."""
    if market.benchmark is None:
        raise ParameterError(f"market {market.name!r} has no benchmark; name one in its market.toml")
    return market.benchmark


def _benchmark_returns(market: Market) -> FloatArray:
    return read_leg(market, benchmark_symbol(market), "").daily()


def _is_leg(market: Market, name: str) -> bool:
    known: tuple[Callable[[str], bool], ...] = (
        lambda text: text in market.universes,
        lambda text: text in SORTED,
        lambda text: text in market.prices,
        lambda text: Path(text).suffix in (".csv", ".gz", ".parquet"),
    )
    return any(test(name) for test in known)


def _symbol_leg(market: Market, name: str) -> Leg:
    (column,) = market.prices.columns_of([name])
    prices = np.column_stack((market.prices.open[:, column], market.prices.close[:, column])).ravel()
    present = np.flatnonzero(np.isfinite(prices))
    steps = np.full(len(prices), np.nan)
    if not len(present):
        return Leg(name, steps)
    inside = np.arange(present[0], present[-1] + 1)
    latest = present[np.searchsorted(present, inside, side="right") - 1]
    steps[inside[1:]] = np.diff(np.log(prices[latest]))
    missing = np.zeros(len(prices), dtype=np.bool_)
    missing[inside] = ~np.isfinite(prices[inside])
    return Leg(name, steps, missing)


def _weighted_leg(market: Market, path: str) -> Leg:
    if not Path(path).is_file():
        raise ParameterError(
            f"`basket` {safe_text(path)}: no such file; name a symbol, a universe or a file of weights"
        )
    table = read_weights(path)
    table.check(market, "any", table.symbols)
    rows = table.sets_at(pd.DatetimeIndex(market.sessions))
    weights = np.where(rows[:, None] >= 0, table.weights[np.maximum(rows, 0)], 0.0)
    columns = market.prices.columns_of(table.symbols)
    return Leg(path, mean_steps(simple_steps(market)[:, columns], weights))
