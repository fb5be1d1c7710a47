"""market.toml: the table of contents of a market folder (format 1)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undertow.market.clock import Span
from undertow.market.errors import DataError, did_you_mean, file_boundary, reason_of, safe_text
from undertow.market.folder.names import clean_name
from undertow.market.spacing import EVENT_KINDS, MISSING, Missing

FORMAT = 1
_TOP = {
    "format": int,
    "name": str,
    "calendar": str,
    "benchmark": str,
    "cash": str,
    "allow_outside": bool,
    "feed": list,
}
_RULES = {int: "a whole number", str: "text", bool: "true or false", list: "written as [[feed]], once a file"}
_FEED = ("path", "kind", "asset", "interval", "delay", "name", "tolerance", "missing", "hours")
_HOURS = ("clock", "session")
_LONGEST_EXCHANGE_BAR = 60.0
_LARGEST_FILE = 1_000_000
_LONGEST_PATH = 1_000
# The keys that each kind of feed needs beside its path, and its default interval and delay.
_KINDS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "bars": (("asset",), "1h", "0min"),
    "liquidations": (("asset",), "1d", "0min"),
    "open_interest": (("asset",), "1d", "0min"),
    "funding": (("asset",), "0h", "0min"),
    "prices": ((), "1 session", "0min"),
    "universe": (("name",), "0h", "0min"),
    "macro": ((), "1 session", "1 session"),
}


@dataclass(frozen=True)
class FeedEntry:
    """One [[feed]] of market.toml."""

    path: str
    kind: str
    asset: str
    name: str
    interval: Span
    delay: Span
    tolerance: Span | None
    missing: Missing = "unknown"
    hours: str = "clock"


@dataclass(frozen=True)
class Manifest:
    """The contents of market.toml."""

    name: str
    calendar: str
    benchmark: str | None
    cash: str | None
    feeds: tuple[FeedEntry, ...]


def read_manifest(folder: Path) -> Manifest:
    """Read and check market.toml.

    Raises `DataError` with the file, the key and the nearest known one.
    """
    file = folder / "market.toml"
    if not folder.is_dir():
        raise DataError(f"market folder {safe_text(repr(str(folder)))} does not exist or is not a folder")
    if not file.is_file():
        raise DataError(f"{file}: not found; a market folder has a market.toml (see `undertow market simulate`)")
    with file_boundary(file, "fix the file"):
        raw = _read_toml(file)
        return _manifest(folder, file, raw)


def _read_toml(file: Path) -> dict[str, Any]:
    if file.stat().st_size > _LARGEST_FILE:
        raise DataError(f"{file}: is larger than {_LARGEST_FILE:,} bytes, which is no table of contents; fix the file")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: not valid TOML: {reason_of(error)}; fix the file") from error


def _manifest(folder: Path, file: Path, raw: dict[str, Any]) -> Manifest:
    _check_top(file, raw)
    feeds = tuple(_entry(file, number, entry) for number, entry in enumerate(raw["feed"], start=1))
    if not raw.get("allow_outside", False):
        _check_inside(folder, file, feeds)
    prices = [feed for feed in feeds if feed.kind == "prices"]
    if len(prices) != 1:
        raise DataError(f"{file}: exactly one [[feed]] of kind 'prices' is needed, found {len(prices)}")
    _check_duplicates(file, feeds)
    return Manifest(
        name=raw.get("name") or safe_text(folder.name),
        calendar=raw.get("calendar", "XNYS"),
        benchmark=raw.get("benchmark"),
        cash=raw.get("cash"),
        feeds=feeds,
    )


def _check_top(file: Path, raw: dict[str, Any]) -> None:
    for key, value in raw.items():
        if key not in _TOP:
            raise DataError(
                f"{file}: unknown key `{safe_text(key)}`{did_you_mean(key, _TOP)}; known: {', '.join(_TOP)}"
            )
        if not isinstance(value, _TOP[key]) or (_TOP[key] is int and isinstance(value, bool)):
            raise DataError(f"{file}: `{key}` must be {_RULES[_TOP[key]]}, got {_shown(value)}")
        if isinstance(value, str):
            raw[key] = clean_name(value, f"{file}: `{key}`")
    if raw.get("format") != FORMAT:
        raise DataError(f"{file}: `format` must be {FORMAT}, got {_shown(raw.get('format'))}")
    if not raw.get("feed"):
        raise DataError(f"{file}: no [[feed]]; at least one of kind 'prices' is needed")


def _shown(value: object) -> str:
    # A whole number of 5,000 digits has no text.
    try:
        return safe_text(repr(value))
    except (ValueError, RecursionError):
        return f"a value of type {type(value).__name__}"


def _check_inside(folder: Path, file: Path, feeds: tuple[FeedEntry, ...]) -> None:
    root = folder.resolve()
    for feed in feeds:
        if not (root / feed.path).resolve().is_relative_to(root):
            raise DataError(
                f"{file}: `path` {safe_text(repr(feed.path))} leads out of the folder; copy the file into it, or write"
                " allow_outside = true above the first [[feed]] if you trust this market.toml"
            )


def _entry(file: Path, number: int, raw: Any) -> FeedEntry:
    where = f"{file}: [[feed]] {number}"
    if not isinstance(raw, dict):
        raise DataError(f"{where}: must be a table, got {_shown(raw)}")
    for key, value in raw.items():
        if key not in _FEED:
            raise DataError(
                f"{where}: unknown key `{safe_text(key)}`{did_you_mean(key, _FEED)}; known: {', '.join(_FEED)}"
            )
        if not isinstance(value, str):
            raise DataError(f"{where}: `{key}` must be text, got {_shown(value)}")
        if key == "path":
            if len(value) > _LONGEST_PATH or not value.isprintable():
                raise DataError(f"{where}: `path` must be short and printable, got {_shown(value)}")
        else:
            raw[key] = clean_name(value, f"{where}: `{key}`")
    kind = raw.get("kind", "")
    if kind not in _KINDS:
        raise DataError(f"{where}: unknown `kind` {kind!r}{did_you_mean(kind, _KINDS)}; known: {', '.join(_KINDS)}")
    needed, interval, delay = _KINDS[kind]
    for key in ("path", *needed):
        if not raw.get(key):
            raise DataError(f"{where}: a feed of kind {kind!r} needs `{key}`")
    try:
        entry = FeedEntry(
            path=raw["path"],
            kind=kind,
            asset=raw.get("asset", ""),
            name=raw.get("name", ""),
            interval=Span.parse(raw.get("interval", interval), "interval"),
            delay=Span.parse(raw.get("delay", delay), "delay"),
            tolerance=Span.parse(raw["tolerance"], "tolerance") if "tolerance" in raw else None,
            missing=_missing(raw.get("missing", "unknown"), kind),
            hours=_hours(raw.get("hours", "clock"), kind),
        )
    except DataError as error:
        raise DataError(f"{where} ({raw['path']}): {error}") from None
    _check_spans(f"{where} ({raw['path']})", entry)
    return entry


def _missing(value: str, kind: str) -> Missing:
    for allowed in MISSING:
        if value == allowed and (value == "unknown" or kind in EVENT_KINDS):
            return allowed
    raise DataError(
        f"`missing` must be unknown, or zero for {', '.join(EVENT_KINDS)}, got {value!r} for {kind}"
        f"{did_you_mean(value, MISSING)}"
    )


def _hours(value: str, kind: str) -> str:
    if value not in _HOURS:
        raise DataError(f"`hours` must be clock or session, got {value!r}{did_you_mean(value, _HOURS)}")
    if value == "session" and kind != "bars":
        raise DataError(f'`hours` = "session" is for bars of stocks, not for {kind}; leave it out')
    return value


def _check_spans(where: str, entry: FeedEntry) -> None:
    # Without a length a bar would be known at its start.
    if entry.kind in ("bars", "liquidations") and not (entry.interval.minutes or entry.interval.sessions):
        raise DataError(f"{where}: `interval` of {entry.kind} must be longer than 0, such as 1h or 1d")
    if entry.hours == "session" and not 0.0 < entry.interval.minutes <= _LONGEST_EXCHANGE_BAR:
        raise DataError(
            f'{where}: `hours` = "session" needs an `interval` of an hour or less, got {entry.interval}; longer bars'
            " are made from them by a condition's `interval`"
        )
    if entry.tolerance is not None and not entry.tolerance.minutes:
        raise DataError(
            f"{where}: `tolerance` must be a length of clock time such as 36h or 10d, got {entry.tolerance}"
        )


def _check_duplicates(file: Path, feeds: tuple[FeedEntry, ...]) -> None:
    paths: dict[tuple[str, ...], str] = {}
    for feed in feeds:
        identity = (feed.kind, feed.asset or feed.name, str(feed.interval))
        if feed.kind != "macro" and identity in paths:
            raise DataError(
                f"{file}: {paths[identity]} and {feed.path} are both {' '.join(part for part in identity if part)};"
                " remove one or join the files"
            )
        paths[identity] = feed.path
