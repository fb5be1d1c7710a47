"""The checklist of a rule: tier, action and orders at one instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.checklist.lines import Line, alarms_to_come, checklist, instant_text
    from undertow.backtests.checklist.orders import Order, coming_orders
    from undertow.backtests.checklist.similar import Similar
    from undertow.backtests.checklist.today import EXIT_CODES, Today
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "lines": (
                "Line",
                "alarms_to_come",
                "checklist",
                "instant_text",
            ),
            "orders": (
                "Order",
                "coming_orders",
            ),
            "similar": ("Similar",),
            "today": (
                "EXIT_CODES",
                "Today",
            ),
        },
    )

__all__ = [
    "EXIT_CODES",
    "Line",
    "Order",
    "Similar",
    "Today",
    "alarms_to_come",
    "checklist",
    "coming_orders",
    "instant_text",
]
