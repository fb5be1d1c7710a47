"""Dated episodes, and every rule on each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.replay.catalogue import DatedEpisode, Halt, MarketFacts, market_facts, read_catalogue
    from undertow.backtests.replay.replay import HOLD, REPLAY_COLUMNS, TARGET, Replay, replay
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "catalogue": (
                "DatedEpisode",
                "Halt",
                "MarketFacts",
                "market_facts",
                "read_catalogue",
            ),
            "replay": (
                "HOLD",
                "REPLAY_COLUMNS",
                "TARGET",
                "Replay",
                "replay",
            ),
        },
    )

__all__ = [
    "HOLD",
    "REPLAY_COLUMNS",
    "TARGET",
    "DatedEpisode",
    "Halt",
    "MarketFacts",
    "Replay",
    "market_facts",
    "read_catalogue",
    "replay",
]
