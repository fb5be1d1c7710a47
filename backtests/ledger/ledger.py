"""How many trials have ever been made on a market: an append-only ledger, one file a market."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from undertow.backtests.folders import why_unwritable
from undertow.market.errors import DataError, ParameterError
from undertow.market.market import Market

FOLDER = Path("results/ledger")
VARIABLE = "UNDERTOW_LEDGER"
_WORDS = ("when", "strategy", "market", "universe", "study", "key", "design")
DESIGNS = ("given", "sobol", "tpe", "nsga2", "grid", "random", "walk-forward", "cpcv", "backtest")


@dataclass(frozen=True)
class SearchKey:
    """What the trials of a line belong to.

    `key` names the search by all that decides its trials, seed included: equal searches repeat equal trials, and each
    trial of a key is counted once, whoever makes it and however often it is interrupted. `market` is the fingerprint
    of the data, `name` what the market is called: a folder that gets one more session has another fingerprint.
    """

    strategy: str
    market: str
    universe: str
    window: tuple[str, str]
    study: str
    key: str
    name: str = ""


@dataclass(frozen=True)
class TrialCount:
    """A search's place among all trials on its market: how many came before it, how many are its own, and the sum.

    `between` are those of others that were made after its first and before its last. `elsewhere` are those made on a
    market of the same name with other data, such as the same folder before sessions were added.
    """

    before: int
    own: int
    ever: int
    between: int = 0
    elsewhere: int = 0

    def sentence(self, subject: str = "This is") -> str:
        """`This is trial 2,001 to 2,400 on this data, of 2,400 ever made.`, or one number where it is one trial."""
        last = self.before + self.own + self.between
        span = f"{last:,}" if self.own == 1 else f"{self.before + 1:,} to {last:,}"
        others = f" ({self.between:,} between them are of others)" if self.between else ""
        more = f"; {self.elsewhere:,} more while this market had other data" if self.elsewhere else ""
        return f"{subject} trial {span} on this data{others}, of {self.ever:,} ever made{more}."


def key_of(identity: Mapping[str, Any]) -> str:
    """The key of a search from all that decides its trials, as plain values."""
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class Ledger:
    """The ledger of one folder; without one, of the environment's UNDERTOW_LEDGER, else of results/ledger.

    Every line is written with one append under a lock of the file: several processes may write at the same time.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder or os.environ.get(VARIABLE) or FOLDER)

    def path(self, market: str) -> Path:
        """The file of a market's fingerprint."""
        if not market.isalnum():
            raise ParameterError(f"`market` must be a market's fingerprint, got {market!r}")
        return self.folder / f"{market}.jsonl"

    def record(self, search: SearchKey, design: str, positions: Sequence[int]) -> int:
        """Append the trials of a search by position, less those that are there already; returns how many were new.

        Raises `DataError` where the ledger cannot be read or written.
        """
        if design not in DESIGNS:
            raise ParameterError(f"`design` must be one of {', '.join(DESIGNS)}; got {design!r}")
        with self._opened(search.market) as file:
            known = _positions(_lines(file, search.market), search.key)
            new = sorted(set(positions) - known)
            if new:
                line = {
                    "when": datetime.now(UTC).isoformat(timespec="seconds"),
                    **asdict(search),
                    "design": design,
                    "trials": len(new),
                    "spans": _spans(new),
                }
                _append(file, line)
        return len(new)

    def enter(self, search: SearchKey, design: str, trials: int) -> TrialCount:
        """Record trials 0 to `trials` - 1 of a search and return where it stands; raises as `record` does."""
        self.record(search, design, range(trials))
        return self.trial_count(search)

    def trials_so_far(self, market: str, universe: str | None = None) -> int:
        """How many trials have ever been made on a market, on one of its universes where one is named."""
        return sum(each["trials"] for each in self.lines(market) if universe in (None, each["universe"]))

    def elsewhere(self, market: str, name: str) -> int:
        """How many trials were made on markets called `name` whose data is not that of the fingerprint `market`."""
        others = (path for path in self.folder.glob("*.jsonl") if path.stem != market and path.stem.isalnum())
        # Most files are of other markets: only one that has the name anywhere is read line by line.
        mark = json.dumps(name).encode()
        named = [path.stem for path in others if path.is_file() and mark in path.read_bytes()] if name else []
        return sum(each["trials"] for other in named for each in self.lines(other) if each.get("name") == name)

    def trial_count(self, search: SearchKey) -> TrialCount:
        """Where a search stands among all trials on its market."""
        lines = self.lines(search.market)
        places = [place for place, each in enumerate(lines) if each["key"] == search.key]
        counts = [each["trials"] for each in lines]
        own = sum(counts[place] for place in places)
        elsewhere = self.elsewhere(search.market, search.name)
        if not places:
            return TrialCount(sum(counts), 0, sum(counts), elsewhere=elsewhere)
        between = sum(counts[places[0] : places[-1] + 1]) - own
        return TrialCount(sum(counts[: places[0]]), own, sum(counts), between, elsewhere)

    def later(self, standing: TrialCount, market: str) -> TrialCount:
        """A standing with the sum of all trials on a market as it is by now."""
        return replace(standing, ever=self.trials_so_far(market))

    def lines(self, market: str) -> list[dict[str, Any]]:
        """Every line of a market, the oldest first; none where nothing was recorded."""
        if not self.path(market).is_file():
            return []
        with self.path(market).open("rb") as file:
            return _lines(file, market)

    def searches(self, market: str) -> list[dict[str, Any]]:
        """Every search on a market, the oldest first: when it began and ended, what it was, its designs and trials."""
        found: dict[str, dict[str, Any]] = {}
        for each in self.lines(market):
            own = found.setdefault(
                each["key"],
                {name: each[name] for name in ("study", "strategy", "universe", "window")}
                | {"first": each["when"], "designs": {}, "trials": 0, "key": each["key"]},
            )
            own["last"] = each["when"]
            own["trials"] += each["trials"]
            own["designs"][each["design"]] = own["designs"].get(each["design"], 0) + each["trials"]
        return list(found.values())

    def check(self, market: str, name: str = "") -> None:
        """Raise `DataError` where trials of a market could not be written or read; makes nothing, for use before work.

        Files and folders that are not there yet are made where trials are recorded.
        """
        path = self.path(market)
        there = next(each for each in (path.absolute(), *path.absolute().parents) if os.path.exists(each))
        usable = there.is_file() if there == path.absolute() else there.is_dir()
        if not usable:
            why = "is a folder" if there.is_dir() else "is a file"
            raise DataError(f"the ledger {str(path)!r} cannot be written: {str(there)!r} {why}; name another folder")
        if not os.access(there, os.W_OK if there.is_file() else os.W_OK | os.X_OK):
            raise DataError(f"the ledger {str(path)!r} cannot be written: no permission in {str(there)!r}")
        why = why_unwritable(there) if there.is_dir() else ""
        if why:
            raise DataError(f"the ledger {str(path)!r} cannot be written: {why} in {str(there)!r}; name another folder")
        self.lines(market)
        self.elsewhere(market, name)

    @contextmanager
    def _opened(self, market: str) -> Iterator[IO[bytes]]:
        path = self.path(market)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except OSError as error:
            raise DataError(f"the ledger {str(path)!r} cannot be written: {error.strerror or error}") from None


def open_ledger(given: Ledger | str | Path | None, market: Market) -> Ledger | None:
    """The ledger that an argument names, checked for a market; None for none. Raises as `Ledger.check` does."""
    if given is None:
        return None
    if not isinstance(given, Ledger | str | Path):
        raise ParameterError(f"`ledger` must be a folder or a `Ledger`, got {given!r}")
    ledger = given if isinstance(given, Ledger) else Ledger(given)
    ledger.check(market.fingerprint, market.name)
    return ledger


def _append(file: IO[bytes], line: dict[str, Any]) -> None:
    # What a killed process left half-written is no entry: its trials are recorded again when the search goes on.
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
    file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _lines(file: IO[bytes], market: str) -> list[dict[str, Any]]:
    """The entries of a market's file; raises `DataError` for a line that was written to its end and is none."""
    file.seek(0)
    # Behind the last end of a line is what a killed process left half-written.
    return [_entry(file, number, text, market) for number, text in enumerate(file.read().split(b"\n")[:-1], 1)]


def _entry(file: IO[bytes], number: int, text: bytes, market: str) -> dict[str, Any]:
    try:
        entry = json.loads(text)
    except ValueError:
        entry = None
    if not _is_entry(entry, market):
        raise DataError(f"the ledger {file.name!r} has no entry in line {number}; mend that line or take it out")
    return dict(entry)


def _is_entry(line: Any, market: str) -> bool:
    """Whether a line has all that an entry says, and as many trials as its spans hold."""
    if not isinstance(line, dict) or not all(isinstance(line.get(name), str) for name in _WORDS):
        return False
    spans, window = line.get("spans"), line.get("window")
    if not isinstance(spans, list) or not all(map(_is_span, spans)) or not isinstance(window, list):
        return False
    counted = sum(last - first + 1 for first, last in spans)
    trials = line.get("trials")
    return type(trials) is int and trials == counted > 0 and line["market"] == market


def _is_span(given: Any) -> bool:
    two = isinstance(given, list) and len(given) == 2 and all(type(each) is int for each in given)
    return two and 0 <= given[0] <= given[1]


def _positions(lines: Sequence[dict[str, Any]], key: str) -> set[int]:
    spans = [span for each in lines if each["key"] == key for span in each["spans"]]
    return {position for first, last in spans for position in range(first, last + 1)}


def _spans(positions: Sequence[int]) -> list[list[int]]:
    """Runs of consecutive positions as [first, last]."""
    spans: list[list[int]] = []
    for each in positions:
        if spans and each == spans[-1][1] + 1:
            spans[-1][1] = each
        else:
            spans.append([each, each])
    return spans
