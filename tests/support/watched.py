"""A tiny folder that grows hour by hour, and watches over it that are killed.

Run as a program, `python watched.py FOLDER KILLS SEED`, it extends `FOLDER/tiny` row by row while a second process
watches it, kills that one `KILLS` times, starts it again, and prints the alerts in `FOLDER/alerts.jsonl`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from support.tiny import BTC, LIQUIDATIONS, MACRO, PRICES, Folder, write_tiny
from undertow.backtests.checklist.watch import FileChannel, watch
from undertow.strategies import DrawdownDeRisk

RULE = DrawdownDeRisk(window=24, lag=0.0, threshold=-0.10)
START, EVERY, PATIENCE = "2024-11-26T00", "0.1s", 60.0
# The close of the bars that begin from the last one's hour to this one's.
PHASES = (("2024-11-26T04", 80_000), ("2024-11-26T17", 89_000), ("2024-11-27T15", 79_000), ("2024-11-29T08", 79_500))


def begin(path: Path) -> Folder:
    """Flat bars until the night before the session of 2024-11-26, and everything else until that."""
    folder = write_tiny(path)
    for file in (PRICES, LIQUIDATIONS, MACRO):
        folder.write(file, [line for line in folder.lines(file) if not "2024-11-26" <= line[:10] < "2025"])
    lines = [line for line in folder.lines(BTC) if line < START or line[0] == "t"]
    folder.write(
        BTC, [lines[0], *(f"{line[:20]},90000,90009,90000,{90000 + n % 9},1.5" for n, line in enumerate(lines[1:]))]
    )
    return folder


def rows(phase: int) -> list[str]:
    """The bars of a phase."""
    start = START if phase == 0 else PHASES[phase - 1][0]
    end, price = PHASES[phase]
    hours = np.arange(start, end, dtype="datetime64[h]")
    return [f"{hour}:00:00Z,{price},{price + 9},{price},{price + n % 9},2.5" for n, hour in enumerate(hours)]


def prices(day: str, close: float = 106.0) -> list[str]:
    """The prices of one more session."""
    return [f"{day},{symbol},{close},{close + 1},{close - 1},{close},1000" for symbol in ("AAA", "BBB", "CCC")]


def append(folder: Folder, file: str, lines: list[str], pause: Callable[[], None] = lambda: None) -> None:
    """Append rows one by one, every third in two halves."""
    for number, line in enumerate(lines):
        half = len(line) // 2 if number % 3 == 0 else 0
        for text in (line[:half], line[half:] + "\n"):
            with (folder.path / file).open("a", encoding="utf-8") as stream:
                stream.write(text)
            pause()


def start(folder: Path) -> int:
    """A child that watches until it is killed."""
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr
        channels = (FileChannel(folder / "alerts.jsonl"),)
        for check in watch(RULE, folder / "tiny", every=EVERY, channels=channels, state=folder / "state.json"):
            assert check is not None
    return child


def main(path: str, kills: str, seed: str) -> None:
    folder, draws = Path(path), random.Random(int(seed))
    tiny = begin(folder / "tiny")
    # Compiled code is loaded before the forks.
    first = next(iter(watch(RULE, tiny.path, state=folder / "first.json", checks=1)))
    assert first.tier == "calm", first
    child, left = start(folder), int(kills)

    def kill() -> None:
        nonlocal child
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        child = start(folder)

    def pause() -> None:
        nonlocal left
        time.sleep(draws.uniform(0.0, 0.03))
        if left and draws.random() < 0.2:
            left -= 1
            kill()

    def wait(asof: str) -> None:
        nonlocal left
        since = time.monotonic()
        while time.monotonic() - since < PATIENCE:
            time.sleep(draws.uniform(0.0, 0.3))
            state = folder / "state.json"
            content = json.loads(state.read_text(encoding="utf-8")) if state.exists() else {"asof": ""}
            if content["asof"] == asof and not [item for item in content["pending"] if len(item["left"]) > 1]:
                return
            if left and draws.random() < 0.3:
                left -= 1
                kill()
        raise TimeoutError(asof)

    wait("2024-11-26T00:10Z")
    for phase, (end, _) in enumerate(PHASES):
        append(tiny, BTC, rows(phase), pause)
        wait(f"{end}:00Z")
        if phase == 2:
            append(tiny, PRICES, [*prices("2024-11-26"), *prices("2024-11-27")])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print((folder / "alerts.jsonl").read_text(encoding="utf-8"), f"{int(kills) - left} kills", sep="")


if __name__ == "__main__":
    main(*sys.argv[1:])
