"""What a vendor's table is: its kind, the columns it holds, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from undertow.market.errors import DataError, did_you_mean, safe_text
from undertow.market.imports.names import coin_in, coin_of, is_series, role_of, series_in, symbol_in
from undertow.market.imports.sheets import Sheet

FILE_KINDS = ("prices", "bars", "liquidations", "open_interest", "funding", "macro", "universe")
_OHLC = ("open", "high", "low", "close")
_KLINES = ("time", "open", "high", "low", "close", "volume", "close_time")
_DUMP = ("time", "open", "high", "low", "close", "volume")
_FIELDS = (*_OHLC, "adj_close", "volume", "dividend", "split")


@dataclass(frozen=True)
class Recognised:
    """A table with the columns that it stands for.

    Args:
        sheet: the table.
        kind: one of `FILE_KINDS`; "quotes" for open to close of whatever it turns out to be.
        columns: number of a column in the sheet by what it holds; of macro series by name.
        wide: numbers of columns by symbol, then by what they hold, of a table with one column a name.
        symbol: of all rows, where the table has no column of symbols.
        shape: the vendor's shape in a few words.
        vendor_zone: whether the vendor writes UTC.
        question: what cannot be decided, with the option that answers.
    """

    sheet: Sheet
    kind: str
    columns: Mapping[str, int]
    wide: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    symbol: str = ""
    shape: str = ""
    vendor_zone: bool = False
    question: str = ""


def recognise(sheet: Sheet, renamed: Mapping[str, str], kind: str = "") -> Recognised:
    """What a table is; what the user says decides where a table can be two things.

    Raises `DataError` with what was seen and the nearest known shape where it is none.

    Args:
        sheet: the table.
        renamed: what a column holds, by its name, where the user says so.
        kind: what the table is, where the user says so.
    """
    if not sheet.header:
        return _headerless(sheet, kind)
    if len(sheet.header) > 1:
        return _stacked_header(sheet)
    names = list(sheet.header[0])
    roles = _roles(names, renamed, sheet)
    if "time" not in roles:
        if "symbol" in roles and not {"close", "long_usd"} & set(roles):
            return Recognised(sheet, "universe", roles, shape="list of symbols")
        raise _unknown(sheet, "no column of times")
    quotes = "close" in roles or "adj_close" in roles
    usd = {"long_usd", "short_usd"} <= set(roles)
    if usd or {"long", "short"} <= set(roles):
        return _of_coin(
            Recognised(sheet, "liquidations", roles, shape=f"liquidations in {'USD' if usd else 'an unknown unit'}")
        )
    for kind_by_role, wanted in (
        ("funding", ("funding_rate", "funding_percent")),
        ("open_interest", ("open_interest_usd",)),
    ):
        if set(wanted) & set(roles):
            vendor = any("create_time" in name or "calc_time" in name for name in names)
            return _of_coin(
                Recognised(sheet, kind_by_role, roles, shape=kind_by_role.replace("_", " "), vendor_zone=vendor)
            )
    if "open_interest" in roles and not quotes:
        return _of_coin(Recognised(sheet, "open_interest", roles, shape="open interest in coins"))
    if quotes and sheet.kind != "macro":
        return _quotes(sheet, roles, names)
    return _table_of_series(sheet, roles, names, kind)


def _roles(names: list[str], renamed: Mapping[str, str], sheet: Sheet) -> dict[str, int]:
    """Column by role: what the user says first, then the first column of a name."""
    roles: dict[str, int] = {}
    for number, name in enumerate(names):
        role = renamed.get(name, "")
        if role:
            roles[role] = number
    taken = set(roles.values())
    # Coinalyze's rows have a time and the longs and shorts, each by its first letter.
    if {"t", "l", "s"} <= set(names) and "o" not in names:
        roles |= {"time": names.index("t"), "long": names.index("l"), "short": names.index("s")}
        taken |= set(roles.values())
    for number, name in enumerate(names):
        role = role_of(name)
        if role and role not in roles and number not in taken:
            roles[role] = number
            taken.add(number)
    clock = next((number for number, name in enumerate(names) if name.strip("<> ").lower() == "time"), None)
    if clock is not None:
        # A column "time" beside a date is the time of day.
        roles["clock" if "time" in roles and roles["time"] != clock else "time"] = clock
    if "time" not in roles and names and names[0].strip().lower() in ("", "index", "unnamed: 0"):
        roles["time"] = 0
    return roles


def _headerless(sheet: Sheet, kind: str) -> Recognised:
    width = sheet.cells.shape[1]
    if width == 12 or (width == 11 and kind == "bars"):
        columns = {name: number for number, name in enumerate(_KLINES)}
        return _of_coin(Recognised(sheet, "bars", columns, shape="klines without a header", vendor_zone=True))
    if width == 6:
        columns = {name: number for number, name in enumerate(_DUMP)}
        return _named_quotes(Recognised(sheet, "quotes", columns, shape="rows of time, open, high, low, close, volume"))
    if width == 1:
        return Recognised(sheet, "universe", {"symbol": 0}, shape="list of symbols")
    raise _unknown(sheet, f"{width} columns without names")


def _stacked_header(sheet: Sheet) -> Recognised:
    """Two header lines: what a column holds and its symbol, in either order."""
    lines = [line for line in sheet.header if any(cell not in ("", "Date", "Datetime", "date") for cell in line[1:])][
        :2
    ]
    if len(lines) < 2:
        return recognise(replace(sheet, header=(sheet.header[0],)), {})
    fields, symbols = lines if any(role_of(cell) in _OHLC for cell in lines[0][1:]) else lines[::-1]
    wide: dict[str, dict[str, int]] = {}
    time = 0
    left: list[str] = []
    for number, (column, symbol) in enumerate(zip(fields, symbols, strict=True)):
        role = role_of(column)
        if number == 0 or role == "time":
            time = number if role == "time" else time
            continue
        if role in _FIELDS and symbol:
            wide.setdefault(symbol, {})[role] = number
        else:
            left.append(" ".join(filter(None, (symbol, column))))
    if not wide:
        raise _unknown(sheet, "two header lines without open to close and symbols")
    if left:
        sheet = replace(sheet, notes=(*sheet.notes, f"columns left out: {safe_text(', '.join(left[:5]))}"))
    return Recognised(sheet, "quotes", {"time": time}, wide, shape="yfinance, two header lines")


def _quotes(sheet: Sheet, roles: dict[str, int], names: list[str]) -> Recognised:
    klines = {"closetime", "quoteassetvolume"} & {re.sub(r"[^a-z]", "", name.lower()) for name in names}
    shape = "klines with a header" if klines else "Stooq" if names[0].startswith("<") else "open to close"
    if "adj_close" in roles or "dividend" in roles:
        shape = "yfinance, one header line"
    return _named_quotes(Recognised(sheet, "quotes", roles, shape=shape, vendor_zone=bool(klines)))


def _named_quotes(table: Recognised) -> Recognised:
    if "symbol" in table.columns or table.symbol:
        return table
    stem = table.sheet.stem
    series = series_in(stem)
    if series == "VIXCLS":
        return replace(
            table,
            kind="macro",
            symbol="VIXCLS",
            columns={"time": table.columns["time"], "VIXCLS": table.columns["close"]},
            shape="history of an index",
        )
    symbol = coin_in(stem) or symbol_in(stem)
    return replace(table, symbol=symbol, question="" if symbol else "whose prices they are: --symbol NAME")


def _of_coin(table: Recognised) -> Recognised:
    if "symbol" in table.columns:
        return table
    coin = coin_in(table.sheet.stem)
    return replace(table, symbol=coin, question="" if coin else "which coin it is: --symbol BTC")


def _table_of_series(sheet: Sheet, roles: dict[str, int], names: list[str], kind: str) -> Recognised:
    """A date and a column for each series, or for each stock."""
    rest = {name.strip(): number for number, name in enumerate(names) if number != roles["time"] and name.strip()}
    if kind == "prices":
        wide = {name: {"close": number} for name, number in rest.items()}
        return Recognised(sheet, "quotes", {"time": roles["time"]}, wide, shape="closes, a column a name")
    if list(map(str.lower, rest)) == ["value"]:
        rest = {series_in(sheet.stem) or sheet.stem: rest.popitem()[1]}
    if not rest:
        raise _unknown(sheet, "times and nothing beside them")
    certain = kind == "macro" or is_series(list(rest)) or (len(rest) == 1 and bool(series_in(next(iter(rest)))))
    question = (
        ""
        if certain
        else f"whether {safe_text(', '.join(list(rest)[:4]))} are prices or macro series: --as prices|macro"
    )
    return Recognised(sheet, "macro", {"time": roles["time"], **rest}, shape="a column a series", question=question)


def _unknown(sheet: Sheet, problem: str) -> DataError:
    names = sheet.header[0] if sheet.header else ()
    near = next(
        (f"; column {safe_text(name)!r}{did_you_mean(name, _FIELDS)}" for name in names if did_you_mean(name, _FIELDS)),
        "",
    )
    return DataError(
        f"{safe_text(sheet.path)}: not recognised: {problem}{near}. Seen: {sheet.seen}. The nearest known shape is a"
        " date, open, high, low, close, volume; name columns with --map 'NAME=close', say what it is with --as, or"
        " leave the file out"
    )


def rows_by_name(table: Recognised) -> dict[str, pd.Index]:
    """Rows of a table by the symbol in its column; one name for all where it has none."""
    if "symbol" not in table.columns:
        return {table.symbol: table.sheet.cells.index}
    names = table.sheet.cells[table.columns["symbol"]].astype(str).str.strip()
    return {str(name): rows for name, rows in names.groupby(names, sort=True).groups.items()}


def asset_of(name: str) -> str:
    """The coin of a name, or the name itself."""
    return coin_of(name) or name
