"""The page of a search for parameters."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.study.charts import importances, map_chart, map_names
    from undertow.tearsheets.study.page import expected_best, luck_sentence, write_study_page

_HOME = {
    "expected_best": "page",
    "importances": "charts",
    "luck_sentence": "page",
    "map_chart": "charts",
    "map_names": "charts",
    "write_study_page": "page",
}

__all__ = [
    "expected_best",
    "importances",
    "luck_sentence",
    "map_chart",
    "map_names",
    "write_study_page",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
