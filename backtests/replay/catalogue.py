"""The catalogue of dated episodes and market-wide halts, as data with sources."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from undertow.market import DataError, safe_text

CATALOGUE_FORMAT = 1
_EPISODE = {"key": str, "title": str, "first": date, "shock": datetime, "last": date, "drivers": list, "sources": list}
_HALT = {"start": datetime, "end": datetime, "level": int, "source": str}


@dataclass(frozen=True)
class DatedEpisode:
    """One episode of the catalogue: hindsight, which no rule reads.

    Args:
        key: short name, unique in the catalogue.
        title: what happened.
        first: first session of the episode, a date.
        shock: instant of the news or of the fall, UTC.
        last: last session of the episode, a date, included.
        drivers: accepted causes.
        sources: publications by name and date.
    """

    key: str
    title: str
    first: pd.Timestamp
    shock: pd.Timestamp
    last: pd.Timestamp
    drivers: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Halt:
    """A market-wide halt of stocks.

    Args:
        start: instant at which trading stopped, UTC.
        end: instant at which it resumed, UTC; the close where it did not.
        level: level of the circuit breaker, 1 to 3.
        source: publication by name and date.
        closed: whether trading did not resume on that day.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    level: int
    source: str
    closed: bool = False


@dataclass(frozen=True)
class MarketFacts:
    """The content of a catalogue: episodes in order of their first session, halts in order of time."""

    episodes: tuple[DatedEpisode, ...]
    halts: tuple[Halt, ...]


def market_facts() -> MarketFacts:
    """The catalogue that comes with the package."""
    return _facts(files("undertow.backtests.replay").joinpath("episodes.toml").read_text(encoding="utf-8"), "catalogue")


def read_catalogue(path: str | Path | None = None) -> MarketFacts:
    """The catalogue of the package with the episodes and halts of a file added.

    An episode of the file replaces the one with the same key. Raises `DataError` on a file that is not of format 1,
    naming the entry and the value.

    Args:
        path: a TOML file with [[episode]] and [[halt]] tables; None for the package's catalogue alone.
    """
    builtin = market_facts()
    if path is None:
        return builtin
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{safe_text(str(path))}: not a text in UTF-8; save it as UTF-8") from None
    added = _facts(text, safe_text(str(path)))
    keys = {episode.key for episode in added.episodes}
    kept = [episode for episode in builtin.episodes if episode.key not in keys]
    episodes = sorted([*kept, *added.episodes], key=lambda episode: (episode.first, episode.key))
    halts = {halt.start: halt for halt in (*builtin.halts, *added.halts)}
    return MarketFacts(tuple(episodes), tuple(halts[start] for start in sorted(halts)))


def _facts(text: str, where: str) -> MarketFacts:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{where}: not TOML: {safe_text(str(error))}; fix that line") from None
    if content.get("format", CATALOGUE_FORMAT) != CATALOGUE_FORMAT:
        raise DataError(f"{where}: `format` must be {CATALOGUE_FORMAT}, got {content['format']!r}")
    unknown = sorted(content.keys() - {"format", "episode", "halt"})
    if unknown:
        raise DataError(f"{where}: unknown `{safe_text(unknown[0])}`; a catalogue has [[episode]] and [[halt]] tables")
    episodes = [_episode(entry, f"{where}: {name}") for name, entry in _entries(content, "episode", where)]
    keys = [episode.key for episode in episodes]
    for key in keys:
        if keys.count(key) > 1:
            raise DataError(f"{where}: `key` {key!r} names two episodes; rename one")
    halts = [_halt(entry, f"{where}: {name}") for name, entry in _entries(content, "halt", where)]
    return MarketFacts(
        tuple(sorted(episodes, key=lambda episode: (episode.first, episode.key))),
        tuple(sorted(halts, key=lambda halt: halt.start)),
    )


def _entries(content: dict[str, Any], name: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    entries = content.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{where}: `{name}` must be a list of tables; write [[{name}]]")
    return [(f"{name} {number}", entry) for number, entry in enumerate(entries, 1)]


def _checked(entry: dict[str, Any], fields: dict[str, type], optional: tuple[str, ...], where: str) -> None:
    for name in entry:
        if name not in fields and name not in optional:
            raise DataError(f"{where}: unknown `{safe_text(name)}`; known are {', '.join((*fields, *optional))}")
    for name, kind in fields.items():
        value = entry.get(name)
        fits = isinstance(value, kind) and not isinstance(value, bool)
        if kind is date:
            fits = fits and not isinstance(value, datetime)
        if kind is datetime:
            fits = isinstance(value, datetime) and value.tzinfo is not None
        if kind is list:
            fits = isinstance(value, list) and bool(value) and all(isinstance(part, str) for part in value)
        if not fits:
            needed = {date: "a date", datetime: "an instant with Z", list: "a list of texts", int: "a whole number"}
            problem = f"must be {needed.get(kind, 'a text')}, got {safe_text(repr(value))}"
            raise DataError(f"{where}: `{name}` {problem}")


def _episode(entry: dict[str, Any], where: str) -> DatedEpisode:
    _checked(entry, _EPISODE, (), where)
    first, last = pd.Timestamp(entry["first"]), pd.Timestamp(entry["last"])
    shock = pd.Timestamp(entry["shock"]).tz_convert("UTC")
    if last < first:
        raise DataError(f"{where}: `last` {last.date()} is before `first` {first.date()}; exchange them")
    if not first.date() <= shock.date() <= last.date():
        raise DataError(f"{where}: `shock` {shock} lies outside {first.date()} to {last.date()}; move one of them")
    return DatedEpisode(
        entry["key"], entry["title"], first, shock, last, tuple(entry["drivers"]), tuple(entry["sources"])
    )


def _halt(entry: dict[str, Any], where: str) -> Halt:
    _checked(entry, _HALT, ("closed",), where)
    start, end = (pd.Timestamp(entry[name]).tz_convert("UTC") for name in ("start", "end"))
    if end <= start:
        raise DataError(f"{where}: `end` {end} is not after `start` {start}; fix one of them")
    if entry["level"] not in (1, 2, 3):
        raise DataError(f"{where}: `level` must be 1, 2 or 3, got {entry['level']}")
    return Halt(start, end, entry["level"], entry["source"], entry.get("closed") is True)
