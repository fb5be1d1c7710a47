"""Cells of a vendor's table as numbers and times."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from undertow.market.clock import FloatArray
from undertow.market.errors import DataError, safe_text

BLANKS = frozenset({"", ".", "-", "na", "n/a", "#n/a", "nan", "null", "none", "nat"})
_NUMBER = re.compile(r"[-+]?[$€£]?\d[\d.,' ]*(e[-+]?\d+)?\s*[kmbt%]?$", re.IGNORECASE)
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}[- ][a-z]{3}|[a-z]{3} \d{1,2},", re.I
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_SLASHED = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(.*)$")
_OFFSET = re.compile(r"(?:Z|UTC|[+-]\d{2}:?\d{2})\s*$")
_CLOCK = re.compile(r"\d:\d{2}")
_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
# Digits of an epoch of 2001 to 2286, by its unit.
_UNITS = {10: "s", 13: "ms", 16: "us", 19: "ns"}
Decimal = Literal["", "point", "comma"]


def looks_like_value(cell: str) -> bool:
    """Whether a text is a number, a date or a time, and so no name of a column."""
    text = cell.strip()
    return bool(_NUMBER.match(text) or _DATE.match(text))


class AmbiguousError(Exception):
    """Cells that two readings fit equally well.

    Args:
        text: what the two readings are.
        option: the option that answers.
    """

    def __init__(self, text: str, option: str) -> None:
        super().__init__(text)
        self.text, self.option = text, option


class Times(NamedTuple):
    """Parsed times.

    Args:
        instants: the instants (R,), UTC; of dates, their midnight. NaT where blank.
        dates: the calendar date as it was written (R,).
        form: how they were written.
        zoned: whether the instants are certain: an epoch, or a text with its zone.
        dated: whether no row has a time of day.
    """

    instants: pd.Series
    dates: pd.Series
    form: str
    zoned: bool
    dated: bool


def cell_numbers(cells: pd.Series, where: str, first_row: int, decimal: Decimal = "") -> FloatArray:
    """Cells as float64 (R,), blanks NaN.

    Thousands separators, a decimal comma, currency signs, and K, M, B after a number are understood.

    Raises `DataError` with row and value on text; `AmbiguousError` where every comma may be either.

    Args:
        cells: the cells (R,).
        where: file and column, for the message.
        first_row: line of the first cell in the file.
        decimal: "comma" or "point", for texts that fit both.
    """
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = cells.astype(str).str.strip()
    blank = texts.str.lower().isin(BLANKS)
    numbers = pd.to_numeric(texts.where(~blank), errors="coerce")
    left = ~blank & numbers.isna()
    if left.any():
        plain = texts[left].str.replace(r"[$€£' \u00a0\u202f]", "", regex=True)
        scale = plain.str[-1].str.lower().map(_SCALES).fillna(1.0)
        plain = plain.str.replace(r"[kmbtKMBT]$", "", regex=True)
        if plain.str.contains(",", regex=False).any():
            comma = _decimal_of(plain, where, decimal) == "comma"
            plain = (
                plain.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
                if comma
                else plain.str.replace(",", "", regex=False)
            )
        numbers[left] = pd.to_numeric(plain, errors="coerce") * scale
    bad = ~blank & numbers.isna()
    if bad.any():
        row = texts.index[int(np.argmax(bad.to_numpy()))]
        raise DataError(
            f"{where}: row {first_row + row}: {safe_text(repr(texts[row]))} is no number; fix the cell or blank it"
        )
    return numbers.to_numpy(dtype=np.float64)


def _decimal_of(texts: pd.Series, where: str, stated: Decimal) -> Decimal:
    """What a comma is, by the texts where they show it, else as stated."""
    with_comma = texts[texts.str.contains(",", regex=False)]
    body = with_comma.str.lstrip("+-")
    thousands = body.str.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?")
    decimals = body.str.fullmatch(r"\d{1,3}(\.\d{3})*,\d+|\d+,\d+")
    if (thousands & ~decimals).any() or not decimals.all():
        return "point"
    if (decimals & ~thousands).any():
        return "comma"
    if stated:
        return stated
    raise AmbiguousError(
        f"{where}: {safe_text(repr(with_comma.iloc[0]))} is a number of thousands or one with decimals",
        "--decimal point|comma",
    )


def cell_times(cells: pd.Series, where: str, first_row: int, order: str = "") -> Times:
    """Cells as times.

    Epochs in seconds to nanoseconds, dates as 20240102, 2024-01-02, 1/31/2024, 31.01.2024, 2 Jan 2024, each with a
    time and a zone or without.

    Raises `DataError` with row and value on text that is no time; `AmbiguousError` where day and month look the same.

    Args:
        cells: the cells (R,).
        where: file and column, for the message.
        first_row: line of the first cell in the file.
        order: "day" or "month", whichever comes first, where it is known.
    """
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return _of_datetimes(cells)
    texts = cells.astype(str).str.strip()
    texts = texts.where(~texts.str.lower().isin(BLANKS), other="")
    written = texts[texts != ""]
    if written.empty:
        raise DataError(f"{where}: has no times; name the column of times with --map NAME=time")
    if written.str.fullmatch(r"\d+(\.0+)?").all():
        return _of_digits(texts.str.replace(r"\.0+$", "", regex=True), where, first_row)
    if written.str.match(_SLASHED).all():
        parts = written.str.extract(_SLASHED)
        first, second = parts[0].astype(int), parts[1].astype(int)
        if (first > 12).any() and (second > 12).any():
            raise DataError(f"{where}: some dates have the day first and some the month; write them as 2024-01-31")
        if (first > 12).any() or (second > 12).any():
            order = "day" if (first > 12).any() else "month"
        if not order:
            raise AmbiguousError(
                f"{where}: {written.iloc[0]} has the day or the month first", "--dates day-first|month-first"
            )
        day, month = (parts[0], parts[1]) if order == "day" else (parts[1], parts[0])
        iso = parts[2] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + parts[3]
        texts = texts.copy()
        texts[iso.index] = iso
        written = texts[texts != ""]
    zoned, dated = bool(written.str.contains(_OFFSET).all()), not written.str.contains(_CLOCK).any()
    local = texts.str.replace(_OFFSET, "", regex=True) if written.str.contains(_OFFSET).any() else texts
    try:
        instants = pd.to_datetime(texts.replace("", None), format="mixed" if not zoned else "ISO8601", utc=True)
        dates = pd.to_datetime(local.replace("", None), format="mixed")
    except (ValueError, OverflowError):
        row = _first_bad(texts)
        raise DataError(
            f"{where}: row {first_row + row}: {safe_text(repr(texts.iloc[row]))} is no time; fix the cell"
        ) from None
    form = "date" if dated else "text with its zone" if zoned else "text without a zone"
    return Times(_utc(instants), dates.dt.tz_localize(None).dt.normalize(), form, zoned, dated)


def _of_datetimes(cells: pd.Series) -> Times:
    zone = getattr(cells.dt, "tz", None)
    local = cells.dt.tz_localize(None) if zone is not None else cells
    dated = bool((local.dropna() == local.dropna().dt.normalize()).all())
    instants = cells.dt.tz_convert("UTC") if zone is not None else cells.dt.tz_localize("UTC")
    return Times(_utc(instants), local.dt.normalize(), "date" if dated else "time", zone is not None, dated)


def _of_digits(texts: pd.Series, where: str, first_row: int) -> Times:
    written = texts[texts != ""]
    lengths = written.str.len().unique().tolist()
    if lengths == [8] and written.str.match(r"(19|20)\d{6}$").all():
        instants = pd.to_datetime(texts.replace("", None), format="%Y%m%d", errors="coerce", utc=True)
        form, zoned = "20240102", False
    else:
        units = {_UNITS.get(length) for length in lengths}
        if len(units) != 1 or None in units:
            row = _first_bad(texts)
            raise DataError(
                f"{where}: row {first_row + row}: {safe_text(texts.iloc[row])} is no date and no epoch in s, ms, us or"
                " ns; name the column of times with --map NAME=time"
            )
        unit = str(units.pop())
        counts = pd.to_numeric(texts.replace("", "0")).to_numpy(dtype=np.int64)
        found = pd.DatetimeIndex(counts.astype(f"datetime64[{unit}]")).as_unit("ns").tz_localize("UTC")
        instants = pd.Series(found, index=texts.index).where(texts != "")
        form, zoned = f"epoch in {unit}", True
    instants = _utc(instants)
    dates = instants.dt.tz_localize(None).dt.normalize()
    dated = bool((instants.dropna() == instants.dropna().dt.normalize()).all())
    return Times(instants, dates, form, zoned, dated)


def _utc(instants: pd.Series) -> pd.Series:
    return instants.astype("datetime64[ns, UTC]")


def _first_bad(texts: pd.Series) -> int:
    bad = pd.to_datetime(texts.replace("", None), format="mixed", errors="coerce", utc=True).isna() & (texts != "")
    return int(np.argmax(bad.to_numpy()))
