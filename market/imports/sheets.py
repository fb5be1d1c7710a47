"""Files of a vendor as tables: delimiter, encoding, header lines and cells."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet

from undertow.market.errors import DataError, ParameterError, file_boundary, safe_text
from undertow.market.imports.cells import looks_like_value

_TEXT = (".csv", ".txt", ".tsv")
_SUFFIXES = (*_TEXT, ".json", ".parquet", ".xlsx")
_PACKED = (".gz", ".zip")
# In this order: a decimal comma is no delimiter where semicolons stand.
_DELIMITERS = ("\t", ";", "|", ",")
_LEADING_LINES, _HEADER_LINES, _SAMPLE = 5, 3, 200
# Share of the lines that have as many cells as most of them.
_REGULAR = 0.9
_LARGEST_TEXT = 2_000_000_000


@dataclass(frozen=True)
class Sheet:
    """One table of a file.

    Args:
        path: the file, and its member in an archive.
        stem: the name without folder and suffixes.
        header: header lines, each with a text a column; none where the first line is data.
        cells: the data, columns numbered from 0.
        first_row: line of the first data in the file, from 1.
        notes: what was skipped or assumed in reading it.
        kind: what it is, where its caller knows; "" where it is to be recognised.
    """

    path: str
    stem: str
    header: tuple[tuple[str, ...], ...]
    cells: pd.DataFrame
    first_row: int = 1
    notes: tuple[str, ...] = ()
    kind: str = ""

    @property
    def seen(self) -> str:
        """What the file looks like, for a message."""
        lines = [*self.header, *(self.cells.head(2).astype(str).itertuples(index=False, name=None))]
        return "; ".join(safe_text(" | ".join(map(str, line)), 160) for line in lines[:4])


def files_of(paths: Iterable[str | Path]) -> list[Path]:
    """The files of paths, folders and patterns, in order, none twice.

    A folder stands for every file of a known suffix in it and below; hidden ones and market folders are left out.
    Raises `ParameterError` with the path that names no file.
    """
    files: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file() and _usable(file.relative_to(path))]
        elif path.is_file():
            inside = [path]
        else:
            inside = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
            inside = [file for file in inside if file.is_file()]
        if not inside:
            raise ParameterError(
                f"`paths`: {safe_text(str(path))!r} names no file; known are {', '.join(_SUFFIXES)}, also packed as"
                " .gz or .zip"
            )
        files |= dict.fromkeys(inside)
    return list(files)


def _usable(file: Path) -> bool:
    hidden = any(part.startswith((".", "__")) for part in file.parts)
    return not hidden and _suffix(file.name) in (*_SUFFIXES, ".zip")


def _suffix(name: str) -> str:
    path = Path(name.lower())
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def read_sheets(file: Path) -> list[Sheet]:
    """The tables of a file, of every member of an archive or sheet of a workbook.

    Raises `DataError` with the file where it cannot be read or its suffix is not known.
    """
    with file_boundary(file, "supply the file again or leave it out"):
        if file.suffix.lower() == ".zip":
            return [sheet for name, content in _members(file) for sheet in _sheets(f"{file}!{name}", name, content)]
        content = gzip.decompress(file.read_bytes()) if file.suffix.lower() == ".gz" else file.read_bytes()
        return _sheets(str(file), file.name, content)


def _members(file: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        for member in sorted(archive.infolist(), key=lambda entry: entry.filename):
            if not member.is_dir() and _usable(Path(member.filename)):
                if member.file_size > _LARGEST_TEXT:
                    raise DataError(f"{file}!{member.filename}: is larger than 2 GB unpacked; unpack and split it")
                yield member.filename, archive.read(member)


def _sheets(path: str, name: str, content: bytes) -> list[Sheet]:
    suffix, stem = _suffix(name), re.sub(r"(\.(csv|txt|tsv|json|parquet|xlsx|gz))+$", "", Path(name).name, flags=re.I)
    if suffix in _TEXT:
        return [_text_sheet(path, stem, content)]
    if suffix == ".json":
        return _json_sheets(path, stem, content)
    if suffix == ".parquet":
        frame = pyarrow.parquet.read_table(io.BytesIO(content)).to_pandas()
        return [frame_sheet(path, stem, frame)]
    if suffix == ".xlsx":
        return _workbook(path, stem, content)
    raise DataError(f"{safe_text(path)}: `{suffix or 'no suffix'}` is not known; known are {', '.join(_SUFFIXES)}")


def frame_sheet(path: str, stem: str, frame: pd.DataFrame, kind: str = "") -> Sheet:
    """A table of pandas as a sheet; an index with a name or with times is a column.

    Args:
        path: what it is called in messages.
        stem: what a symbol or an asset may be read from.
        frame: the table.
        kind: what it is, where that is known.
    """
    if not isinstance(frame.index, pd.RangeIndex):
        names = [
            name if name is not None else ("time" if number == 0 else "symbol")
            for number, name in enumerate(frame.index.names)
        ]
        if frame.columns.nlevels > 1:
            names = [(str(name), *[""] * (frame.columns.nlevels - 1)) for name in names]
            parts = [
                pd.Series(frame.index.get_level_values(number), index=frame.index, name=name)
                for number, name in enumerate(names)
            ]
            frame = pd.concat([*parts, frame], axis=1)
        else:
            frame = frame.rename_axis(index=list(map(str, names))).reset_index()
    levels = [tuple(map(str, frame.columns.get_level_values(level))) for level in range(frame.columns.nlevels)]
    return Sheet(path, stem, tuple(levels), frame.set_axis(range(frame.shape[1]), axis=1), kind=kind)


def _text_sheet(path: str, stem: str, content: bytes) -> Sheet:
    text, notes = _decoded(content)
    lines = [line for line in text.splitlines()[:_SAMPLE] if line.strip()]
    if not lines:
        raise DataError(f"{safe_text(path)}: is empty; leave it out")
    delimiter, width = _delimiter(lines)
    counts = [len(row) for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)]
    leading = next((number for number, count in enumerate(counts[: _LEADING_LINES + 1]) if count == width), 0)
    if leading:
        notes = (*notes, f"{leading} leading line{'s' if leading > 1 else ''} skipped")
    try:
        cells = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            header=None,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            skiprows=leading,
            names=range(width),
            index_col=False,
        )
    except pd.errors.ParserError as error:
        raise DataError(f"{safe_text(path)}: rows differ in their number of cells: {error}; fix the file") from None
    cells = cells.fillna("")
    header = _header(cells)
    data = cells.iloc[len(header) :].reset_index(drop=True)
    return Sheet(path, stem, header, data, leading + len(header) + 1, notes)


def _decoded(content: bytes) -> tuple[str, tuple[str, ...]]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16"), ("read as UTF-16",)
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        return content.decode("latin-1"), ("read as latin-1",)


def _delimiter(lines: Sequence[str]) -> tuple[str, int]:
    """The delimiter and the cells of a line; one column has a comma that is not there."""
    for delimiter in _DELIMITERS:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
        width, often = counts.most_common(1)[0]
        if width > 1 and often >= _REGULAR * min(len(lines), max(len(lines) - _LEADING_LINES, 1)):
            return delimiter, width
    return ",", 1


def _header(cells: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    lines: list[tuple[str, ...]] = []
    for row in cells.head(_HEADER_LINES + 1).itertuples(index=False, name=None):
        if any(looks_like_value(cell) for cell in row):
            break
        lines.append(tuple(cell.strip() for cell in row))
    # A list of symbols has no numbers anywhere: its first line is a header where it names a column.
    if len(lines) > _HEADER_LINES or len(lines) == len(cells):
        return tuple(lines[:1]) if lines[0][0].lower() in ("symbol", "ticker", "symbols", "name") else ()
    return tuple(lines)


def _json_sheets(path: str, stem: str, content: bytes) -> list[Sheet]:
    rows = json.loads(content)
    while isinstance(rows, dict):
        inner = [value for value in rows.values() if isinstance(value, list | dict)]
        if len(inner) != 1:
            raise DataError(f"{safe_text(path)}: a list of rows is expected, got keys {safe_text(', '.join(rows))}")
        rows = inner[0]
    if not rows:
        raise DataError(f"{safe_text(path)}: is empty; leave it out")
    # A list of histories, each with its symbol.
    if isinstance(rows[0], dict) and any(isinstance(value, list) for value in rows[0].values()):
        parts = []
        for part in rows:
            key = next(name for name, value in part.items() if isinstance(value, list))
            rest = {name: value for name, value in part.items() if name != key}
            parts.append(pd.DataFrame(part[key]).assign(**rest))
        return [frame_sheet(path, stem, pd.concat(parts, ignore_index=True))]
    frame = pd.DataFrame(rows)
    sheet = frame_sheet(path, stem, frame)
    return [sheet if isinstance(rows[0], dict) else replace(sheet, header=())]


def _workbook(path: str, stem: str, content: bytes) -> list[Sheet]:
    try:
        books: dict[Any, pd.DataFrame] = pd.read_excel(io.BytesIO(content), sheet_name=None, header=None)
    except ImportError:
        raise DataError(f"{safe_text(path)}: Excel needs openpyxl: pip install 'undertow[excel]'") from None
    sheets = []
    for name, frame in books.items():
        cells = frame.dropna(how="all").reset_index(drop=True)
        if cells.empty:
            continue
        text = cells.map(lambda cell: "" if pd.isna(cell) else str(cell)).set_axis(range(cells.shape[1]), axis=1)
        header = _header(text)
        data = text.iloc[len(header) :].reset_index(drop=True)
        label = stem if len(books) == 1 else str(name)
        sheets.append(Sheet(f"{path}!{name}", label, header, data, len(header) + 1))
    return sheets
