"""Newer files added to a market folder: overlaps compared, adjustments applied."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from undertow.market.clock import FloatArray
from undertow.market.errors import DataError, ParameterError
from undertow.market.files import replacement
from undertow.market.folder.load import load_market
from undertow.market.folder.manifest import FeedEntry, read_manifest
from undertow.market.folder.tables import date_column, read_table, time_column
from undertow.market.imports.join import Joined, join_parts
from undertow.market.imports.plan import ImportPlan, feed_entry, manifest_lines

_QUOTES = ("open", "high", "low", "close")
# Two figures are equal within rounding; the factor of an adjustment is constant within what vendors round.
_EQUAL, _CONSTANT, _VOLUME_CONSTANT = 1e-6, 2e-4, 2e-2


@dataclass(frozen=True)
class FeedChange:
    """What an update does to one name of a feed.

    Args:
        kind: kind of the feed.
        name: symbol, asset or series.
        added: rows that were not there.
        first: first added row.
        last: last added row.
        factor: by which the earlier prices are multiplied: a dividend or split since; 1 for none.
        restated: earlier rows that the new file has otherwise, without such a factor.
        example: the first of them, or what else is to be known.
    """

    kind: str
    name: str
    added: int
    first: str
    last: str
    factor: float = 1.0
    restated: int = 0
    example: str = ""


@dataclass(frozen=True)
class FolderUpdate:
    """What newer files would do to a market folder; nothing is written before `write`.

    Args:
        folder: the folder.
        changes: what would change, by feed and name.
        tables: the whole new table of a file by its path in the folder.
        replaced: rows as they were, of the files with restated rows, by path.
        entries: feeds that the folder did not have, as market.toml writes them.
        last: last session of the folder before.
    """

    folder: Path
    changes: tuple[FeedChange, ...]
    tables: dict[str, pd.DataFrame]
    replaced: dict[str, pd.DataFrame]
    entries: tuple[dict[str, str], ...]
    last: str

    @property
    def restated(self) -> tuple[FeedChange, ...]:
        """Names with earlier rows that the new files have otherwise."""
        return tuple(change for change in self.changes if change.restated)

    def to_dict(self) -> dict[str, Any]:
        """The changes, ready for JSON."""
        return {"folder": str(self.folder), "changes": [asdict(change) for change in self.changes]}

    def write(self, *, accept: bool = False) -> Path:
        """Write the folder anew in one step and return it.

        Killed at any instant, it is the old folder or the new one.

        Raises `ParameterError` with the restated rows where they are not accepted, `DataError` where the new folder
        is no market.

        Args:
            accept: take restated rows; the rows as they were are kept under `vintages/` with the last session they had.
        """
        if self.restated and not accept:
            shown = "; ".join(
                f"{change.kind} {change.name}: {change.restated:,} rows, {change.example}"
                for change in self.restated[:5]
            )
            raise ParameterError(
                f"{len(self.restated)} names have a restated past: {shown}. Look at them, then accept with --accept:"
                f" the rows as they were are kept in vintages/{self.last}"
            )
        with replacement(self.folder) as draft:
            shutil.copytree(self.folder, draft, symlinks=True)
            for path, table in self.replaced.items():
                _save(table, draft / "vintages" / self.last / path)
            for path, table in self.tables.items():
                _save(table, draft / path)
            if self.entries:
                manifest = draft / "market.toml"
                blocks = [
                    manifest.read_text(encoding="utf-8"),
                    *(manifest_lines(entry, ["[[feed]]"]) for entry in self.entries),
                ]
                manifest.write_text("\n".join(blocks), encoding="utf-8")
            try:
                load_market(draft)
            except DataError as error:
                raise DataError(str(error).replace(str(draft), str(self.folder))) from None
        return self.folder


def plan_update(plan: ImportPlan, folder: str | Path) -> FolderUpdate:
    """What newer files would do to a market folder.

    Raises `ParameterError` where something must be answered first, `DataError` where the folder cannot be read.

    Args:
        plan: what the files are.
        folder: the market folder.
    """
    if plan.questions:
        raise ParameterError("to be answered first: " + "; ".join(plan.questions))
    root = Path(folder)
    manifest = read_manifest(root)
    changes: list[FeedChange] = []
    tables: dict[str, pd.DataFrame] = {}
    replaced: dict[str, pd.DataFrame] = {}
    entries = []
    for feed in join_parts(plan.parts):
        entry = _entry_of(root, feed, manifest.feeds)
        if entry is None:
            new = feed_entry(feed)
            tables[new["path"]] = feed.frame
            entries.append(new)
            changes.append(_added(feed.kind, feed.name, feed.frame))
            continue
        if feed.kind == "universe":
            raise ParameterError(f"universe {feed.name!r} is there already: edit {root / entry.path}")
        before = _table(root, entry, list(feed.frame.columns))
        table, of_feed = (_prices if feed.kind == "prices" else _series)(feed, before)
        changes += of_feed
        tables[entry.path] = table
        if any(change.restated for change in of_feed):
            replaced[entry.path] = before
    last = str(load_market(root).sessions[-1].date())
    return FolderUpdate(root, tuple(changes), tables, replaced, tuple(entries), last)


def _entry_of(root: Path, feed: Joined, entries: Sequence[FeedEntry]) -> FeedEntry | None:
    for entry in entries:
        same = entry.kind == feed.kind and (feed.kind in ("prices", "funding") or str(entry.interval) == feed.interval)
        if feed.kind == "universe":
            same = entry.kind == "universe" and entry.name == feed.name
        elif feed.kind == "macro":
            same = entry.kind == "macro" and set(feed.frame.columns) <= set(
                read_table(root, entry.path, ("time",)).columns
            )
        elif feed.kind != "prices":
            same = same and entry.asset == feed.name
        if same:
            return entry
    return None


def _table(root: Path, entry: FeedEntry, columns: list[str]) -> pd.DataFrame:
    table = read_table(root, entry.path, columns)
    if "session" in table:
        table["session"] = date_column(table, "session", entry.path)
    elif entry.kind == "macro":
        table["time"] = date_column(table, "time", entry.path)
    else:
        table["time"] = pd.to_datetime(time_column(table, entry.path), utc=True)
    return table


def _added(kind: str, name: str, rows: pd.DataFrame, **facts: Any) -> FeedChange:
    column = next((column for column in ("session", "time") if column in rows), None)
    if column is None or rows.empty:
        return FeedChange(kind, name, len(rows), "", "", **facts)
    return FeedChange(kind, name, len(rows), str(rows[column].min())[:16], str(rows[column].max())[:16], **facts)


def _prices(feed: Joined, before: pd.DataFrame) -> tuple[pd.DataFrame, list[FeedChange]]:
    """The prices with the new rows, and the changes of each symbol."""
    parts, changes = [before[~before["symbol"].isin(feed.frame["symbol"])]], []
    earlier = dict(list(before.groupby("symbol", sort=False)))
    for symbol, rows in feed.frame.groupby("symbol", sort=True):
        old = earlier.get(symbol)
        if old is None:
            parts.append(rows)
            changes.append(_added("prices", str(symbol), rows, example="a new name"))
            continue
        new = rows[~rows["session"].isin(old["session"])]
        kept = old[~old["session"].isin(rows["session"])].copy()
        both = old.merge(rows, on="session", suffixes=("", "_new"))
        factor, volume, restated, example = _compared(both)
        for name in _QUOTES:
            kept[name] = kept[name] * factor
        kept["volume"] = kept["volume"] * volume
        if both.empty:
            example = "no session in common: an adjustment since would not show"
        parts += [kept, rows]
        changes.append(_added("prices", str(symbol), new, factor=factor, restated=restated, example=example))
    table = pd.concat(parts, ignore_index=True).sort_values(["symbol", "session"], kind="stable", ignore_index=True)
    return table, changes


def _compared(both: pd.DataFrame) -> tuple[float, float, int, str]:
    """Factor of prices, factor of volumes, restated rows and the first of them."""
    close, new = both["close"].to_numpy(), both["close_new"].to_numpy()
    quotes = (both[f"{name}{end}"].to_numpy() for name in _QUOTES for end in ("", "_new"))
    pairs = zip(*[iter(quotes)] * 2, strict=True)
    differs = np.any([~np.isclose(one, two, rtol=_EQUAL, atol=0.0, equal_nan=True) for one, two in pairs], axis=0)
    if not differs.any():
        return 1.0, 1.0, 0, ""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = new / close
    known = np.isfinite(ratio)
    factor = float(np.median(ratio[known])) if known.any() else np.nan
    # One missing on either side is a change of the past, too.
    same = np.isfinite(close) == np.isfinite(new)
    if (
        known.any()
        and same.all()
        and abs(factor - 1.0) > _EQUAL
        and np.all(np.abs(ratio[known] / factor - 1.0) < _CONSTANT)
    ):
        return factor, _constant(both["volume_new"].to_numpy() / both["volume"].to_numpy()), 0, ""
    row = int(np.argmax(differs))
    return (
        1.0,
        1.0,
        int(differs.sum()),
        f"close of {str(both['session'].iloc[row])[:10]} {close[row]:g} is {new[row]:g}",
    )


def _constant(ratios: FloatArray) -> float:
    known = ratios[np.isfinite(ratios) & (ratios > 0.0)]
    middle = float(np.median(known)) if len(known) else 1.0
    return middle if len(known) and np.all(np.abs(known / middle - 1.0) < _VOLUME_CONSTANT) else 1.0


def _series(feed: Joined, before: pd.DataFrame) -> tuple[pd.DataFrame, list[FeedChange]]:
    """A feed with the new rows; its last row may have been partial, and is completed."""
    rows, names = feed.frame, [name for name in feed.frame.columns if name not in ("time", "venue_regime")]
    both = before.merge(rows, on="time", suffixes=("", "_new"))
    new = both[[f"{name}_new" for name in names]].to_numpy(dtype=np.float64)
    differs = ~np.isclose(both[names].to_numpy(dtype=np.float64), new, rtol=_EQUAL, atol=0.0, equal_nan=True)
    bad = differs.any(axis=1) & (both["time"] != before["time"].max()).to_numpy()
    example = "its last row is completed" if differs.any() and not bad.any() else ""
    if bad.any():
        row = int(np.argmax(bad))
        column = int(np.argmax(differs[row]))
        name, time = names[column], str(both["time"].iloc[row])[:16]
        example = f"{name} of {time} {both[name].iloc[row]:g} is {new[row, column]:g}"
    kept = before[~before["time"].isin(rows["time"])]
    if "venue_regime" in before and "venue_regime" not in rows:
        regime = before["venue_regime"].iloc[-1]
        rows = rows.assign(venue_regime=regime)
        example = "; ".join(filter(None, (example, f"the new rows are of the venue regime {regime}")))
    others = [name for name in before if name not in rows]
    if others:
        rows = rows.merge(before[["time", *others]], on="time", how="left")
    table = pd.concat([kept, rows[list(before.columns)]]).sort_values("time", kind="stable", ignore_index=True)
    added = feed.frame[~feed.frame["time"].isin(before["time"])]
    return table, [_added(feed.kind, feed.name, added, restated=int(bad.sum()), example=example)]


def _save(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
        return
    written = table.copy()
    if "time" in written and isinstance(written["time"].dtype, pd.DatetimeTZDtype):
        written["time"] = written["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    # Without the time of writing equal rows are equal bytes.
    packed: Any = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
    written.to_csv(path, index=False, date_format="%Y-%m-%d", lineterminator="\n", compression=packed)
