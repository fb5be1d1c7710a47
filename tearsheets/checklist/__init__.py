"""The page and the texts of today's checklist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.checklist.held import HELD_COLUMNS, held_rows, held_sentences
    from undertow.tearsheets.checklist.page import (
        check_value,
        contribution_text,
        current_value,
        data_age,
        execution_text,
        headline,
        levels_text,
        order_lines,
        similar_states_sentence,
        write_today,
    )
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "held": (
                "HELD_COLUMNS",
                "held_rows",
                "held_sentences",
            ),
            "page": (
                "check_value",
                "contribution_text",
                "current_value",
                "data_age",
                "execution_text",
                "headline",
                "levels_text",
                "order_lines",
                "similar_states_sentence",
                "write_today",
            ),
        },
    )

__all__ = [
    "HELD_COLUMNS",
    "check_value",
    "contribution_text",
    "current_value",
    "data_age",
    "execution_text",
    "headline",
    "held_rows",
    "held_sentences",
    "levels_text",
    "order_lines",
    "similar_states_sentence",
    "write_today",
]
