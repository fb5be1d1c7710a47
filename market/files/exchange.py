"""Two paths exchanged in one step, where the system can."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

# linux/fs.h and fcntl.h; sys/stdio.h of macOS.
_RENAME_EXCHANGE, _AT_FDCWD, _RENAME_SWAP = 2, -100, 2


def exchange_paths(first: Path, second: Path) -> bool:
    """Exchange two existing paths of one file system in one step.

    False, with nothing changed, where the system or the file system cannot.
    """
    call = _call()
    return call is not None and call(os.fsencode(first), os.fsencode(second)) == 0


@cache
def _call() -> Callable[[bytes, bytes], int] | None:
    """The system's exchange of two paths; None where it has none."""
    # A variable: a type checker knows one system only.
    system = str(sys.platform)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if system == "linux":
            rename = library.renameat2
            rename.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
            return lambda first, second: int(rename(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE))
        if system == "darwin":
            swap = library.renamex_np
            swap.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]
            return lambda first, second: int(swap(first, second, _RENAME_SWAP))
    except (OSError, AttributeError, TypeError):
        # No such library, or one without the function.
        pass
    return None
