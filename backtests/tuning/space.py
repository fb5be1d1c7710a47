"""The search space of a tuning: a strategy's own, with parameters fixed or narrowed, and the sets tried first."""

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
from undertow.market.errors import ParameterError, did_you_mean
from undertow.strategies.strategy import Strategy

Parameters = dict[str, Any]
MOST_SOBOL, FEWEST_SOBOL = 128, 16


@dataclass(frozen=True)
class Space:
    """What is searched, by parameter, and what is held fixed."""

    free: Mapping[str, BaseDistribution]
    fixed: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """The space as plain values, to compare and to store."""
        return {
            "free": {name: distribution_to_json(each) for name, each in self.free.items()},
            "fixed": dict(self.fixed),
        }

    def holds(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a whole set lies in the space: free ones within their range, fixed ones as fixed."""
        return all(_contains(each, parameters[name]) for name, each in self.free.items()) and all(
            parameters[name] == value for name, value in self.fixed.items()
        )

    @property
    def sobol(self) -> int:
        """How many points of a Sobol design the space asks for: a power of two near four to eight a parameter."""
        return min(max(1 << (4 * len(self.free) - 1).bit_length(), FEWEST_SOBOL), MOST_SOBOL)


def make_space(
    strategy: type[Strategy], fixed: Mapping[str, Any] | None = None, narrowed: Mapping[str, Any] | None = None
) -> Space:
    """The space of `space_left`; raises `ParameterError` where nothing is left to tune."""
    space = space_left(strategy, fixed, narrowed)
    if not space.free:
        why = "every parameter is fixed" if space.fixed else "it has no parameters"
        raise ParameterError(f"`{strategy.name()}` has nothing to tune: {why}")
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
    for name, given in (("fixed", fixed), ("narrowed", narrowed)):
        if given is not None and not isinstance(given, Mapping):
            raise ParameterError(f"`{name}` must be a dictionary by parameter, got {given!r}")
    fixed, narrowed = dict(fixed or {}), dict(narrowed or {})
    own = strategy.search_space()
    for name in narrowed:
        _check_narrowed(strategy, own, fixed, name)
    values = strategy.create(fixed).parameters
    free = {
        name: _narrow(name, each, narrowed[name]) if name in narrowed else each
        for name, each in own.items()
        if name not in fixed
    }
    return Space(free, {name: values[name] for name in fixed})


def first_sets(
    strategy: type[Strategy], space: Space, given: Sequence[Mapping[str, Any]] = ()
) -> tuple[Parameters, ...]:
    """The sets that are tried before any design: the defaults, the corner where the strategy acts least, those given.

    The corner is the strategy's `least_active`, if any, else the least `cash`. Of ours those outside the space are
    left out; raises `ParameterError` where one that was given lies outside.
    """
    usual = strategy.create(space.fixed).parameters
    sets = [usual]
    quiet = strategy.least_active or _least_cash(space)
    if quiet:
        sets.append({**usual, **quiet, **space.fixed})
    found = [each for each in sets if space.holds(each)]
    if isinstance(given, str | Mapping) or not all(isinstance(each, Mapping) for each in _items(given)):
        raise ParameterError(f"`first` must be a list of sets, such as [{{'lag': 24}}], got {given!r}")
    for each in given:
        whole = strategy.create({**space.fixed, **each}).parameters
        if not space.holds(whole):
            raise ParameterError(f"`first` holds a set outside the search space: {dict(each)}")
        found.append(whole)
    distinct = {repr(sorted(each.items(), key=lambda pair: pair[0])): each for each in found}
    return tuple({name: each[name] for name in space.free} for each in distinct.values())


def _items(given: object) -> Iterable[object]:
    return given if isinstance(given, Iterable) else [None]


def _least_cash(space: Space) -> Parameters:
    cash = space.free.get("cash")
    return {"cash": cash.low} if isinstance(cash, FloatDistribution | IntDistribution) else {}


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, FloatDistribution | IntDistribution):
        low, high, step = distribution.low, distribution.high, distribution.step
        return bool(low <= value <= high and (step is None or _on_steps(value - low, step)))
    return isinstance(distribution, CategoricalDistribution) and value in distribution.choices


def _check_narrowed(
    strategy: type[Strategy], own: Mapping[str, BaseDistribution], fixed: Mapping[str, Any], name: str
) -> None:
    if name not in own:
        near = did_you_mean(name, own)
        raise ParameterError(f"`{strategy.name()}` has no parameter `{name}` to narrow{near}; it has: {', '.join(own)}")
    if name in fixed:
        raise ParameterError(f"`{name}` is fixed and narrowed; give one of the two")


def _narrow(name: str, own: BaseDistribution, given: Any) -> BaseDistribution:
    if isinstance(own, CategoricalDistribution):
        return _narrow_choices(name, own, given)
    if isinstance(given, IntDistribution | FloatDistribution):
        return _checked_part(name, own, given)
    try:
        # What was typed with commas is text, and a distribution of choices is no pair: neither is a range.
        low, high = (float(each) for each in given if not isinstance(each, str))
    except (TypeError, ValueError):
        raise ParameterError(
            f"`{name}` must be narrowed to (low, high), got {given!r}; on the command line that is low:high, and a"
            " `sweep` over a grid tries single values"
        ) from None
    return _range(name, own, low, high)


def _checked_part(
    name: str, own: BaseDistribution, given: IntDistribution | FloatDistribution
) -> IntDistribution | FloatDistribution:
    """A distribution as it was given, step and logarithm included, where all of its values are the parameter's own."""
    if type(given) is not type(own):
        raise ParameterError(f"`{name}` must be narrowed to (low, high) or by {type(own).__name__}, got {given}")
    _range(name, own, given.low, given.high)
    if own.step is not None and (given.step is None or not _on_steps(given.step, own.step)):
        raise ParameterError(f"`{name}` moves in steps of {own.step}; narrow it to a multiple of that, got {given}")
    return given


def _on_steps(distance: float, step: float) -> bool:
    return abs(math.remainder(distance, step)) <= 1e-9 * step


def _range(name: str, own: BaseDistribution, low: float, high: float) -> IntDistribution | FloatDistribution:
    first, last = own.low, own.high  # type: ignore[attr-defined]
    if not first <= low <= high <= last:
        raise ParameterError(
            f"`{name}` must be narrowed to low <= high within [{first}, {last}], got {low:g} to {high:g}"
        )
    step = own.step  # type: ignore[attr-defined]
    if step is not None and not all(_on_steps(each - first, step) for each in (low, high)):
        raise ParameterError(f"`{name}` moves in steps of {step} from {first}; {low:g} to {high:g} is not on them")
    if isinstance(own, IntDistribution):
        return IntDistribution(int(low), int(high), log=own.log, step=own.step)
    return FloatDistribution(low, high, log=own.log, step=step)  # type: ignore[attr-defined]


def _narrow_choices(name: str, own: CategoricalDistribution, given: Any) -> CategoricalDistribution:
    given = given.choices if isinstance(given, CategoricalDistribution) else given
    asked = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    by_text = {str(choice): choice for choice in own.choices}
    for each in asked:
        if str(each) not in by_text:
            near = did_you_mean(str(each), by_text)
            raise ParameterError(f"`{name}` must be narrowed to some of {', '.join(by_text)}; got {each!r}{near}")
    if not asked or len({str(each) for each in asked}) < len(asked):
        raise ParameterError(f"`{name}` must be narrowed to one or more different choices, got {given!r}")
    # In the order of the strategy, so that the order of typing changes nothing.
    return CategoricalDistribution([choice for text, choice in by_text.items() if text in map(str, asked)])
