"""The ledger of trials: append-only, one file a market."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from undertow.backtests.folders import unwritable_reason
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.market import DataError, Market, ParameterError
from undertow.market.files import lock

FOLDER = Path("results/ledger")
VARIABLE = "UNDERTOW_LEDGER"
DESIGNS = ("given", "sobol", "refine", "tpe", "cmaes", "nsga2", "grid", "random", "walk-forward", "cpcv", "backtest")
# No search has more: a line that claims them is none of the ledger's.
_MOST_TRIALS = 10**12
_TEXT_FIELDS = ("when", "strategy", "market", "universe", "study", "key", "design")


@dataclass(frozen=True)
class SearchKey:
    """The identity of a search, to which the trials of an entry belong.

    Equal searches repeat equal trials, and each trial of a key is counted once, however often it is made or
    interrupted.

    Args:
        strategy: name of the strategy.
        market: fingerprint of the data; a folder that is extended by a session has another.
        universe: name of the universe.
        window: first and last session.
        study: name of the search, "sweep" or "backtest".
        key: digest of everything that decides the trials, the seed included.
        name: name of the market.
    """

    strategy: str
    market: str
    universe: str
    window: tuple[str, str]
    study: str
    key: str
    name: str = ""


def key_of(identity: Mapping[str, Any]) -> str:
    """The key of a search, from plain values for everything that decides its trials."""
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class Ledger:
    """The ledger of trials in a folder.

    By default the folder is that of the variable UNDERTOW_LEDGER, else results/ledger. Every entry is one append under
    a lock of the file: several processes may write at the same time.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder or os.environ.get(VARIABLE) or FOLDER)

    def __repr__(self) -> str:
        return f"<Ledger in {str(self.folder)!r}>"

    def path(self, market: str) -> Path:
        """The file of a market, by its fingerprint."""
        if not market.isalnum():
            raise ParameterError(f"`market` must be a market's fingerprint, got {market!r}")
        return self.folder / f"{market}.jsonl"

    def record(self, search: SearchKey, design: str, positions: Sequence[int]) -> int:
        """Append the trials of a search that are not recorded yet.

        `positions` are the numbers of the trials in the search. Returns the number of new ones. Raises `DataError`
        where the ledger cannot be read or written.
        """
        if design not in DESIGNS:
            raise ParameterError(f"`design` must be one of {', '.join(DESIGNS)}; got {design!r}")
        with self._opened(search.market) as file:
            recorded = _recorded(_entries(file, search.market), search.key)
            new = sorted({position for position in positions if not _holds(recorded, position)})
            if new:
                entry = {
                    "when": datetime.now(UTC).isoformat(timespec="seconds"),
                    **asdict(search),
                    "design": design,
                    "trials": len(new),
                    "spans": _spans(new),
                }
                _append(file, entry)
        return len(new)

    def enter(self, search: SearchKey, design: str, trials: int) -> TrialCount:
        """Record the first `trials` of a search and count them; errors as in `record`."""
        self.record(search, design, range(trials))
        return self.trial_count(search)

    def trials_so_far(self, market: str, universe: str | None = None) -> int:
        """The number of all trials on a market, or on one of its universes."""
        return sum(entry["trials"] for entry in self.lines(market) if universe in (None, entry["universe"]))

    def other_data(self, market: str, name: str) -> int:
        """The number of trials on markets of the same name with other data.

        `market` is the fingerprint whose trials do not count, `name` the name.
        """
        paths = (path for path in self.folder.glob("*.jsonl") if path.stem != market and path.stem.isalnum())
        # Most files are of other markets: only one that contains the name is read line by line.
        text = json.dumps(name).encode()
        named = [path.stem for path in paths if path.is_file() and text in path.read_bytes()] if name else []
        entries = (entry for stem in named for entry in self.lines(stem))
        return sum(entry["trials"] for entry in entries if entry.get("name") == name)

    def trial_count(self, search: SearchKey) -> TrialCount:
        """The trials of a search, counted among all trials on its market."""
        entries = self.lines(search.market)
        rows = [row for row, entry in enumerate(entries) if entry["key"] == search.key]
        counts = [entry["trials"] for entry in entries]
        own = sum(counts[row] for row in rows)
        other_data = self.other_data(search.market, search.name)
        if not rows:
            return TrialCount(sum(counts), 0, sum(counts), other_data=other_data)
        interleaved = sum(counts[rows[0] : rows[-1] + 1]) - own
        return TrialCount(sum(counts[: rows[0]]), own, sum(counts), interleaved, other_data)

    def later(self, trial_count: TrialCount, market: str) -> TrialCount:
        """An earlier count with the present total of all trials on its market."""
        return replace(trial_count, total=self.trials_so_far(market))

    def lines(self, market: str) -> list[dict[str, Any]]:
        """Every entry of a market, oldest first."""
        if not self.path(market).is_file():
            return []
        with self.path(market).open("rb") as file:
            return _entries(file, market)

    def searches(self, market: str) -> list[dict[str, Any]]:
        """Every search on a market, oldest first: times, identity, designs and trials."""
        searches: dict[str, dict[str, Any]] = {}
        for entry in self.lines(market):
            search = searches.setdefault(
                entry["key"],
                {name: entry[name] for name in ("study", "strategy", "universe", "window")}
                | {"first": entry["when"], "designs": {}, "trials": 0, "key": entry["key"]},
            )
            search["last"] = entry["when"]
            search["trials"] += entry["trials"]
            search["designs"][entry["design"]] = search["designs"].get(entry["design"], 0) + entry["trials"]
        return list(searches.values())

    def check(self, market: str, name: str = "") -> None:
        """Raise `DataError` where trials could not be written or read; creates nothing."""
        path = self.path(market)
        existing = next(part for part in (path.absolute(), *path.absolute().parents) if os.path.exists(part))
        usable = existing.is_file() if existing == path.absolute() else existing.is_dir()
        problem = f"the ledger {str(path)!r} cannot be written"
        if not usable:
            form = "is a folder" if existing.is_dir() else "is a file"
            raise DataError(f"{problem}: {str(existing)!r} {form}; name another folder")
        if not os.access(existing, os.W_OK if existing.is_file() else os.W_OK | os.X_OK):
            raise DataError(f"{problem}: no permission in {str(existing)!r}")
        reason = unwritable_reason(existing) if existing.is_dir() else ""
        if reason:
            raise DataError(f"{problem}: {reason} in {str(existing)!r}; name another folder")
        self.lines(market)
        self.other_data(market, name)

    @contextmanager
    def _opened(self, market: str) -> Iterator[IO[bytes]]:
        path = self.path(market)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as file:
                lock(file.fileno())
                yield file
        except OSError as error:
            raise DataError(f"the ledger {str(path)!r} cannot be written: {error.strerror or error}") from None


def open_ledger(ledger: Ledger | str | Path | None, market: Market) -> Ledger | None:
    """A ledger from its folder, checked as by `Ledger.check`; None stays None."""
    if ledger is None:
        return None
    if not isinstance(ledger, Ledger | str | Path):
        raise ParameterError(f"`ledger` must be a folder or a `Ledger`, got {ledger!r}")
    opened = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
    opened.check(market.fingerprint, market.name)
    return opened


def _append(file: IO[bytes], entry: dict[str, Any]) -> None:
    # The half-written line of a killed process is no entry: its trials are recorded again when the search continues.
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
    file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _entries(file: IO[bytes], market: str) -> list[dict[str, Any]]:
    """The entries of a market's file; `DataError` on a line that is not one."""
    file.seek(0)
    # The last part is empty, or the half-written line of a killed process.
    return [_entry(file, number, text, market) for number, text in enumerate(file.read().split(b"\n")[:-1], 1)]


def _entry(file: IO[bytes], number: int, text: bytes, market: str) -> dict[str, Any]:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        entry = None
    if not _is_entry(entry, market):
        raise DataError(f"the ledger {file.name!r} has no entry in line {number}; fix that line or delete it")
    return dict(entry)


def _is_entry(line: Any, market: str) -> bool:
    """Whether a line has every field of an entry, and the trials of its spans."""
    if not isinstance(line, dict) or not all(isinstance(line.get(name), str) for name in _TEXT_FIELDS):
        return False
    spans, window = line.get("spans"), line.get("window")
    if not isinstance(spans, list) or not all(map(_is_span, spans)) or not isinstance(window, list):
        return False
    rising = all(before[1] < after[0] for before, after in itertools.pairwise(spans))
    if not rising or len(window) != 2 or not all(isinstance(day, str) for day in window):
        return False
    counted = sum(last - first + 1 for first, last in spans)
    trials = line.get("trials")
    return type(trials) is int and trials == counted > 0 and line["market"] == market


def _is_span(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(type(position) is int for position in value)
    return pair and 0 <= value[0] <= value[1] <= _MOST_TRIALS


def _recorded(entries: Sequence[dict[str, Any]], key: str) -> list[tuple[int, int]]:
    """The spans of a key's trials, joined and sorted."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(span for entry in entries if entry["key"] == key for span in entry["spans"]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined


def _holds(spans: Sequence[tuple[int, int]], position: int) -> bool:
    index = bisect_right(spans, position, key=lambda span: span[0])
    return index > 0 and position <= spans[index - 1][1]


def _spans(positions: Sequence[int]) -> list[list[int]]:
    """Ranges of consecutive positions as [first, last]."""
    spans: list[list[int]] = []
    for position in positions:
        if spans and position == spans[-1][1] + 1:
            spans[-1][1] = position
        else:
            spans.append([position, position])
    return spans
