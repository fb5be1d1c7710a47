"""Files of a market folder as tables with checked columns: the first half of validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market.clock import FloatArray, InstantArray
from undertow.market.errors import DataError, did_you_mean

Names = Sequence[str] | npt.NDArray[np.object_]


def read_table(folder: Path, path: str, required: Sequence[str]) -> pd.DataFrame:
    """Read a parquet or CSV (.csv, .csv.gz) file and check that it has the required columns and at least one row."""
    file = folder / path
    if not file.is_file():
        raise DataError(f"{path}: not found in {folder}; mend its `path` in market.toml or remove the [[feed]]")
    try:
        table = pd.read_csv(file) if path.endswith((".csv", ".csv.gz")) else pd.read_parquet(file)
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    for column in required:
        if column not in table.columns:
            found = ", ".join(map(str, table.columns))
            near = did_you_mean(column, map(str, table.columns))
            raise DataError(f"{path}: column `{column}` is missing{near}; found: {found}")
    if table.empty:
        raise DataError(f"{path}: has no rows; remove its [[feed]] from market.toml or supply the file")
    return table


def numbers(table: pd.DataFrame, column: str, path: str) -> FloatArray:
    """A column as float64 (rows,), blanks as NaN; raises `DataError` where it is not numeric or not finite."""
    series = table[column]
    if not pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
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


def utc_times(table: pd.DataFrame, path: str) -> InstantArray:
    """The `time` column as UTC instants (rows,); raises `DataError` on naive, non-UTC or unreadable stamps."""
    series = table["time"]
    if not isinstance(series.dtype, pd.DatetimeTZDtype):
        series = _parsed(series, path)
    if series.isna().any():
        raise DataError(f"{path}: row {int(np.flatnonzero(series.isna())[0]) + 1}: `time` is blank")
    if series.dt.tz is None:
        raise DataError(f"{path}: `time` has no time zone; write UTC stamps, for example 2024-08-05T06:00:00Z")
    if str(series.dt.tz) not in ("UTC", "+00:00", "Etc/UTC", "UTC+00:00"):
        raise DataError(f"{path}: `time` is in {series.dt.tz}; convert it to UTC")
    return np.asarray(series.dt.tz_localize(None), dtype="datetime64[ns]")


def _parsed(series: pd.Series, path: str) -> pd.Series:
    if pd.api.types.is_datetime64_dtype(series):
        return series
    if pd.api.types.is_numeric_dtype(series):
        raise DataError(f"{path}: `time` must be a UTC stamp such as 2024-08-05T06:00:00Z, got {series.iloc[0]!r}")
    try:
        return pd.Series(pd.to_datetime(series, format="ISO8601"))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: `time` cannot be read as UTC stamps: {str(error).splitlines()[0]}") from None


def dates(table: pd.DataFrame, column: str, path: str, *, blank_ok: bool = False) -> npt.NDArray[np.datetime64]:
    """A column of dates (rows,) as datetime64[ns] at midnight; raises `DataError` on a stamp with a time of day."""
    series = table[column]
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    try:
        parsed = pd.to_datetime(series, format="ISO8601") if series.notna().any() else pd.Series(pd.NaT, series.index)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: `{column}` cannot be read as dates: {str(error).splitlines()[0]}") from None
    values = np.asarray(parsed, dtype="datetime64[ns]")
    blank = np.isnat(values)
    if blank.any() and not blank_ok:
        raise DataError(f"{path}: row {int(np.flatnonzero(blank)[0]) + 1}: `{column}` is blank")
    timed = ~blank & (values != values.astype("datetime64[D]").astype("datetime64[ns]"))
    if timed.any():
        row = int(np.flatnonzero(timed)[0])
        raise DataError(f"{path}: row {row + 1}: `{column}` must be a date without a time of day, got {values[row]}")
    return values


def check_increasing(times: InstantArray, path: str, column: str = "time") -> None:
    """Raise `DataError` where stamps are unsorted or repeated, naming the first such row."""
    step = np.diff(times)
    bad = np.flatnonzero(step <= np.timedelta64(0, "ns"))
    if len(bad):
        row = int(bad[0]) + 1
        repeated = step[row - 1] == np.timedelta64(0, "ns")
        how = "is there twice; remove the duplicate" if repeated else "is earlier than the row before; sort the file"
        raise DataError(f"{path}: row {row + 1}: `{column}` {times[row].astype('datetime64[s]')} {how}")


def check_positive(
    values: FloatArray, path: str, column: str, stamps: npt.NDArray[np.datetime64], names: Names = ()
) -> None:
    """Raise `DataError` on a price that is zero or negative, naming its stamp and, given `names`, its symbol."""
    bad = np.flatnonzero(values <= 0)
    if len(bad):
        row = int(bad[0])
        symbol = f", {names[row]}" if len(names) else ""
        stamp = np.datetime_as_string(stamps[row], unit="m")
        raise DataError(
            f"{path}: row {row + 1} ({stamp}{symbol}): `{column}` must be positive, got {values[row]:g};"
            " leave it blank where there is no price"
        )


def check_high_low(
    high: FloatArray, low: FloatArray, path: str, stamps: npt.NDArray[np.datetime64], names: Names = ()
) -> None:
    """Raise `DataError` where high < low, naming the stamp and, given `names`, the symbol."""
    bad = np.flatnonzero(high < low)
    if len(bad):
        row = int(bad[0])
        symbol = f", {names[row]}" if len(names) else ""
        stamp = np.datetime_as_string(stamps[row], unit="m")
        raise DataError(f"{path}: row {row + 1} ({stamp}{symbol}): high {high[row]:g} is below low {low[row]:g}")
