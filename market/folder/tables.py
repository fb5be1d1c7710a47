"""Files of a market folder as tables with checked columns."""

from __future__ import annotations

import csv
import gzip
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow.parquet

from undertow.market.clock import BoolArray, FloatArray, InstantArray, IntArray
from undertow.market.errors import DataError, file_boundary, safe_text
from undertow.market.folder.names import stripped
from undertow.market.folder.shapes import missing_hint, shape_hint

_UTC = ("UTC", "+00:00", "Etc/UTC", "UTC+00:00", "GMT")
_TEXTS = ("symbol", "venue_regime")
_BLANKS = ["", ".", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None"]
# An index that was written without a name: it is never a series.
_NAMELESS = r"Unnamed: \d+$|__index_level_\d+__$"
_STAMP = r"\s*\d{4}"
# Years outside these are typos or a vendor's "for ever"; a longer span would not fit into nanoseconds.
_YEARS = (1910, 2200)
# Prices, amounts and rates that anybody has are far from these; 1e300 would overflow in a sum.
LARGEST_NUMBER = 1e18
LARGEST_PRICE = 1e15
SMALLEST_PRICE = 1e-12


def read_table(folder: Path, path: str, required: Sequence[str]) -> pd.DataFrame:
    """Read a parquet or CSV (.csv, .csv.gz) file.

    Blanks around the names of columns are stripped. Raises `DataError` unless it has the required columns, none of
    them twice, and at least one row.
    """
    file = folder / path
    shown = safe_text(path)
    if not file.is_file():
        problem = "is not a file" if file.exists() else "not found"
        raise DataError(f"{shown}: {problem}; fix its `path` in market.toml or remove the [[feed]]")
    table = read_columns(file, path, required)
    if table.empty:
        raise DataError(f"{shown}: has no rows; remove its [[feed]] from market.toml or supply the file")
    return table


def read_columns(file: Path, path: str, required: Sequence[str]) -> pd.DataFrame:
    """The table of a file, named `path` in messages, with the required columns.

    Raises `DataError` as `read_table` does, on another suffix too; a table may have no rows.
    """
    shown = safe_text(path)
    if not path.lower().endswith((".parquet", ".csv", ".csv.gz")):
        raise DataError(f"{shown}: must be a .parquet, .csv or .csv.gz file; convert it")
    try:
        with file_boundary(path):
            table = _read_parquet(file) if path.lower().endswith(".parquet") else _read_csv(file, path)
    except DataError as error:
        if isinstance(error.__cause__, pd.errors.ParserWarning):
            raise DataError(f"{shown}: rows have more values than the header has names; fix the commas") from None
        raise
    table.columns = pd.Index([stripped(str(name)) for name in table.columns], dtype=object)
    table = table.loc[:, ~table.columns.str.match(_NAMELESS)]
    columns = list(table.columns)
    if table.columns.has_duplicates:
        column = table.columns[table.columns.duplicated()][0]
        raise DataError(f"{shown}: column `{safe_text(column)}` appears twice; remove one{shape_hint(columns)}")
    for column in required:
        if column not in table.columns:
            raise DataError(
                f"{shown}: column `{column}` is missing{shape_hint(columns) or missing_hint(column, columns)}"
            )
    return table


def _read_parquet(file: Path) -> pd.DataFrame:
    # Without the metadata a written index comes back as a column; dates as numpy, not as a million Python objects.
    frame: pd.DataFrame = pyarrow.parquet.read_table(file).to_pandas(ignore_metadata=True, date_as_object=False)
    return frame


def _first_records(file: Path) -> tuple[list[str], list[str]]:
    opener = gzip.open if file.suffix.lower() == ".gz" else open
    with opener(file, "rt", encoding="utf-8-sig", newline="") as stream:
        records = (record for record in csv.reader(stream, skipinitialspace=True) if record)
        return next(records, []), next(records, [])


def _read_csv(file: Path, path: str) -> pd.DataFrame:
    compression: Literal["gzip"] | None = "gzip" if file.suffix.lower() == ".gz" else None
    header, second = _first_records(file)
    # pandas would rename the second of two equal names, and the first would be used.
    names = [stripped(name) for name in header if stripped(name)]
    if len(set(names)) < len(names):
        column = next(name for position, name in enumerate(names) if name in names[:position])
        remedy = shape_hint(header, second) or "; remove one"
        raise DataError(f"{safe_text(path)}: column `{safe_text(column)}` appears twice{remedy}")
    if second and second[0].strip().lower() == "ticker":
        raise DataError(f"{safe_text(path)}: cannot be used{shape_hint(header, second) or '; it has two header lines'}")
    # NA and TRUE are tickers and 0700 is not 700: a symbol is text, and blank only where it is empty.
    columns = pd.read_csv(file, nrows=0, skipinitialspace=True, index_col=False, compression=compression).columns
    blanks = {column: [""] if stripped(column) == "symbol" else _BLANKS for column in columns}
    with warnings.catch_warnings():
        # Rows with more values than the header would be cut or, worse, shifted by one column.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # In a long file a column of numbers and texts is read in parts, whose kinds differ.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        return pd.read_csv(
            file,
            dtype={column: str for column in columns if stripped(column) in _TEXTS},
            keep_default_na=False,
            na_values=blanks,
            skipinitialspace=True,
            index_col=False,
            compression=compression,
        )


def number_column(table: pd.DataFrame, column: str, path: str, limit: float = LARGEST_NUMBER) -> FloatArray:
    """A column as float64 (rows,), blanks as NaN.

    Args:
        table: the table.
        column: name of the column.
        path: the file, for the message.
        limit: the largest number, of either sign.

    Raises `DataError` where it holds times, spans, truth values or text, and where a number is not finite or too large.
    """
    series = table[column]
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    name = f"`{safe_text(column)}`"
    kind = _no_number(series, path)
    if kind and series.notna().any():
        row = int(series.notna().to_numpy().argmax())
        value = safe_text(series.iloc[row])
        raise DataError(f"{path}: row {row + 1}: {name} must be a number, got {value}: it is a column of {kind}")
    if not pd.api.types.is_numeric_dtype(series):
        series = _numbers(series, name, path)
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(f"{path}: row {row + 1}: {name} is infinite; leave it blank where there is no value")
    too_large = np.abs(values) > limit
    if too_large.any():
        row = int(np.flatnonzero(too_large)[0])
        raise DataError(
            f"{path}: row {row + 1}: {name} must be at most {limit:g}, got {values[row]:g}; fix it, or leave it blank"
        )
    return values


def _no_number(series: pd.Series, path: str) -> str:
    types = pd.api.types
    if types.is_bool_dtype(series):
        return "truth values"
    if types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.PeriodDtype):
        return "times"
    if types.is_timedelta64_dtype(series):
        return "spans"
    # A number in a CSV file is text before it is read; in parquet it has a type.
    return "text" if types.is_string_dtype(series) and path.lower().endswith(".parquet") else ""


def _numbers(series: pd.Series, name: str, path: str) -> pd.Series:
    def number(value: object) -> float:
        # Python reads 1_000 as a number; files mean something else by it.
        if isinstance(value, bool | np.bool_) or "_" in str(value):
            return np.nan
        try:
            return float(value) if isinstance(value, str | int | float | Decimal | np.number) else np.nan
        except OverflowError:
            return np.inf
        except ValueError:
            return np.nan

    objects = series.astype(object)
    numbers = objects.map(number).astype(np.float64)
    wrong = (numbers.isna() & objects.notna()).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        value = safe_text(repr(series.iloc[row]))
        raise DataError(f"{path}: row {row + 1}: {name} must be a number, got {value}")
    return numbers


def time_column(table: pd.DataFrame, path: str) -> InstantArray:
    """The `time` column as UTC instants (rows,).

    Raises `DataError` on naive, non-UTC or unreadable stamps.
    """
    example = "2024-08-05T06:00:00Z"
    series = _parsed(table["time"], path, f"a UTC stamp such as {example}")
    _check_stamps(series, path)
    if series.dt.tz is None:
        raise DataError(f"{path}: row 1: `time` {series.iloc[0]} has no time zone; write UTC stamps such as {example}")
    if str(series.dt.tz) not in _UTC:
        raise DataError(f"{path}: row 1: `time` {series.iloc[0]} is in {series.dt.tz}; convert it to UTC")
    return np.asarray(series.dt.tz_localize(None), dtype="datetime64[ns]")


def date_column(table: pd.DataFrame, column: str, path: str, *, open_ended: bool = False) -> InstantArray:
    """A column of dates as datetime64[ns] at midnight (rows,).

    Args:
        table: the table.
        column: name of the column.
        path: the file, for the message.
        open_ended: whether a blank is allowed; it becomes NaT.

    Raises `DataError` on a stamp with a time of day.
    """
    series = table[column]
    if open_ended and series.isna().all():
        return np.full(len(series), np.datetime64("NaT"), dtype="datetime64[ns]")
    parsed = _parsed(series, path, "a date such as 2024-08-05")
    _check_stamps(parsed, path, open_ended=open_ended)
    if str(parsed.dt.tz) in _UTC:
        parsed = parsed.dt.tz_localize(None)
    if parsed.dt.tz is not None:
        raise DataError(
            f"{path}: row 1: `{column}` {parsed.iloc[0]} has a time zone; write the date alone, as with"
            f' table["{column}"].dt.tz_localize(None).dt.normalize()'
        )
    values = np.asarray(parsed, dtype="datetime64[ns]")
    timed = np.flatnonzero(~np.isnat(values) & (values != values.astype("datetime64[D]")))
    if len(timed):
        row = int(timed[0])
        raise DataError(
            f"{path}: row {row + 1}: `{column}` must be a date without a time of day, got {safe_text(series.iloc[row])}"
        )
    return values


def _parsed(series: pd.Series, path: str, rule: str) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(series):
        return series
    if not series.isna().all() and (pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series)):
        row = int(np.flatnonzero(series.notna())[0])
        raise DataError(f"{path}: row {row + 1}: `{series.name}` must be {rule}, got {safe_text(series.iloc[row])}")
    texts = series.dropna().astype(str)
    # pandas reads "now" and "today" as instants, which differ from day to day.
    worded = ~texts.str.match(_STAMP)
    if worded.any():
        row = int(worded.to_numpy().argmax())
        value = safe_text(repr(texts.iloc[row]))
        raise DataError(f"{path}: row {texts.index[row] + 1}: `{series.name}` must be {rule}, got {value}")
    try:
        return pd.Series(pd.to_datetime(series, format="ISO8601"), name=series.name)
    except (ValueError, TypeError):
        raise DataError(f"{path}: {_unreadable(series, rule)}") from None


def _unreadable(series: pd.Series, rule: str) -> str:
    parsed = pd.to_datetime(series.astype(str), format="ISO8601", errors="coerce", utc=True)
    bad = np.flatnonzero(parsed.isna() & series.notna())
    if not len(bad):
        return f"`{series.name}` mixes time zones; every row must be {rule}, without a zone where it is a date"
    value = safe_text(repr(series.iloc[int(bad[0])]))
    return f"row {int(bad[0]) + 1}: `{series.name}` must be {rule}, got {value}"


def _check_stamps(series: pd.Series, path: str, *, open_ended: bool = False) -> None:
    blank = series.isna()
    if blank.any() and not open_ended:
        raise DataError(f"{path}: row {int(np.flatnonzero(blank)[0]) + 1}: `{series.name}` is blank")
    far = np.flatnonzero(~blank & ~series.dt.year.between(*_YEARS))
    if len(far):
        row = int(far[0])
        stamp = _stamp_text(series, row)
        raise DataError(
            f"{path}: row {row + 1}: `{series.name}` {stamp} is not between {_YEARS[0]} and {_YEARS[1]}; fix it, or"
            " leave it blank where it is open-ended"
        )


def _stamp_text(series: pd.Series, row: int) -> str:
    # Python writes no year beyond 9999, numpy does.
    return str(series.dt.tz_localize(None).to_numpy(dtype="datetime64[s]")[row])


def check_increasing(times: InstantArray, path: str, column: str = "time", rows: IntArray | None = None) -> None:
    """Raise `DataError` where stamps are unsorted or repeated, with the first row.

    Args:
        times: the stamps (H,).
        path: the file, for the message.
        column: name of the column, for the message.
        rows: positions of the stamps in the file (H,), where rows of it were dropped.
    """
    step = np.diff(times)
    bad = np.flatnonzero(step <= np.timedelta64(0, "ns"))
    if len(bad):
        at = int(bad[0]) + 1
        row = at if rows is None else int(rows[at])
        repeated = step[at - 1] == np.timedelta64(0, "ns")
        how = "appears twice; remove the duplicate" if repeated else "is earlier than the row before; sort the file"
        raise DataError(f"{path}: row {row + 1}: `{column}` {times[at].astype('datetime64[s]')} {how}")


def check_values(
    bad: BoolArray, problem: str, values: FloatArray, path: str, stamps: InstantArray, names: pd.Series | None = None
) -> None:
    """Raise `DataError` on the first of the `bad` rows.

    Args:
        bad: which rows are wrong (H,).
        problem: end of the message, with `{}` for the row's value.
        values: the values (H,).
        path: the file, for the message.
        stamps: stamps of the rows (H,), for the message.
        names: symbols of the rows (H,), for the message of prices.
    """
    rows = np.flatnonzero(bad)
    if len(rows):
        row = int(rows[0])
        symbol = "" if names is None else f", {safe_text(names.iloc[row])}"
        stamp = np.datetime_as_string(stamps[row], unit="m" if names is None else "D")
        raise DataError(f"{path}: row {row + 1} ({stamp}{symbol}): {problem.format(f'{values[row]:g}')}")


def check_bars(
    columns: Mapping[str, FloatArray], path: str, stamps: InstantArray, names: pd.Series | None = None
) -> None:
    """Raise `DataError` on impossible bars.

    Where a price is not positive, a volume is negative, or the high is below the low.

    Args:
        columns: open, high, low, close and volume (H,).
        path: the file, for the message.
        stamps: stamps of the rows (H,), for the message.
        names: symbols of the rows (H,), for the message of prices.
    """
    for column in ("open", "high", "low", "close"):
        problem = f"`{column}` must be positive, got {{}}; leave it blank where there is no price"
        check_values(columns[column] <= 0, problem, columns[column], path, stamps, names)
        outside = (columns[column] < SMALLEST_PRICE) | (columns[column] > LARGEST_PRICE)
        problem = f"`{column}` must be between {SMALLEST_PRICE:g} and {LARGEST_PRICE:g}, got {{}}; fix the row"
        check_values(outside, problem, columns[column], path, stamps, names)
    upside_down = columns["high"] < columns["low"]
    check_values(upside_down, "`high` {} is below `low`; fix the row", columns["high"], path, stamps, names)
    problem = "`volume` must not be negative, got {}; fix the row or leave it blank"
    check_values(columns["volume"] < 0, problem, columns["volume"], path, stamps, names)
