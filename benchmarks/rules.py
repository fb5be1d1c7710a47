"""Speed of the rules: the tier machine and the waterfall of cash, over many parameter sets at once.

Each set has its own trigger threshold, holding times and cash target; the tier machine turns them into exposure, and
the kernel raises the cash by "winners first" or from what is taxed least. The plain twins walk a few of the same sets.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from undertow.backtests.kernel.records import (
    HIFO,
    NO_LOTS,
    PathPlan,
    PriceArrays,
    SetOptions,
    SetPlans,
    default_options,
    make_rates,
)
from undertow.backtests.kernel.reference import walk_np
from undertow.backtests.kernel.walk import walk_many_nb
from undertow.strategies.rules.tier_machine import Ladder, walk_tiers, walk_tiers_np
from undertow.strategies.weights import rebalance_rows

COST, CAPITAL = 5e-4, 1e6


def world(sessions: int, names: int) -> dict[str, Any]:
    """Prices, equal weights rebalanced monthly, and a score of last quarter's return."""
    rng = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(rng.normal(0.0004, 0.02, (sessions, names)), axis=0))
    rebalances = rebalance_rows(pd.bdate_range("2015-01-01", periods=sessions), "monthly")
    rebalanced = np.full(sessions, -1)
    rebalanced[rebalances] = np.arange(len(rebalances))
    quarter = np.vstack([np.zeros((63, names)), close[63:] / close[:-63]])[:sessions]
    opens = close * np.exp(rng.normal(0, 0.003, close.shape))
    return {
        "fill": opens,
        "mark": opens,
        "close": close,
        "end_price": np.full(close.shape, np.nan),
        "base": np.full((len(rebalances), names), 1.0 / names),
        "rebalanced": rebalanced,
        "order": np.ascontiguousarray(np.argsort(-quarter, axis=1, kind="stable")),
        "cash_fill": np.ones(sessions),
        "cash_close": np.ones(sessions),
    }


def machine_inputs(sessions: int, sets: int) -> tuple[Any, ...]:
    """A trigger on about one session in forty, all-clear on one in three, and parameters of every set."""
    rng = np.random.default_rng(2)
    pressure, calm = rng.random(sessions)[:, None], rng.random(sessions)[:, None]
    score = (pressure < rng.uniform(0.01, 0.05, sets)).astype(np.float64)
    clear = (calm < 1 / 3).astype(np.float64) * np.ones(sets)
    hours = 24.0 * np.arange(sessions)
    calm_tier, none, never = np.zeros(sets), np.zeros((2, sets)), np.full(sets, np.inf)
    ladder = Ladder(
        at=np.stack((calm_tier, np.ones(sets))),
        leave=none + np.inf,
        cash=np.stack((calm_tier, rng.uniform(0.2, 1.0, sets))),
        hedge=none,
        min_stay=none + rng.uniform(24, 120, sets),
        max_stay=none + rng.uniform(240, 720, sets),
        allowed=np.ones((2, 2), np.bool_),
        sessions=np.ones(sets, dtype=np.int64),
        deadline=never,
        steps=rng.integers(1, 6, sets),
        wrong=never,
        cool_down=calm_tier,
    )
    return score, clear, hours, hours + 24.0, np.ones(sessions), ladder


def compiled(given: dict[str, Any], inputs: tuple[Any, ...], least_tax: bool) -> Any:
    """Tier machine and kernel over every set; values at the close (P, T)."""
    exposure = walk_tiers(*inputs).exposure
    sets, none = exposure.shape[1], np.zeros((0, 0))
    lots = np.full(sets, HIFO if least_tax else NO_LOTS)
    plans = SetPlans(np.ascontiguousarray(exposure.T), given["order"][None], np.full(sets, -1 if least_tax else 0))
    options = SetOptions(none, none, none, none, np.zeros(sets), np.zeros(sets, dtype=np.int64), lots)
    prices, rates = PriceArrays(*(given[name] for name in PriceArrays._fields)), make_rates(COST, COST)
    return walk_many_nb(prices, given["base"], given["rebalanced"], plans, rates, options, CAPITAL)[0]


def plain(given: dict[str, Any], inputs: tuple[Any, ...], least_tax: bool) -> Any:
    """The same by the plain twins, one set after the other."""
    exposure = walk_tiers_np(*inputs).exposure
    order = given["order"][:, :0] if least_tax else given["order"]
    options = default_options()._replace(lots=HIFO if least_tax else NO_LOTS)
    prices, rates = PriceArrays(*(given[name] for name in PriceArrays._fields)), make_rates(COST, COST)
    plans = (
        PathPlan(given["base"], given["rebalanced"], exposure[:, path], order) for path in range(exposure.shape[1])
    )
    return np.stack([walk_np(prices, plan, rates, options, CAPITAL).values for plan in plans])


def seconds(work: Callable[[], Any], runs: int) -> float:
    """The shortest of some runs: other work on the machine only ever adds."""
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=2400)
    parser.add_argument("--names", type=int, default=150)
    parser.add_argument("--plain-sets", type=int, default=3, help="sets that the plain twins walk")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    given, inputs = world(asked.sessions, asked.names), machine_inputs(asked.sessions, asked.sets)
    few = machine_inputs(asked.sessions, asked.plain_sets)
    table = Table(title=f"{asked.sets:,} sets x {asked.sessions:,} sessions x {asked.names} names")
    for heading in ("cash is raised from", "sets/s", "plain numpy, sets/s", "ratio"):
        table.add_column(heading, justify="left" if heading.startswith("cash") else "right")
    for name, least_tax in (("winners first", False), ("least tax first (hifo)", True)):
        fast, slow = compiled(given, few, least_tax), plain(given, few, least_tax)
        np.testing.assert_allclose(fast, slow, rtol=1e-9)
        rate = asked.sets / seconds(lambda tax=least_tax: compiled(given, inputs, tax), asked.runs)  # type: ignore[misc]
        twin = asked.plain_sets / seconds(lambda tax=least_tax: plain(given, few, tax), 1)  # type: ignore[misc]
        table.add_row(name, f"{rate:,.0f}", f"{twin:,.1f}", f"{rate / twin:,.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
