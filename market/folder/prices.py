"""The prices of a market folder as panels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from undertow.market.calendar import Calendar, load_calendar
from undertow.market.clock import FloatArray, InstantArray, IntArray
from undertow.market.errors import DataError, safe_text
from undertow.market.folder.manifest import Manifest
from undertow.market.folder.names import symbol_column
from undertow.market.folder.tables import check_bars, date_column, number_column, read_table
from undertow.market.prices import PRICE_FIELDS, Prices

# Names of adjusted closes, without blanks and underscores.
_ADJUSTED = ("adjclose", "adjustedclose", "closeadj", "closeadjusted")
_SAME_CLOSE = 1e-6
# A panel of more prices would take gigabytes: sessions times symbols.
_MOST_CELLS = 100_000_000


def load_prices(root: Path, manifest: Manifest) -> tuple[Prices, tuple[str, ...]]:
    """The prices as panels on every session, and what looks wrong in them.

    Raises `DataError`, naming row and symbol, on what is no price, no session of the calendar, or twice.
    """
    path = next(feed.path for feed in manifest.feeds if feed.kind == "prices")
    table = read_table(root, path, ("session", "symbol", *PRICE_FIELDS))
    stamps = date_column(table, "session", path)
    names = symbol_column(table, path)
    values = {name: number_column(table, name, path) for name in PRICE_FIELDS}
    check_bars(values, path, stamps, names)
    if np.isnan(values["close"]).all():
        raise DataError(f"{path}: every `close` is blank; supply the prices")
    calendar = manifest_calendar(manifest.calendar, pd.Timestamp(stamps.min()), pd.Timestamp(stamps.max()))
    session_codes = _session_codes(stamps, names, calendar, path)
    symbol_codes, symbols = pd.factorize(names, sort=True)
    if len(calendar.sessions) * len(symbols) > _MOST_CELLS:
        raise DataError(
            f"{path}: {len(calendar.sessions):,} sessions and {len(symbols):,} symbols are more than"
            f" {_MOST_CELLS:,} prices; check its first and last `session`, or split the folder"
        )
    _check_panel_order(session_codes, symbol_codes.astype(np.int64), stamps, names, path)
    cells = session_codes * len(symbols) + symbol_codes
    fields = {}
    for name in PRICE_FIELDS:
        panel = np.full(len(calendar.sessions) * len(symbols), np.nan)
        panel[cells] = values[name]
        fields[name] = panel.reshape(len(calendar.sessions), len(symbols))
    return Prices(calendar, tuple(str(symbol) for symbol in symbols), **fields), _adjusted_note(table, values, path)


def _adjusted_note(table: pd.DataFrame, values: Mapping[str, FloatArray], path: str) -> tuple[str, ...]:
    """What to do where a column of adjusted closes stands beside other closes."""
    column = next((name for name in table.columns if re.sub(r"[\s_]+", "", name.lower()) in _ADJUSTED), None)
    if column is None:
        return ()
    adjusted = number_column(table, column, path)
    factor = adjusted / values["close"]
    differs = np.abs(factor - 1.0) > _SAME_CLOSE
    if not differs.any():
        return ()
    name = safe_text(column)
    return (
        f"{path}: `{name}` differs from `close` on {int(differs.sum()):,} of {len(table):,} rows, and `close` is used:"
        f" it is not adjusted; multiply open, high, low and close by {name} / close, or remove the column if `close` is"
        " adjusted already",
    )


def _session_codes(stamps: InstantArray, names: pd.Series, calendar: Calendar, path: str) -> IntArray:
    days = np.asarray(calendar.sessions, dtype="datetime64[ns]")
    codes = np.searchsorted(days, stamps)
    known = (codes < len(days)) & (days[np.minimum(codes, len(days) - 1)] == stamps) if len(days) else stamps != stamps
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        raise DataError(
            f"{path}: row {row + 1} ({safe_text(names.iloc[row])}): {stamps[row].astype('datetime64[D]')} is not a"
            f" session of the calendar {calendar.name}; remove the row or fix `calendar` in market.toml"
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


def manifest_calendar(name: str, start: pd.Timestamp, end: pd.Timestamp) -> Calendar:
    """The calendar of market.toml over a span; a failure names the file."""
    try:
        return load_calendar(name, start, end)
    except DataError as error:
        raise DataError(f"market.toml: {error}") from None
