"""A strategy: a record whose annotated fields are parameters and search space."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution
from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError, model_validator
from pydantic.fields import FieldInfo

from undertow.market import InstantArray, Market, ParameterError, did_you_mean, in_decimals, percent_hint
from undertow.signals.decisions import DecisionTable
from undertow.strategies.plan import Decision

Sets = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Constant:
    """Marks a field that is not tuned, such as a symbol: `Annotated[str, Constant()]`."""


class Strategy(BaseModel):
    """What was known at each decision, turned into exposure for many parameter sets.

    Subclass it with annotated fields, each `Annotated[type, optuna distribution]` with a default: the fields are the
    parameters, their distributions the search space and the allowed range. Supply one method, `decide`.

    Timing: `decide` sees a `DecisionTable`, whose values were known at each decision less the lag; it must not read
    later rows. NaN: where a signal is NaN the strategy holds its last exposure and marks the session stale, except for
    what needs no signal, such as a longest stay that is over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    summary: ClassVar[str] = ""
    # The corner of the search space at which the strategy acts least, if it has one: tuning tries it first.
    least_active: ClassVar[Mapping[str, Any]] = {}
    # Parameters that need one account from beginning to end: folds that share an account may not tune them.
    path_dependent: ClassVar[tuple[str, ...]] = ()

    _origin: str | None = PrivateAttr(default=None)

    def __init__(self, **parameters: Any) -> None:
        """Check the parameters; raise `ParameterError` with the range or nearest name."""
        try:
            super().__init__(**parameters)
        except ValidationError as error:
            raise ParameterError(_first_message(type(self), error)) from None

    @property
    def origin(self) -> str | None:
        """The rule file or preset it was read from, as the user named it, or None."""
        return self._origin

    def set_origin(self, path: str) -> None:
        """Record the rule file that it was read from: results name it."""
        self._origin = path

    @classmethod
    @abstractmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """The decision of every session of the table.

        Args:
            table: what was known at each of its T decisions
            sets: the parameters of P sets by name, each an array (P,)
        """

    def check_market(self, market: Market) -> None:
        """Raise an error where the strategy names a universe or symbol not in `market`."""

    def shocks(self, table: DecisionTable) -> InstantArray:
        """When the trigger first became known in each decision's window (T,), else NaT.

        For reports: no decision reads it.
        """
        return np.full(len(table), np.datetime64("NaT", "ns"), dtype="datetime64[ns]")

    @classmethod
    def name(cls) -> str:
        """The command line's name: kebab-case of the class."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def search_space(cls) -> dict[str, BaseDistribution]:
        """The Optuna distribution of each tuned parameter, in the order of the fields."""
        return dict(_ranges(cls))

    @property
    def label(self) -> str:
        """Its name in results: the strategy's, or for a user-defined rule the rule's."""
        return self.name()

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name, as plain values."""
        return self.model_dump()

    @classmethod
    def create(cls, parameters: Mapping[str, Any]) -> Self:
        """A strategy from parameters by name, as values or text.

        Raises `ParameterError` with the range or the nearest name.
        """
        for name in parameters:
            if name not in cls.model_fields:
                raise ParameterError(_unknown(cls, str(name)))
        return cls(**{name: _read(cls, str(name), value) for name, value in parameters.items()})

    @classmethod
    def stack(cls, strategies: Sequence[Self]) -> Sets:
        """The parameters of several strategies of this class, each an array (P,)."""
        return {name: _column([getattr(strategy, name) for strategy in strategies]) for name in cls.model_fields}

    @classmethod
    def sets_of(cls, parameters: pd.DataFrame) -> Sets:
        """The sets of a table, one a row, each validated; a missing column is the default.

        Raises `ParameterError` where it is not a DataFrame, where a column exists twice, and as `create` does.
        """
        _check_table(parameters)
        rows = parameters.to_dict(orient="records")
        return cls.stack([cls.create({str(name): value for name, value in row.items()}) for row in rows])

    @model_validator(mode="after")
    def _within_ranges(self) -> Self:
        for name, distribution in _ranges(type(self)):
            _check_range(name, getattr(self, name), distribution)
        return self


def _read(cls: type[Strategy], name: str, value: Any) -> Any:
    """A value, or None where the text `None` stands for a choice."""
    if value != "None":
        return value
    space = cls.search_space().get(name)
    return None if isinstance(space, CategoricalDistribution) and None in space.choices else value


def _check_table(parameters: object) -> None:
    if not isinstance(parameters, pd.DataFrame):
        raise ParameterError(
            f"`parameters` must be a DataFrame, one row a parameter set, got a {type(parameters).__name__}; make one"
            " with pandas.DataFrame or `undertow.grid`"
        )
    # Names become text before they are used.
    names = pd.Index(map(str, parameters.columns))
    if not names.is_unique:
        twice = ", ".join(f"`{name}`" for name in names[names.duplicated()].unique())
        raise ParameterError(f"`parameters` must have one column a parameter, got {twice} more than once")


def _column(values: list[Any]) -> npt.NDArray[Any]:
    # Only values of one kind make an array of numbers or text: 24 beside "off" would become text, False beside 24 0.
    if all(np.isscalar(value) for value in values):
        kinds = {np.dtype(kind).kind for kind in map(type, values)}
        if len(kinds) == 1 or kinds <= {"i", "u", "f"}:
            return np.array(values)
    column = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        column[index] = value
    return column


@cache
def _ranges(cls: type[Strategy]) -> tuple[tuple[str, BaseDistribution], ...]:
    # Cached: every record is checked against its ranges.
    fields = cls.model_fields.items()
    return tuple((name, _distribution(name, cls, field)) for name, field in fields if not _is_constant(field))


def _is_constant(field: FieldInfo) -> bool:
    return any(isinstance(entry, Constant) for entry in field.metadata)


def _distribution(name: str, cls: type[Strategy], field: FieldInfo) -> BaseDistribution:
    for entry in field.metadata:
        if isinstance(entry, BaseDistribution):
            return entry
    raise ParameterError(
        f"`{cls.__name__}.{name}` has no search range; annotate it, for example Annotated[int, IntDistribution(0, 96)]"
    )


def _check_range(name: str, value: Any, distribution: BaseDistribution) -> None:
    if isinstance(distribution, CategoricalDistribution):
        if value not in distribution.choices:
            choices = ", ".join(map(str, distribution.choices))
            suggestion = did_you_mean(str(value), map(str, distribution.choices))
            raise ValueError(f"`{name}` must be one of {choices}; got {value!r}{suggestion}")
        return
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    if not low <= value <= high:
        raise ValueError(f"`{name}` must be in [{low}, {high}], got {value}{_hint(value, low, high)}")


def _hint(value: float, low: float, high: float) -> str:
    for meant in (in_decimals(value), -in_decimals(value)):
        # A range beyond 1 is of whole numbers, not of decimals.

        if meant != value and low <= meant <= high and max(abs(low), abs(high)) <= 1.0:
            return percent_hint(value, meant)
    return f"; use {low} or more" if value < low else f"; use {high} or less"


def _unknown(cls: type[Strategy], name: str) -> str:
    known = cls.model_fields
    return f"`{cls.name()}` has no parameter `{name}`{did_you_mean(name, known)}; it has: {', '.join(known) or 'none'}"


def _first_message(cls: type[Strategy], error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        return _unknown(cls, str(first["loc"][0]))
    if first["type"] == "value_error":
        return f"{cls.name()}: {first['ctx']['error']}"
    name = ".".join(map(str, first["loc"]))
    return f"{cls.name()}: `{name}` {first['msg'][0].lower()}{first['msg'][1:]}, got {first['input']!r}"
