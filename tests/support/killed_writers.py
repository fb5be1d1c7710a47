"""Writers that are killed, run as a program: `python killed_writers.py FOLDER KILLS SEED exchange|renames|between`.

It prints one line a kill: what a reader finds at `FOLDER/run` before and after the next start, and the drafts left.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from undertow.market.files import drafts, recover, replacement

PARTS = 20


def write(target: Path, version: int) -> None:
    """A result of several files, all with the version."""
    with replacement(target) as draft:
        draft.mkdir()
        for part in range(PARTS):
            (draft / f"{part}.txt").write_text(f"{version}", encoding="utf-8")


def read(target: Path) -> str:
    """The version of a result; "mixed" where its files differ, "none" where there is no result."""
    try:
        versions = {(target / f"{part}.txt").read_text(encoding="utf-8") for part in range(PARTS)}
    except FileNotFoundError:
        return "none"
    return versions.pop() if len(versions) == 1 else "mixed"


def without_exchange(first: Path, second: Path) -> bool:
    """The exchange of a system that has none."""
    return False


def killed_between(target: Path, version: int) -> None:
    """A writer that is killed between the two renames."""
    rename = os.replace

    def replace_and_die(source: Path, destination: Path) -> None:
        rename(source, destination)
        if Path(destination).name == "old":
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_and_die  # type: ignore[assignment]
    write(target, version)


def main(folder: str, kills: str, seed: str, way: str) -> None:
    target, draws = Path(folder) / "run", random.Random(int(seed))
    if way != "exchange":
        drafts.exchange_paths = without_exchange
    write(target, 0)
    for _ in range(int(kills)):
        child = os.fork()
        if child == 0:
            if way == "between":
                killed_between(target, int(read(target)) + 1)
            while True:
                write(target, int(read(target)) + 1)
        if way != "between":
            time.sleep(draws.uniform(0.0, 0.02))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        before = read(target)
        recover(Path(folder))
        left = [entry.name for entry in Path(folder).iterdir() if entry.name != "run"]
        print(before, read(target), *left, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
