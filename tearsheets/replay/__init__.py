"""The page of a replay: every rule on every dated episode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.replay.page import write_replay
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "page": ("write_replay",),
        },
    )

__all__ = ["write_replay"]
