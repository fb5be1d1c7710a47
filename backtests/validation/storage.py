"""The storage of a walk's studies: a folder of journals, or a database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from undertow.backtests.engines import Engine
from undertow.backtests.folders import check_writable
from undertow.backtests.tuning.storage import JOURNAL, check_address, check_storage, check_study, sqlite_file
from undertow.market import ParameterError


@dataclass(frozen=True)
class StudyLocation:
    """The storage of a walk's studies: a folder of journals, or a database address.

    The name of every study begins with `study`.
    """

    storage: Path | str
    study: str

    def study_of(self, seed: int, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, Any]:
        """`storage` and `study` of `optimize` for a fold trained on `start` to `end`."""
        name = f"{self.study}-seed{seed}-{start:%Y%m%d}-{end:%Y%m%d}"
        if isinstance(self.storage, str):
            return {"storage": self.storage, "study": name}
        # Made here, not earlier: a walk that is refused leaves no folder behind.
        self.storage.mkdir(exist_ok=True)
        return {"storage": self.storage / f"{name}.log", "study": name}


def locate_studies(storage: object, study: str | None, strategy: str, engine: Engine) -> StudyLocation | None:
    """The storage of a walk's studies; None where they are kept in memory.

    Args:
        storage: "journal:FOLDER", a folder, or the address of a database; None for memory.
        study: beginning of the studies' names; None for the strategy's name.
        strategy: the strategy's name.
        engine: engine that tunes the folds.

    Raises `ParameterError` where the folder cannot be made, where `study` cannot begin a file name, and where several
    workers would hold one SQLite file.
    """
    check_study(study)
    if storage is None:
        if study is not None:
            raise ParameterError(f"`study` can only be used with a `storage`; got {study!r}")
        return None
    name = strategy if study is None else study
    check_address(storage)
    if isinstance(storage, str) and not storage.startswith(JOURNAL):
        check_storage(storage)
        refuse_shared_file(storage, engine)
        return StudyLocation(storage, name)
    folder = storage if isinstance(storage, Path) else Path(str(storage).removeprefix(JOURNAL))
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"`storage` of a walk must be a folder, one journal a fold; {str(folder)!r} is a file")
    if not folder.parent.is_dir():
        raise ParameterError(f"`storage` must be a folder in an existing one, got {str(folder)!r}")
    if Path(name).name != name:
        raise ParameterError(f"`study` begins the names of files here, and must be one itself, got {name!r}")
    check_writable(folder / "journal" if folder.is_dir() else folder, "storage")
    return StudyLocation(folder, name)


def refuse_shared_file(storage: object, engine: Engine) -> None:
    """Raise `ParameterError` where several workers would share one SQLite file."""
    alone = engine.backend == "serial" or engine.jobs == 1
    if isinstance(storage, str | os.PathLike) and sqlite_file(str(storage)) is not None and not alone:
        raise ParameterError(
            f"`storage` {str(storage)!r} is held by one process at a time: leave `jobs` at 1, or keep the studies in"
            " journal:FOLDER or on a database server"
        )
