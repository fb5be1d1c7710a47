"""The checklist of a rule: tier, action and orders at one instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.checklist.held_plan import HeldOrder, HeldPlan, HeldPosition, SoldLot, plan_holdings
    from undertow.backtests.checklist.instants import instant_text
    from undertow.backtests.checklist.lines import UNKNOWN_LIMIT, Line, alarms_to_come, checklist
    from undertow.backtests.checklist.orders import Order, coming_orders
    from undertow.backtests.checklist.similar import Similar
    from undertow.backtests.checklist.states import HORIZONS, NEXT, Following, MarketState, Outcome
    from undertow.backtests.checklist.steps import Step
    from undertow.backtests.checklist.today import EXIT_CODES, UNKNOWN, Today
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "held_plan": (
                "HeldOrder",
                "HeldPlan",
                "HeldPosition",
                "SoldLot",
                "plan_holdings",
            ),
            "instants": ("instant_text",),
            "lines": (
                "Line",
                "UNKNOWN_LIMIT",
                "alarms_to_come",
                "checklist",
            ),
            "orders": (
                "Order",
                "coming_orders",
            ),
            "similar": ("Similar",),
            "states": (
                "Following",
                "HORIZONS",
                "MarketState",
                "NEXT",
                "Outcome",
            ),
            "steps": ("Step",),
            "today": (
                "EXIT_CODES",
                "Today",
                "UNKNOWN",
            ),
        },
    )

__all__ = [
    "EXIT_CODES",
    "HORIZONS",
    "NEXT",
    "UNKNOWN",
    "UNKNOWN_LIMIT",
    "Following",
    "HeldOrder",
    "HeldPlan",
    "HeldPosition",
    "Line",
    "MarketState",
    "Order",
    "Outcome",
    "Similar",
    "SoldLot",
    "Step",
    "Today",
    "alarms_to_come",
    "checklist",
    "coming_orders",
    "instant_text",
    "plan_holdings",
]
