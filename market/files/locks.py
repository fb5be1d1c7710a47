"""Locks of open files, which the system releases however a process ends."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt

    # The byte that stands for the file: beyond its content, which others may read.
    _BYTE = 0x7FFFFFFF

    def _lock(descriptor: int, mode: int) -> None:
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, mode, 1)
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)

    def lock(descriptor: int) -> None:
        """Wait until the open file is locked for this process alone."""
        while True:
            try:
                return _lock(descriptor, msvcrt.LK_LOCK)
            except OSError:
                # It gives up after ten seconds.
                continue

    def try_lock(descriptor: int) -> bool:
        """Lock the open file; False where another process has it."""
        try:
            _lock(descriptor, msvcrt.LK_NBLCK)
        except OSError:
            return False
        return True

else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Wait until the open file is locked for this process alone."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def try_lock(descriptor: int) -> bool:
        """Lock the open file; False where another process has it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
