"""The order kernel: one account at a time, exact to the order, compiled and plain."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.backtests.kernel.many import walk_all
    from undertow.backtests.kernel.path import AccountPath, rates_of, selling_order, walk_plan
    from undertow.backtests.kernel.prices import PriceGrid, carried, read_price_grid
    from undertow.backtests.kernel.records import (
        FIFO,
        HIFO,
        NO_LOTS,
        KernelOptions,
        PathPlan,
        PathRecord,
        PriceArrays,
        Rates,
        SetOptions,
        SetPlans,
        default_options,
        make_rates,
    )
    from undertow.backtests.kernel.reference import walk_np
    from undertow.backtests.kernel.sleeves import (
        add_sleeves,
        append_hold_set,
        decision_for_rows,
        drop_unpriced_hedge,
        plan_for_rows,
    )
    from undertow.backtests.kernel.state import (
        CASH,
        CLOSED,
        DE_RISK,
        DEFERRED,
        ENDED,
        HEDGE,
        NONE,
        OPEN_AT_END,
        PAID,
        RE_ENTRY,
        REASONS,
        REBALANCE,
        ROTATE,
        STOP,
        STOPPED,
        TURNOVER,
        WAITED,
    )
    from undertow.backtests.kernel.walk import walk_many_nb, walk_nb

_HOME = {
    "CASH": "state",
    "CLOSED": "state",
    "DEFERRED": "state",
    "DE_RISK": "state",
    "ENDED": "state",
    "FIFO": "records",
    "HEDGE": "state",
    "HIFO": "records",
    "NONE": "state",
    "NO_LOTS": "records",
    "OPEN_AT_END": "state",
    "PAID": "state",
    "REASONS": "state",
    "REBALANCE": "state",
    "RE_ENTRY": "state",
    "ROTATE": "state",
    "STOP": "state",
    "STOPPED": "state",
    "TURNOVER": "state",
    "WAITED": "state",
    "AccountPath": "path",
    "KernelOptions": "records",
    "PathPlan": "records",
    "PathRecord": "records",
    "PriceArrays": "records",
    "PriceGrid": "prices",
    "Rates": "records",
    "SetOptions": "records",
    "SetPlans": "records",
    "add_sleeves": "sleeves",
    "append_hold_set": "sleeves",
    "carried": "prices",
    "decision_for_rows": "sleeves",
    "default_options": "records",
    "drop_unpriced_hedge": "sleeves",
    "make_rates": "records",
    "plan_for_rows": "sleeves",
    "rates_of": "path",
    "read_price_grid": "prices",
    "selling_order": "path",
    "walk_all": "many",
    "walk_many_nb": "walk",
    "walk_nb": "walk",
    "walk_np": "reference",
    "walk_plan": "path",
}

__all__ = [
    "CASH",
    "CLOSED",
    "DEFERRED",
    "DE_RISK",
    "ENDED",
    "FIFO",
    "HEDGE",
    "HIFO",
    "NONE",
    "NO_LOTS",
    "OPEN_AT_END",
    "PAID",
    "REASONS",
    "REBALANCE",
    "RE_ENTRY",
    "ROTATE",
    "STOP",
    "STOPPED",
    "TURNOVER",
    "WAITED",
    "AccountPath",
    "KernelOptions",
    "PathPlan",
    "PathRecord",
    "PriceArrays",
    "PriceGrid",
    "Rates",
    "SetOptions",
    "SetPlans",
    "add_sleeves",
    "append_hold_set",
    "carried",
    "decision_for_rows",
    "default_options",
    "drop_unpriced_hedge",
    "make_rates",
    "plan_for_rows",
    "rates_of",
    "read_price_grid",
    "selling_order",
    "walk_all",
    "walk_many_nb",
    "walk_nb",
    "walk_np",
    "walk_plan",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"undertow.backtests.kernel.{_HOME[name]}"), name)
    raise AttributeError(f"module 'undertow.backtests.kernel' has no attribute {name!r}")
