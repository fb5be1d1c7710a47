"""The page of one signal over time."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.signals.missing import group_by_reason, missing_reason
    from undertow.tearsheets.signals.page import write_signal_page
    from undertow.tearsheets.signals.tracks import Track, parameter_values

_HOME = {
    "Track": "tracks",
    "group_by_reason": "missing",
    "missing_reason": "missing",
    "parameter_values": "tracks",
    "write_signal_page": "page",
}

__all__ = [
    "Track",
    "group_by_reason",
    "missing_reason",
    "parameter_values",
    "write_signal_page",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
