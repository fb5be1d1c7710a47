"""Speed of walks, as ratios measured in one run, and how time and memory grow.

The task of `run.py` for 1,000 exposure paths: the segment walk that a sweep uses and the order kernel, both with every
metric; the plain kernel of `plain.py`, four metrics; and a loop of vectorbt calls, value only. Two kinds of paths: 40
changes at random dates, and what a rule makes, twelve short stays in cash.
Whole sweeps, signals and all, are in `sweeps.py`.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from plain import plain_nb
from rich.console import Console
from rich.table import Table
from run import COST, NAMES, SESSIONS, by_vectorbt, world

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.sweeps.paths import by_kernel, by_segments
from undertow.strategies.plan import Decision, Plan
from undertow.strategies.weights import rebalance_rows

PATHS = 1000


def prices(sessions: int, names: int) -> tuple[PriceGrid, Any, Any]:
    rng = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(rng.normal(0.0004, 0.02, (sessions, names)), axis=0))
    opens = close * np.exp(rng.normal(0, 0.003, close.shape))
    rebalances = rebalance_rows(pd.bdate_range("2015-01-01", periods=sessions), "monthly")
    rebalanced = np.full(sessions, -1)
    rebalanced[rebalances] = np.arange(len(rebalances))
    cash = np.ones(sessions)
    base = np.full((len(rebalances), names), 1.0 / names)
    days, labels = pd.bdate_range("2015-01-01", periods=sessions), tuple(map(str, range(names)))
    tape = PriceGrid(days, labels, opens, opens, close, np.full(close.shape, np.nan), cash, cash, 0)
    return tape, base, rebalanced


def changing(sessions: int, paths: int) -> Any:
    """Exposure in {1, 0.5, 0}, changing 40 times in ten years."""
    rng = np.random.default_rng(2)
    changes = max(1, 40 * sessions // 2520)
    out = np.empty((paths, sessions))
    for path in range(paths):
        at = np.sort(rng.choice(np.arange(1, sessions), changes, replace=False))
        out[path] = np.repeat(np.array([1.0, 0.5, 0.0])[np.arange(changes + 1) % 3], np.diff([0, *at, sessions]))
    return out


def episodes(sessions: int, paths: int) -> Any:
    """Fully invested but for twelve weeks at half in ten years."""
    rng = np.random.default_rng(3)
    out = np.ones((paths, sessions))
    for path in range(paths):
        for at in rng.integers(0, sessions, max(1, 12 * sessions // 2520)):
            out[path, at : at + 5] = 0.5
    return out


def seconds(work: Callable[[], Any], runs: int = 3, clock: Callable[[], float] = time.perf_counter) -> float:
    """The fastest of some runs, after one that compiles: other work on the machine only ever slows things down."""
    work()
    taken = []
    for _ in range(runs):
        begun = clock()
        work()
        taken.append(clock() - begun)
    return min(taken)


def walk(way: Callable[..., Any], given: tuple[PriceGrid, Any, Any], exposure: Any) -> Callable[[], Any]:
    tape, base, rebalanced = given
    plan = Plan(Decision.proportional(np.ascontiguousarray(exposure.T)), base, rebalanced)
    return lambda: way(tape, plan, Costs(1e4 * COST, 1e4 * COST), 1e6)


def by_plain(given: tuple[PriceGrid, Any, Any], exposure: Any) -> Callable[[], Any]:
    tape, _, rebalanced = given
    return lambda: plain_nb(tape.fill, tape.close, rebalanced >= 0, exposure, 1e6, 2 * COST)


def compare(console: Console) -> None:
    tape, task = prices(SESSIONS, NAMES), world()
    table = Table(title=f"{PATHS:,} exposure paths, {SESSIONS:,} sessions x {NAMES} names; CPU time is of all threads")
    for heading in ("way", "paths", "sets/s", "times vectorbt", "CPU \N{MICRO SIGN}s a set", "times vectorbt by CPU"):
        table.add_column(heading, justify="right" if heading not in ("way", "paths") else "left")
    clocks = (time.perf_counter, time.process_time)
    loop = [seconds(lambda: by_vectorbt(task), 5, clock) for clock in clocks]
    for kind, make in (("40 changes", changing), ("12 short stays", episodes)):
        exposure = make(SESSIONS, PATHS)
        for name, way in (("segment walk, all metrics", by_segments), ("order kernel, all metrics", by_kernel)):
            wall, cpu = (seconds(walk(way, tape, exposure), 5, clock) / PATHS for clock in clocks)
            figures = (f"{1 / wall:,.0f}", f"{loop[0] / wall:,.0f}", f"{1e6 * cpu:,.0f}", f"{loop[1] / cpu:,.0f}")
            table.add_row(name, kind, *figures)
        wall, cpu = (seconds(by_plain(tape, exposure), 5, clock) / PATHS for clock in clocks)
        figures = (f"{1 / wall:,.0f}", f"{loop[0] / wall:,.0f}", f"{1e6 * cpu:,.0f}", f"{loop[1] / cpu:,.0f}")
        table.add_row("plain kernel, four metrics", kind, *figures)
    table.add_row(
        "loop of vectorbt calls, value only", "40 changes", f"{1 / loop[0]:.1f}", "1", f"{1e6 * loop[1]:,.0f}", "1"
    )
    console.print(table)


def scaling(console: Console) -> None:
    table = Table(title="segment walk, 40 changes in ten years: time in proportion to")
    for heading in ("sets", "sessions", "names", "ms", "ns a set and session", "ps a set, session and name"):
        table.add_column(heading, justify="right")
    middle = (1000, 2520, 100)
    sizes = [(250, *middle[1:]), (500, *middle[1:]), middle, (2000, *middle[1:]), (4000, *middle[1:])]
    sizes += [(1000, 630, 100), (1000, 1260, 100), (1000, 5040, 100)]
    sizes += [(1000, 2520, 25), (1000, 2520, 50), (1000, 2520, 200), (1000, 2520, 500)]
    for sets, sessions, names in sizes:
        taken = seconds(walk(by_segments, prices(sessions, names), changing(sessions, sets)))
        each = 1e9 * taken / sets / sessions
        table.add_row(
            f"{sets:,}", f"{sessions:,}", f"{names}", f"{1e3 * taken:,.0f}", f"{each:.1f}", f"{1e3 * each / names:.0f}"
        )
    console.print(table)


def main() -> None:
    console = Console(width=120)
    compare(console)
    scaling(console)
    console.print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB at most")


if __name__ == "__main__":
    main()
