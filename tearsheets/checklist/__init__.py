"""The page and the texts of today's checklist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.checklist.held import HELD_COLUMNS, held_rows, held_sentences
    from undertow.tearsheets.checklist.lines import (
        check_value,
        contribution_text,
        current_value,
        data_age,
        levels_text,
    )
    from undertow.tearsheets.checklist.page import (
        execution_text,
        headline,
        order_lines,
        similar_states_sentence,
        write_today,
    )
    from undertow.tearsheets.checklist.steps import STEP_COLUMNS, state_sentences, step_rows
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "held": (
                "HELD_COLUMNS",
                "held_rows",
                "held_sentences",
            ),
            "lines": (
                "check_value",
                "contribution_text",
                "current_value",
                "data_age",
                "levels_text",
            ),
            "page": (
                "execution_text",
                "headline",
                "order_lines",
                "similar_states_sentence",
                "write_today",
            ),
            "steps": (
                "STEP_COLUMNS",
                "state_sentences",
                "step_rows",
            ),
        },
    )

__all__ = [
    "HELD_COLUMNS",
    "STEP_COLUMNS",
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
    "state_sentences",
    "step_rows",
    "write_today",
]
