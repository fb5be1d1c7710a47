"""Load a market folder (format 1): read, check, stamp.

Every row is stamped with the instant at which it was known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from undertow.market.calendar import Calendar, ExchangeHours, exchange_hours
from undertow.market.clock import BoolArray, FloatArray, InstantArray, IntArray
from undertow.market.errors import DataError, did_you_mean, file_boundary, safe_text
from undertow.market.feeds import EXCHANGE_TOLERANCE, Feed, known_instants
from undertow.market.folder.manifest import FeedEntry, Manifest, read_manifest
from undertow.market.folder.names import clean_name, symbol_column
from undertow.market.folder.prices import load_prices, manifest_calendar
from undertow.market.folder.tables import (
    LARGEST_NUMBER,
    check_bars,
    check_increasing,
    check_values,
    date_column,
    number_column,
    read_table,
    time_column,
)
from undertow.market.market import Market, sort_feeds
from undertow.market.prices import Prices
from undertow.market.universe import Universe

_COLUMNS = {
    "bars": ("open", "high", "low", "close", "volume"),
    "liquidations": ("long_usd", "short_usd"),
    "open_interest": ("open_interest_usd",),
    "funding": ("funding_rate",),
}
# Dates as vendors write them: 2020-01-31, 31.01.2020, 1/31/2020, 20200131.
_DATE = r"\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{4}|(?:19|20)\d{6}(?:\.0)?$"
# A settlement of the whole position, or more, is a percentage that was not written as a decimal.
_LARGEST = {"funding": 1.0}
_FEW_SESSIONS = 20
# Two prices with one stamp are a contradiction even when they agree. Counters come from vendors' polling, which repeats
# a row after a retry: identical repeats of counters are dropped and counted.
_POLLED = ("liquidations", "open_interest", "funding")


def load_market(folder: str | Path) -> Market:
    """Load and check the market folder at `folder`.

    Raises `DataError`, naming file, row or symbol and what to do, on anything that is not a usable market. What a
    vendor could really produce (gaps, late starts, close-only rows, venue changes, symbols without prices) is no error;
    it is counted, and `undertow market check` reports it.
    """
    with file_boundary(folder, "supply the folder again"):
        manifest = read_manifest(Path(folder))
        try:
            return _load(folder, manifest)
        except DataError as error:
            # Messages from inside name files relative to the folder; a reader may have several folders.
            files = ("market.toml", *(safe_text(entry.path) for entry in manifest.feeds))
            if str(error).startswith(tuple(f"{file}:" for file in files)):
                raise DataError(f"{str(folder).rstrip('/')}/{error}") from error.__cause__
            raise


def _load(folder: str | Path, manifest: Manifest) -> Market:
    root = Path(folder)
    prices_path = next(feed.path for feed in manifest.feeds if feed.kind == "prices")
    with file_boundary(prices_path):
        prices, notes = load_prices(root, manifest)
    universes = {}
    feeds = []
    for entry in manifest.feeds:
        with file_boundary(entry.path):
            if entry.kind == "universe":
                universes[entry.name] = _load_universe(root, entry, prices)
            elif entry.kind != "prices":
                feed, outside = _load_feed(root, entry, prices.calendar)
                feeds.append(feed)
                notes = (*notes, *outside)
    # Where no row means that nothing happened, nothing has happened since the last one either, for a while.
    end = max([prices.calendar.closes[-1], *(feed.known_at[-1] for feed in feeds if not feed.interval.sessions)])
    feeds = [feed.zeros_until(end) for feed in feeds]
    for role, symbol in (("benchmark", manifest.benchmark), ("cash", manifest.cash)):
        if symbol is not None and not _has_prices(prices, symbol):
            suggestion = did_you_mean(symbol, set(prices.symbols) - {symbol})
            raise DataError(
                f"market.toml: `{role}` {symbol!r} has no prices{suggestion}; name a symbol that has, or leave it out"
            )
    return Market(
        name=manifest.name,
        prices=prices,
        feeds=sort_feeds(feeds),
        universes=universes,
        benchmark=manifest.benchmark,
        cash=manifest.cash,
        path=str(folder),
        notes=notes,
    )


def _has_prices(prices: Prices, symbol: str) -> bool:
    return symbol in prices and bool(prices.last_rows[prices.columns_of([symbol])[0]] >= 0)


def _load_feed(root: Path, entry: FeedEntry, calendar: Calendar) -> tuple[Feed, tuple[str, ...]]:
    required = ("time", *_COLUMNS.get(entry.kind, ()))
    table = read_table(root, entry.path, required)
    times = date_column(table, "time", entry.path) if entry.kind == "macro" else time_column(table, entry.path)
    names = _COLUMNS.get(entry.kind) or tuple(str(column) for column in table.columns if column != "time")
    for name in names:
        clean_name(name, f"{entry.path}: the name of a column")
    limit = _LARGEST.get(entry.kind, LARGEST_NUMBER)
    columns = {name: number_column(table, name, entry.path, limit) for name in names}
    repeated = np.zeros(len(times), dtype=np.bool_)
    if entry.kind in _POLLED:
        repeated = _identical_repeats(times, columns)
    keep = ~repeated
    times = times[keep]
    regimes, regime_names = _regimes(table, keep, entry.path)
    columns = {name: values[keep] for name, values in columns.items()}
    check_increasing(times, entry.path, rows=np.flatnonzero(keep))
    _check_values(entry, times, columns)
    hours: ExchangeHours | None = None
    outside: tuple[str, ...] = ()
    if entry.hours == "session":
        hours, inside, outside = _in_exchange_hours(entry, times, calendar)
        times, regimes = times[inside], regimes[inside]
        columns = {name: values[inside] for name, values in columns.items()}
    if entry.interval.sessions or entry.delay.sessions:
        sessions = entry.interval.sessions + entry.delay.sessions
        first, last = _before(times[0]), _after(times[-1], sessions)
        calendar_of_feed = manifest_calendar(calendar.name, first, last)
    else:
        calendar_of_feed = calendar
    if hours is None:
        known_at = known_instants(times, entry.interval, entry.delay, calendar_of_feed)
    else:
        known_at = hours.known_at[np.searchsorted(hours.starts, times)]
    feed = Feed(
        kind=entry.kind,
        asset=entry.asset,
        path=entry.path,
        interval=entry.interval,
        delay=entry.delay,
        times=times,
        known_at=known_at,
        columns=columns,
        regimes=regimes,
        regime_names=regime_names,
        stale_after=entry.tolerance.timedelta if entry.tolerance else None,
        repeated_rows=int(repeated.sum()),
        missing=entry.missing,
        hours=hours,
    )
    _check_cover(feed, calendar)
    return feed, outside


def _in_exchange_hours(
    entry: FeedEntry, times: InstantArray, calendar: Calendar
) -> tuple[ExchangeHours, BoolArray, tuple[str, ...]]:
    """The bars of the exchange's hours, which rows (H,) are among them, and a remark.

    Raises `DataError` where more than half of the rows are not.
    """
    schedule = manifest_calendar(calendar.name, _before(times[0]), _after(times[-1], _FEW_SESSIONS))
    tolerance = entry.tolerance.timedelta if entry.tolerance else max(EXCHANGE_TOLERANCE, 3 * entry.interval.timedelta)
    hours = exchange_hours(schedule, times[0], entry.interval, entry.delay, tolerance)
    inside = np.isin(times, hours.starts)
    outside = np.flatnonzero(~inside)
    if not len(outside):
        return hours, inside, ()
    stamp = np.datetime_as_string(times[outside[0]], unit="m")
    if 2 * len(outside) > len(times):
        raise DataError(
            f"{entry.path}: row {outside[0] + 1} ({stamp}): {len(outside):,} of {len(times):,} rows start outside the"
            f" hours of {calendar.name}; leave `hours` out where bars come around the clock, or drop these rows"
        )
    rows = "1 row starts" if len(outside) == 1 else f"{len(outside):,} rows start"
    are = "is" if len(outside) == 1 else "are"
    remark = f"{entry.path}: {rows} outside the hours of {calendar.name} and {are} not used, the first at {stamp} UTC."
    return hours, inside, (remark,)


def _before(time: np.datetime64) -> pd.Timestamp:
    return pd.Timestamp(time) - pd.Timedelta(days=15)


def _after(time: np.datetime64, sessions: int) -> pd.Timestamp:
    # Room for a delay of several sessions over the longest holidays, or of many.
    return pd.Timestamp(time) + pd.Timedelta(days=45 if sessions <= _FEW_SESSIONS else 45 + 2 * sessions)


def _identical_repeats(times: InstantArray, columns: dict[str, FloatArray]) -> BoolArray:
    repeated = np.zeros(len(times), dtype=np.bool_)
    repeated[1:] = times[1:] == times[:-1]
    for values in columns.values():
        repeated[1:] &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    return repeated


def _regimes(table: pd.DataFrame, keep: BoolArray, path: str) -> tuple[IntArray, tuple[str, ...]]:
    """The regime number of each row that was kept, and the names by number.

    Numbered without the repeats that were dropped: one of them must not leave a number without a row.
    """
    if "venue_regime" not in table.columns:
        return np.zeros(int(keep.sum()), dtype=np.int64), ("",)
    series = table["venue_regime"].astype(object)
    series = series.where(series.notna(), "")[keep]
    known = {value: clean_name(str(value), f"{path}: `venue_regime`") for value in series.unique()}
    names = series.map(known).to_numpy(dtype=object)
    # A regime that comes back after another is a new one: no window may reach across the other.
    starts = np.concatenate(([True], names[1:] != names[:-1]))
    numbers_of_rows = (np.cumsum(starts) - 1).astype(np.int64)
    return numbers_of_rows, tuple(str(name) for name in names[starts])


def _check_values(entry: FeedEntry, times: InstantArray, columns: dict[str, FloatArray]) -> None:
    if entry.kind == "bars":
        check_bars(columns, entry.path, times)
    if entry.kind in ("liquidations", "open_interest"):
        for name, values in columns.items():
            problem = f"`{name}` must not be negative, got {{}}; write the amount without a sign"
            check_values(values < 0, problem, values, entry.path, times)
    if entry.interval.minutes and entry.hours != "session":
        offset = (times - times[0]) % entry.interval.timedelta
        rows = np.flatnonzero(offset != np.timedelta64(0, "ns"))
        if len(rows):
            stamp = np.datetime_as_string(times[int(rows[0])], unit="s")
            raise DataError(
                f"{entry.path}: `time` {stamp} is not a whole number of intervals ({entry.interval}) after the first;"
                " fix `interval` in market.toml or the stamp"
            )
    if not columns:
        raise DataError(f"{entry.path}: has no column beside `time`; write one column a series")
    if all(np.isnan(values).all() for values in columns.values()):
        raise DataError(f"{entry.path}: every value is blank; remove its [[feed]] from market.toml")


def _check_cover(feed: Feed, calendar: Calendar) -> None:
    first, last = calendar.opens[0], calendar.closes[-1]
    if feed.times[-1] < first - feed.tolerance or feed.known_at[0] > last:
        raise DataError(
            f"{feed.path}: {feed.times[0].astype('datetime64[D]')} to {feed.times[-1].astype('datetime64[D]')} does not"
            f" cover any of the price period {calendar.sessions[0].date()} to {calendar.sessions[-1].date()};"
            " remove its [[feed]] or supply the right years"
        )


def _load_universe(root: Path, entry: FeedEntry, prices: Prices) -> Universe:
    table = read_table(root, entry.path, ("symbol",))
    for column in table.columns.difference(["start", "end"]):
        # If `End` were ignored, every name would stay a member for ever.
        suggestion = next((name for name in ("start", "end") if column.lower().startswith(name)), None)
        if suggestion is not None:
            raise DataError(f"{entry.path}: unknown column `{safe_text(column)}`, did you mean `{suggestion}`?")
        if column != "symbol" and _looks_like_dates(table[column]):
            raise DataError(
                f"{entry.path}: `{safe_text(column)}` holds dates, but the first and last day of a membership are"
                " `start` and `end`; rename the column or remove it"
            )
    spans = pd.DataFrame(
        {
            "symbol": symbol_column(table, entry.path),
            "start": _membership_dates(table, "start", entry.path),
            "end": _membership_dates(table, "end", entry.path),
        }
    )
    reversed_rows = np.flatnonzero(spans["end"] < spans["start"])
    if len(reversed_rows):
        row = int(reversed_rows[0])
        raise DataError(
            f"{entry.path}: row {row + 1} ({safe_text(spans['symbol'][row])}): `end` is before `start`; fix the row"
        )
    universe = Universe(entry.name, spans)
    if not any(symbol in prices for symbol in universe.symbols):
        examples = ", ".join(universe.symbols[:5])
        raise DataError(
            f"{entry.path}: not one of its {len(universe.symbols)} symbols has prices ({examples}, ...);"
            " write them as the prices do, or remove its [[feed]] from market.toml"
        )
    return universe


def _membership_dates(table: pd.DataFrame, column: str, path: str) -> InstantArray:
    if column not in table.columns:
        return np.full(len(table), np.datetime64("NaT"), dtype="datetime64[ns]")
    return date_column(table, column, path, open_ended=True)


def _looks_like_dates(column: pd.Series) -> bool:
    texts = column.dropna().astype(str).str.strip()
    texts = texts[texts != ""]
    return bool(len(texts)) and bool(texts.str.match(_DATE).all())
