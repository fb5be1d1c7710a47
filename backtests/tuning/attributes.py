"""The attributes of a study and its trials: names, and what their values must be."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler
from optuna.trial import FrozenTrial, TrialState

from undertow.market import DataError, safe_text

# The attribute of a study that identifies its search, and the attributes of every trial.
IDENTITY = "undertow"
POSITION, BATCH, DESIGN, METRICS, ERROR = "position", "batch", "design", "metrics", "error"
GENERATION = f"{NSGAIISampler.__name__}:generation"
# More trials, batches or generations than any search has.
_MOST = 10**7


def is_count(value: Any) -> bool:
    """Whether a value is a whole number that can count trials."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def is_finite(value: Any) -> bool:
    """Whether a value is a finite number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (abs(value) <= 2**63 if isinstance(value, int) else math.isfinite(value))


def is_value(value: Any) -> bool:
    """Whether a value is a number an objective may have: finite, or endless."""
    return is_finite(value) or (isinstance(value, float) and math.isinf(value))


def identity_fault(attributes: Mapping[str, Any]) -> str:
    """What is wrong with the identity of a search among attributes; "" for none."""
    identity = attributes.get(IDENTITY, {})
    if not isinstance(identity, dict) or not isinstance(identity.get("versions", {}), dict):
        return f"`{IDENTITY}` is no search, but {safe_text(json.dumps(identity), 40)}"
    return ""


def attribute_fault(user: Mapping[str, Any], system: Mapping[str, Any]) -> str:
    """What is wrong with the attributes of a trial; "" where nothing is.

    A trial without a position is not Undertow's, and its other attributes are not read.
    """
    if POSITION not in user:
        return ""
    for name in (POSITION, BATCH):
        if not is_count(user.get(name)):
            return f"`{name}` must be a whole number, got {_shown(user, name)}"
    if not isinstance(user.get(DESIGN), str):
        return f"`{DESIGN}` must be text, got {_shown(user, DESIGN)}"
    if not isinstance(user.get(ERROR, ""), str):
        return f"`{ERROR}` must be text, got {_shown(user, ERROR)}"
    metrics = user.get(METRICS)
    if not isinstance(metrics, dict) or not all(value is None or is_finite(value) for value in metrics.values()):
        return f"`{METRICS}` must be a table of numbers, got {_shown(user, METRICS)}"
    if not is_count(system.get(GENERATION, 0)):
        return f"`{GENERATION}` must be a whole number, got {_shown(system, GENERATION)}"
    return ""


def check_kept_trials(study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
    """Raise `DataError` on a trial whose attributes or values no search has written."""
    objectives = len(study.directions)
    for trial in trials:
        fault = attribute_fault(trial.user_attrs, trial.system_attrs)
        values = list(trial.values or ())
        complete = trial.state == TrialState.COMPLETE and POSITION in trial.user_attrs
        if not fault and complete and not (len(values) == objectives and all(map(is_value, values))):
            fault = f"its values must be {objectives} numbers, got {safe_text(values, 40)}"
        if not fault and trial.system_attrs.get(GENERATION, 0) > len(trials):
            fault = f"`{GENERATION}` is beyond the {len(trials)} trials of the study"
        if not fault and not all(is_finite(amount) for amount in trial.constraints.values()):
            fault = f"its constraints must be numbers, got {safe_text(trial.constraints, 40)}"
        if fault:
            raise trial_error(study, trial, fault)


def check_kept_parameters(
    study: optuna.Study, trials: Mapping[int, FrozenTrial], space: Mapping[str, BaseDistribution]
) -> None:
    """Raise `DataError` on a trial whose parameters are not those of the space."""
    for trial in trials.values():
        for name, distribution in space.items():
            if not _is_within(trial, name, distribution):
                value = safe_text(repr(trial.params.get(name)), 40)
                raise trial_error(study, trial, f"`{name}` is {value}, which the search does not propose")


def trial_error(study: optuna.Study, trial: FrozenTrial, fault: str) -> DataError:
    """The error of a trial that no search has written."""
    return DataError(
        f"study `{study.study_name}`, trial {trial.number}: {fault}: it was written to by hand; give another `study`"
        " name"
    )


def _is_within(trial: FrozenTrial, name: str, distribution: BaseDistribution) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(trial.params[name])))
    except (KeyError, ValueError, TypeError):
        return False


def _shown(table: Mapping[str, Any], name: str) -> str:
    return safe_text(json.dumps(table[name]), 40) if name in table else "nothing"
