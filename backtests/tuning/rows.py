"""Finished trials written to a study, a batch as one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# The version of Optuna's tables that is written here; Optuna itself writes a database of another version.
_SCHEMA = 12
# Seconds before a batch that a database refused is tried again, each time.
_PAUSES = (0.25, 0.5, 1.0, 2.0)

KeyedTrials = Sequence[tuple[int, FrozenTrial]]


def add_trials(study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
    """Write finished trials in order; a database has all of them or none.

    It has none where the writer is killed. The rows are those that `study.add_trials` writes. For every single
    parameter that method looks up the trial, the study and the first trial that had the parameter, and it commits every
    trial by itself: slower than the sampler, and a dozen round trips a parameter to a distant server.

    Raises `optuna.exceptions.StorageInternalError` where the database refuses.
    """
    storage = getattr(study._storage, "_backend", study._storage)
    if isinstance(storage, RDBStorage) and _is_known_schema():
        _write(storage, study._study_id, trials)
    else:
        study.add_trials(trials)


def _is_known_schema() -> bool:
    from optuna.storages._rdb import models

    return bool(models.SCHEMA_VERSION == _SCHEMA)


def _write(storage: RDBStorage, study: int, trials: Sequence[FrozenTrial]) -> None:
    from sqlalchemy.exc import OperationalError, SQLAlchemyError
    from sqlalchemy.orm import Session

    if not trials:
        return
    for pause in (*_PAUSES, None):
        inserted = False
        with Session(storage.engine) as session:
            try:
                _insert(session, study, trials)
                inserted = True
                session.commit()
            except SQLAlchemyError as error:
                # Where readers lock the file or writers wait for each other, nothing was written. But a server that
                # fails at the commit may have written all.
                _close_connection(session, storage)
                retry = isinstance(error, OperationalError) and (not inserted or storage.engine.name == "sqlite")
                if pause is None or not retry:
                    message = f"a batch of trials was not written: {error}"
                    raise optuna.exceptions.StorageInternalError(message) from error
            else:
                return
        time.sleep(pause)


def _close_connection(session: Session, storage: RDBStorage) -> None:
    """Close the connection of a session that failed."""
    # SQLite leaves the transaction of a refused commit open: the pool would reuse it, and commit it with the next one.
    # A database in memory would be lost with its connection.
    if storage.engine.url.database not in (None, "", ":memory:"):
        session.invalidate()


def _insert(session: Session, study: int, trials: Sequence[FrozenTrial]) -> None:
    from optuna.storages._rdb import models
    from sqlalchemy import func, insert, select, update

    # Writing the study's row first locks it, and SQLite's file, for the transaction: numbers and keys rise in the order
    # of commits. Optuna waits for the same row.
    lock = update(models.StudyModel).where(models.StudyModel.study_id == study)
    session.execute(lock.values(study_name=models.StudyModel.study_name))
    existing = session.scalar(select(func.count()).where(models.TrialModel.study_id == study)) or 0
    # Optuna types its columns for older versions of SQLAlchemy too: a row's key is a column to mypy.
    inserted: list[Any] = [
        models.TrialModel(
            number=existing + offset,
            study_id=study,
            state=trial.state,
            datetime_start=trial.datetime_start,
            datetime_complete=trial.datetime_complete,
        )
        for offset, trial in enumerate(trials)
    ]
    session.add_all(inserted)
    session.flush()
    keyed = [(row.trial_id, trial) for row, trial in zip(inserted, trials, strict=True)]
    for table, rows in (
        (models.TrialValueModel, _values(keyed)),
        (models.TrialParamModel, _parameters(keyed)),
        (models.TrialUserAttributeModel, _attributes(keyed, "user_attrs")),
        (models.TrialSystemAttributeModel, _attributes(keyed, "system_attrs")),
    ):
        if listed := list(rows):
            session.execute(insert(table), listed)


def _values(keyed: KeyedTrials) -> Iterator[dict[str, Any]]:
    from optuna.storages._rdb.models import TrialValueModel

    for key, trial in keyed:
        for objective, value in enumerate(trial.values or ()):
            stored, value_type = TrialValueModel.value_to_stored_repr(value)
            yield {"trial_id": key, "objective": objective, "value": stored, "value_type": value_type}


def _parameters(keyed: KeyedTrials) -> Iterator[dict[str, Any]]:
    texts: dict[int, str] = {}
    for key, trial in keyed:
        for name, value in trial.params.items():
            space = trial.distributions[name]
            # The trials of a search share the distributions of its space.
            if id(space) not in texts:
                texts[id(space)] = distribution_to_json(space)
            yield {
                "trial_id": key,
                "param_name": name,
                "param_value": space.to_internal_repr(value),
                "distribution_json": texts[id(space)],
            }


def _attributes(keyed: KeyedTrials, group: str) -> Iterator[dict[str, Any]]:
    for key, trial in keyed:
        for name, value in getattr(trial, group).items():
            yield {"trial_id": key, "key": name, "value_json": json.dumps(value)}
