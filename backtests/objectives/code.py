"""User-defined strategies and objectives, identified by their code."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from undertow.backtests.identity import digest, is_own
from undertow.backtests.objectives.measures import Objective, read_objectives
from undertow.market import ParameterError
from undertow.strategies import Strategy


def is_named(objective: Objective) -> bool:
    """Whether the name of an objective alone leads to it on the command line."""
    if objective.name.startswith("__main__:"):
        return False
    try:
        (named,) = read_objectives(objective.name)
    except ParameterError:
        return False
    equal = (named.direction, named.baseline) == (objective.direction, objective.baseline)
    return equal and digest(named.measure) == digest(objective.measure)


def refuse_nameless(objectives: Sequence[Objective]) -> None:
    """Raise `ParameterError` on a function that a stored study could not identify."""
    for objective in objectives:
        qualname = getattr(objective.measure, "__qualname__", None)
        module = getattr(objective.measure, "__module__", "")
        name = f"{module}:{qualname or type(objective.measure).__qualname__}"
        if objective.name == name and (qualname is None or "<" in qualname):
            raise ParameterError(
                f"`objective` {name} has no name by which a stored study identifies it; write it as a function of a"
                " module, or leave `storage` out"
            )


def codes(strategy: type[Strategy], objectives: Sequence[Objective] = ()) -> dict[str, Any]:
    """The digests of user-defined code in the key of a search."""
    digests: dict[str, Any] = {}
    if is_own(strategy):
        digests["strategy_code"] = digest(strategy)
    if not all(map(_is_catalogued, objectives)):
        digests["objective_code"] = [digest(objective.measure) for objective in objectives]
        # The name of a user-defined objective states neither.
        digests["objective_direction"] = [objective.direction for objective in objectives]
        digests["objective_baseline"] = [objective.baseline for objective in objectives]
    return digests


def _is_catalogued(objective: Objective) -> bool:
    """Whether an objective is the one of `NAMED` with its name, which identifies it."""
    return isinstance(objective.measure, operator.itemgetter) and is_named(objective)
