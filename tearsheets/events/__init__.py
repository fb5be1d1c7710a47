"""The page of all signals around a few days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.events.page import write_event_page
    from undertow.tearsheets.events.values import (
        SignalHistory,
        default_days,
        event_row,
        percentile_at,
        signal_histories,
    )
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "page": ("write_event_page",),
            "values": (
                "SignalHistory",
                "default_days",
                "event_row",
                "percentile_at",
                "signal_histories",
            ),
        },
    )

__all__ = [
    "SignalHistory",
    "default_days",
    "event_row",
    "percentile_at",
    "signal_histories",
    "write_event_page",
]
