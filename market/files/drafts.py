"""Drafts of files and folders, beside the target whose place they take.

A draft lies in a folder `.undertow-draft-XXXXXXXX` with a lock that the writer holds. One that nobody holds is of a
killed process: the next writer or reader beside it finishes its exchange, if that had begun, and removes it.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from undertow.market.files.disk import disk_errors
from undertow.market.files.exchange import exchange_paths
from undertow.market.files.locks import try_lock

_PREFIX = ".undertow-draft-"
_CONTAINER = re.compile(rf"{re.escape(_PREFIX)}\w{{8}}")
_LOCK, _NEW, _OLD = "lock", "new", "old"
# No link is followed, and a pipe does not block.
_PLAIN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@contextmanager
def replacement(target: Path) -> Iterator[Path]:
    """A free path that takes the place of `target` when the block succeeds.

    The block makes a file or a folder there. A reader sees the earlier one or the new one whole, at any instant; where
    the system cannot exchange two folders, a kill in between is repaired by `recover`. Nothing is left where the block
    fails. A link stays: what it points at is replaced. Raises `DataError` with the target where the disk is full.
    """
    target = target.resolve()
    recover(target.parent)
    new_parents = [parent for parent in target.parents if not parent.exists()]
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        container, held = _container(target)
        try:
            yield container / _NEW
            _publish(container, target)
        except BaseException:
            _remove(container, held)
            with suppress(OSError):
                for parent in new_parents:
                    parent.rmdir()
            raise
        _remove(container, held)


def write_atomic(path: str | Path, content: bytes) -> Path:
    """Write a file completely or not at all.

    Raises `DataError` with the path where the disk is full.
    """
    target = Path(path)
    with replacement(target) as draft:
        draft.write_bytes(content)
        draft.chmod(0o644)
    return target


def recover(folder: Path) -> None:
    """Finish and remove what killed processes have left in `folder`.

    Drafts that are in use stay. Does nothing where the folder does not exist or cannot be written.
    """
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if _CONTAINER.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                _recover(Path(entry.path))


def _container(target: Path) -> tuple[Path, int]:
    """A new folder for a draft of `target`, and the open file of its lock."""
    while True:
        container = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=target.parent))
        try:
            held = os.open(container / _LOCK, os.O_CREAT | os.O_EXCL | _PLAIN, 0o600)
        except FileNotFoundError:
            # A process that recovers has removed the empty folder.
            continue
        if _is_held(container, held):
            os.write(held, os.fsencode(target.name))
            return container, held
        # A process that recovers has taken it in between.
        os.close(held)


def _is_held(container: Path, held: int) -> bool:
    """Whether this process has the lock of a new container.

    A file system that knows no locks (some network drives) gives none: the draft is used all the same.
    """
    try:
        locked = try_lock(held)
    except OSError:
        return True
    try:
        return locked and os.path.samestat(os.fstat(held), os.stat(container / _LOCK))
    except FileNotFoundError:
        return False


def _taken(container: Path) -> int | None:
    """The open lock of a container that nobody uses; None where somebody may."""
    held = os.open(container / _LOCK, _PLAIN)
    with suppress(OSError):
        # Anything but a plain file was made by somebody else: a pipe would block, a link leads elsewhere.
        is_free = stat.S_ISREG(os.fstat(held).st_mode) and try_lock(held)
        if is_free and os.path.samestat(os.fstat(held), os.stat(container / _LOCK, follow_symlinks=False)):
            return held
    os.close(held)
    return None


def _publish(container: Path, target: Path) -> None:
    new, old = container / _NEW, container / _OLD
    try:
        # A file takes the place of another one in one step, a folder only that of an empty or missing one.
        os.replace(new, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES) or not new.is_dir():
            raise
    else:
        return
    if exchange_paths(new, target):
        return
    os.replace(target, old)
    try:
        os.replace(new, target)
    except BaseException:
        os.replace(old, target)
        raise


def _recover(container: Path) -> None:
    if not os.path.lexists(container / _LOCK):
        # Its writer was killed before it had a lock; a folder with content is left alone.
        with suppress(OSError):
            container.rmdir()
        return
    with suppress(OSError):
        held = _taken(container)
        if held is None:
            return
        new, old = container / _NEW, container / _OLD
        name = os.fsdecode(os.read(held, 4096))
        plain = name not in ("", ".", "..") and Path(name).name == name and "\0" not in name
        # Between the two renames: the earlier result is aside, the new one is whole and not yet in its place.
        if plain and new.exists() and old.exists() and not os.path.lexists(container.parent / name):
            os.replace(new, container.parent / name)
        _remove(container, held)


def _remove(container: Path, held: int) -> None:
    # The lock goes last: a process that recovers finds either a held lock or an empty folder.
    for name in (_NEW, _OLD):
        path = container / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if os.name == "nt":
        os.close(held)
    (container / _LOCK).unlink(missing_ok=True)
    with suppress(OSError):
        container.rmdir()
    if os.name != "nt":
        os.close(held)
