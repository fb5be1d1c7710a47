"""Compiled code that is older than the source it was made from is dropped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Folders with compiled code, and those whose constants such code has frozen into it.
FOLDERS = (
    "market",
    "market/simulator",
    "signals",
    "signals/base",
    "signals/decisions",
    "strategies",
    "strategies/rules",
    "backtests",
    "backtests/kernel",
    "backtests/segments",
    "evidence",
)
_STAMP = "__pycache__/compiled.txt"


def drop_stale_code(package: Path) -> bool:
    """Remove cached machine code if the sources of any compiled function changed.

    Numba keeps the machine code of a function until the file of that function changes. A function or a constant of
    another file that it has taken in may change without a notice, as after an update of a checkout: figures of the old
    version would follow. A folder that cannot be written is left as it is: its sources do not change either.

    Args:
        package: folder of the package `undertow`.

    Returns:
        Whether anything was removed.
    """
    folders = [package / name for name in FOLDERS]
    stamp = package / _STAMP
    try:
        listing = _digest(f"{path} {entry.st_mtime_ns} {entry.st_size}".encode() for path, entry in _sources(folders))
        kept = stamp.read_text().split() if stamp.exists() else []
        if kept[:1] == [listing]:
            return False
        contents = _digest(path.name.encode() + path.read_bytes() for path, _ in _sources(folders))
        changed = kept[1:] != [contents]
        stale = [index for folder in folders for index in folder.glob("__pycache__/*.nbi")] if changed else []
        for index in stale:
            index.unlink(missing_ok=True)
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(f"{listing}\n{contents}\n")
    except OSError:
        return False
    return bool(stale)


def in_threads(work: Callable[[int, int], None], count: int, *, size: int = 0, threads: int = 0) -> None:
    """Call `work(begin, end)` for parts of `count` compiled pieces, in threads.

    The parts depend on the number of threads where no size is given, so a piece's result must not depend on its part.

    Args:
        work: what is done; compiled code in it lets other threads run.
        count: number of pieces.
        size: the most pieces of a part; 0: an equal share for every thread.
        threads: number of threads; 0: as many as compiled code uses.
    """
    from numba import get_num_threads

    threads = threads or int(get_num_threads())
    share = max(1, -(-count // threads))
    size = min(size, share) if size else share
    parts = [(begin, min(begin + size, count)) for begin in range(0, count, size)]
    if threads == 1 or len(parts) < 2:
        for part in parts:
            work(*part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda part: work(*part), parts):
            pass


def _sources(folders: list[Path]) -> list[tuple[Path, os.stat_result]]:
    return [(path, path.stat()) for folder in folders for path in sorted(folder.glob("*.py"))]


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(part + b"\0")
    return digest.hexdigest()
