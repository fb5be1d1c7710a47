"""Errors of the disk, with the path of what was being written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from undertow.market.errors import DataError

_REASONS = {
    errno.ENOSPC: "no space is left on the disk: free some, or name another place",
    errno.EDQUOT: "the quota of the disk is used up: free some space, or name another place",
    errno.EFBIG: "the file is larger than the system allows: name another place",
    errno.EIO: "the disk reports an error: name another place",
    errno.EROFS: "the file system is read-only: name another place",
}


@contextmanager
def disk_errors(target: str | os.PathLike[str]) -> Iterator[None]:
    """Raise `DataError` with `target` where the block meets a full or broken disk."""
    try:
        yield
    except (OSError, DataError) as error:
        # A file of a draft is part of its target: the error of the inner one names what nobody has asked for.
        cause = error.__cause__ if isinstance(error, DataError) else error
        reason = _REASONS.get(cause.errno or 0) if isinstance(cause, OSError) else None
        if reason is None:
            raise
        raise DataError(f"{Path(target)}: cannot be written: {reason}; nothing was changed there") from cause
