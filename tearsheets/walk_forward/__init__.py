"""The page of a walk-forward and its results in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.walk_forward.page import write_walk_page
    from undertow.tearsheets.walk_forward.sentences import (
        gate_sentence,
        missed_sentence,
        paths_sentence,
        seeds_sentence,
        unreached_sentence,
        unsearched_sentence,
        verdicts,
    )
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "page": ("write_walk_page",),
            "sentences": (
                "gate_sentence",
                "missed_sentence",
                "paths_sentence",
                "seeds_sentence",
                "unreached_sentence",
                "unsearched_sentence",
                "verdicts",
            ),
        },
    )

__all__ = [
    "gate_sentence",
    "missed_sentence",
    "paths_sentence",
    "seeds_sentence",
    "unreached_sentence",
    "unsearched_sentence",
    "verdicts",
    "write_walk_page",
]
