"""The page of a search for parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.study.charts import importances, map_chart, map_names
    from undertow.tearsheets.study.luck import expected_best, luck_sentence, luck_verdict
    from undertow.tearsheets.study.page import write_study_page
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "charts": (
                "importances",
                "map_chart",
                "map_names",
            ),
            "luck": (
                "expected_best",
                "luck_sentence",
                "luck_verdict",
            ),
            "page": ("write_study_page",),
        },
    )

__all__ = [
    "expected_best",
    "importances",
    "luck_sentence",
    "luck_verdict",
    "map_chart",
    "map_names",
    "write_study_page",
]
