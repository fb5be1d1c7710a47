"""A study: which search it is, and its finished trials by position; a plain Optuna study that any viewer opens."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from undertow.backtests.folders import json_ready
from undertow.backtests.objectives import Constraint, Direction, Objective
from undertow.backtests.sweeps.design import column
from undertow.market.errors import DataError, ParameterError

_VERSIONED = ("undertow", "optuna", "numpy", "pandas", "numba")
# Those of which another version makes other trials from the same search.
_DECISIVE = ("undertow", "optuna")
# The one attribute that says what a study searches, and those of each trial.
IDENTITY = "undertow"
POSITION, BATCH, DESIGN, METRICS, ERROR = "position", "batch", "design", "metrics", "error"


@dataclass(frozen=True)
class TrialResult:
    """What became of one trial: the objectives' values, or None and why it failed."""

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
    """The outcome of a row of metrics; one that is no number, or an error of an objective, is a failed trial."""
    try:
        values = {each.name: float(each.value(metrics, baselines)) for each in objectives}
        violations = {each.name: each.violation(metrics) for each in constraints}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's objective raises is a failed trial
        return TrialResult(metrics, error=error_text(error))
    for name, value in {**values, **violations}.items():
        if not math.isfinite(value):
            return TrialResult(metrics, error=f"`{name}` is {value}, not a number")
    return TrialResult(metrics, tuple(values.values()), violations)


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
    """The study of that name, None where there is none; raises `ParameterError` where it is of another search."""
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None
    kept = study.user_attrs.get(IDENTITY)
    if kept is None:
        if study.get_trials(deepcopy=False):
            raise ParameterError(f"study `{name}` has trials that are not Undertow's; give another `study` name")
        found = [each.name.lower() for each in study.directions]
        if found != list(directions):
            raise ParameterError(
                f"study `{name}` is there, empty, to {' and '.join(found)}, asked for {' and '.join(directions)}; give"
                " another `study` name"
            )
        return study
    refuse_other(name, kept, identity)
    return study


def refuse_other(name: str, kept: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Raise `ParameterError` naming the first thing in which a kept study differs from the search asked for."""
    for each in _DECISIVE:
        made, here = kept.get("versions", {}).get(each), version(each)
        if made != here:
            raise ParameterError(
                f"study `{name}` was made with {each} {made}, this is {here}: trials of both do not belong"
                " together; give another `study` name"
            )
    # What is written as JSON comes back as lists: compared in the form it is kept in.
    asked = json.loads(json.dumps(json_ready(dict(identity))))
    # What one of the two does not say at all is a difference as well.
    for key in [*asked, *(key for key in kept if key not in {*asked, "versions"})]:
        value = asked.get(key)
        if kept.get(key) != value and key.endswith("_code"):
            raise ParameterError(
                f"study `{name}` holds trials of this {key.removesuffix('_code')} before its code was changed; give"
                " another `study` name"
            )
        if kept.get(key) != value:
            what, made, here = _first_apart(kept.get(key), value)
            raise ParameterError(
                f"study `{name}` is of another {key.replace('_', ' ')}: {what}{_short(made)}, asked for {_short(here)};"
                " give another `study` name"
            )


# What is not there: another thing than None, and than any word.
_NOTHING = object()


def _first_apart(made: Any, here: Any, name: str = "") -> tuple[str, Any, Any]:
    """The first entry in which two nested mappings differ: what it is called, and both."""
    if isinstance(made, dict) and isinstance(here, dict):
        apart = [key for key in sorted({*made, *here}) if made.get(key, _NOTHING) != here.get(key, _NOTHING)]
        return _first_apart(made.get(apart[0], _NOTHING), here.get(apart[0], _NOTHING), apart[0])
    return (f"`{name}` " if name else ""), made, here


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
    """The study of that name, made where there is none, with what it searches and by which versions."""
    study = optuna.create_study(
        storage=storage, study_name=name, directions=[each.direction for each in objectives], load_if_exists=True
    )
    if IDENTITY not in study.user_attrs:
        versions = {each: version(each) for each in _VERSIONED}
        study.set_metric_names([each.name for each in objectives])
        study.set_user_attr(IDENTITY, {**json_ready(dict(identity)), "versions": versions})
    # Another worker may have been quicker, with another search.
    refuse_other(name, study.user_attrs[IDENTITY], identity)
    return study


def finished_by_position(study: optuna.Study) -> dict[int, FrozenTrial]:
    """Finished trials by its position in the search, in that order; raises `DataError` where one is twice there."""
    found: dict[int, FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        if not trial.state.is_finished() or POSITION not in trial.user_attrs:
            continue
        position = trial.user_attrs[POSITION]
        if position in found:
            raise DataError(f"study `{study.study_name}` holds trial {position} twice: it was written to by hand")
        found[position] = trial
    return dict(sorted(found.items()))


def finished_trial(
    position: int,
    batch: int,
    design: str,
    parameters: Mapping[str, Any],
    space: Mapping[str, BaseDistribution],
    outcome: TrialResult,
    system: Mapping[str, Any],
) -> FrozenTrial:
    """A finished trial as the study keeps it."""
    attributes: dict[str, Any] = {POSITION: position, BATCH: batch, DESIGN: design}
    attributes[METRICS] = json_ready({str(name): _plain_number(value) for name, value in outcome.metrics.items()})
    if outcome.values is None:
        attributes[ERROR] = outcome.error
    done = outcome.values is not None
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE if done else TrialState.FAIL,
        values=list(outcome.values) if outcome.values is not None else None,
        params=dict(parameters),
        distributions=dict(space),
        user_attrs=attributes,
        system_attrs=dict(system),
        constraints=dict(outcome.violations) if done and outcome.violations else None,
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
    """One row a trial, by position: how it was proposed, its state, objectives, feasibility, parameters, metrics.

    By how much a trial misses each constraint is 0 where it is kept, NaN for a trial that failed.
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
    kept = {name: math.nan if value is None else value for name, value in trial.user_attrs[METRICS].items()}
    return {
        "trial": position,
        "batch": trial.user_attrs[BATCH],
        "design": trial.user_attrs[DESIGN],
        "state": trial.state.name.lower(),
        **{f"objective {name}": value for name, value in zip(objectives, values, strict=True)},
        "feasible": trial.state == TrialState.COMPLETE and all(each <= 0 for each in trial.constraints.values()),
        # A database gives them back in an order of its own.
        **{f"missed {name}": _missed(trial.constraints.get(name, math.nan)) for name in constraints},
        **{name: trial.params[name] for name in free},
        **fixed,
        **kept,
        "error": _writable(trial.user_attrs.get(ERROR, "")),
    }
