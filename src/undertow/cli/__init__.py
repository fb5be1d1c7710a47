"""The command line: one file a command, put together in `app`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.cli.app import main
else:
    __getattr__, __dir__ = lazy_names(__name__, {"app": ("main",)})

__all__ = ["main"]
