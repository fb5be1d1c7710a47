"""The page and the texts of today's checklist."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.checklist.page import (
        check_value,
        current_value,
        data_age,
        execution_text,
        headline,
        levels_text,
        order_lines,
        similar_states_sentence,
        write_today,
    )

_HOME = {
    "check_value": "page",
    "current_value": "page",
    "data_age": "page",
    "execution_text": "page",
    "headline": "page",
    "levels_text": "page",
    "order_lines": "page",
    "similar_states_sentence": "page",
    "write_today": "page",
}

__all__ = [
    "check_value",
    "current_value",
    "data_age",
    "execution_text",
    "headline",
    "levels_text",
    "order_lines",
    "similar_states_sentence",
    "write_today",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
