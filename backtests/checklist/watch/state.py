"""The state file of a watch: what was alerted, and what is still to be sent."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from undertow.backtests.checklist.watch.alert import Alert, Standing
from undertow.backtests.folders import check_writable
from undertow.market import DataError, ParameterError, file_boundary
from undertow.market.files import try_lock, write_atomic

_FORMAT = 1


@dataclass
class WatchState:
    """What a watch knows across restarts; `save` writes it as a whole.

    Args:
        path: the state file.
        name: name of the watch.
        number: number of the last alert.
        standing: standing of the last alert, None before the first.
        pending: alerts that a channel has not received yet, oldest first: `alert` and the channels `left`.
        ends: last instant of each feed that was read, by path.
        arrived: time of the last new row, seconds since 1970.
        asof: instant of the last checklist.
    """

    path: Path
    name: str
    number: int = 0
    standing: Standing | None = None
    pending: list[dict[str, Any]] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)
    arrived: float = 0.0
    asof: str = ""

    def save(self) -> None:
        """Write the file completely or not at all."""
        content = {
            "format": _FORMAT,
            "watch": self.name,
            "number": self.number,
            "standing": None if self.standing is None else self.standing.as_dict(),
            "pending": self.pending,
            "ends": self.ends,
            "arrived": self.arrived,
            "asof": self.asof,
        }
        write_atomic(self.path, json.dumps(content, indent=2, allow_nan=False).encode())

    def add(self, alert: Alert, standing: Standing, channels: list[str]) -> None:
        """Record an alert and its standing in one step, before anything is sent."""
        self.number, self.standing = alert.number, standing
        self.pending.append({"alert": alert.as_dict(), "left": list(channels)})
        self.save()

    def sent(self, item: dict[str, Any], channel: str) -> None:
        """Record that a channel has an alert."""
        item["left"].remove(channel)
        self.pending = [other for other in self.pending if other["left"]]
        self.save()

    def drop_others(self, channels: list[str]) -> tuple[str, ...]:
        """Forget what channels no longer used have not received; a remark a channel."""
        left = sorted({channel for item in self.pending for channel in item["left"]} - set(channels))
        for item in self.pending:
            item["left"] = [channel for channel in item["left"] if channel in channels]
        self.pending = [item for item in self.pending if item["left"]]
        return tuple(f"alerts that were not sent yet are dropped: {channel} is no longer a channel" for channel in left)


def watch_name(strategy: str, universe: str, settings: Mapping[str, Any]) -> str:
    """The name of a watch: equal settings, on the same folder, are the same watch.

    Args:
        strategy: label of the rule.
        universe: name of the universe.
        settings: all that decides its checklist.
    """
    text = json.dumps(settings, sort_keys=True, default=str)
    return f"{strategy} on {universe}, {hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def state_path(name: str) -> Path:
    """The state file of a watch where none is named, below results/watch."""
    return Path("results", "watch", re.sub(r"[^\w-]+", "-", name) + ".json")


@contextmanager
def open_state(path: Path, name: str) -> Iterator[WatchState]:
    """The state of a watch, locked for this process.

    Raises `ParameterError` where another process has it or it is of another watch, `DataError` where it is no state.

    Args:
        path: the state file; a new watch begins where there is none.
        name: name of the watch.
    """
    check_writable(path, "state")
    if path.is_dir():
        raise ParameterError(f"`state` {str(path)!r} is a folder; name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o644)
    try:
        if not _is_free(descriptor):
            raise ParameterError(f"`state` {str(path)!r} is in use by another watch; end that one or name another file")
        yield _read(path, name)
    finally:
        os.close(descriptor)


def _is_free(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:
        # A file system that knows no locks, such as some network drives.
        return True


def _read(path: Path, name: str) -> WatchState:
    if not path.exists():
        return WatchState(path, name)
    with file_boundary(path, "remove it to begin a new watch"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise DataError(f"{path}: is no state of a watch; name another file, or remove it")
        if content["watch"] != name:
            raise ParameterError(
                f"`state` {str(path)!r} is that of another watch, {content['watch']}; name another file, or remove it"
            )
        standing = content["standing"]
        return WatchState(
            path,
            name,
            number=int(content["number"]),
            standing=None if standing is None else _standing(standing),
            pending=[{"alert": dict(item["alert"]), "left": list(item["left"])} for item in content["pending"]],
            ends={str(feed): str(end) for feed, end in content["ends"].items()},
            arrived=float(content["arrived"]),
            asof=str(content["asof"]),
        )


def _standing(content: Mapping[str, Any]) -> Standing:
    return Standing(str(content["tier"]), tuple(content["alarms"]), dict(content["stopped"]))
