"""The result store: one folder a run, written all or nothing."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from undertow.market.errors import ParameterError

# Results that are more than a run, by the file that tells them.
_KINDS = {"walk.json": "a walk-forward", "best.json": "a search", "": "a backtest"}


@contextmanager
def replacing(target: Path, kind: str = "") -> Iterator[Path]:
    """A temporary folder beside `target` that takes its place when the block ends well, and is removed when not.

    What may be replaced is as in `check_replaceable`.
    """
    check_replaceable(target, kind)
    # What a link points at is replaced, not the link.
    target = target.resolve()
    new_parents = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield draft
        draft.chmod(0o755)
        _swap(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        with suppress(OSError):
            for parent in new_parents:
                parent.rmdir()
        raise


def _swap(draft: Path, target: Path) -> None:
    if not target.exists():
        os.replace(draft, target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    os.replace(target, aside / "run")
    try:
        os.replace(draft, target)
    except BaseException:
        os.replace(aside / "run", target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_replaceable(target: Path, kind: str = "") -> None:
    """Raise `ParameterError` unless `target` can be made, is an empty folder, or is an earlier result of that kind.

    `kind` is the file that only results of its kind have: walk.json, best.json, or none for a backtest.
    """
    check_writable(target)
    if not target.exists():
        return
    if not target.is_dir():
        raise ParameterError(f"`out` {str(target)!r} is a file; name a folder")
    if any(target.iterdir()) and not (target / "run.json").is_file():
        raise ParameterError(f"`out` {str(target)!r} is a folder with other files in it; name a new or empty one")
    there = next((file for file in _KINDS if file and (target / file).is_file()), "")
    if (target / "run.json").is_file() and there != kind:
        raise ParameterError(f"`out` {str(target)!r} holds {_KINDS[there]}, which this is not; name another folder")


def check_writable(target: Path, option: str = "out") -> None:
    """Raise `ParameterError` naming the option where `target` is to be made in no folder, or in one that is locked."""
    there = next(parent for parent in target.resolve().parents if parent.exists())
    if not there.is_dir():
        raise ParameterError(
            f"`{option}` {str(target)!r} lies below {str(there)!r}, which is a file; name another folder"
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise ParameterError(
            f"`{option}` {str(target)!r} cannot be written: no permission in {str(there)!r}; name another folder"
        )
    why = why_unwritable(there)
    if why:
        raise ParameterError(
            f"`{option}` {str(target)!r} cannot be written: {why} in {str(there)!r}; name another folder"
        )


def why_unwritable(folder: Path) -> str:
    """Why nothing can be written in a folder, "" where it can; tried, as some file systems care for no permission."""
    try:
        Path(tempfile.mkdtemp(prefix=".undertow-", dir=folder)).rmdir()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON with sorted, stable layout; NaN becomes null."""
    path.write_text(json.dumps(plain(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """`value` with every NaN and infinity replaced by None, for strict JSON."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
