"""The settings of a search: objectives, constraints, trials and storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict

from optuna.storages import BaseStorage

from undertow.backtests.checks import check_trials
from undertow.backtests.objectives import Constraint, Metrics, Objective, read_constraints, read_objectives
from undertow.backtests.tuning.samplers.names import check_sampler, default_sampler
from undertow.backtests.tuning.storage import check_address, check_study
from undertow.market import ParameterError, check_share, check_whole, did_you_mean

MAX_FAILED = 0.5
# All points are drawn before the first set is tried.
_MOST_POINTS = 1_000_000

Objectives = str | Objective | Callable[[Metrics], float] | Sequence[Any]
Constraints = str | Constraint | Sequence[str | Constraint]


@dataclass(frozen=True)
class Search:
    """Settings that `optimize` and `walk_forward` share.

    Raises `ParameterError` on a value that a search cannot have. Parameters in `fixed` and `narrowed` are checked where
    the strategy is known.

    Args:
        objective: name such as "sharpe" or "ulcer:buy-and-hold", "module:function", a function of a row of metrics, or
            several of them for a front.
        constraints: bounds on metrics, such as "annual_turnover<=6", one or several.
        trials: total number of trials in the study; None for the default of the function, 400 or 200 a fold.
        max_failed: share of failed trials, decimal, above which the search stops.
        fixed: values by parameter that are not searched.
        narrowed: (low, high) or a list of choices by parameter, within the parameter's own range.
        storage: "journal:FILE", a path, a database address or a storage of Optuna; None keeps the study in memory.
        study: name of the study; None for the strategy's name.
        sampler: what proposes the sets behind the design: "refine", "tpe", "cmaes", "sobol" or, for several objectives,
            "nsga2"; None for refine or, for several, nsga2.
        design: points of the Sobol design that comes first; None for 16 to 128, by the number of parameters.
    """

    objective: Objectives = "sharpe"
    constraints: Constraints | None = None
    trials: int | None = None
    max_failed: float = MAX_FAILED
    fixed: Mapping[str, Any] | None = None
    narrowed: Mapping[str, Any] | None = None
    storage: str | Path | BaseStorage | None = None
    study: str | None = None
    sampler: str | None = None
    design: int | None = None

    def __post_init__(self) -> None:
        if self.trials is not None:
            check_trials(self.trials)
            # A study stores no number of NumPy, and a ledger compares the written form.
            object.__setattr__(self, "trials", int(self.trials))
        check_share("max_failed", self.max_failed)
        for name, values in (("fixed", self.fixed), ("narrowed", self.narrowed)):
            check_by_parameter(name, values)
        if self.storage is not None and not isinstance(self.storage, BaseStorage):
            check_address(self.storage)
        check_study(self.study)
        if self.design is not None:
            check_whole("design", self.design, 0)
            if self.design > _MOST_POINTS:
                raise ParameterError(f"`design` must be {_MOST_POINTS:,} points or fewer, got {self.design:,}")
            object.__setattr__(self, "design", int(self.design))
        # Read once here, so that a name that is unknown is reported before any work.
        _ = self.objectives, self.bounds
        if self.sampler is not None:
            check_sampler(self.sampler, len(self.objectives))

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives of `objective`, one or several."""
        return read_objectives(self.objective)

    @cached_property
    def bounds(self) -> tuple[Constraint, ...]:
        """The constraints of `constraints`, possibly none."""
        return read_constraints(self.constraints)

    @property
    def sampler_name(self) -> str:
        """The sampler, by default that of the number of objectives."""
        return default_sampler(len(self.objectives)) if self.sampler is None else self.sampler

    def trials_or(self, default: int) -> int:
        """The number of trials, `default` where none is set."""
        return default if self.trials is None else self.trials


class SearchSettings(TypedDict, total=False):
    """The fields of `Search` as keywords of a function."""

    objective: Objectives
    constraints: Constraints | None
    trials: int
    max_failed: float
    fixed: Mapping[str, Any] | None
    narrowed: Mapping[str, Any] | None
    storage: str | Path | BaseStorage | None
    study: str | None
    sampler: str | None
    design: int | None


def make_search(search: Search | None, settings: Mapping[str, Any]) -> Search:
    """The search with the keywords in `settings` in place of its own fields.

    Raises `ParameterError` on a keyword that is not a setting of a search, with the nearest one.
    """
    known = tuple(field.name for field in fields(Search))
    for name in settings:
        if name not in known:
            raise ParameterError(f"unknown setting `{name}`{did_you_mean(name, known)}; known: {', '.join(known)}")
    if search is not None and not isinstance(search, Search):
        raise ParameterError(f"`search` must be a `Search`, got {type(search).__name__}")
    if "trials" in settings:
        # Left out it is the function's default; None in its place is a mistake.
        check_trials(settings["trials"])
    return replace(search or Search(), **settings)


def check_by_parameter(name: str, values: object) -> None:
    """Raise `ParameterError` unless `values` is a dictionary by parameter, or None."""
    if values is not None and not isinstance(values, Mapping):
        raise ParameterError(f"`{name}` must be a dictionary by parameter, got {values!r}")
