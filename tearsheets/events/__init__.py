"""The page of all signals around a few days."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.events.page import write_event_page
    from undertow.tearsheets.events.values import (
        SignalHistory,
        default_days,
        event_row,
        percentile_at,
        signal_histories,
    )

_HOME = {
    "SignalHistory": "values",
    "default_days": "values",
    "event_row": "values",
    "percentile_at": "values",
    "signal_histories": "values",
    "write_event_page": "page",
}

__all__ = [
    "SignalHistory",
    "default_days",
    "event_row",
    "percentile_at",
    "signal_histories",
    "write_event_page",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
