"""Result folders: one folder a result, written all or nothing."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from undertow.market import ParameterError, reason_of
from undertow.market.files import recover, replacement

# Results that are more than a backtest, by the file that only they have.
_RESULTS = {"walk.json": "a walk-forward", "best.json": "a search", "": "a backtest"}


@contextmanager
def replacing(target: Path, marker: str = "") -> Iterator[Path]:
    """A new folder that takes the place of `target` when the block succeeds.

    A reader sees the earlier result or the new one, at any instant. Raises as `check_replaceable` does, and `DataError`
    with the target where the disk is full.
    """
    check_replaceable(target, marker)
    with replacement(target) as draft:
        draft.mkdir()
        draft.chmod(0o755)
        yield draft


def check_replaceable(target: Path, marker: str = "") -> None:
    """Raise `ParameterError` unless a result may be written to `target`.

    It must be new, an empty folder, or an earlier result of the same type. `marker` is the file that only results of
    this type have: walk.json, best.json, or none for a backtest.
    """
    check_writable(target)
    recover(target.resolve().parent)
    if not target.exists():
        return
    if not target.is_dir():
        raise ParameterError(f"`out` {str(target)!r} is a file; name a folder")
    if any(target.iterdir()) and not (target / "run.json").is_file():
        raise ParameterError(f"`out` {str(target)!r} is a folder with other files in it; name a new or empty one")
    present = next((file for file in _RESULTS if file and (target / file).is_file()), "")
    if (target / "run.json").is_file() and present != marker:
        raise ParameterError(
            f"`out` {str(target)!r} holds {_RESULTS[present]}, which {_RESULTS[marker]} does not replace; name another"
            " folder"
        )


def check_writable(target: Path, option: str = "out") -> None:
    """Raise `ParameterError` naming the option where `target` cannot be created."""
    try:
        existing = next(parent for parent in target.resolve().parents if parent.exists())
    except (OSError, ValueError, RuntimeError) as error:
        # A name that is too long, a NUL character, a link that points at itself.
        raise ParameterError(f"`{option}` {str(target)!r} cannot be a path: {reason_of(error)}; name another") from None
    if not existing.is_dir():
        raise ParameterError(
            f"`{option}` {str(target)!r} lies below {str(existing)!r}, which is a file; name another folder"
        )
    reason = "" if os.access(existing, os.W_OK | os.X_OK) else "no permission"
    reason = reason or unwritable_reason(existing)
    if reason:
        raise ParameterError(
            f"`{option}` {str(target)!r} cannot be written: {reason} in {str(existing)!r}; name another folder"
        )


def unwritable_reason(folder: Path) -> str:
    """The reason why a folder is not writable, "" where it is.

    Found by writing: some file systems ignore permissions.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return (error.strerror or str(error)).lower()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON with a stable layout; NaN becomes null."""
    path.write_text(json.dumps(json_ready(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def json_ready(value: Any) -> Any:
    """The value with None for every NaN and infinity, as strict JSON needs it."""
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
