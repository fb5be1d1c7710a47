"""Files of a market folder as tables with checked columns."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow.parquet

from undertow.market.clock import BoolArray, FloatArray, InstantArray, IntArray
from undertow.market.errors import DataError, did_you_mean

_UNREADABLE = (ValueError, OSError, EOFError, zlib.error)
_BLANKS = ["", ".", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None"]
# An index that was written without a name: it is never a series.
_NAMELESS = r"Unnamed: \d+$|__index_level_\d+__$"
# Years outside these are typos or a vendor's "for ever"; 9999 would not fit into nanoseconds.
_YEARS = (1900, 2200)


def read_table(folder: Path, path: str, required: Sequence[str]) -> pd.DataFrame:
    """Read a parquet or CSV (.csv, .csv.gz) file.

    Raises `DataError` unless it has the required columns and at least one row.
    """
    file = folder / path
    if not file.is_file():
        raise DataError(f"{path}: not found; fix its `path` in market.toml or remove the [[feed]]")
    if not path.lower().endswith((".parquet", ".csv", ".csv.gz")):
        raise DataError(f"{path}: must be a .parquet, .csv or .csv.gz file; convert it")
    try:
        table = _read_parquet(file) if path.lower().endswith(".parquet") else _read_csv(file)
    except pd.errors.ParserWarning:
        raise DataError(f"{path}: rows have more values than the header has names; fix the commas") from None
    except _UNREADABLE as error:
        raise DataError(f"{path}: cannot be read: {_first_line(error)}; supply the file again") from None
    table = table.loc[:, ~table.columns.str.match(_NAMELESS)]
    for column in required:
        if column not in table.columns:
            raise DataError(f"{path}: column `{column}` is missing{_hint(column, list(table.columns))}")
    if table.columns.has_duplicates:
        column = table.columns[table.columns.duplicated()][0]
        raise DataError(f"{path}: column `{column}` appears twice; remove one")
    if table.empty:
        raise DataError(f"{path}: has no rows; remove its [[feed]] from market.toml or supply the file")
    return table


def _read_parquet(file: Path) -> pd.DataFrame:
    # Without the metadata a written index comes back as a column; dates as numpy, not as a million Python objects.
    frame: pd.DataFrame = pyarrow.parquet.read_table(file).to_pandas(ignore_metadata=True, date_as_object=False)
    return frame


def _read_csv(file: Path) -> pd.DataFrame:
    compression: Literal["gzip"] | None = "gzip" if file.suffix.lower() == ".gz" else None
    header = pd.read_csv(file, nrows=0, skipinitialspace=True, index_col=False, compression=compression).columns
    # NA and TRUE are tickers and 0700 is not 700: a symbol is text, and blank only where it is empty.
    blanks = {column: [""] if column == "symbol" else _BLANKS for column in header}
    with warnings.catch_warnings():
        # Rows with more values than the header would be cut or, worse, shifted by one column.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            file,
            dtype={"symbol": str},
            keep_default_na=False,
            na_values=blanks,
            skipinitialspace=True,
            index_col=False,
            compression=compression,
        )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".;")


def _hint(column: str, columns: list[str]) -> str:
    if len(columns) == 1 and ";" in columns[0]:
        return "; the file is separated by semicolons, write it with commas"
    lower = {name.lower().strip(): name for name in columns}
    suggestion = did_you_mean(column, lower)
    for name, original in lower.items():
        suggestion = suggestion.replace(f"`{name}`", f"`{original}`")
    return f"{suggestion}; found: {', '.join(columns)}; names must be as in the format, in lower case"


def symbol_column(table: pd.DataFrame, path: str) -> pd.Series:
    """The `symbol` column as text (rows,); raises `DataError` on a blank."""
    series = table["symbol"]
    blank = series.isna() | (series == "")
    if blank.any():
        raise DataError(
            f"{path}: row {int(np.flatnonzero(blank)[0]) + 1}: `symbol` is blank; write it or remove the row"
        )
    return series if pd.api.types.is_string_dtype(series) else series.astype(str)


def number_column(table: pd.DataFrame, column: str, path: str) -> FloatArray:
    """A column as float64 (rows,), blanks as NaN.

    Raises `DataError` where it is not numeric or not finite.
    """
    series = table[column]
    if pd.api.types.is_bool_dtype(series) or pd.api.types.is_datetime64_any_dtype(series):
        raise DataError(f"{path}: row 1: `{column}` must be a number, got {series.iloc[0]}")
    if not pd.api.types.is_numeric_dtype(series):
        wrong = pd.to_numeric(series, errors="coerce").isna() & series.notna()
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(f"{path}: row {row + 1}: `{column}` must be a number, got {series.iloc[row]!r}")
        series = pd.to_numeric(series, errors="coerce")
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(f"{path}: row {row + 1}: `{column}` is infinite; leave it blank where there is no value")
    return values


def time_column(table: pd.DataFrame, path: str) -> InstantArray:
    """The `time` column as UTC instants (rows,).

    Raises `DataError` on naive, non-UTC or unreadable stamps.
    """
    example = "2024-08-05T06:00:00Z"
    series = _parsed(table["time"], path, f"a UTC stamp such as {example}")
    _check_stamps(series, path)
    if series.dt.tz is None:
        raise DataError(f"{path}: row 1: `time` {series.iloc[0]} has no time zone; write UTC stamps such as {example}")
    if str(series.dt.tz) not in ("UTC", "+00:00", "Etc/UTC", "UTC+00:00", "GMT"):
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
    if parsed.dt.tz is not None:
        parsed = parsed.dt.tz_convert("UTC").dt.tz_localize(None)
    values = np.asarray(parsed, dtype="datetime64[ns]")
    timed = np.flatnonzero(~np.isnat(values) & (values != values.astype("datetime64[D]")))
    if len(timed):
        row = int(timed[0])
        raise DataError(
            f"{path}: row {row + 1}: `{column}` must be a date without a time of day, got {series.iloc[row]}"
        )
    return values


def _parsed(series: pd.Series, path: str, rule: str) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(series):
        return series
    if not series.isna().all() and (pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series)):
        row = int(np.flatnonzero(series.notna())[0])
        raise DataError(f"{path}: row {row + 1}: `{series.name}` must be {rule}, got {series.iloc[row]}")
    try:
        return pd.Series(pd.to_datetime(series, format="ISO8601"), name=series.name)
    except (ValueError, TypeError):
        raise DataError(f"{path}: {_unreadable(series, rule)}") from None


def _unreadable(series: pd.Series, rule: str) -> str:
    parsed = pd.to_datetime(series.astype(str), format="ISO8601", errors="coerce", utc=True)
    bad = np.flatnonzero(parsed.isna() & series.notna())
    if not len(bad):
        return f"`{series.name}` mixes time zones; every row must be {rule}"
    return f"row {int(bad[0]) + 1}: `{series.name}` must be {rule}, got {series.iloc[int(bad[0])]!r}"


def _check_stamps(series: pd.Series, path: str, *, open_ended: bool = False) -> None:
    blank = series.isna()
    if blank.any() and not open_ended:
        raise DataError(f"{path}: row {int(np.flatnonzero(blank)[0]) + 1}: `{series.name}` is blank")
    far = np.flatnonzero(~blank & ~series.dt.year.between(*_YEARS))
    if len(far):
        row = int(far[0])
        raise DataError(
            f"{path}: row {row + 1}: `{series.name}` {series.iloc[row]} is not between {_YEARS[0]} and {_YEARS[1]};"
            " fix it, or leave it blank where it is open-ended"
        )


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
        symbol = "" if names is None else f", {names.iloc[row]}"
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
    upside_down = columns["high"] < columns["low"]
    check_values(upside_down, "`high` {} is below `low`; fix the row", columns["high"], path, stamps, names)
    problem = "`volume` must not be negative, got {}; fix the row or leave it blank"
    check_values(columns["volume"] < 0, problem, columns["volume"], path, stamps, names)
