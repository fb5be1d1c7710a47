"""Objectives and constraints of a search, on the metrics of a parameter set."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from undertow.backtests.command import shortest
from undertow.backtests.metrics import ANNUAL_KEYS, FEWEST_ANNUAL_SESSIONS, LEAST_SPREAD, METRICS
from undertow.market import ParameterError, did_you_mean, is_number
from undertow.signals.base import load_path, refuse_code

Metrics = Mapping[str, Any]
BASELINES = ("buy-and-hold", "vol-target")
Direction = Literal["maximize", "minimize"]
MAXIMIZE: Direction = "maximize"
MINIMIZE: Direction = "minimize"
# Accounts of equal holdings that were walked in different ways agree to this.
_ROUNDING = 1e-9
_DECIMALS = ("decimal", "decimal a year", "share")

# Name of an objective: its metric and the direction in which it is better.
NAMED: dict[str, tuple[str, Direction]] = {
    metric.objective: (metric.key, metric.direction) for metric in METRICS if metric.objective and metric.direction
}
_BY_METRIC = {metric: name for name, (metric, _) in NAMED.items()}
_METRICS = {metric.key: metric for metric in METRICS}


@dataclass(frozen=True)
class Objective:
    """One objective of a search.

    Args:
        name: name of the objective.
        direction: "maximize" or "minimize".
        measure: value from a row of metrics.
        baseline: baseline whose value is subtracted, or "".
    """

    name: str
    direction: Direction
    measure: Callable[[Metrics], float]
    baseline: str = ""

    @property
    def plain_name(self) -> str:
        """The name without the baseline."""
        return self.name.removesuffix(f":{self.baseline}") if self.baseline else self.name

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return 1.0 if self.direction == MAXIMIZE else -1.0

    def value(self, metrics: Metrics, baselines: Mapping[str, Metrics]) -> float:
        """The objective's value for one trial, NaN where its metric is NaN."""
        # Copies: a user-defined function may change its row, which other objectives read.
        value = float(self.measure(dict(metrics)))
        return _excess(value, float(self.measure(dict(baselines[self.baseline])))) if self.baseline else value


def _excess(value: float, baseline: float) -> float:
    """A value less a baseline's; 0 where they differ by the rounding of two accounts."""
    return 0.0 if math.isclose(value, baseline, rel_tol=_ROUNDING, abs_tol=LEAST_SPREAD) else value - baseline


@dataclass(frozen=True)
class Constraint:
    """A bound on a metric, such as `annual_turnover<=6`."""

    metric: str
    at_most: bool
    bound: float

    @property
    def name(self) -> str:
        """As it would be typed."""
        return f"{self.metric}{'<=' if self.at_most else '>='}{shortest(self.bound)}"

    def violation(self, metrics: Metrics) -> float:
        """The excess over the bound; 0 or less where it is kept, NaN for a NaN metric."""
        value = float(metrics[self.metric])
        return value - self.bound if self.at_most else self.bound - value


def read_objectives(objective: str | Objective | Callable[[Metrics], float] | Sequence[Any]) -> tuple[Objective, ...]:
    """Objectives from text, functions or records.

    Raises `ParameterError` with the nearest name. An objective is a name of `NAMED` or the name of its metric, either
    of them with `:buy-and-hold` or `:vol-target` for the difference to that baseline; a function of a row of metrics
    whose value is better when higher; or the path of one as `module:function`.
    """
    is_list = isinstance(objective, Sequence) and not isinstance(objective, str)
    items = list(objective) if is_list else [objective]  # type: ignore[arg-type]
    if not items:
        raise ParameterError("`objective` must name at least one objective, got none")
    objectives = tuple(map(_objective, items))
    names = [item.name for item in objectives]
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"`objective` names `{name}` twice")
    return objectives


def _objective(value: Any) -> Objective:
    if isinstance(value, Objective):
        return _checked(value)
    if callable(value):
        # A partial function and a callable object have the name of their type.
        name = getattr(value, "__qualname__", type(value).__qualname__)
        return Objective(f"{value.__module__}:{name}", MAXIMIZE, value)
    if not isinstance(value, str):
        raise ParameterError(f"`objective` must be a name or a function of a row of metrics, got {value!r}")
    head, _, tail = value.partition(":")
    name = _BY_METRIC.get(head, head)
    if name in NAMED:
        return _named(name, tail, value)
    if tail:
        return Objective(value, MAXIMIZE, _function(value))
    baselines = " or ".join(f":{baseline}" for baseline in BASELINES)
    raise ParameterError(
        f"unknown objective `{value}`{did_you_mean(head, NAMED)}; known: {', '.join(NAMED)}, each also with"
        f" {baselines}, or a function as module:function"
    )


def _checked(objective: Objective) -> Objective:
    """A user-defined objective; raises `ParameterError` on an invalid field."""
    name = objective.name
    if not isinstance(name, str) or not name:
        raise ParameterError(f"`name` of an objective must be text, got {name!r}")
    if objective.direction not in (MAXIMIZE, MINIMIZE):
        raise ParameterError(
            f"`direction` of objective `{name}` must be {MAXIMIZE} or {MINIMIZE}, got {objective.direction!r}"
        )
    if not callable(objective.measure):
        raise ParameterError(
            f"`measure` of objective `{name}` must be a function of a row of metrics, got {objective.measure!r}"
        )
    if objective.baseline and objective.baseline not in BASELINES:
        suggestion = did_you_mean(str(objective.baseline), BASELINES)
        raise ParameterError(
            f"`baseline` of objective `{name}` must be {' or '.join(BASELINES)}, or empty, got"
            f" {objective.baseline!r}{suggestion}"
        )
    return objective


def _named(name: str, baseline: str, text: str) -> Objective:
    metric, direction = NAMED[name]
    if baseline and baseline not in BASELINES:
        suggestion = did_you_mean(baseline, BASELINES)
        raise ParameterError(f"unknown baseline in objective `{text}`{suggestion}; known: {', '.join(BASELINES)}")
    return Objective(f"{name}:{baseline}" if baseline else name, direction, operator.itemgetter(metric), baseline)


def _function(path: str) -> Callable[[Metrics], float]:
    refuse_code(path)
    known = f"known by name: {', '.join(NAMED)}"
    function = load_path(path, f"unknown objective `{path}` ({known}); it cannot be imported as module:function")
    if not callable(function):
        raise ParameterError(f"objective `{path}` is not a function of a row of metrics")
    return function  # type: ignore[no-any-return]


def value_reason(metrics: Metrics, key: str) -> str:
    """Why a row of metrics has no value of `key`; empty where nothing is known of it."""
    if not math.isfinite(metrics.get("total_return", math.nan)):
        return ""
    # Every account has a volatility, be it 0, once its window is long enough.
    if key in ANNUAL_KEYS and math.isnan(metrics.get("annual_volatility", 0.0)):
        return f"fewer than {FEWEST_ANNUAL_SESSIONS} sessions have no annual figures"
    reasons = {
        "calmar": "the account never fell",
        "annual_sortino": "the account never fell",
        "annual_sharpe": "the returns do not vary",
        "annual_sharpe_over_cash": "the returns do not vary over those of cash, or cash has no prices",
    }
    return reasons.get(key, "")


def read_constraints(
    constraints: str | Constraint | Sequence[str | Constraint] | None,
) -> tuple[Constraint, ...]:
    """Constraints from records or text such as `annual_turnover<=6`.

    Raises `ParameterError` on one that cannot be read, and on one that is there twice.
    """
    if constraints is None:
        return ()
    is_list = isinstance(constraints, Sequence) and not isinstance(constraints, str)
    read = tuple(map(_constraint, constraints if is_list else [constraints]))  # type: ignore[arg-type]
    names = [constraint.name for constraint in read]
    if len(set(names)) < len(names):
        raise ParameterError(f"`constraint` is given twice: {', '.join(names)}")
    return read


def _constraint(value: object) -> Constraint:
    if isinstance(value, Constraint):
        if not is_number(value.bound):
            raise ParameterError(f"`bound` of a constraint must be a finite number, got {value.bound!r}")
        return replace(value, metric=_metric(value.metric))
    parts = re.fullmatch(r"\s*([a-z0-9_-]+)\s*(<=|>=)\s*(\S+)\s*", value) if isinstance(value, str) else None
    if parts is None:
        raise ParameterError(f"`constraint` must be metric<=number or metric>=number, got {value!r}")
    name, sign, number = parts.groups()
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise ParameterError(f"`constraint` {value!r} must end in a number, got {number!r}")
    metric = _metric(name)
    _refuse_useless(str(value), metric, sign, bound)
    return Constraint(metric, sign == "<=", bound)


def _refuse_useless(text: str, metric: str, sign: str, bound: float) -> None:
    """Raise `ParameterError` where every trial keeps a constraint, or no trial can."""
    low, high = _METRICS[metric].bounds
    at_most = sign == "<="
    always = bound >= high if at_most else bound <= low
    never = bound < low if at_most else bound > high
    if not always and not never:
        return
    if metric == "max_drawdown" and 0 < bound <= 1:
        name = re.split("[<>]", text)[0].strip()
        hint = f"drawdowns are negative; for at most {bound:.0%} write {name}>={-bound:g}"
    elif _METRICS[metric].unit in _DECIMALS and 1 < abs(bound) <= 100:
        hint = f"it is a decimal, {bound:g} % is {bound / 100:g}"
    else:
        hint = f"it is {low:g} or more" if high == math.inf else f"it lies between {low:g} and {high:g}"
    raise ParameterError(f"`constraint` {text!r} is {'always' if always else 'never'} kept: {hint}")


def _metric(name: str) -> str:
    """The metric that a constraint names, also by its objective's name."""
    metric = NAMED[name][0] if name in NAMED else str(name).replace("-", "_")
    if metric not in _METRICS:
        suggestion = did_you_mean(metric, _METRICS)
        raise ParameterError(f"unknown metric `{name}` in constraint{suggestion}; known: {', '.join(_METRICS)}")
    return metric
