"""Where the studies of a walk's folds are kept: a folder with a journal a fold, or a database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from undertow.backtests.folders import check_writable
from undertow.backtests.tuning.storage import JOURNAL, check_address, check_storage, check_study, sqlite_file
from undertow.backtests.validation.settings import TUNERS
from undertow.market.errors import ParameterError


@dataclass(frozen=True)
class StudyLocation:
    """The storage of a walk: a folder for journals, or the address of a database; `study` begins the studies' names."""

    storage: Path | str
    study: str

    def of(self, seed: int, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, Any]:
        """The arguments `storage` and `study` of `optimize` for the fold that is trained on `start` to `end`."""
        name = f"{self.study}-seed{seed}-{start:%Y%m%d}-{end:%Y%m%d}"
        if isinstance(self.storage, str):
            return {"storage": self.storage, "study": name}
        # Here, not before: a walk that is refused leaves no folder behind.
        self.storage.mkdir(exist_ok=True)
        return {"storage": self.storage / f"{name}.log", "study": name}


def locate_studies(
    storage: str | Path | None, study: str | None, strategy: str, tuner: str, engine: Mapping[str, Any]
) -> StudyLocation | None:
    """Where the folds of a walk keep their studies; None where nothing is kept.

    The studies' names begin with `study`, or with that of the strategy.

    Raises `ParameterError` for a tuner of one's own, which keeps what it wants to, for a folder that cannot be one, for
    a study whose name cannot be that of a file, and for an SQLite file that several workers of `engine` would hold.
    """
    check_study(study)
    if storage is None:
        if study is not None:
            raise ParameterError(f"`study` names what `storage` keeps, and there is none; got {study!r}")
        return None
    name = strategy if study is None else study
    if tuner not in TUNERS:
        raise ParameterError(f"`storage` keeps the searches of {' and '.join(TUNERS)}; the tuner {tuner} keeps its own")
    check_address(storage)
    if isinstance(storage, str) and not storage.startswith(JOURNAL):
        check_storage(storage)
        refuse_held(storage, engine)
        return StudyLocation(storage, name)
    folder = storage if isinstance(storage, Path) else Path(storage.removeprefix(JOURNAL))
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"`storage` of a walk must be a folder, one journal a fold; {str(folder)!r} is a file")
    if not folder.parent.is_dir():
        raise ParameterError(f"`storage` must be a folder in one that is there, got {str(folder)!r}")
    if Path(name).name != name:
        raise ParameterError(f"`study` begins the names of files here, and must be one itself, got {name!r}")
    check_writable(folder / "journal" if folder.is_dir() else folder, "storage")
    return StudyLocation(folder, name)


def refuse_held(storage: object, engine: Mapping[str, Any]) -> None:
    """Raise `ParameterError` where several workers would write to one SQLite file: one process alone holds it."""
    alone = engine["backend"] == "serial" or engine["jobs"] == 1
    if isinstance(storage, str | os.PathLike) and sqlite_file(str(storage)) is not None and not alone:
        raise ParameterError(
            f"`storage` {str(storage)!r} is held by one process at a time: leave `jobs` at 1, or keep the studies in"
            " journal:FOLDER or on a database server"
        )
