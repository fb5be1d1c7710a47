"""Feeds: series that arrive on their own clock.

Each row carries the instant at which it could have been known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market.calendar import Calendar, ExchangeHours
from undertow.market.clock import (
    DAY,
    HOUR,
    BoolArray,
    FloatArray,
    How,
    InstantArray,
    IntArray,
    Lifetimes,
    Span,
    align,
)
from undertow.market.errors import DataError, UnknownNameError, did_you_mean
from undertow.market.frozen import frozen_rows
from undertow.market.spacing import EVENT_KINDS, MISSING, Missing, check_grid, check_interval, row_spacing, zero_rows

# Kinds whose amounts are those of a venue, and the attribute of their frames that names its regimes.
REGIME_KINDS = ("liquidations", "open_interest")
VENUE_REGIMES = "venue_regimes"
# How long a row stays usable after it became known, where market.toml does not say: long enough for an exchange halt or
# a vendor's missed day, short enough that a feed which ended is not taken for news.
_LEAST_TOLERANCE = 24 * HOUR
_SESSION_TOLERANCE = 10 * 24 * HOUR
# The same of bars that keep exchange hours, in trading time: a session that a vendor missed.
EXCHANGE_TOLERANCE = 7 * HOUR
# The longest time between two settlements of funding.
SETTLEMENT_HOURS = 8.0
# The longest silence of events that is taken for calm.
_EVENT_TOLERANCE = 3 * 24 * HOUR


@dataclass(frozen=True, eq=False)
class Feed:
    """One or several series that share a clock.

    Crypto bars, liquidations, open interest, funding, macro series. Rows that repeat the rows before for too long have
    no value (`undertow.market.frozen`). Raises `DataError` where the rows are further apart than `interval`: each of
    them would be known too early.

    Args:
        kind: "bars", "liquidations", "open_interest", "funding" or "macro".
        asset: "BTC" and the like; empty for macro series.
        path: the file in the market folder.
        interval: length of a row.
        delay: time from the end of a row until it is known.
        times: starts of the intervals (H,), strictly increasing, UTC.
        known_at: when each row could have been known (H,), UTC.
        columns: values (H,) by name.
        regimes: number of the venue regime of each row (H,): 0, 1, ... in order of appearance, a new number wherever
            the level of the series is not comparable with before.
        regime_names: names of the regimes, by number.
        stale_after: age beyond which the last row is stale; None for the default of the interval.
        repeated_rows: identical repeats that were dropped.
        missing: what an interval without a row means: "unknown", or "zero" where no row is written when nothing
            happened. Rows of zero are then put in, up to the tolerance after the last amount.
        zero_rows: rows of zero that were put in.
        frozen: by column, the rows (H,) whose value was removed because it had repeated for too long.
        spacing: smallest gap between two rows; None: that of `times`.
        hours: bars of the exchange's hours, where the feed keeps them: its rows then follow each other over nights and
            weekends, and age in trading time.
        carried: whether rows between sessions carry the last close, so that repeats are no failure of the feed.
    """

    kind: str
    asset: str
    path: str
    interval: Span
    delay: Span
    times: InstantArray
    known_at: InstantArray
    columns: Mapping[str, FloatArray]
    regimes: IntArray
    regime_names: tuple[str, ...] = ("",)
    stale_after: np.timedelta64 | None = None
    repeated_rows: int = 0
    missing: Missing = "unknown"
    zero_rows: int = 0
    frozen: Mapping[str, BoolArray] = field(default_factory=dict)
    spacing: np.timedelta64 | None = None
    hours: ExchangeHours | None = None
    carried: bool = False

    def __post_init__(self) -> None:
        if self.missing not in MISSING:
            suggestion = did_you_mean(str(self.missing), MISSING)
            raise DataError(f"{self.path}: `missing` must be unknown or zero, got {self.missing!r}{suggestion}")
        if self.missing == "zero" and self.kind not in EVENT_KINDS:
            raise DataError(f'{self.path}: `missing` = "zero" is for {", ".join(EVENT_KINDS)}, not for {self.kind}')
        spacing, column = row_spacing(self.kind, self.times, self.columns, self.missing)
        if self.spacing is not None:
            # Rows that were cut from a feed are as far apart as before.
            spacing = self.spacing if spacing is None else min(spacing, self.spacing)
        check_interval(self.kind, self.path, self.interval, spacing, column=column, missing=self.missing)
        check_grid(self.path, self.interval, self.times)
        object.__setattr__(self, "spacing", spacing)
        if self.missing == "zero" and len(self):
            self._put_zeros()
        self._blank_frozen()

    def _put_zeros(self, until: np.datetime64 | None = None) -> None:
        stamps, before = zero_rows(self.times, self.columns, self.interval.timedelta, self.tolerance, until)
        if not len(stamps):
            return
        order = np.argsort(np.concatenate((self.times, stamps)), kind="stable")

        def joined(values: npt.NDArray[Any], fill: npt.ArrayLike) -> npt.NDArray[Any]:
            return np.concatenate((values, np.asarray(fill, dtype=values.dtype)))[order]

        changes = {
            "times": joined(self.times, stamps),
            "known_at": joined(self.known_at, stamps + self.interval.timedelta + self.delay.timedelta),
            "columns": {name: joined(values, np.zeros(len(stamps))) for name, values in self.columns.items()},
            "regimes": joined(self.regimes, self.regimes[before]),
            "frozen": {name: joined(rows, np.zeros(len(stamps))) for name, rows in self.frozen.items()},
            "zero_rows": self.zero_rows + len(stamps),
        }
        for name, value in changes.items():
            object.__setattr__(self, name, value)

    def _blank_frozen(self) -> None:
        if self.carried:
            return
        before = {name: rows for name, rows in self.frozen.items() if len(rows) == len(self) and rows.any()}
        frozen = frozen_rows(self.kind, self.times, self.columns, self.interval, self.tolerance)
        if frozen:
            columns = {
                name: np.where(frozen[name], np.nan, values) if name in frozen else values
                for name, values in self.columns.items()
            }
            object.__setattr__(self, "columns", columns)
        merged = {name: before.get(name, False) | frozen.get(name, False) for name in (*before, *frozen)}
        object.__setattr__(self, "frozen", merged)

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, column: str) -> FloatArray:
        if column not in self.columns:
            raise UnknownNameError(f"column of {self.path}", column, self.columns)
        return self.columns[column]

    def __getattr__(self, name: str) -> pd.Series:
        # `bars.close` reads as a vectorbt user expects: a series over time, ready for an indicator.
        if name.startswith("_") or name not in self.__dict__.get("columns", {}):
            raise AttributeError(f"{type(self).__name__} has no attribute or column {name!r}")
        return self.frame[name]

    @property
    def regime(self) -> pd.Series:
        """The venue-regime number of each row, ready for an indicator's `regime` input."""
        return pd.Series(self.regimes.astype(np.float64), self.frame.index, name="regime")

    @property
    def label(self) -> str:
        """Short name for reports: "liquidations BTC 1h"."""
        return " ".join(part for part in (self.kind, self.asset, str(self.interval)) if part)

    @property
    def tolerance(self) -> np.timedelta64:
        """How old the last row may be before the feed counts as stale."""
        if self.stale_after is not None:
            return self.stale_after
        if self.interval.sessions:
            return _SESSION_TOLERANCE
        if self.hours is not None:
            return max(EXCHANGE_TOLERANCE, 3 * self.interval.timedelta)
        if self.missing == "zero":
            return max(_EVENT_TOLERANCE, 3 * self.interval.timedelta)
        return max(_LEAST_TOLERANCE, 3 * self.interval.timedelta)

    @cached_property
    def lifetimes(self) -> Lifetimes:
        """How long a row counts as the last one: one for all, or one a row (H,)."""
        if self.hours is None:
            return self.tolerance
        rows = self._exchange_rows
        return self.hours.expires[rows] - self.hours.known_at[rows]

    def expires_at(self, row: int) -> np.datetime64:
        """Until when a row counts, if no later one is known."""
        lifetimes = self.lifetimes
        lifetime = lifetimes[row] if isinstance(lifetimes, np.ndarray) else lifetimes
        return np.datetime64(self.known_at[row] + lifetime)

    @property
    def row_hours(self) -> float:
        """Hours that a row stands for; trading hours of a feed with exchange hours."""
        return self.interval.minutes / 60.0 if self.hours is None else self.hours.row_hours

    @property
    def _exchange_rows(self) -> IntArray:
        """The place of each row (H,) among the bars of the exchange's hours."""
        starts = self.times[:0] if self.hours is None else self.hours.starts
        return np.searchsorted(starts, self.times).astype(np.int64)

    @property
    def is_regular(self) -> bool:
        """Whether rows lie on a grid of whole intervals.

        A window of n rows on the grid is then a window of n intervals.
        """
        return self.interval.minutes > 0

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows as a DataFrame indexed by UTC `time`, the start of each row.

        A value is known at `known_at`, later than its `time`. Liquidations, open interest and any feed with several
        venue regimes have a column `venue_regime`: the number of the row's regime, ready for an indicator's `regime`.
        The attribute "venue_regimes" of the frame and of its columns names each regime and its first row, from which
        `LiquidationSpike.run` knows where amounts are not comparable.
        """
        index = pd.DatetimeIndex(self.times, tz="UTC", name="time")
        columns: dict[str, FloatArray] = dict(self.columns)
        if self.kind in REGIME_KINDS or len(self.regime_names) > 1:
            columns["venue_regime"] = self.regimes.astype(np.float64)
        frame = pd.DataFrame(columns, index=index)
        starts = np.flatnonzero(np.diff(self.regimes, prepend=-1)).tolist()
        # Texts: pandas writes attributes into parquet files as JSON.
        frame.attrs[VENUE_REGIMES] = [[index[row].isoformat(), self.regime_names[self.regimes[row]]] for row in starts]
        return frame

    @cached_property
    def grid_rows(self) -> IntArray:
        """The position of each row (H,) on the regular grid from first to last row.

        Of an irregular feed, the number of the row itself.
        """
        if not self.is_regular or not len(self):
            return np.arange(len(self), dtype=np.int64)
        if self.hours is not None:
            places = self._exchange_rows
            return np.asarray(places - places[0], dtype=np.int64)
        rows: IntArray = ((self.times - self.times[0]) // self.interval.timedelta).astype(np.int64)
        return rows

    @property
    def missing_intervals(self) -> int:
        """Intervals without a row between the first row and the last."""
        return int(self.grid_rows[-1]) + 1 - len(self) if len(self) else 0

    def on_grid(self, column: str) -> FloatArray:
        """`column` on the regular grid (G,), NaN where an interval is missing.

        So that windows of rows are lengths of time.
        """
        return self.spread(self[column], np.nan)

    def spread(self, values: npt.ArrayLike, missing: float) -> FloatArray:
        """Values of the rows (H,) on the regular grid (G,).

        `missing` is the value of intervals without a row.
        """
        rows = self.grid_rows
        out = np.full(int(rows[-1]) + 1 if len(rows) else 0, missing, dtype=np.float64)
        out[rows] = values
        return out

    @cached_property
    def grid_regimes(self) -> IntArray:
        """The regime number of each grid interval (G,).

        A missing interval belongs to the regime before it.
        """
        position = np.searchsorted(self.grid_rows, np.arange(int(self.grid_rows[-1]) + 1), side="right") - 1
        return self.regimes[position]

    def bars(self, hours: float) -> int:
        """The number of this feed's intervals in `hours`, at least one."""
        return max(1, round(hours / (self.row_hours or 1.0)))

    def at(
        self,
        values: npt.ArrayLike,
        decisions: InstantArray,
        lag_hours: float = 0.0,
        how: How = "last",
        since: InstantArray | None = None,
    ) -> FloatArray:
        """Values on this feed's grid, carried to decision instants by `align`.

        Args:
            values: computed on the grid, (G,) or (G, K); the result is (T,) or (T, K).
            decisions: the decision instants (T,), sorted, UTC.
            lag_hours: hours on the 24/7 clock.
            how: "last", "min" or "max", as in `align`.
            since: the instant from which rows count at each decision (T,), as in `align`.
        """
        on_rows = np.asarray(values, dtype=np.float64)[self.grid_rows]
        limit = self.lifetimes
        return align(self.known_at, on_rows, decisions, lag_hours=lag_hours, tolerance=limit, how=how, since=since)

    @cached_property
    def settlement_hours(self) -> FloatArray:
        """Hours (H,) since the settlement before, for which each row's rate is paid.

        Exchanges settle every eight hours or more often, so a longer gap has missed settlements in it and counts as
        eight hours, as the first row does; of rows that were never closer than that, as their smallest gap so far.
        """
        if not len(self):
            return np.zeros(0)
        gaps = np.diff(self.times) / HOUR
        longest = np.maximum(np.minimum.accumulate(gaps), SETTLEMENT_HOURS) if len(gaps) else gaps
        first = self.interval.minutes / 60.0 or SETTLEMENT_HOURS
        return np.concatenate(([first], np.minimum(gaps, longest)))

    @cached_property
    def frozen_rows(self) -> BoolArray:
        """Rows (H,) that lost a value, in one column at least, by repeating it."""
        rows = np.zeros(len(self), dtype=np.bool_)
        for column in self.frozen.values():
            rows |= column
        return rows

    def frozen_at(self, instants: InstantArray, column: str = "") -> BoolArray:
        """Whether the last row known at each instant (T,) is frozen.

        In `column`, or in any column without one.
        """
        rows = self.frozen.get(column, np.zeros(len(self), np.bool_)) if column else self.frozen_rows
        last = np.searchsorted(self.known_at, instants, side="right") - 1
        return np.asarray((last >= 0) & rows[np.maximum(last, 0)], dtype=np.bool_)

    def last_news(self, instant: np.datetime64) -> np.datetime64:
        """When the last row that is not frozen became known, by `instant`.

        NaT where none was.
        """
        known = np.flatnonzero((self.known_at <= instant) & ~self.frozen_rows)
        return np.datetime64(self.known_at[known[-1]]) if len(known) else np.datetime64("NaT", "ns")

    def zeros_until(self, instant: np.datetime64) -> Feed:
        """The feed with rows of zero after its last row too, known by `instant`.

        Only where no row means that nothing happened, and up to the tolerance after the last amount.
        """
        if self.missing != "zero" or not len(self):
            return self
        longer = replace(self)
        longer._put_zeros(instant - self.interval.timedelta - self.delay.timedelta)
        longer._blank_frozen()
        return longer

    def keep(self, rows: BoolArray) -> Feed:
        """The feed with only the rows where `rows` (H,) is true.

        Regimes without a row are dropped.
        """
        remaining, regimes = np.unique(self.regimes[rows], return_inverse=True)
        if len(remaining) == len(self.regime_names) and rows.all():
            return self
        return replace(
            self,
            regime_names=tuple(self.regime_names[number] for number in remaining),
            times=self.times[rows],
            known_at=self.known_at[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
            regimes=regimes.astype(np.int64),
            frozen={name: frozen[rows] for name, frozen in self.frozen.items()},
        )


def known_instants(times: InstantArray, interval: Span, delay: Span, calendar: Calendar) -> InstantArray:
    """When each row is known (H,): `time + interval + delay`.

    A delay of n sessions is the close of the n-th session after the stamp, or after the last session or day of an
    interval that is longer than one.

    Args:
        times: the stamps (H,), UTC.
        interval: length of a row.
        delay: time from the end of a row until it is known.
        calendar: sessions that reach past the last stamp; NaT where they do not.
    """
    if delay.sessions:
        # The delay begins with the last session, or the last day, of the interval.
        if interval.sessions:
            return calendar.nth_close_after(times, interval.sessions - 1 + delay.sessions)
        ends = times + max(interval.timedelta - DAY, np.timedelta64(0, "ns"))
        return calendar.nth_close_after(ends, delay.sessions)
    if interval.sessions:
        return calendar.nth_close_after(times - np.timedelta64(1, "ns"), interval.sessions) + delay.timedelta
    return times + interval.timedelta + delay.timedelta
