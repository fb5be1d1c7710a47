"""What is probably wrong in the prices of stocks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

import numpy as np

from undertow.market.clock import BoolArray, FloatArray
from undertow.market.inspection.changes import price_changes, split_ratio
from undertow.market.inspection.doubt import Doubt
from undertow.market.inspection.findings import flat_cash, longest_run
from undertow.market.market import Market

# A move of this size can be a split; a name on fewer sessions is not judged against others.
_SPLIT_MOVE, _JUDGED = 0.45, 250
# Sessions on each side whose median volume a split multiplies, and how well.
_VOLUME_SESSIONS, _VOLUME_FACTOR = 20, 1.6
# Closes of another unit: by how much they leap, and how long until they leap back.
_UNIT_MOVE, _UNIT_SESSIONS = 30.0, 60
# Correlation with the others on the day, and on the day before or after, that shows a shifted date.
_ON_THE_DAY, _SHIFTED = 0.1, 0.25
# Sessions on which a close stands still, and the median daily move of what rests by nature.
_STILL_SESSIONS, _RESTING = 8, 5e-4
_PARTIAL, _OUTSIDE, _REUSED_GAP, _SAME_SESSIONS = 0.02, 0.02, 60, 120


class PriceDoubts:
    """Doubts about the prices of a market.

    Args:
        market: the market.
    """

    def __init__(self, market: Market) -> None:
        self.market, self.prices = market, market.prices

    def all(self) -> Iterator[Doubt]:
        """Every doubt, in the order of the checks."""
        yield from self.last_session()
        yield from self.empty_sessions()
        yield from self.units()
        yield from self.splits()
        yield from self.frozen()
        yield from self.ranges()
        yield from self.shifted()
        yield from self.doubles()
        yield from self.reused()
        yield from self.cash()
        yield from self.survivors()

    @cached_property
    def _changes(self) -> FloatArray:
        return price_changes(self.prices.close)

    @cached_property
    def _closed(self) -> BoolArray:
        return np.isfinite(self.prices.close)

    def _day(self, row: int) -> str:
        return str(self.prices.sessions[row].date())

    def _names(self, chosen: BoolArray) -> str:
        names = [self.prices.symbols[column] for column in np.flatnonzero(chosen)]
        return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")

    def last_session(self) -> Iterator[Doubt]:
        """A last row that is blank or partial: a vendor's file from before the close."""
        priced = np.flatnonzero(self._closed.any(axis=1))
        if len(priced) < 2:
            return
        last, before = priced[-1], priced[-2]
        missing = self._closed[before] & ~self._closed[last]
        if missing.sum() > max(1, _PARTIAL * self._closed[before].sum()):
            yield Doubt(
                "error",
                "partial last session",
                self._names(missing),
                int(missing.sum()),
                f"no close on {self._day(last)}, a close on {self._day(before)}",
                "remove the last session or supply it after the close",
            )
        blank = len(self.prices.sessions) - 1 - last
        if blank:
            yield Doubt(
                "warning",
                "blank last sessions",
                "prices",
                int(blank),
                f"no close after {self._day(last)}",
                "remove the rows",
            )

    def empty_sessions(self) -> Iterator[Doubt]:
        """Sessions on which no name has a price though the exchange was open."""
        priced = self.prices.priced
        inside = (
            np.flatnonzero(~priced[: np.flatnonzero(priced)[-1] + 1]) if priced.any() else np.array([], dtype=np.int64)
        )
        if len(inside):
            yield Doubt(
                "error",
                "sessions without any price",
                "prices",
                len(inside),
                self._day(int(inside[0])),
                "supply the missing days",
            )

    @cached_property
    def _unit_rows(self) -> list[tuple[int, int, int]]:
        """First row, row after the last, and column of closes in another unit."""
        change = 1.0 + self._changes
        up, down = change > _UNIT_MOVE, change < 1.0 / _UNIT_MOVE
        spans = []
        for column in np.flatnonzero((up | down).any(axis=0)):
            rows = np.flatnonzero((up | down)[:, column])
            for first, after in pairwise(rows.tolist()):
                if after - first <= _UNIT_SESSIONS and up[first, column] != up[after, column]:
                    spans.append((int(first), int(after), int(column)))
        return spans

    def units(self) -> Iterator[Doubt]:
        """Closes of another unit: a leap of 30 times or more and back."""
        for first, after, column in self._unit_rows:
            ratio = 1.0 + self._changes[first, column]
            size = ratio if ratio > 1.0 else 1.0 / ratio
            yield Doubt(
                "error",
                "prices in another unit",
                self.prices.symbols[column],
                after - first,
                f"{'times' if ratio > 1.0 else 'divided by'} {size:.0f} from {self._day(first)} to {self._day(after)}",
                "multiply or divide those rows, or remove them",
            )

    def splits(self) -> Iterator[Doubt]:
        """Leaps by the ratio of a split, while the volume leaps the other way."""
        rows, columns = np.nonzero(np.abs(self._changes) > _SPLIT_MOVE)
        leaps = {(row, column) for first, after, column in self._unit_rows for row in (first, after)}
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            change = float(self._changes[row, column])
            ratio = split_ratio(change)
            if not ratio or (row, column) in leaps:
                continue
            at_open = self.prices.open[row, column] / self.prices.close[row - 1, column] - 1.0
            factor = self._volume_factor(row, column)
            size = max(1.0 + change, 1.0 / (1.0 + change))
            expected = size if change < 0.0 else 1.0 / size
            shown = size >= 3.0 and 1.0 / _VOLUME_FACTOR < factor / expected < _VOLUME_FACTOR
            if shown and (not np.isfinite(at_open) or split_ratio(float(at_open)) == ratio):
                yield Doubt(
                    "error",
                    "a split that is not adjusted",
                    self.prices.symbols[column],
                    1,
                    f"{change:+.1%} on {self._day(row)}, close to {ratio}, while the volume went {factor:.2g} times",
                    "supply prices that are adjusted for splits",
                )

    def _volume_factor(self, row: int, column: int) -> float:
        volume = np.where(self.prices.volume[:, column] > 0.0, self.prices.volume[:, column], np.nan)
        before, after = volume[max(row - _VOLUME_SESSIONS, 0) : row], volume[row : row + _VOLUME_SESSIONS]
        if not np.isfinite(before).any() or not np.isfinite(after).any():
            return np.nan
        return float(np.nanmedian(after) / np.nanmedian(before))

    def frozen(self) -> Iterator[Doubt]:
        """Names whose close repeats on many sessions while others move."""
        for column in np.flatnonzero(self._closed.sum(axis=0) > _JUDGED):
            symbol = self.prices.symbols[column]
            # A fund of bills rests for weeks where yields are 0.
            if np.nanmedian(np.abs(self._changes[:, column])) < _RESTING:
                continue
            rows = np.flatnonzero(self._closed[:, column])
            # A penny stock trades at one price for days: what stands still has no volume, or one volume.
            traded = np.nan_to_num(self.prices.volume[rows, column])
            still = np.concatenate(([False], (traded[1:] == traded[:-1]) | (traded[1:] == 0.0)))
            close = np.where(still, self.prices.close[rows, column], self.prices.close[rows, column] + 1e-9 * rows)
            count, last = longest_run(close)
            if count >= _STILL_SESSIONS:
                first = rows[last - count]
                yield Doubt(
                    "error",
                    "a price that stands still",
                    symbol,
                    count,
                    f"{close[last]:g} from {self._day(int(first))} to {self._day(int(rows[last]))}",
                    "remove the rows that repeat or supply them again",
                )

    def ranges(self) -> Iterator[Doubt]:
        """Names whose opens or closes lie outside the day's range again and again."""
        prices = self.prices
        outside = (np.fmax(prices.open, prices.close) > prices.high * (1.0 + 1e-6)) | (
            np.fmin(prices.open, prices.close) < prices.low * (1.0 - 1e-6)
        )
        counts = outside.sum(axis=0)
        often = counts > np.maximum(_OUTSIDE * self._closed.sum(axis=0), 5)
        for column in np.flatnonzero(often):
            row = int(np.argmax(outside[:, column]))
            yield Doubt(
                "error",
                "opens or closes outside the day's range",
                prices.symbols[column],
                int(counts[column]),
                f"{self._day(row)}: open {prices.open[row, column]:g}, range {prices.low[row, column]:g} to"
                f" {prices.high[row, column]:g}",
                "supply prices whose columns are adjusted alike",
            )

    def shifted(self) -> Iterator[Doubt]:
        """Names that move with the others a session late or early: dates of another zone."""
        returns = np.where(np.abs(self._changes) < _SPLIT_MOVE, self._changes, np.nan)
        others = np.full(len(returns), np.nan)
        several = np.isfinite(returns).sum(axis=1) > 4
        others[several] = np.nanmedian(returns[several], axis=1)
        for column in np.flatnonzero(np.isfinite(returns).sum(axis=0) > _JUDGED):
            found = [_correlation(returns[:, column], _moved(others, shift)) for shift in (-1, 0, 1)]
            best = int(np.argmax(found))
            if best != 1 and found[best] > _SHIFTED and found[1] < _ON_THE_DAY:
                late = "late" if best == 2 else "early"
                yield Doubt(
                    "error",
                    f"closes a session {late}",
                    self.prices.symbols[column],
                    int(np.isfinite(returns[:, column]).sum()),
                    f"correlation with the others {found[best]:.2f} a session {late}, {found[1]:.2f} on the day",
                    "supply the sessions as dates of the exchange",
                )

    def doubles(self) -> Iterator[Doubt]:
        """Two symbols with one history."""
        rows = np.flatnonzero(self._closed.any(axis=1))[-_SAME_SESSIONS:]
        seen: dict[bytes, int] = {}
        for column in range(len(self.prices.symbols)):
            close = self.prices.close[rows, column]
            if np.isfinite(close).sum() < _SAME_SESSIONS or np.nanstd(close) == 0.0:
                continue
            first = seen.setdefault(np.round(close, 6).tobytes(), column)
            if first != column:
                yield Doubt(
                    "error",
                    "two symbols with one history",
                    f"{self.prices.symbols[first]}, {self.prices.symbols[column]}",
                    len(rows),
                    f"equal closes since {self._day(int(rows[0]))}",
                    "keep one of them",
                )

    def reused(self) -> Iterator[Doubt]:
        """Symbols that were silent for long and came back elsewhere."""
        for column in range(len(self.prices.symbols)):
            rows = np.flatnonzero(self._closed[:, column])
            gaps = np.diff(rows)
            if len(gaps) and gaps.max() > _REUSED_GAP:
                place = int(np.argmax(gaps))
                last, first = int(rows[place]), int(rows[place + 1])
                yield Doubt(
                    "warning",
                    "a symbol that may be another company",
                    self.prices.symbols[column],
                    int(gaps[place]) - 1,
                    f"no close from {self._day(last + 1)} on, {self.prices.close[last, column]:g} before,"
                    f" {self.prices.close[first, column]:g} on {self._day(first)}",
                    "give the later company a symbol of its own",
                )

    def cash(self) -> Iterator[Doubt]:
        """A cash symbol without return."""
        symbol = self.market.cash
        if symbol is None or symbol not in self.prices:
            return
        count, first, last = flat_cash(self.market, symbol)
        if count:
            example = f"no return from {first} to {last}"
            yield Doubt("error", "cash without a return", symbol, count, example, "supply prices with distributions")

    def survivors(self) -> Iterator[Doubt]:
        """Universes all of whose members exist to the end."""
        for name, universe in sorted(self.market.universes.items()):
            priced = [symbol for symbol in universe.symbols if symbol in self.prices]
            if len(priced) < 5:
                continue
            ended = self.prices.ended[self.prices.columns_of(priced)]
            dated = universe.spans[["start", "end"]].notna().any(axis=None)
            if not ended.any() and not dated:
                yield Doubt(
                    "warning",
                    "a universe of survivors",
                    name,
                    len(priced),
                    f"all {len(priced)} names exist on {self._day(len(self.prices.sessions) - 1)}, none has dates",
                    "supply a list with dates, ended names included, or read its results as hindsight",
                )


def _moved(values: FloatArray, shift: int) -> FloatArray:
    moved = np.full_like(values, np.nan)
    if shift > 0:
        moved[shift:] = values[:-shift]
    elif shift < 0:
        moved[:shift] = values[-shift:]
    else:
        moved[:] = values
    return moved


def _correlation(first: FloatArray, second: FloatArray) -> float:
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < _JUDGED:
        return 0.0
    return float(np.corrcoef(first[both], second[both])[0, 1])


def price_doubts(market: Market) -> list[Doubt]:
    """Doubts about the prices of a market, in the order of the checks.

    Args:
        market: the market.
    """
    return list(PriceDoubts(market).all())
