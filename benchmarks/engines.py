"""The same sweep on every engine: seconds, start-up of a local cluster of two workers included, and equal bytes.

Run it with `python benchmarks/engines.py [sets]`.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from undertow.backtests.sweeps.design import design
from undertow.backtests.sweeps.sweep import sweep
from undertow.market import simulate_market
from undertow.strategies import LiquidityDrain

WORKERS = 2
NEEDS = {"dask": "distributed", "ray": "ray"}


def timed(market: Any, parameters: pd.DataFrame, **engine: Any) -> tuple[pd.DataFrame, float]:
    begun = time.perf_counter()
    found = sweep(LiquidityDrain, market, parameters, **engine).table
    return found, time.perf_counter() - begun


def main() -> None:
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    market = simulate_market(seed=1, years=6, names=50)
    parameters = design(LiquidityDrain.search_space(), sets, seed=1)
    sweep(LiquidityDrain, market, parameters[:4])
    table = Table(title=f"{sets:,} sets of liquidity-drain, {len(market.sessions):,} sessions x 50 names")
    for heading in ("engine", "s", "sets/s", "equal to serial"):
        table.add_column(heading, justify="left" if heading == "engine" else "right")
    reference, taken = timed(market, parameters)
    table.add_row("serial, all cores by threads", f"{taken:.1f}", f"{sets / taken:,.0f}", "-")
    for backend in ("threading", "loky", "dask", "ray"):
        if importlib.util.find_spec(NEEDS.get(backend, "joblib")) is None:
            table.add_row(backend, "not installed", "", "")
            continue
        for call in ("first call", "again") if backend == "loky" else ("",):
            found, taken = timed(market, parameters, backend=backend, jobs=WORKERS)
            same = "yes" if found.equals(reference) else "NO"
            name = f"{backend}, {WORKERS} workers{', ' * bool(call)}{call}"
            table.add_row(name, f"{taken:.1f}", f"{sets / taken:,.0f}", same)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
