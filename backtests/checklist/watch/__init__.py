"""The watch over a market folder: one alert for each change of tier or alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.checklist.watch.alert import Alert, Change, Standing, changes_between
    from undertow.backtests.checklist.watch.channels import Channel, CommandChannel, FileChannel, Webhook
    from undertow.backtests.checklist.watch.loop import Check, read_every, watch
    from undertow.backtests.checklist.watch.state import WatchState, open_state, state_path
    from undertow.backtests.checklist.watch.stopped import stopped_feeds
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "alert": (
                "Alert",
                "Change",
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
                "Check",
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
    "Change",
    "Channel",
    "Check",
    "CommandChannel",
    "FileChannel",
    "Standing",
    "WatchState",
    "Webhook",
    "changes_between",
    "open_state",
    "read_every",
    "state_path",
    "stopped_feeds",
    "watch",
]
