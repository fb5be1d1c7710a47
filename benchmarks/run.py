"""Speed, as ratios measured in one run: the order kernel against vectorbt and against its plain twin.

The task: 2,520 sessions x 100 names, equal weights rebalanced monthly, exposure in {1, 0.5, 0} changing 40 times,
fills at the open with 5 bps fee and 5 bps slippage, one account. Run it with `make bench`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from rich.console import Console
from rich.table import Table

from undertow.backtests.kernel.records import PathPlan, PriceArrays, default_options, make_rates
from undertow.backtests.kernel.reference import walk_np
from undertow.backtests.kernel.walk import walk_nb
from undertow.strategies.weights import rebalance_rows

SESSIONS, NAMES, CHANGES, COST = 2520, 100, 40, 5e-4


def world() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(rng.normal(0.0004, 0.02, (SESSIONS, NAMES)), axis=0))
    opens = close * np.exp(rng.normal(0, 0.003, close.shape))
    rebalances = rebalance_rows(pd.bdate_range("2015-01-01", periods=SESSIONS), "monthly")
    rebalanced = np.full(SESSIONS, -1)
    rebalanced[rebalances] = np.arange(len(rebalances))
    at = np.sort(rng.choice(np.arange(1, SESSIONS), CHANGES, replace=False))
    levels = np.array([1.0, 0.5, 0.0])[np.arange(CHANGES + 1) % 3]
    return {
        "fill": opens,
        "mark": opens,
        "close": close,
        "end_price": np.full(close.shape, np.nan),
        "base": np.full((len(rebalances), NAMES), 1.0 / NAMES),
        "rebalanced": rebalanced,
        "exposure": np.repeat(levels, np.diff(np.concatenate(([0], at, [SESSIONS])))),
        "order": np.zeros((SESSIONS, 0), dtype=np.int64),
        "cash_fill": np.ones(SESSIONS),
        "cash_close": np.ones(SESSIONS),
        "capital": 1e6,
    }


def by_vectorbt(given: dict[str, Any]) -> float:
    """What a vectorbt user would write: target percents at every rebalance and change of exposure."""
    changed = np.concatenate(([True], np.diff(given["exposure"]) != 0))
    size = np.full(given["close"].shape, np.nan)
    rows = changed | (given["rebalanced"] >= 0)
    size[rows] = given["exposure"][rows, None] / NAMES
    portfolio = vbt.Portfolio.from_orders(
        given["close"],
        size=size,
        size_type="targetpercent",
        price=given["fill"],
        fees=COST,
        slippage=COST,
        init_cash=1e6,
        cash_sharing=True,
        group_by=np.zeros(NAMES, dtype=int),
        call_seq="auto",
        freq="1D",
        engine="rust",
    )
    return float(np.asarray(portfolio.value())[-1])


def median_ms(work: Callable[[], Any], runs: int) -> float:
    work()
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return 1e3 * statistics.median(taken)


def main() -> None:
    given = world()
    prices = PriceArrays(*(given[name] for name in PriceArrays._fields))
    plan = PathPlan(*(given[name] for name in PathPlan._fields))
    task = (prices, plan, make_rates(COST, COST), default_options(), given["capital"])
    ways = {
        "compiled kernel, values and orders": (lambda: walk_nb(*task), 50),
        "plain numpy twin": (lambda: walk_np(*task), 5),
        "vectorbt from_orders(targetpercent), Rust, + value()": (lambda: by_vectorbt(given), 9),
    }
    measured = {name: median_ms(*way) for name, way in ways.items()}
    slowest = measured["vectorbt from_orders(targetpercent), Rust, + value()"]
    table = Table(title=f"one path, {SESSIONS:,} sessions x {NAMES} names, median")
    for heading in ("way", "ms", "times vectorbt"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name, taken in measured.items():
        table.add_row(name, f"{taken:.2f}", f"{slowest / taken:.1f}")
    console = Console(width=100)
    console.print(table)


if __name__ == "__main__":
    main()
