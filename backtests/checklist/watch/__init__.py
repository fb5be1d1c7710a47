"""The watch over a market folder: one alert for each change of tier or alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.checklist.watch.alert import Alert, Standing, StandingChange, changes_between
    from undertow.backtests.checklist.watch.channels import Channel, CommandChannel, FileChannel, Webhook
    from undertow.backtests.checklist.watch.loop import WatchCheck, read_every, watch
    from undertow.backtests.checklist.watch.state import WatchState, open_state, state_path
    from undertow.backtests.checklist.watch.stopped import stopped_feeds
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "alert": (
                "Alert",
                "StandingChange",
                "Standing",
                "changes_between",
            ),
            "channels": (
                "Channel",
                "CommandChannel",
                "FileChannel",
                "Webhook",
            ),
            "loop": (
                "WatchCheck",
                "read_every",
                "watch",
            ),
            "state": (
                "WatchState",
                "open_state",
                "state_path",
            ),
            "stopped": ("stopped_feeds",),
        },
    )

__all__ = [
    "Alert",
    "Channel",
    "CommandChannel",
    "FileChannel",
    "Standing",
    "StandingChange",
    "WatchCheck",
    "WatchState",
    "Webhook",
    "changes_between",
    "open_state",
    "read_every",
    "state_path",
    "stopped_feeds",
    "watch",
]
