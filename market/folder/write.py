"""Write a market as a folder of format 1.

`load_market` reads it back to the last bit.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from undertow.market.errors import ParameterError
from undertow.market.feeds import Feed
from undertow.market.files import replacement
from undertow.market.folder.manifest import FORMAT
from undertow.market.market import Market
from undertow.market.prices import PRICE_FIELDS, Prices

_PRICES = "equities/prices.parquet"


def write_market(market: Market, folder: str | Path) -> Path:
    """Write `market` to `folder` and return the folder.

    `load_market` on it gives a market of equal fingerprint. All or nothing: the files are written beside the folder and
    moved at the end. Numbers are stored as float64, missing prices as missing rows. What a simulated market knows about
    itself (`truth`) is not written.

    Raises `ParameterError` where `folder` is a file or holds anything already.

    >>> import tempfile
    >>> from undertow.market import load_market, simulate_market
    >>> market = simulate_market(years=1, names=5)
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     load_market(write_market(market, Path(parent) / "simulated")).fingerprint == market.fingerprint
    True
    """
    target = Path(folder)
    _check_free(target)
    with replacement(target) as draft:
        _write(market, draft)
    return target


def _check_free(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists() or target.is_symlink():
        problem = "holds files already" if target.is_dir() else "is not a folder"
        raise ParameterError(f"`folder` must be new or an empty folder; {str(target)!r} {problem}: name another")


def _write(market: Market, root: Path) -> None:
    entries = []
    used_paths: set[str] = set()
    for feed in market.feeds:
        path = _feed_path(feed, used_paths)
        _save(_feed_table(feed), root / path)
        entries.append(_feed_entry(feed, path))
    _save(_price_table(market.prices), root / _PRICES)
    entries.append({"path": _PRICES, "kind": "prices", "interval": "1 session", "delay": "0min"})
    for name, universe in market.universes.items():
        path = _free_path(f"universes/{_plain(name)}", ".csv", used_paths)
        _save(universe.spans[["symbol", "start", "end"]], root / path)
        entries.append({"path": path, "kind": "universe", "name": name})
    (root / "market.toml").write_text(_manifest(market, entries), encoding="utf-8")


def _save(table: pd.DataFrame, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        table.to_csv(file, index=False, date_format="%Y-%m-%d", lineterminator="\n")
    else:
        table.to_parquet(file, index=False)


def _feed_table(feed: Feed) -> pd.DataFrame:
    # Macro rows are dated; everything else is stamped to the instant.
    zone = None if feed.kind == "macro" else "UTC"
    columns: dict[str, object] = {"time": pd.DatetimeIndex(feed.times, tz=zone), **feed.columns}
    if feed.regime_names != ("",):
        columns["venue_regime"] = np.array(feed.regime_names, dtype=object)[feed.regimes]
    return pd.DataFrame(columns)


def _price_table(prices: Prices) -> pd.DataFrame:
    panels = {name: getattr(prices, name) for name in PRICE_FIELDS}
    written = np.logical_or.reduce([np.isfinite(panel) for panel in panels.values()])
    # The first and the last session are written for every name, so that the panel keeps its span and its names.
    written[[0, -1]] = True
    rows, columns = np.nonzero(written)
    return pd.DataFrame(
        {
            "session": prices.sessions[rows],
            "symbol": np.array(prices.symbols, dtype=object)[columns],
            **{name: panel[rows, columns] for name, panel in panels.items()},
        }
    )


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", name)


def _feed_path(feed: Feed, used_paths: set[str]) -> str:
    stem = "_".join(part for part in (_plain(feed.asset), str(feed.interval).replace(" ", "")) if part)
    return _free_path(f"{feed.kind}/{stem}", ".parquet", used_paths)


def _free_path(stem: str, suffix: str, used_paths: set[str]) -> str:
    # Macro feeds of one interval are read back in the order of their paths, which must be their order here.
    path, number = f"{stem}{suffix}", 1
    while path.lower() in used_paths:
        number += 1
        path = f"{stem}_{number:03d}{suffix}"
    used_paths.add(path.lower())
    return path


def _feed_entry(feed: Feed, path: str) -> dict[str, str]:
    entry = {"path": path, "kind": feed.kind, "interval": str(feed.interval), "delay": str(feed.delay)}
    if feed.asset:
        entry["asset"] = feed.asset
    if feed.missing != "unknown":
        entry["missing"] = feed.missing
    if feed.hours is not None:
        entry["hours"] = "session"
    if feed.stale_after is not None:
        entry["tolerance"] = f"{feed.stale_after / np.timedelta64(1, 'm'):.6f}min"
    return entry


def _manifest(market: Market, entries: list[dict[str, str]]) -> str:
    top = {"name": market.name, "calendar": market.calendar.name, "benchmark": market.benchmark, "cash": market.cash}
    blocks = [_lines({key: value for key, value in top.items() if value is not None}, [f"format = {FORMAT}"])]
    blocks += [_lines(entry, ["[[feed]]"]) for entry in entries]
    return "\n".join(blocks)


def _lines(table: dict[str, str], head: list[str]) -> str:
    # A JSON string that does not escape what is outside ASCII is a TOML string.
    return (
        "\n".join([*head, *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())]) + "\n"
    )
