"""Inputs of the order kernel by name, for both of its implementations."""

from __future__ import annotations

from typing import Any

import numpy as np

from undertow.backtests.kernel.records import (
    KernelOptions,
    PathPlan,
    PathRecord,
    PriceArrays,
    Rates,
    default_options,
    make_rates,
)
from undertow.backtests.kernel.reference import walk_np
from undertow.backtests.kernel.walk import walk_nb


def flat_inputs(fill: Any, close: Any = None, **changes: Any) -> dict[str, Any]:
    """Equal weights on the first row, full exposure, no costs, idle cash."""
    fill = np.asarray(fill, dtype=np.float64)
    rows, names = fill.shape
    close = fill if close is None else np.asarray(close, dtype=np.float64)
    inputs = {
        "fill": fill,
        "mark": np.where(np.isnan(fill), close, fill),
        "close": close,
        "end_price": np.full((rows, names), np.nan),
        "base": np.full((1, names), 1.0 / names),
        "rebalanced": np.array([0] + [-1] * (rows - 1)),
        "exposure": np.ones(rows),
        "order": np.zeros((rows, 0), dtype=np.int64),
        "cash_fill": np.ones(rows),
        "cash_close": np.ones(rows),
        "capital": 100.0,
        "fee": 0.0,
        "slippage": 0.0,
        "maintenance": 0.3,
        "rules": default_options(),
    }
    return {**inputs, **changes}


def kernel_records(inputs: dict[str, Any]) -> tuple[PriceArrays, PathPlan, Rates, KernelOptions, float]:
    """The arguments of `walk_nb` from inputs by name."""
    prices = PriceArrays(*(inputs[name] for name in PriceArrays._fields))
    plan = PathPlan(*(inputs[name] for name in PathPlan._fields))
    rates = make_rates(inputs["fee"], inputs["slippage"], inputs["maintenance"])
    return prices, plan, rates, inputs["rules"], inputs["capital"]


def walk_compiled(**inputs: Any) -> PathRecord:
    """Walk one path by the compiled kernel."""
    return PathRecord(*walk_nb(*kernel_records(inputs)))


def walk_plain(**inputs: Any) -> PathRecord:
    """Walk one path by the plain kernel."""
    return walk_np(*kernel_records(inputs))
