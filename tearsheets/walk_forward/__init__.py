"""The page of a walk-forward and its results in sentences."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

_HOME = {
    "gate_sentence": "sentences",
    "missed_sentence": "sentences",
    "paths_sentence": "sentences",
    "seeds_sentence": "sentences",
    "unreached_sentence": "sentences",
    "unsearched_sentence": "sentences",
    "verdicts": "sentences",
    "write_walk_page": "page",
}

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


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
