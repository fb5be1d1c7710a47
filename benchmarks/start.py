"""What a command costs from start to end: CPU seconds of the whole process, and those of its imports.

Each command runs in processes of its own, after one that is not counted: caches of compiled code and bytecode are warm.
Run it with `python benchmarks/start.py`, or with `--market DIR` on a market folder; nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

_IMPORT = re.compile(r"import time:\s+(\d+) \|", re.MULTILINE)
# Without it Python compiles the project's own modules at each start.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def commands(market: str | None, folder: Path) -> dict[str, list[str]]:
    source = [] if market is None else ["--market", market]
    span = [] if market is None else ["--universe", "growth", "--start", "2018-01-02", "--end", "2025-06-30"]
    written = ["--out", str(folder / "run"), "--ledger", str(folder / "ledger")]
    return {
        "undertow --help": ["--help"],
        "undertow today": ["today", *source, "--json"],
        "undertow backtest, with its tearsheet": [
            *("backtest", *source, "--strategy", "liquidity-drain"),
            *(*span, *written),
        ],
    }


def cpu_seconds(arguments: list[str]) -> float:
    """CPU seconds of one process, its threads and its end included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run(
        [sys.executable, "-m", "undertow", *arguments], env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # `today` ends with the tier, from 10 on; 2 is an error.
    if finished.returncode in (1, 2):
        raise SystemExit(finished.stderr)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def import_seconds(arguments: list[str]) -> float:
    """Seconds of all imports of one process, measured by Python, which adds to them."""
    line = [sys.executable, "-X", "importtime", "-m", "undertow", *arguments]
    printed = subprocess.run(line, env=_ENVIRONMENT, capture_output=True, text=True, check=False).stderr
    return sum(map(int, _IMPORT.findall(printed))) / 1e6


def main() -> None:
    options = argparse.ArgumentParser(description="CPU seconds of commands from start to end.")
    options.add_argument("--market", help="market folder with a universe growth; without it the simulated market")
    options.add_argument("--runs", type=int, default=5, help="processes a command")
    chosen = options.parse_args()
    table = Table(title=f"from start to end, median of {chosen.runs} processes")
    for heading in ("command", "CPU s", "imports s"):
        table.add_column(heading, justify="left" if heading == "command" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for label, arguments in commands(chosen.market, Path(folder)).items():
            cpu_seconds(arguments)
            taken = statistics.median(cpu_seconds(arguments) for _ in range(chosen.runs))
            imports = statistics.median(import_seconds(arguments) for _ in range(chosen.runs))
            table.add_row(label, f"{taken:.2f}", f"{imports:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
