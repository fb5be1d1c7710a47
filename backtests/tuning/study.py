"""A study: its search and its finished trials; a plain Optuna study."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from undertow.backtests.folders import json_ready
from undertow.backtests.objectives import NAMED, Constraint, Direction, Objective, value_reason
from undertow.backtests.sweeps.design import column
from undertow.backtests.tuning.attributes import (
    BATCH,
    DESIGN,
    ERROR,
    IDENTITY,
    METRICS,
    POSITION,
    check_kept_trials,
    identity_fault,
)
from undertow.market import DataError, ParameterError, reason_of

_VERSIONED = ("undertow", "optuna", "numpy", "pandas", "numba")
# Another version of these makes other trials from the same search.
_DECISIVE = ("undertow", "optuna")


@dataclass(frozen=True)
class TrialResult:
    """The result of one trial: the objectives' values, or None and the error.

    Args:
        metrics: figures of the set.
        values: values of the objectives, None for a failed trial.
        violations: amount by which every constraint is missed, 0 or less where it is met.
        error: error of a failed trial.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    values: tuple[float, ...] | None = None
    violations: Mapping[str, float] = field(default_factory=dict)
    error: str = ""


def judge(
    metrics: Mapping[str, float],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    baselines: Mapping[str, Mapping[str, float]],
) -> TrialResult:
    """The result of a row of metrics.

    A value that is not finite, or an error of an objective, is a failed trial.

    Args:
        metrics: figures of the set.
        objectives: objectives of the search.
        constraints: bounds on metrics.
        baselines: metrics of the baselines by name.
    """
    try:
        values = {objective.name: float(objective.value(metrics, baselines)) for objective in objectives}
        violations = {constraint.name: constraint.violation(metrics) for constraint in constraints}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's objective raises is a failed trial
        return TrialResult(metrics, error=error_text(error))
    for name, value in {**values, **violations}.items():
        if not math.isfinite(value):
            return TrialResult(metrics, error=f"`{name}` is {value}, not a number{_reason(name, metrics)}")
    return TrialResult(metrics, tuple(values.values()), violations)


def _reason(name: str, metrics: Mapping[str, float]) -> str:
    """Why an objective or a bound has no value, where that is known."""
    head = re.split("[:<>]", name)[0]
    reason = value_reason(metrics, NAMED[head][0] if head in NAMED else head)
    return f": {reason}" if reason else ""


def error_text(error: BaseException) -> str:
    """An error on one line, short enough for any database."""
    return _writable(f"{type(error).__name__}: {error}".partition("\n")[0][:500])


def _writable(text: str) -> str:
    """A text without half of a character, which no file takes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def find_study(
    storage: BaseStorage,
    name: str,
    identity: Mapping[str, Any],
    directions: Sequence[Direction],
) -> optuna.Study | None:
    """The study of that name, None where none exists.

    Raises `ParameterError` where it is of another search.

    Args:
        storage: storage of Optuna.
        name: name of the study.
        identity: everything that decides the trials of the search.
        directions: direction of every objective.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None
    stored = read_identity(study)
    if stored is None:
        if read_trials(study):
            raise ParameterError(f"study `{name}` has trials that are not Undertow's; give another `study` name")
        stored_directions = [direction.name.lower() for direction in study.directions]
        if stored_directions != list(directions):
            raise ParameterError(
                f"study `{name}` exists, empty, to {' and '.join(stored_directions)}, requested to"
                f" {' and '.join(directions)}; give another `study` name"
            )
        return study
    refuse_other(name, stored, identity)
    return study


def refuse_other(name: str, stored: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Raise `ParameterError` where a stored study is of another search.

    The message has the first entry that differs.
    """
    for package in _DECISIVE:
        stored_version, current = stored.get("versions", {}).get(package), version(package)
        if stored_version != current:
            raise ParameterError(
                f"study `{name}` was made with {package} {stored_version}, this is {current}: trials of both do not"
                " belong together; give another `study` name"
            )
    # Tuples come back from JSON as lists: compared in the stored form.
    requested = json.loads(json.dumps(json_ready(dict(identity))))
    # An entry that one of the two lacks is a difference as well.
    for key in [*requested, *(key for key in stored if key not in {*requested, "versions"})]:
        value = requested.get(key)
        if stored.get(key) != value and key.endswith("_code"):
            raise ParameterError(
                f"study `{name}` holds trials of this {key.removesuffix('_code')} before its code was changed; give"
                " another `study` name"
            )
        if stored.get(key) != value:
            entry, before, now = _first_difference(stored.get(key), value)
            raise ParameterError(
                f"study `{name}` is of another {key.replace('_', ' ')}: {entry}{_short(before)}, requested"
                f" {_short(now)}; give another `study` name"
            )


# A missing entry differs from None and from any text.
_NOTHING = object()


def _first_difference(stored: Any, requested: Any, name: str = "") -> tuple[str, Any, Any]:
    """The first entry in which nested mappings differ: its name, and both values."""
    if isinstance(stored, dict) and isinstance(requested, dict):
        names = sorted({*stored, *requested})
        first = next(name for name in names if stored.get(name, _NOTHING) != requested.get(name, _NOTHING))
        return _first_difference(stored.get(first, _NOTHING), requested.get(first, _NOTHING), first)
    return (f"`{name}` " if name else ""), stored, requested


def _short(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def make_study(
    storage: BaseStorage,
    name: str,
    identity: Mapping[str, Any],
    objectives: Sequence[Objective],
) -> optuna.Study:
    """The study of that name, made where none exists.

    A new one has the identity of the search and the versions of the packages.

    Args:
        storage: storage of Optuna.
        name: name of the study.
        identity: everything that decides the trials of the search.
        objectives: objectives of the search.
    """
    directions = [objective.direction for objective in objectives]
    study = optuna.create_study(storage=storage, study_name=name, directions=directions, load_if_exists=True)
    if IDENTITY not in study.user_attrs:
        versions = {package: version(package) for package in _VERSIONED}
        study.set_metric_names([objective.name for objective in objectives])
        study.set_user_attr(IDENTITY, {**json_ready(dict(identity)), "versions": versions})
    # Another worker may have made it first, for another search.
    refuse_other(name, study.user_attrs[IDENTITY], identity)
    return study


def read_identity(study: optuna.Study) -> dict[str, Any] | None:
    """Everything that decides the trials of a study; None where it is not Undertow's.

    Raises `DataError` where the storage holds what no search has written.
    """
    with _reading(study):
        attributes = study.user_attrs
        fault = identity_fault(attributes)
    if fault:
        raise DataError(f"study `{study.study_name}`: {fault}: it was written to by hand; give another `study` name")
    return attributes.get(IDENTITY)


def read_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The trials of a study, each checked; errors as in `read_identity`."""
    with _reading(study):
        trials = study.get_trials(deepcopy=False)
        check_kept_trials(study, trials)
    return trials


@contextmanager
def _reading(study: optuna.Study) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(
            f"study `{study.study_name}` cannot be read: {reason_of(error)}: it was written to by hand; give another"
            " `study` name"
        ) from None


def finished_by_position(study: optuna.Study) -> dict[int, FrozenTrial]:
    """Finished trials by their position in the search, in that order.

    Raises `DataError` where a position occurs twice.
    """
    trials: dict[int, FrozenTrial] = {}
    for trial in read_trials(study):
        if not trial.state.is_finished() or POSITION not in trial.user_attrs:
            continue
        position = trial.user_attrs[POSITION]
        if position in trials:
            raise DataError(f"study `{study.study_name}` holds trial {position} twice: it was written to by hand")
        trials[position] = trial
    return dict(sorted(trials.items()))


def finished_trial(
    position: int,
    batch: int,
    design: str,
    parameters: Mapping[str, Any],
    space: Mapping[str, BaseDistribution],
    result: TrialResult,
    system: Mapping[str, Any],
) -> FrozenTrial:
    """A finished trial as the study stores it.

    Args:
        position: position in the search, from 0.
        batch: number of its batch.
        design: who proposed it: given, or the name of a sampler.
        parameters: values by parameter.
        space: distributions by parameter.
        result: objectives, constraints and metrics, or the error.
        system: attributes that the sampler needs.
    """
    attributes: dict[str, Any] = {POSITION: position, BATCH: batch, DESIGN: design}
    attributes[METRICS] = json_ready({str(name): _plain_number(value) for name, value in result.metrics.items()})
    if result.values is None:
        attributes[ERROR] = result.error
    done = result.values is not None
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE if done else TrialState.FAIL,
        values=list(result.values) if result.values is not None else None,
        params=dict(parameters),
        distributions=dict(space),
        user_attrs=attributes,
        system_attrs=dict(system),
        constraints=dict(result.violations) if done and result.violations else None,
    )


def _plain_number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _missed(violation: float) -> float:
    return violation if math.isnan(violation) else max(violation, 0.0)


def trial_table(
    trials: Mapping[int, FrozenTrial],
    free: Sequence[str],
    objectives: Sequence[str],
    constraints: Sequence[str],
    fixed: Mapping[str, Any],
) -> pd.DataFrame:
    """Finished trials as a table: one row a trial, by position.

    The columns say how it was proposed, its state, objectives, feasibility, parameters and metrics. By how much a trial
    misses a constraint is 0 where it is met, NaN for a trial that failed.

    Args:
        trials: finished trials by position.
        free: names of the searched parameters.
        objectives: names of the objectives.
        constraints: names of the constraints.
        fixed: fixed parameters by name.
    """
    rows = [_row(position, trial, free, objectives, constraints, fixed) for position, trial in sorted(trials.items())]
    table = pd.DataFrame(rows)
    for name in {*free, *fixed}:
        table[name] = column([row[name] for row in rows])
    return table


def _row(
    position: int,
    trial: FrozenTrial,
    free: Sequence[str],
    objectives: Sequence[str],
    constraints: Sequence[str],
    fixed: Mapping[str, Any],
) -> dict[str, Any]:
    values = trial.values if trial.state == TrialState.COMPLETE else [math.nan] * len(objectives)
    metrics = {name: math.nan if value is None else value for name, value in trial.user_attrs[METRICS].items()}
    return {
        "trial": position,
        "batch": trial.user_attrs[BATCH],
        "design": trial.user_attrs[DESIGN],
        "state": trial.state.name.lower(),
        **{f"objective {name}": value for name, value in zip(objectives, values, strict=True)},
        "feasible": trial.state == TrialState.COMPLETE and all(amount <= 0 for amount in trial.constraints.values()),
        # A database returns them in its own order.
        **{f"missed {name}": _missed(trial.constraints.get(name, math.nan)) for name in constraints},
        **{name: trial.params[name] for name in free},
        **fixed,
        **metrics,
        "error": _writable(trial.user_attrs.get(ERROR, "")),
    }
