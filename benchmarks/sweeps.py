"""Whole sweeps - signals, decisions, accounts, figures - against vectorbt, the walk alone, and another version.

2,000 random sets over the whole search space of three strategies, each in a fresh process whose compiled code is
loaded before the clock starts; tables and signals are not. Ratios are to one vectorbt call of the same size
(`Portfolio.from_orders(...).value()`, Rust engine) and to the walk of the same decisions without their making.

python benchmarks/sweeps.py [--market DIR] [--before CHECKOUT] [--sets 2000]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

# Runs in this version and in earlier ones.
PROCESS = """
import json, resource, sys, time
import numpy as np
import undertow.strategies as strategies
from undertow.backtests.account import Account
from undertow.backtests.kernel.sleeves import decision_for_rows
from undertow.backtests.sweeps import chunk
from undertow.backtests.sweeps.design import random_sets
from undertow.backtests.sweeps.sweep import sweep
from undertow.market import load_market, simulate_market
from undertow.signals.decisions.table import shared_table
from undertow.strategies import decided

folder, name, source, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
market = load_market(folder) if folder else simulate_market(seed=1, years=9.5, names=100)
window = {"start": "2018-01-02", "end": "2025-06-30"} if folder else {}
strategy = getattr(strategies, name)
sets = random_sets(strategy.search_space(), count, seed=1)
if source:
    sets["source"] = source
sweep(strategy, market, sets[:64], **window)
shared_table.cache_clear()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
begun, cpu = time.perf_counter(), time.process_time()
table = sweep(strategy, market, sets, **window).table
taken, cpu = time.perf_counter() - begun, time.process_time() - cpu
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
task = chunk.SweepTask(strategy, market, "growth", window.get("start"), window.get("end"), Account())
walk = 0.0
for first in range(0, count, 250):
    part = {key: values[first : first + 250] for key, values in strategy.sets_of(sets).items()}
    decision = decided(strategy, task.prepared.table, part)
    begun = time.perf_counter()
    chunk._walk_decision(task, decision, False)
    walk += time.perf_counter() - begun
digest = {key: float(np.nansum(table[key].to_numpy(dtype=float))) for key in ("cagr", "max_drawdown", "episodes")}
sizes = [len(task.prepared.grid.sessions), task.prepared.grid.close.shape[1]]
names = ("taken", "cpu", "walk", "before", "most", "digest", "sizes")
print(json.dumps({name: globals()[name] for name in names}))
"""
VECTORBT = """
import sys
sys.path.insert(0, sys.argv[1])
import run
run.SESSIONS, run.NAMES = int(sys.argv[2]), int(sys.argv[3])
given = run.world()
print(run.median_ms(lambda: run.by_vectorbt(given), 9) / 1e3)
"""
TASKS = (
    ("DrawdownDeRisk", ""),
    ("LiquidityDrain", ""),
    ("LiquidityDrain", "proportional"),
    ("RiskTiers", ""),
)
_HERE = Path(__file__).parent


def measured(code: str, *given: object, checkout: str = "") -> Any:
    environment = {**os.environ, "PYTHONPATH": str(Path(checkout) / "src")} if checkout else dict(os.environ)
    command = [sys.executable, "-c", code, *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout.strip().splitlines()[-1])


def table_of(console: Console, folder: str, before: str, sets: int) -> None:
    name = Path(folder).name if folder else "simulated, 100 names"
    table = Table(title=f"{sets:,} random sets, {name}")
    heads = ("strategy", "s", "sets/s", "times a vectorbt call", "share of the walk", "GB", "before: s", "GB", "times")
    for head in heads:
        table.add_column(head, justify="left" if head == "strategy" else "right")
    for strategy, source in TASKS:
        given = (PROCESS, folder, strategy, source, sets)
        now = measured(*given)
        call = measured(VECTORBT, _HERE, *now["sizes"])
        cells = [
            f"{strategy} {source}".strip(),
            f"{now['taken']:.2f}",
            f"{sets / now['taken']:,.0f}",
            f"{call / (now['taken'] / sets):,.0f}",
            f"{now['walk'] / now['taken']:.0%}",
            f"{now['most'] - now['before']:.2f}",
        ]
        if before:
            old = measured(*given, checkout=before)
            if old["digest"] != now["digest"]:
                console.print(f"{strategy}: sums of figures {old['digest']} before, {now['digest']} now")
            cells += [f"{old['taken']:.2f}", f"{old['most'] - old['before']:.2f}", f"{old['taken'] / now['taken']:.1f}"]
        table.add_row(*cells)
        console.print(f"{cells[0]}: one vectorbt call of {now['sizes']} takes {1e3 * call:.0f} ms")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", default="")
    parser.add_argument("--before", default="")
    parser.add_argument("--sets", type=int, default=2000)
    given = parser.parse_args()
    console = Console(width=130)
    for folder in ("", given.market) if given.market else ("",):
        table_of(console, folder, given.before, given.sets)


if __name__ == "__main__":
    main()
