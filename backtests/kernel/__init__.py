"""The order kernel: one account walked exactly, session by session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.kernel.many import walk_all
    from undertow.backtests.kernel.path import AccountPath, rates_of, selling_order, walk_plan
    from undertow.backtests.kernel.prices import PriceGrid, carried, read_price_grid
    from undertow.backtests.kernel.records import (
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
    from undertow.backtests.kernel.state import DE_RISK, HEDGE, RE_ENTRY, REASONS, ROTATE, STOP, WAITED
    from undertow.backtests.kernel.walk import walk_many_nb, walk_nb
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "many": ("walk_all",),
            "path": (
                "AccountPath",
                "rates_of",
                "selling_order",
                "walk_plan",
            ),
            "prices": (
                "PriceGrid",
                "carried",
                "read_price_grid",
            ),
            "records": (
                "KernelOptions",
                "PathPlan",
                "PathRecord",
                "PriceArrays",
                "Rates",
                "SetOptions",
                "SetPlans",
                "default_options",
                "make_rates",
            ),
            "reference": ("walk_np",),
            "sleeves": (
                "add_sleeves",
                "append_hold_set",
                "decision_for_rows",
                "drop_unpriced_hedge",
                "plan_for_rows",
            ),
            "state": (
                "DE_RISK",
                "HEDGE",
                "REASONS",
                "RE_ENTRY",
                "ROTATE",
                "STOP",
                "WAITED",
            ),
            "walk": (
                "walk_many_nb",
                "walk_nb",
            ),
        },
    )

__all__ = [
    "DE_RISK",
    "HEDGE",
    "REASONS",
    "RE_ENTRY",
    "ROTATE",
    "STOP",
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
