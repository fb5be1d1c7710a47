"""The order kernel: one account walked exactly, session by session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.kernel.state import DE_RISK, HEDGE, RE_ENTRY, REASONS, ROTATE, STOP, WAITED
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "state": (
                "DE_RISK",
                "HEDGE",
                "REASONS",
                "RE_ENTRY",
                "ROTATE",
                "STOP",
                "WAITED",
            ),
        },
    )

__all__ = [
    "DE_RISK",
    "HEDGE",
    "REASONS",
    "RE_ENTRY",
    "ROTATE",
    "STOP",
    "WAITED",
]
