"""The numbers of a rule as parameters, so that a rule of a file can be swept."""

from __future__ import annotations

import copyreg
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Self

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from pydantic import ValidationError, create_model, model_validator

from undertow.market import ParameterError
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import RuleStrategy

_MODULE = "undertow.strategies.rules"


class RuleNumbers(RuleStrategy):
    """A rule whose numbers are its parameters, by the keys that errors name.

    `rule_numbers` makes a class of a rule. A number is kept where the rule accepts it; random draws are from half of a
    number to twice of it.
    """

    summary: ClassVar[str] = "The numbers of a rule from a file"
    definition: ClassVar[Rule]
    source: ClassVar[str] = ""

    @classmethod
    def name(cls) -> str:
        """The name of the rule."""
        return cls.definition.name

    @classmethod
    def search_space(cls) -> dict[str, BaseDistribution]:
        """From half of each number to twice of it."""
        return {key: _range(value) for key, value in numbers_of(cls.definition).items()}

    def rule(self) -> Rule:
        """The rule with these numbers."""
        changed = {key: value for key, value in self.parameters.items() if value != _defaults(type(self))[key]}
        if not changed:
            return self.definition
        table = self.definition.model_dump()
        for key, value in changed.items():
            _put(table, key, value)
        try:
            return Rule.model_validate(table)
        except ValidationError as error:
            first = error.errors()[0]
            reason = first["ctx"]["error"] if first["type"] == "value_error" else f"{first['msg']}: {first['input']!r}"
            keys = ", ".join(f"`{key}` {value:g}" for key, value in changed.items())
            raise ParameterError(f"{self.source or self.name()}: {keys}: {reason}") from None

    @model_validator(mode="after")
    def _within_ranges(self) -> Self:
        # What the rule accepts decides; random draws alone have a range.
        self.rule()
        return self


class _NumbersClass(type(RuleStrategy)):  # type: ignore[misc]
    """The class of the classes that `rule_numbers` makes: they pickle by their rule."""


def rule_numbers(definition: Rule, source: str = "") -> type[RuleNumbers]:
    """A strategy whose parameters are the numbers of a rule, for `undertow.sweep`.

    Their names are the keys as errors write them: `trigger.when[2].below`, `tiers[1].cash`, `timing.lag`.

    Args:
        definition: the rule
        source: the file that it was read from, for the command that repeats a sweep
    """
    return _made(definition.model_dump_json(), source)


@lru_cache(maxsize=64)
def _made(text: str, source: str) -> type[RuleNumbers]:
    definition = Rule.model_validate_json(text)
    fields: dict[str, Any] = {
        key: (Annotated[type(value), _range(value)], value) for key, value in numbers_of(definition).items()
    }
    made: type[RuleNumbers] = create_model(
        "RuleNumbers", __base__=RuleNumbers, __module__=_MODULE, __cls_kwargs__={"metaclass": _NumbersClass}, **fields
    )
    made.definition, made.source = definition, source
    # The identity of a sweep holds everything of the rule that is no number, too.
    made.__qualname__ = f"RuleNumbers[{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}]"
    return made


def _reduced(made: type[RuleNumbers]) -> tuple[Any, tuple[str, str]]:
    return _made, (made.definition.model_dump_json(), made.source)


copyreg.pickle(_NumbersClass, _reduced)


def numbers_of(rule: Rule) -> dict[str, float]:
    """Every number of a rule by its key, such as `trigger.when[1].below`."""
    return dict(_numbers(rule.model_dump(), ""))


def _numbers(value: Any, key: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from _numbers(entry, f"{key}.{name}" if key else name)
    elif isinstance(value, list | tuple):
        for number, entry in enumerate(value, start=1):
            yield from _numbers(entry, f"{key}[{number}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value


def _defaults(made: type[RuleNumbers]) -> dict[str, Any]:
    return {key: field.default for key, field in made.model_fields.items()}


def _put(table: Any, key: str, value: float) -> None:
    *path, last = [part for part in key.replace("[", ".#").replace("]", "").split(".") if part]
    for part in path:
        table = table[_step(table, part)]
    table[_step(table, last)] = value


def _step(table: Any, part: str) -> Any:
    return int(part[1:]) - 1 if part.startswith("#") else part


def _range(value: float) -> BaseDistribution:
    if isinstance(value, int):
        return IntDistribution(max(1, value // 2), max(1, value * 2))
    low, high = sorted((value / 2.0, value * 2.0))
    return FloatDistribution(low, high)
