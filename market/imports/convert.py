"""A recognised table in the columns, units and stamps of a market folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from undertow.market.clock import FloatArray
from undertow.market.errors import DataError, safe_text
from undertow.market.imports.adjust import adjusted_quotes
from undertow.market.imports.cells import AmbiguousError, Decimal, Times, cell_numbers, cell_times
from undertow.market.imports.names import plain_symbol
from undertow.market.imports.options import ImportOptions
from undertow.market.imports.recognise import Recognised, asset_of, rows_by_name

_EXCHANGE = "America/New_York"
_DAY = 24 * 60
_QUOTES = ("open", "high", "low", "close", "volume")
# Share of days at a week's end from which something trades around the clock; exchanges open on a Saturday at times.
_AROUND_THE_CLOCK = 0.1


@dataclass(frozen=True)
class VendorPart:
    """What one file says of one name.

    Args:
        kind: kind of the feed.
        name: symbol, asset or universe.
        frame: the rows; `session` or `time` (UTC) first, then the columns of the kind.
        path: the file.
        shape: what the file was recognised as.
        mapped: name of a column in the file by what it holds.
        minutes: the interval of a row; 0 for sessions and instants.
        stamp: how times were written and read.
        unit: "coin" where amounts are still to be multiplied by a price.
        hours: "session" for bars that keep an exchange's hours.
        notes: what was done or assumed.
        questions: what must be answered first, each with its option.
    """

    kind: str
    name: str
    frame: pd.DataFrame
    path: str
    shape: str = ""
    mapped: Mapping[str, str] = field(default_factory=dict)
    minutes: int = 0
    stamp: str = ""
    unit: str = ""
    hours: str = ""
    notes: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()


def vendor_parts(table: Recognised, options: ImportOptions) -> list[VendorPart]:
    """The parts of a recognised table, one a name.

    Raises `DataError` with file, row and value on a cell that is neither number nor time.

    Args:
        table: the table.
        options: what the user says.
    """
    try:
        return _parts(table, options)
    except AmbiguousError as error:
        shape = table.shape
        empty = pd.DataFrame({"time": pd.Series(dtype="datetime64[ns, UTC]")})
        return [
            VendorPart(
                _kind_shown(table),
                table.symbol,
                empty,
                table.sheet.path,
                shape,
                questions=(f"{error.text}: {error.option}",),
            )
        ]


def _kind_shown(table: Recognised) -> str:
    return "prices" if table.kind == "quotes" else table.kind


def _parts(table: Recognised, options: ImportOptions) -> list[VendorPart]:
    if table.kind == "universe":
        return [_universe(table, options)]
    times = _times(table, options)
    if table.kind == "macro":
        return [_macro(table, times, options)]
    if table.wide:
        return [
            _part(table, times, symbol, table.sheet.cells.index, {"time": table.columns["time"], **columns}, options)
            for symbol, columns in sorted(table.wide.items())
        ]
    return [_part(table, times, name, rows, table.columns, options) for name, rows in rows_by_name(table).items()]


def _times(table: Recognised, options: ImportOptions) -> Times:
    sheet, column = table.sheet, table.columns["time"]
    cells, order = sheet.cells[column], options.dates.removesuffix("-first")
    if "clock" in table.columns:
        clocks = sheet.cells[table.columns["clock"]].astype(str).str.strip()
        digits = clocks.str.fullmatch(r"\d{1,6}").all()
        if digits:
            padded = clocks.str.zfill(6)
            clocks = padded.str[:2] + ":" + padded.str[2:4] + ":" + padded.str[4:]
        if not (clocks == "00:00:00").all():
            dates = cell_times(cells, _where(table, "time"), sheet.first_row, order).dates
            cells = dates.dt.strftime("%Y-%m-%d") + " " + clocks
    return cell_times(cells, _where(table, "time"), sheet.first_row, order)


def _where(table: Recognised, role: str, column: int | None = None) -> str:
    number = table.columns[role] if column is None else column
    header = table.sheet.header
    name = header[0][number] if header else f"column {number + 1}"
    return f"{safe_text(table.sheet.path)}: `{safe_text(name or role)}`"


def _numbers(table: Recognised, role: str, column: int, rows: pd.Index, options: ImportOptions) -> FloatArray:
    decimal: Decimal = "comma" if options.decimal == "comma" else "point" if options.decimal else ""
    return cell_numbers(
        table.sheet.cells.loc[rows, column], _where(table, role, column), table.sheet.first_row, decimal
    )


def _part(
    table: Recognised, times: Times, name: str, rows: pd.Index, columns: Mapping[str, int], options: ImportOptions
) -> VendorPart:
    questions = [] if name or options.symbol or not table.question else [table.question]
    # A name in the file, or of it, is certain: the option answers where there is none.
    name = name or options.symbol
    # In order of time, the earlier line first where two have one time.
    rows = rows[np.argsort(times.instants[rows].to_numpy(), kind="stable")]
    values = {
        role: _numbers(table, role, column, rows, options)
        for role, column in columns.items()
        if role not in ("time", "clock", "symbol", "close_time", "start", "end", "venue_regime")
    }
    instants, dates = times.instants[rows], times.dates[rows]
    keep = instants.notna().to_numpy()
    notes = [*table.sheet.notes]
    if not keep.all():
        notes.append(f"{int((~keep).sum()):,} rows without a time left out")
    left_out = _left_out(table)
    if left_out:
        notes.append(f"columns left out: {left_out}")
    minutes = _minutes(instants[keep])
    kind = table.kind
    if kind == "quotes":
        # By its days, not by its name: LTC and LINK are tickers of stocks, too.
        around = (instants[keep].dt.day_of_week >= 5).mean() > _AROUND_THE_CLOCK
        kind = table.sheet.kind or ("bars" if around or minutes < _DAY else "prices")
    mapped = _mapped(table, columns)
    if kind == "prices":
        frame, more, asked = _prices(
            values, times, (instants, dates), options, by_vendor="Stock Splits" in mapped.values()
        )
        frame = frame[keep].reset_index(drop=True)
        stamp = f"session ({times.form})"
        return VendorPart(
            kind=kind,
            name=plain_symbol(name),
            frame=frame,
            path=table.sheet.path,
            shape=table.shape,
            mapped=mapped,
            stamp=stamp,
            notes=(*notes, *more),
            questions=(*questions, *asked),
        )
    starts, stamp, asked = _starts(table, times, instants, minutes, kind, options)
    questions += asked
    frame, unit, more, asked = _amounts(kind, values, options)
    frame.insert(0, "time", starts.to_numpy())
    if "venue_regime" in columns and kind in ("liquidations", "open_interest", "funding"):
        frame["venue_regime"] = table.sheet.cells.loc[rows, columns["venue_regime"]].astype(str).to_numpy()
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    frame = frame[keep].reset_index(drop=True)
    return VendorPart(
        kind=kind,
        name=asset_of(name),
        frame=frame,
        path=table.sheet.path,
        shape=table.shape,
        mapped=mapped,
        minutes=minutes,
        stamp=stamp,
        unit=unit,
        notes=(*notes, *more),
        questions=(*questions, *asked),
    )


def _mapped(table: Recognised, columns: Mapping[str, int]) -> dict[str, str]:
    header = table.sheet.header
    return {role: header[0][number] if header else f"#{number + 1}" for role, number in columns.items()}


def _left_out(table: Recognised) -> str:
    """Columns that are not read, at most five by name."""
    if not table.sheet.header or table.wide:
        return ""
    numbers = set(table.columns.values())
    names = [name for number, name in enumerate(table.sheet.header[0]) if number not in numbers]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return safe_text(", ".join(names[:5])) + more


def _minutes(instants: pd.Series) -> int:
    """The most frequent distance of two rows, minutes."""
    distinct = np.unique(instants.to_numpy())
    if len(distinct) < 2:
        return _DAY
    gaps, counts = np.unique(np.diff(distinct).astype("timedelta64[m]").astype(np.int64), return_counts=True)
    return max(int(gaps[np.argmax(counts)]), 1)


def _prices(
    values: Mapping[str, FloatArray],
    times: Times,
    rows: tuple[pd.Series, pd.Series],
    options: ImportOptions,
    *,
    by_vendor: bool,
) -> tuple[pd.DataFrame, list[str], list[str]]:
    instants, dates = rows
    # A date as it was written is the session; an epoch falls on the exchange's day.
    sessions = (
        dates
        if times.dated or not times.form.startswith("epoch")
        else instants.dt.tz_convert(_EXCHANGE).dt.tz_localize(None).dt.normalize()
    )
    quotes, notes, questions = adjusted_quotes(values, options.adjusted, by_vendor=by_vendor)
    if "open" not in quotes:
        notes.append("closes alone: with --fill open no order is filled")
    frame = pd.DataFrame(
        {"session": sessions.to_numpy(), **{name: quotes.get(name, np.full(len(sessions), np.nan)) for name in _QUOTES}}
    )
    return frame, notes, questions


def _starts(
    table: Recognised, times: Times, instants: pd.Series, minutes: int, kind: str, options: ImportOptions
) -> tuple[pd.Series, str, list[str]]:
    """The starts of the intervals, how they were written, and what must be asked."""
    questions = []
    zone = "UTC"
    if not times.zoned and not times.dated:
        if options.timezone and not table.vendor_zone:
            zone = options.timezone
            try:
                instants = (
                    instants.dt.tz_localize(None)
                    .dt.tz_localize(zone, ambiguous="infer", nonexistent="shift_forward")
                    .dt.tz_convert("UTC")
                )
            except ValueError:
                raise DataError(
                    f"{safe_text(table.sheet.path)}: an hour that the clock of {zone} has twice stands once;"
                    " write times in UTC"
                ) from None
        elif not table.vendor_zone:
            questions.append(f"{safe_text(table.sheet.path)}: the zone of its times: --timezone UTC")
    if kind == "funding":
        return instants, f"settlement, {zone}, {times.form}", questions
    written = instants.dropna()
    late = (written.dt.second >= 59).all() if len(written) else False
    # What a vendor's stamps stand for is certain where its shape says so.
    ends = bool(late) or (options.stamp == "end" and not table.vendor_zone)
    if ends:
        rounded = (instants + pd.Timedelta(seconds=1)).dt.floor("s") if late else instants
        instants = rounded.dt.floor("min") - pd.Timedelta(minutes=minutes)
    day = "days of UTC" if times.dated else f"{zone}, {times.form}"
    return instants, f"{'end' if ends else 'start'}, {day}", questions


def _amounts(
    kind: str, values: Mapping[str, FloatArray], options: ImportOptions
) -> tuple[pd.DataFrame, str, list[str], list[str]]:
    """The columns of a kind, the unit still to be converted, notes and questions."""
    if kind == "bars":
        missing = [name for name in ("open", "high", "low") if name not in values]
        frame = pd.DataFrame(
            {
                name: values["close"] if name in missing else values.get(name, np.full(len(values["close"]), np.nan))
                for name in _QUOTES
            }
        )
        return frame, "", [f"without {', '.join(missing)}: the close stands for them"] if missing else [], []
    if kind == "funding":
        percent = "funding_rate" not in values
        rates = values["funding_percent"] / 100.0 if percent else values["funding_rate"]
        return pd.DataFrame({"funding_rate": rates}), "", ["percent divided by 100"] if percent else [], []
    wanted = ("long_usd", "short_usd") if kind == "liquidations" else ("open_interest_usd",)
    if set(wanted) <= set(values):
        return pd.DataFrame({name: values[name] for name in wanted}), "", [], []
    frame = pd.DataFrame({name: values[name.removesuffix("_usd")] for name in wanted})
    if options.unit == "usd":
        return frame, "", ["amounts are USD, as said"], []
    if options.unit == "coin":
        return frame, "coin", ["coins times the mean close of the interval's bars"], []
    return frame, "", [], [f"whether its {kind.replace('_', ' ')} are USD or coins: --unit usd|coin"]


def _macro(table: Recognised, times: Times, options: ImportOptions) -> VendorPart:
    series = {name: column for name, column in table.columns.items() if name != "time"}
    keep = times.dates.notna().to_numpy()
    rows = table.sheet.cells.index
    columns = {name: _numbers(table, name, column, rows, options) for name, column in series.items()}
    frame = pd.DataFrame({"time": times.dates.to_numpy(), **columns})[keep].reset_index(drop=True)
    questions = (table.question,) if table.question and not options.kind else ()
    label = "-".join(series)
    return VendorPart(
        kind="macro",
        name=label,
        frame=frame,
        path=table.sheet.path,
        shape=table.shape,
        mapped=_mapped(table, table.columns),
        stamp=f"day ({times.form})",
        notes=table.sheet.notes,
        questions=questions,
    )


def _universe(table: Recognised, options: ImportOptions) -> VendorPart:
    cells = table.sheet.cells
    symbols = cells[table.columns["symbol"]].astype(str).str.strip().str.upper()
    frame = pd.DataFrame({"symbol": symbols})
    for name in ("start", "end"):
        if name in table.columns:
            column = cells[table.columns[name]]
            if column.isna().all() or (column.astype(str).str.strip() == "").all():
                frame[name] = pd.NaT
                continue
            frame[name] = cell_times(
                column, _where(table, name), table.sheet.first_row, options.dates.removesuffix("-first")
            ).dates.to_numpy()
    blank = frame["symbol"] == ""
    notes = (f"{int(blank.sum())} blank rows left out",) if blank.any() else ()
    frame = frame[~blank].reset_index(drop=True)
    return VendorPart(
        kind="universe",
        name=table.sheet.stem,
        frame=frame,
        path=table.sheet.path,
        shape=table.shape,
        mapped=_mapped(table, table.columns),
        notes=(*table.sheet.notes, *notes),
    )
