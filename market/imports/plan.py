"""The plan of an import: what every file is, and the folder that it makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from undertow.market.errors import DataError, ParameterError, UnknownNameError, safe_text
from undertow.market.files import replacement
from undertow.market.folder.load import load_market
from undertow.market.folder.manifest import FORMAT, read_manifest
from undertow.market.imports.convert import VendorPart, vendor_parts
from undertow.market.imports.hours import in_exchange_hours
from undertow.market.imports.join import Joined, join_parts
from undertow.market.imports.names import BENCHMARKS, CASH, FUNDS
from undertow.market.imports.options import ImportOptions
from undertow.market.imports.recognise import recognise
from undertow.market.imports.sheets import Sheet, files_of, read_sheets

_FOLDERS = {"prices": "equities", "bars": "bars", "universe": "universes"}


@dataclass(frozen=True)
class Roles:
    """What the folder says beside its files; "" for a guess from the symbols.

    Args:
        name: name of the market.
        calendar: calendar of exchange_calendars.
        benchmark: symbol of the index that stocks are compared with.
        cash: symbol that raised cash is held in.
    """

    name: str = ""
    calendar: str = "XNYS"
    benchmark: str = ""
    cash: str = ""

    @classmethod
    def of_folder(cls, folder: str | Path) -> Roles:
        """What a market folder says.

        Raises `DataError` where it cannot be read.

        Args:
            folder: the market folder.
        """
        manifest = read_manifest(Path(folder))
        return cls(manifest.name, manifest.calendar, manifest.benchmark or "", manifest.cash or "")


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do; nothing is written before `write`.

    Args:
        parts: what every file says of every name, in the order of the files.
        roles: what the folder says beside them.
    """

    parts: tuple[VendorPart, ...]
    roles: Roles

    @property
    def questions(self) -> tuple[str, ...]:
        """What must be answered first, each once, with the option that answers."""
        asked = dict.fromkeys(
            question if question.startswith(safe_text(part.path)) else f"{safe_text(part.path)}: {question}"
            for part in self.parts
            for question in part.questions
        )
        return tuple(asked)

    @property
    def benchmark(self) -> str:
        """The symbol of the benchmark, said or guessed; "" for none."""
        return self.roles.benchmark or next((name for name in BENCHMARKS if name in self._priced), "")

    @property
    def cash(self) -> str:
        """The symbol of cash, said or guessed; "" for none."""
        return self.roles.cash or next((name for name in CASH if name in self._priced), "")

    @property
    def _priced(self) -> set[str]:
        return {part.name for part in self.parts if part.kind == "prices"}

    @property
    def stocks(self) -> list[str]:
        """The members of the universe `all`: every name but funds, benchmark and cash."""
        return sorted(self._priced - FUNDS - {self.benchmark, self.cash})

    def to_dict(self) -> dict[str, Any]:
        """Files, questions and roles, ready for JSON."""
        return {
            "files": [_row(part) for part in self.parts],
            "questions": list(self.questions),
            "benchmark": self.benchmark or None,
            "cash": self.cash or None,
            "universe": None if self._named_universes else {"all": self.stocks},
        }

    @property
    def _named_universes(self) -> list[VendorPart]:
        return [part for part in self.parts if part.kind == "universe"]

    def table(self) -> pd.DataFrame:
        """One row a file and name."""
        return pd.DataFrame([_row(part) for part in self.parts])

    def write(self, out: str | Path) -> Path:
        """Write the market folder, checked as `load_market` checks it; all or nothing.

        Raises `ParameterError` where something must be answered first or the folder holds files, `DataError` where the
        files contradict each other or are no market.

        Args:
            out: new or empty folder.
        """
        if self.questions:
            raise ParameterError("to be answered first: " + "; ".join(self.questions))
        target = Path(out)
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise ParameterError(f"`out` must be a new or an empty folder; {str(target)!r} holds files: name another")
        joined = join_parts(self.parts)
        if not any(feed.kind == "prices" for feed in joined):
            raise ParameterError(
                "no prices of stocks among the files; a market needs daily prices: add them, or say --as prices"
            )
        with replacement(target) as draft:
            self._write(joined, draft)
            try:
                load_market(draft)
            except DataError as error:
                raise DataError(str(error).replace(str(draft), str(target))) from None
        return target

    def _write(self, joined: Sequence[Joined], root: Path) -> None:
        entries = []
        for feed in joined:
            entry = feed_entry(feed)
            path = root / entry["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            if feed.kind == "universe":
                feed.frame.to_csv(path, index=False, date_format="%Y-%m-%d", lineterminator="\n")
            else:
                feed.frame.to_parquet(path, index=False)
            entries.append(entry)
        if not self._named_universes:
            (root / "universes").mkdir()
            (root / "universes/all.csv").write_text(
                "\n".join(["symbol", *(self.stocks or sorted(self._priced))]) + "\n", encoding="utf-8"
            )
            entries.append({"path": "universes/all.csv", "kind": "universe", "name": "all"})
        roles = self.roles
        top = {"name": roles.name, "calendar": roles.calendar, "benchmark": self.benchmark, "cash": self.cash}
        blocks = [manifest_lines({key: value for key, value in top.items() if value}, [f"format = {FORMAT}"])]
        blocks += [manifest_lines(entry, ["[[feed]]"]) for entry in entries]
        (root / "market.toml").write_text("\n".join(blocks), encoding="utf-8")


def _row(part: VendorPart) -> dict[str, Any]:
    column = "session" if "session" in part.frame else "time"
    rows = part.frame[column] if column in part.frame and len(part.frame) else None
    return {
        "file": part.path,
        "kind": part.kind,
        "name": part.name,
        "shape": part.shape,
        "columns": dict(part.mapped),
        "stamp": part.stamp,
        "interval": "1 session"
        if not part.minutes and part.kind in ("prices", "macro")
        else f"{part.minutes}min"
        if part.minutes
        else "",
        "rows": len(part.frame),
        "first": None if rows is None else str(rows.iloc[0].date()),
        "last": None if rows is None else str(rows.iloc[-1].date()),
        "notes": list(part.notes),
        "questions": list(part.questions),
    }


def feed_entry(feed: Joined) -> dict[str, str]:
    """A feed as market.toml names it.

    Args:
        feed: the feed.
    """
    folder = _FOLDERS.get(feed.kind, feed.kind)
    plain = re.sub(r"[^\w-]+", "_", feed.name) or "prices"
    stem = plain if feed.kind in ("prices", "universe", "macro", "funding") else f"{plain}_{feed.interval}"
    suffix = ".csv" if feed.kind == "universe" else ".parquet"
    entry = {"path": f"{folder}/{stem}{suffix}", "kind": feed.kind}
    if feed.kind == "universe":
        return {**entry, "name": feed.name}
    if feed.kind not in ("prices", "macro"):
        entry["asset"] = feed.name
    if feed.hours:
        entry["hours"] = feed.hours
    return {**entry, "interval": feed.interval, "delay": feed.delay}


def manifest_lines(table: dict[str, str], head: list[str]) -> str:
    """Keys and values as lines of market.toml.

    Args:
        table: the keys.
        head: lines above them.
    """
    return (
        "\n".join([*head, *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())]) + "\n"
    )


def plan_import(
    paths: Iterable[str | Path], *, options: ImportOptions | None = None, roles: Roles | None = None
) -> ImportPlan:
    """What an import of a vendor's files would do.

    Raises `ParameterError` on a path that names no file, `DataError` with file and row on a cell that cannot be read,
    and with its first lines and the nearest known shape on a table of no known shape.

    Args:
        paths: files, folders and patterns.
        options: what the files do not say themselves.
        roles: name, calendar, benchmark and cash symbol of the folder.
    """
    sheets = [sheet for file in files_of(paths) for sheet in read_sheets(file)]
    return plan_sheets(sheets, options or ImportOptions(), roles or Roles())


def plan_sheets(sheets: Sequence[Sheet], options: ImportOptions, roles: Roles) -> ImportPlan:
    """The plan of tables that are read already.

    Args:
        sheets: the tables.
        options: what they do not say themselves.
        roles: what the folder says beside them.
    """
    named = {name for sheet in sheets for line in sheet.header for name in line}
    for column in options.columns:
        if column not in named:
            raise UnknownNameError("column", column, named, "`columns`")
    if len(sheets) == 1 and options.kind:
        # One table is what the user says; of several the option decides for those that can be two things.
        sheets = [replace(sheets[0], kind=options.kind)]
    parts = [
        in_exchange_hours(part, roles.calendar)
        for sheet in sheets
        for part in vendor_parts(recognise(sheet, options.columns, options.kind), options)
    ]
    return ImportPlan(tuple(parts), roles)


def import_market(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    options: ImportOptions | None = None,
    roles: Roles | None = None,
) -> Path:
    """Make a market folder from a vendor's files and return it; all or nothing.

    Raises `ParameterError` with what must be answered first, and as `plan_import` and `ImportPlan.write` do.

    Args:
        paths: files, folders and patterns.
        out: new or empty folder.
        options: what the files do not say themselves.
        roles: name, calendar, benchmark and cash symbol of the folder.
    """
    return plan_import(paths, options=options, roles=roles).write(out)
