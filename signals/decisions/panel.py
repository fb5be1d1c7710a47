"""The names of a universe at the decisions: closes, membership, returns."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market import (
    GAP_SESSIONS,
    HOUR,
    BoolArray,
    Decisions,
    Feed,
    FloatArray,
    Market,
    ParameterError,
    Universe,
    align,
    decisions,
    load_calendar,
)

# A name counts as alive while its last close is no older than this many sessions: a halt of a week is not a delisting.
ALIVE_SESSIONS = GAP_SESSIONS
# No exchange is closed for longer.
_LONGEST_CLOSURE = pd.Timedelta(days=28)


class SessionPanel:
    """The tradable names of a universe, session by session.

    `symbols` (N,) are the universe's symbols that have prices, in alphabetical order; `columns` (N,) are their columns
    in `market.prices`; `decisions` has one row a session of the whole market (T,). `absent` gives, by signal and input,
    the reason why an input has no value at all; `unused`, by feed and signal, why an existing feed supplies no value;
    `frozen` flags, for each feed that was read, the decisions (T,) at which its last row had repeated for too long to
    be a value.
    """

    def __init__(
        self, market: Market, universe: Universe, decided: Decisions, membership: BoolArray | None = None
    ) -> None:
        self.market = market
        self.universe = universe
        self.decisions = decided
        self.symbols = tuple(symbol for symbol in universe.symbols if symbol in market.prices)
        self.columns = market.prices.columns_of(self.symbols)
        self.absent: dict[str, str] = {}
        self.unused: dict[str, str] = {}
        self.frozen: dict[str, BoolArray] = {}
        self._membership = membership

    def __len__(self) -> int:
        return len(self.decisions)

    def note_frozen(self, feed: Feed, column: str = "") -> None:
        """Record in `frozen` the decisions at which the last row of a feed was frozen."""
        if not feed.frozen_rows.any():
            return
        name = f"{feed.label} {column}".strip() if feed.kind == "macro" else feed.label
        flags = feed.frozen_at(self.decisions.at, column)
        self.frozen[name] = self.frozen.get(name, np.zeros(len(self), np.bool_)) | flags

    @cached_property
    def hours(self) -> FloatArray:
        """Hours on the 24/7 clock at each decision (T,), from the first one."""
        return np.asarray((self.decisions.at - self.decisions.at[0]) / HOUR, dtype=np.float64)

    @cached_property
    def next_hours(self) -> FloatArray:
        """The same clock at the next decision (T,).

        After the last decision by the exchange's schedule.
        """
        last = self.decisions.sessions[-1]
        schedule = load_calendar(self.market.calendar.name, last, last + _LONGEST_CLOSURE)
        following = decisions(schedule, self.decisions.fill).at[1]
        return np.append(self.hours[1:], (following - self.decisions.at[0]) / HOUR)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Symbols of the universe without prices in the market."""
        return tuple(symbol for symbol in self.universe.symbols if symbol not in self.market.prices)

    @cached_property
    def close(self) -> FloatArray:
        """Closes (T, N) on their own sessions.

        Not aligned to the decisions: for signals that are computed on them.
        """
        return np.ascontiguousarray(self.market.prices.close[:, self.columns])

    @cached_property
    def member(self) -> BoolArray:
        """Membership in the universe (T, N), session by session."""
        if self._membership is not None:
            return self._membership
        return self.universe.members(self.decisions.sessions, self.symbols)

    def known(self, values: npt.ArrayLike) -> FloatArray:
        """Session values (T,) or (T, K) as of each decision.

        A value is known at its session's close.
        """
        return align(self.market.calendar.closes, values, self.decisions.at)

    @cached_property
    def alive(self) -> BoolArray:
        """Names that can be held (T, N).

        Members that session, with a close known at the decision that is not older than `ALIVE_SESSIONS`. Sessions
        without any price in the market do not count.
        """
        ages = self.market.prices.ages(self.columns)
        fresh = (ages >= 0) & (ages < ALIVE_SESSIONS)
        known_fresh: BoolArray = self.known(fresh) == 1.0
        return self.member & known_fresh

    @cached_property
    def basket_returns(self) -> FloatArray:
        """Return of the equally weighted members of each session (T,).

        Close to close, known at the session's close; NaN where no member has a return.
        """
        returns = np.full(self.close.shape, np.nan)
        returns[1:] = self.close[1:] / self.close[:-1] - 1.0
        returns[~self.member] = np.nan
        count = np.isfinite(returns).sum(axis=1)
        return np.where(count > 0, np.nansum(returns, axis=1) / np.maximum(count, 1), np.nan)

    @cached_property
    def benchmark(self) -> FloatArray:
        """Closes of the benchmark (T,); raises `ParameterError` where the market has none."""
        if self.market.benchmark is None:
            raise ParameterError(f"market {self.market.name!r} names no `benchmark`; add one to market.toml")
        return self.market.prices.close[:, self.market.prices.columns_of([self.market.benchmark])[0]]
