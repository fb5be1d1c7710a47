"""Load a market folder (format 1): read, check, stamp.

Every row is stamped with the instant at which it was known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market.calendar import Calendar, load_calendar
from undertow.market.clock import HOUR, BoolArray, FloatArray, InstantArray, IntArray
from undertow.market.errors import DataError, did_you_mean
from undertow.market.feeds import Feed, known_instants
from undertow.market.folder.manifest import FeedEntry, Manifest, read_manifest
from undertow.market.folder.tables import (
    check_bars,
    check_increasing,
    check_values,
    date_column,
    number_column,
    read_table,
    symbol_column,
    time_column,
)
from undertow.market.market import Market, sort_feeds
from undertow.market.prices import PRICE_FIELDS, Prices
from undertow.market.universe import Universe

_COLUMNS = {
    "bars": ("open", "high", "low", "close", "volume"),
    "liquidations": ("long_usd", "short_usd"),
    "open_interest": ("open_interest_usd",),
    "funding": ("funding_rate",),
}
# Dates as vendors write them: 2020-01-31, 31.01.2020, 1/31/2020, 20200131.
_DATE = r"\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{4}|(?:19|20)\d{6}(?:\.0)?$"
# Two prices with one stamp are a contradiction even when they agree. Counters come from vendors' polling, which repeats
# a row after a retry: identical repeats of counters are dropped and counted.
_POLLED = ("liquidations", "open_interest", "funding")


def load_market(folder: str | Path) -> Market:
    """Load and check the market folder at `folder`.

    Raises `DataError`, naming file, row or symbol and what to do, on anything that is not a usable market. What a
    vendor could really produce (gaps, late starts, close-only rows, venue changes, symbols without prices) is no error;
    it is counted, and `undertow market check` reports it.
    """
    manifest = read_manifest(Path(folder))
    try:
        return _load(folder, manifest)
    except DataError as error:
        # Messages from inside name files relative to the folder; a reader may have several folders.
        files = {"market.toml", *(entry.path for entry in manifest.feeds)}
        if str(error).partition(":")[0] in files:
            raise DataError(f"{str(folder).rstrip('/')}/{error}") from None
        raise


def _load(folder: str | Path, manifest: Manifest) -> Market:
    root = Path(folder)
    prices = _load_prices(root, manifest)
    universes = {}
    feeds = []
    for entry in manifest.feeds:
        if entry.kind == "universe":
            universes[entry.name] = _load_universe(root, entry, prices)
        elif entry.kind != "prices":
            feeds.append(_load_feed(root, entry, prices.calendar))
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
    )


def _has_prices(prices: Prices, symbol: str) -> bool:
    return symbol in prices and bool(prices.last_rows[prices.columns_of([symbol])[0]] >= 0)


def _load_feed(root: Path, entry: FeedEntry, calendar: Calendar) -> Feed:
    required = ("time", *_COLUMNS.get(entry.kind, ()))
    table = read_table(root, entry.path, required)
    times = date_column(table, "time", entry.path) if entry.kind == "macro" else time_column(table, entry.path)
    names = _COLUMNS.get(entry.kind) or tuple(str(column) for column in table.columns if column != "time")
    columns = {name: number_column(table, name, entry.path) for name in names}
    regimes, regime_names = _regimes(table)
    repeated = np.zeros(len(times), dtype=np.bool_)
    if entry.kind in _POLLED:
        repeated = _identical_repeats(times, columns)
    keep = ~repeated
    times, regimes = times[keep], regimes[keep]
    columns = {name: values[keep] for name, values in columns.items()}
    check_increasing(times, entry.path, rows=np.flatnonzero(keep))
    _check_values(entry, times, columns)
    if entry.interval.sessions or entry.delay.sessions:
        calendar_of_feed = _calendar(calendar.name, _before(times[0]), _after(times[-1]))
    else:
        calendar_of_feed = calendar
    known_at = known_instants(times, entry.interval, entry.delay, calendar_of_feed)
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
    )
    _check_cover(feed, calendar)
    return feed


def _before(time: np.datetime64) -> pd.Timestamp:
    return pd.Timestamp(time) - pd.Timedelta(days=15)


def _after(time: np.datetime64) -> pd.Timestamp:
    # Room for a delay of several sessions over the longest holidays.
    return pd.Timestamp(time) + pd.Timedelta(days=45)


def _identical_repeats(times: InstantArray, columns: dict[str, FloatArray]) -> BoolArray:
    repeated = np.zeros(len(times), dtype=np.bool_)
    repeated[1:] = times[1:] == times[:-1]
    for values in columns.values():
        repeated[1:] &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    return repeated


def _regimes(table: pd.DataFrame) -> tuple[IntArray, tuple[str, ...]]:
    if "venue_regime" not in table.columns:
        return np.zeros(len(table), dtype=np.int64), ("",)
    names = table["venue_regime"].fillna("").astype(str).to_numpy(dtype=object)
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
    if entry.interval.minutes:
        offset = (times - times[0]) % entry.interval.timedelta
        rows = np.flatnonzero(offset != np.timedelta64(0, "ns"))
        if len(rows):
            stamp = np.datetime_as_string(times[int(rows[0])], unit="s")
            raise DataError(
                f"{entry.path}: `time` {stamp} is not a whole number of intervals ({entry.interval}) after the first;"
                " fix `interval` in market.toml or the stamp"
            )
        if entry.kind == "bars":
            _check_spacing(entry, np.diff(times))
    if not columns:
        raise DataError(f"{entry.path}: has no column beside `time`; write one column a series")
    if all(np.isnan(values).all() for values in columns.values()):
        raise DataError(f"{entry.path}: every value is blank; remove its [[feed]] from market.toml")


def _check_spacing(entry: FeedEntry, gaps: npt.NDArray[np.timedelta64]) -> None:
    # Daily bars that are read as hourly ones would be known 23 hours too early.
    if len(gaps) and gaps.min() > entry.interval.timedelta:
        raise DataError(
            f"{entry.path}: no two rows are less than {gaps.min() / HOUR:g} hours apart, but `interval` is"
            f" {entry.interval}, the default unless market.toml sets it: every row would be known too early; write the"
            " interval of a row"
        )


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
            raise DataError(f"{entry.path}: unknown column `{column}`, did you mean `{suggestion}`?")
        if column != "symbol" and _looks_like_dates(table[column]):
            raise DataError(
                f"{entry.path}: `{column}` holds dates, but the first and last day of a membership are `start` and"
                " `end`; rename the column or remove it"
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
        raise DataError(f"{entry.path}: row {row + 1} ({spans['symbol'][row]}): `end` is before `start`; fix the row")
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


def _load_prices(root: Path, manifest: Manifest) -> Prices:
    path = next(feed.path for feed in manifest.feeds if feed.kind == "prices")
    table = read_table(root, path, ("session", "symbol", *PRICE_FIELDS))
    stamps = date_column(table, "session", path)
    names = symbol_column(table, path)
    values = {name: number_column(table, name, path) for name in PRICE_FIELDS}
    check_bars(values, path, stamps, names)
    if np.isnan(values["close"]).all():
        raise DataError(f"{path}: every `close` is blank; supply the prices")
    calendar = _calendar(manifest.calendar, pd.Timestamp(stamps.min()), pd.Timestamp(stamps.max()))
    session_codes = _session_codes(stamps, names, calendar, path)
    symbol_codes, symbols = pd.factorize(names, sort=True)
    _check_panel_order(session_codes, symbol_codes.astype(np.int64), stamps, names, path)
    cells = session_codes * len(symbols) + symbol_codes
    fields = {}
    for name in PRICE_FIELDS:
        panel = np.full(len(calendar.sessions) * len(symbols), np.nan)
        panel[cells] = values[name]
        fields[name] = panel.reshape(len(calendar.sessions), len(symbols))
    return Prices(calendar, tuple(str(symbol) for symbol in symbols), **fields)


def _calendar(name: str, start: pd.Timestamp, end: pd.Timestamp) -> Calendar:
    try:
        return load_calendar(name, start, end)
    except DataError as error:
        raise DataError(f"market.toml: {error}") from None


def _session_codes(stamps: InstantArray, names: pd.Series, calendar: Calendar, path: str) -> IntArray:
    days = np.asarray(calendar.sessions, dtype="datetime64[ns]")
    codes = np.searchsorted(days, stamps)
    known = (codes < len(days)) & (days[np.minimum(codes, len(days) - 1)] == stamps) if len(days) else stamps != stamps
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        raise DataError(
            f"{path}: row {row + 1} ({names.iloc[row]}): {stamps[row].astype('datetime64[D]')} is not a session of the"
            f" calendar {calendar.name}; remove the row or fix `calendar` in market.toml"
        )
    return codes.astype(np.int64)


def _check_panel_order(
    sessions: IntArray, symbols: IntArray, stamps: InstantArray, names: pd.Series, path: str
) -> None:
    # A stable sort by symbol keeps the file's order within each name, where sessions must increase.
    order = np.argsort(symbols, kind="stable")
    same_symbol = symbols[order][1:] == symbols[order][:-1]
    step = np.diff(sessions[order])
    bad = np.flatnonzero(same_symbol & (step <= 0))
    if not len(bad):
        return
    row = int(order[bad[0] + 1])
    problem = (
        "appears twice; remove the duplicate" if step[bad[0]] == 0 else "comes after a later session; sort the file"
    )
    raise DataError(f"{path}: row {row + 1}: {names.iloc[row]} on {stamps[row].astype('datetime64[D]')} {problem}")
