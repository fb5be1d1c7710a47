"""The page of one signal over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.signals.missing import group_by_reason, missing_reason
    from undertow.tearsheets.signals.page import write_signal_page
    from undertow.tearsheets.signals.tracks import Track, parameter_values
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "missing": (
                "group_by_reason",
                "missing_reason",
            ),
            "page": ("write_signal_page",),
            "tracks": (
                "Track",
                "parameter_values",
            ),
        },
    )

__all__ = [
    "Track",
    "group_by_reason",
    "missing_reason",
    "parameter_values",
    "write_signal_page",
]
