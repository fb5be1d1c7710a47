"""What tuning aims at and what it must keep to: objectives and constraints by name, read from a sweep's metrics."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from undertow.backtests.command import shortest
from undertow.backtests.metrics import METRICS
from undertow.market.checks import is_number
from undertow.market.errors import ParameterError, did_you_mean
from undertow.signals.base.registry import load_path

Metrics = Mapping[str, Any]
BASELINES = ("buy-and-hold", "vol-target")
Direction = Literal["maximize", "minimize"]
MAXIMIZE: Direction = "maximize"
MINIMIZE: Direction = "minimize"
_DECIMALS = ("decimal", "decimal a year", "share")

# Name of an objective: its metric and the direction in which it is better.
NAMED: dict[str, tuple[str, Direction]] = {
    metric.objective: (metric.key, metric.direction) for metric in METRICS if metric.objective and metric.direction
}
_BY_METRIC = {metric: name for name, (metric, _) in NAMED.items()}
_METRICS = {metric.key: metric for metric in METRICS}


@dataclass(frozen=True)
class Objective:
    """One objective: its name, the direction in which it is better, and its value from a row of metrics.

    `baseline` is the baseline whose value is subtracted, or "".
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
        """The objective's value for one trial; NaN where the metric has none."""
        # A copy each: a function of one's own may take figures out, and others read the same row.
        own = float(self.measure(dict(metrics)))
        return own - float(self.measure(dict(baselines[self.baseline]))) if self.baseline else own


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
        """By how much a trial misses the bound; 0 or less where it keeps it, NaN where the metric has no value."""
        value = float(metrics[self.metric])
        return value - self.bound if self.at_most else self.bound - value


def read_objectives(given: str | Objective | Callable[[Metrics], float] | Sequence[Any]) -> tuple[Objective, ...]:
    """One or several objectives from what was typed or passed; raises `ParameterError` with the nearest name.

    An objective is a name of `NAMED`, the metric's own name, either of them with `:buy-and-hold` or `:vol-target` for
    the difference to that baseline, a function of a sweep's row whose value is better when higher, or the path of one
    as `module:function`.
    """
    several = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not several:
        raise ParameterError("`objective` must name at least one objective, got none")
    found = tuple(_objective(each) for each in several)
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"`objective` names `{name}` twice")
    return found


def _objective(given: Any) -> Objective:
    if isinstance(given, Objective):
        return _checked(given)
    if callable(given):
        # A partial function and an object that can be called go by their type.
        name = getattr(given, "__qualname__", type(given).__qualname__)
        return Objective(f"{given.__module__}:{name}", MAXIMIZE, given)
    if not isinstance(given, str):
        raise ParameterError(f"`objective` must be a name or a function of a row of metrics, got {given!r}")
    head, _, tail = given.partition(":")
    name = _BY_METRIC.get(head, head)
    if name in NAMED:
        return _named(name, tail, given)
    if tail:
        return Objective(given, MAXIMIZE, _function(given))
    near = did_you_mean(head, NAMED)
    raise ParameterError(
        f"unknown objective `{given}`{near}; known: {', '.join(NAMED)}, each also with"
        f" {' or '.join(':' + each for each in BASELINES)}, or a function as module:function"
    )


def _checked(given: Objective) -> Objective:
    """An objective that was put together by hand; raises `ParameterError` where it cannot be one."""
    if not isinstance(given.name, str) or not given.name:
        raise ParameterError(f"`name` of an objective must be text, got {given.name!r}")
    if given.direction not in (MAXIMIZE, MINIMIZE):
        raise ParameterError(
            f"`direction` of objective `{given.name}` must be {MAXIMIZE} or {MINIMIZE}, got {given.direction!r}"
        )
    if not callable(given.measure):
        raise ParameterError(
            f"`measure` of objective `{given.name}` must be a function of a row of metrics, got {given.measure!r}"
        )
    if given.baseline and given.baseline not in BASELINES:
        near = did_you_mean(str(given.baseline), BASELINES)
        raise ParameterError(
            f"`baseline` of objective `{given.name}` must be {' or '.join(BASELINES)}, or empty, got"
            f" {given.baseline!r}{near}"
        )
    return given


def _named(name: str, baseline: str, given: str) -> Objective:
    metric, direction = NAMED[name]
    if baseline and baseline not in BASELINES:
        near = did_you_mean(baseline, BASELINES)
        raise ParameterError(f"unknown baseline in objective `{given}`{near}; known: {', '.join(BASELINES)}")
    return Objective(f"{name}:{baseline}" if baseline else name, direction, operator.itemgetter(metric), baseline)


def _function(path: str) -> Callable[[Metrics], float]:
    known = f"known by name: {', '.join(NAMED)}"
    found = load_path(path, f"unknown objective `{path}` ({known}); it cannot be imported as module:function")
    if not callable(found):
        raise ParameterError(f"objective `{path}` is not a function of a row of metrics")
    return found  # type: ignore[no-any-return]


def read_constraints(given: str | Constraint | Sequence[str | Constraint] | None) -> tuple[Constraint, ...]:
    """Constraints, or text such as `annual_turnover<=6`; raises `ParameterError` on a bad or repeated one."""
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    found = () if given is None else tuple(_constraint(each) for each in several)
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise ParameterError(f"`constraint` is given twice: {', '.join(names)}")
    return found


def _constraint(given: object) -> Constraint:
    if isinstance(given, Constraint):
        if not is_number(given.bound):
            raise ParameterError(f"`bound` of a constraint must be a finite number, got {given.bound!r}")
        return replace(given, metric=_metric(given.metric))
    parts = re.fullmatch(r"\s*([a-z0-9_-]+)\s*(<=|>=)\s*(\S+)\s*", given) if isinstance(given, str) else None
    if parts is None:
        raise ParameterError(f"`constraint` must be metric<=number or metric>=number, got {given!r}")
    name, sign, number = parts.groups()
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise ParameterError(f"`constraint` {given!r} must end in a number, got {number!r}")
    metric = _metric(name)
    _refuse_useless(given, metric, sign, bound)
    return Constraint(metric, sign == "<=", bound)


def _refuse_useless(given: object, metric: str, sign: str, bound: float) -> None:
    """Raise `ParameterError` where every trial keeps a constraint, or none can."""
    low, high = _METRICS[metric].bounds
    at_most = sign == "<="
    always = bound >= high if at_most else bound <= low
    never = bound < low if at_most else bound > high
    if not always and not never:
        return
    if metric == "max_drawdown" and 0 < bound <= 1:
        name = re.split("[<>]", str(given))[0].strip()
        hint = f"drawdowns are negative; for at most {bound:.0%} write {name}>={-bound:g}"
    elif _METRICS[metric].unit in _DECIMALS and 1 < abs(bound) <= 100:
        hint = f"it is a decimal, {bound:g} % is {bound / 100:g}"
    else:
        hint = f"it is {low:g} or more" if high == math.inf else f"it lies between {low:g} and {high:g}"
    raise ParameterError(f"`constraint` {given!r} is {'always' if always else 'never'} kept: {hint}")


def _metric(name: str) -> str:
    """The metric that a constraint names, also by its objective's name."""
    metric = NAMED[name][0] if name in NAMED else str(name).replace("-", "_")
    if metric not in _METRICS:
        near = did_you_mean(metric, _METRICS)
        raise ParameterError(f"unknown metric `{name}` in constraint{near}; known: {', '.join(_METRICS)}")
    return metric
