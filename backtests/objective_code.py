"""What strategies and objectives of one's own do, told by their code: two functions of one name are two objectives."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from undertow.backtests.identity import digest, is_own
from undertow.backtests.objectives import Objective, read_objectives
from undertow.market.errors import ParameterError
from undertow.strategies.strategy import Strategy


def is_named(objective: Objective) -> bool:
    """Whether the command line finds an objective again by its name alone."""
    if objective.name.startswith("__main__:"):
        return False
    try:
        (again,) = read_objectives(objective.name)
    except ParameterError:
        return False
    same = (again.direction, again.baseline) == (objective.direction, objective.baseline)
    return same and digest(again.measure) == digest(objective.measure)


def refuse_nameless(objectives: Sequence[Objective]) -> None:
    """Raise `ParameterError` on a function without a name of its own: a kept study could not tell it from another."""
    for each in objectives:
        own = getattr(each.measure, "__qualname__", None)
        name = f"{getattr(each.measure, '__module__', '')}:{own or type(each.measure).__qualname__}"
        if each.name == name and (own is None or "<" in own):
            raise ParameterError(
                f"`objective` {name} has no name by which a study that is kept knows it again; write it as a function"
                " of a module, or leave `storage` out"
            )


def codes(strategy: type[Strategy], objectives: Sequence[Objective] = ()) -> dict[str, Any]:
    """What the key of a search holds beside the names of its strategy and objectives; nothing of Undertow's own."""
    found: dict[str, Any] = {}
    if is_own(strategy):
        found["strategy_code"] = digest(strategy)
    if not all(map(_is_ours, objectives)):
        found["objective_code"] = [digest(each.measure) for each in objectives]
        # A name says neither where it was put together by hand.
        found["objective_direction"] = [each.direction for each in objectives]
        found["objective_baseline"] = [each.baseline for each in objectives]
    return found


def _is_ours(objective: Objective) -> bool:
    """Whether an objective is that of `NAMED` which has its name: the name says all."""
    return isinstance(objective.measure, operator.itemgetter) and is_named(objective)
