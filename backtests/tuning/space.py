"""The search space of a tuning, and the sets that are tried first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from undertow.backtests.sweeps.reserved import refuse_reserved
from undertow.backtests.tuning.settings import check_by_parameter
from undertow.market import ParameterError, did_you_mean
from undertow.strategies import Strategy

Parameters = dict[str, Any]
# Points of a Sobol design, by default.
_MOST_POINTS, _FEWEST_POINTS = 128, 16


@dataclass(frozen=True)
class Space:
    """A search space: distributions of free parameters, values of fixed ones."""

    free: Mapping[str, BaseDistribution]
    fixed: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """The space as plain values, to compare and to store."""
        return {
            "free": {name: distribution_to_json(distribution) for name, distribution in self.free.items()},
            "fixed": dict(self.fixed),
        }

    def holds(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a complete set lies in the space.

        Free parameters within their range, fixed ones as fixed.
        """
        within = all(_contains(distribution, parameters[name]) for name, distribution in self.free.items())
        return within and all(parameters[name] == value for name, value in self.fixed.items())

    @property
    def points(self) -> int:
        """The default points of a Sobol design: a power of two, 4 to 8 a parameter."""
        return min(max(1 << (4 * len(self.free) - 1).bit_length(), _FEWEST_POINTS), _MOST_POINTS)


def make_space(
    strategy: type[Strategy], fixed: Mapping[str, Any] | None = None, narrowed: Mapping[str, Any] | None = None
) -> Space:
    """The space of `space_left`, where anything is left to tune.

    Raises `ParameterError` where nothing is.
    """
    space = space_left(strategy, fixed, narrowed)
    if not space.free:
        reason = "every parameter is fixed" if space.fixed else "it has no parameters"
        raise ParameterError(f"`{strategy.name()}` has nothing to tune: {reason}")
    return space


def space_left(
    strategy: type[Strategy], fixed: Mapping[str, Any] | None = None, narrowed: Mapping[str, Any] | None = None
) -> Space:
    """The strategy's search space less `fixed`, within `narrowed`; possibly empty.

    `narrowed` gives (low, high) for a number, a list of choices for a choice, or a distribution of the parameter's
    kind, which is searched as it is. Raises `ParameterError` on an unknown name and on a value, range or step outside
    the parameter's own.
    """
    refuse_reserved(strategy)
    check_by_parameter("fixed", fixed)
    check_by_parameter("narrowed", narrowed)
    fixed, narrowed = dict(fixed or {}), dict(narrowed or {})
    full_space = strategy.search_space()
    for name in narrowed:
        _check_narrowed(strategy, full_space, fixed, name)
    values = strategy.create(fixed).parameters
    free = {
        name: _narrow(name, distribution, narrowed[name]) if name in narrowed else distribution
        for name, distribution in full_space.items()
        if name not in fixed
    }
    return Space(free, {name: values[name] for name in fixed})


def first_sets(
    strategy: type[Strategy], space: Space, requested: Sequence[Mapping[str, Any]] = ()
) -> tuple[Parameters, ...]:
    """The sets before any design: defaults, corner of least action, requested sets.

    The corner is the strategy's `quiet`, where it has one, else the least `cash`. Defaults and corner are left out
    where they lie outside the space; raises `ParameterError` where a requested set does.
    """
    defaults = strategy.create(space.fixed).parameters
    sets = [defaults]
    quiet = strategy.least_active or _least_cash(space)
    if quiet:
        sets.append({**defaults, **quiet, **space.fixed})
    sets = [parameters for parameters in sets if space.holds(parameters)]
    if isinstance(requested, str | Mapping) or not all(isinstance(item, Mapping) for item in _items(requested)):
        raise ParameterError(f"`first` must be a list of sets, such as [{{'lag': 24}}], got {requested!r}")
    for item in requested:
        complete = strategy.create({**space.fixed, **item}).parameters
        if not space.holds(complete):
            raise ParameterError(f"`first` holds a set outside the search space: {dict(item)}")
        sets.append(complete)
    distinct = {repr(sorted(parameters.items(), key=lambda pair: pair[0])): parameters for parameters in sets}
    return tuple({name: parameters[name] for name in space.free} for parameters in distinct.values())


def _items(value: object) -> Iterable[object]:
    return value if isinstance(value, Iterable) else [None]


def _least_cash(space: Space) -> Parameters:
    cash = space.free.get("cash")
    return {"cash": cash.low} if isinstance(cash, FloatDistribution | IntDistribution) else {}


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, FloatDistribution | IntDistribution):
        low, high, step = distribution.low, distribution.high, distribution.step
        return bool(low <= value <= high and (step is None or _on_steps(value - low, step)))
    return isinstance(distribution, CategoricalDistribution) and value in distribution.choices


def _check_narrowed(
    strategy: type[Strategy], full_space: Mapping[str, BaseDistribution], fixed: Mapping[str, Any], name: str
) -> None:
    if name not in full_space:
        suggestion = did_you_mean(name, full_space)
        known = ", ".join(full_space)
        raise ParameterError(f"`{strategy.name()}` has no parameter `{name}` to narrow{suggestion}; it has: {known}")
    if name in fixed:
        raise ParameterError(f"`{name}` is fixed and narrowed; give one of the two")


def _narrow(name: str, full: BaseDistribution, ends: Any) -> BaseDistribution:
    if isinstance(full, CategoricalDistribution):
        return _narrow_choices(name, full, ends)
    if isinstance(ends, IntDistribution | FloatDistribution):
        return _check_part(name, full, ends)
    try:
        # Text with commas and a distribution of choices are no ranges.
        low, high = (float(end) for end in ends if not isinstance(end, str))
    except (TypeError, ValueError):
        raise ParameterError(
            f"`{name}` must be narrowed to (low, high), got {ends!r}; on the command line that is low:high, and a"
            " `sweep` over a grid tries single values"
        ) from None
    return _range(name, full, low, high)


def _check_part(
    name: str, full: BaseDistribution, part: IntDistribution | FloatDistribution
) -> IntDistribution | FloatDistribution:
    """A distribution as passed, where all of its values are the parameter's own."""
    if type(part) is not type(full):
        raise ParameterError(f"`{name}` must be narrowed to (low, high) or by {type(full).__name__}, got {part}")
    _range(name, full, part.low, part.high)
    if full.step is not None and (part.step is None or not _on_steps(part.step, full.step)):
        raise ParameterError(f"`{name}` moves in steps of {full.step}; narrow it to a multiple of that, got {part}")
    return part


def _on_steps(distance: float, step: float) -> bool:
    return abs(math.remainder(distance, step)) <= 1e-9 * step


def _range(name: str, full: BaseDistribution, low: float, high: float) -> IntDistribution | FloatDistribution:
    first, last = full.low, full.high  # type: ignore[attr-defined]
    if not first <= low <= high <= last:
        raise ParameterError(
            f"`{name}` must be narrowed to low <= high within [{first}, {last}], got {low:g} to {high:g}"
        )
    step = full.step  # type: ignore[attr-defined]
    if step is not None and not all(_on_steps(end - first, step) for end in (low, high)):
        raise ParameterError(f"`{name}` moves in steps of {step} from {first}; {low:g} to {high:g} is not on them")
    if isinstance(full, IntDistribution):
        return IntDistribution(int(low), int(high), log=full.log, step=full.step)
    return FloatDistribution(low, high, log=full.log, step=step)  # type: ignore[attr-defined]


def _narrow_choices(name: str, full: CategoricalDistribution, part: Any) -> CategoricalDistribution:
    part = part.choices if isinstance(part, CategoricalDistribution) else part
    choices = list(part) if isinstance(part, Iterable) and not isinstance(part, str) else [part]
    texts, by_text = list(map(str, choices)), {str(choice): choice for choice in full.choices}
    for choice, text in zip(choices, texts, strict=True):
        if text not in by_text:
            suggestion = did_you_mean(text, by_text)
            raise ParameterError(
                f"`{name}` must be narrowed to some of {', '.join(by_text)}; got {choice!r}{suggestion}"
            )
    if not choices or len(set(texts)) < len(texts):
        raise ParameterError(f"`{name}` must be narrowed to one or more different choices, got {part!r}")
    # In the order of the strategy, so that the order of typing changes nothing.
    return CategoricalDistribution([choice for text, choice in by_text.items() if text in texts])
