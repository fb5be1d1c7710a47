"""Finished trials written to a study, a batch at a time: into a database as a few statements in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

# The layout of Optuna's tables that is written here; a database of another one is written by Optuna itself.
_LAYOUT = 12

Keyed = Sequence[tuple[int, FrozenTrial]]


def add_trials(study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
    """Write finished trials, in order; a database has all of them or, where the writer is killed, none.

    The rows are those that `study.add_trials` writes. That one looks up the trial, the study and the first trial that
    had the parameter for every single parameter, and commits every trial by itself: slower than the sampler, and a
    dozen trips a parameter where the server is far away.

    Raises `optuna.exceptions.StorageInternalError` where the database refuses.
    """
    storage = getattr(study._storage, "_backend", study._storage)
    if isinstance(storage, RDBStorage) and _laid_out():
        _write(storage, study._study_id, trials)
    else:
        study.add_trials(trials)


def _laid_out() -> bool:
    from optuna.storages._rdb import models

    return bool(models.SCHEMA_VERSION == _LAYOUT)


def _write(storage: RDBStorage, study: int, trials: Sequence[FrozenTrial]) -> None:
    from optuna.storages._rdb import models
    from sqlalchemy import func, insert, select
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.orm import Session

    if not trials:
        return
    try:
        with Session(storage.engine) as session, session.begin():
            # Whoever adds trials holds the study's row, as in Optuna: numbers and keys rise in the order of commits.
            models.StudyModel.find_or_raise_by_id(study, session, for_update=True)
            there = session.scalar(select(func.count()).where(models.TrialModel.study_id == study)) or 0
            # Optuna types its columns for older versions of SQLAlchemy too: a row's key is a column to mypy.
            made: list[Any] = [
                models.TrialModel(
                    number=there + place,
                    study_id=study,
                    state=trial.state,
                    datetime_start=trial.datetime_start,
                    datetime_complete=trial.datetime_complete,
                )
                for place, trial in enumerate(trials)
            ]
            session.add_all(made)
            session.flush()
            keyed = [(row.trial_id, trial) for row, trial in zip(made, trials, strict=True)]
            for table, rows in (
                (models.TrialValueModel, _values(keyed)),
                (models.TrialParamModel, _parameters(keyed)),
                (models.TrialUserAttributeModel, _attributes(keyed, "user_attrs")),
                (models.TrialSystemAttributeModel, _attributes(keyed, "system_attrs")),
            ):
                if listed := list(rows):
                    session.execute(insert(table), listed)
    except SQLAlchemyError as error:
        raise optuna.exceptions.StorageInternalError(f"a batch of trials was not written: {error}") from error


def _values(keyed: Keyed) -> Iterator[dict[str, Any]]:
    from optuna.storages._rdb.models import TrialValueModel

    for key, trial in keyed:
        for objective, value in enumerate(trial.values or ()):
            stored, kind = TrialValueModel.value_to_stored_repr(value)
            yield {"trial_id": key, "objective": objective, "value": stored, "value_type": kind}


def _parameters(keyed: Keyed) -> Iterator[dict[str, Any]]:
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


def _attributes(keyed: Keyed, kind: str) -> Iterator[dict[str, Any]]:
    for key, trial in keyed:
        for name, value in getattr(trial, kind).items():
            yield {"trial_id": key, "key": name, "value_json": json.dumps(value)}
