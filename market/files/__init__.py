"""Results on disk: written beside their target, put in its place at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.market.files.disk import disk_errors
    from undertow.market.files.drafts import recover, replacement, write_atomic
    from undertow.market.files.exchange import exchange_paths
    from undertow.market.files.locks import lock, try_lock
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "disk": ("disk_errors",),
            "drafts": ("recover", "replacement", "write_atomic"),
            "exchange": ("exchange_paths",),
            "locks": ("lock", "try_lock"),
        },
    )

__all__ = [
    "disk_errors",
    "exchange_paths",
    "lock",
    "recover",
    "replacement",
    "try_lock",
    "write_atomic",
]
