"""What an objective of one's own measures, told by its code: two functions of one name are two objectives."""

from __future__ import annotations

import hashlib
import operator
import re
from collections.abc import Sequence
from functools import partial
from types import CodeType
from typing import Any

from undertow.backtests.objectives import Objective, read_objectives
from undertow.market.errors import ParameterError


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


def codes(objectives: Sequence[Objective]) -> dict[str, list[str]]:
    """What the key of a search holds beside the names of its objectives; nothing where all are Undertow's own."""
    if all(isinstance(each.measure, operator.itemgetter) for each in objectives):
        return {}
    return {"objective_code": [digest(each.measure) for each in objectives]}


def digest(measure: object) -> str:
    """A digest of a function's code, constants, defaults and closure; of any other object, of what it holds."""
    return hashlib.blake2b(_text(measure, ()).encode(), digest_size=12).hexdigest()


def _text(value: Any, within: tuple[int, ...]) -> str:
    """`value` in words that are equal in every process; `within` are the objects around it, for loops."""
    if id(value) in within:
        return "itself"
    seen = (*within, id(value))

    def parts(values: Any) -> str:
        return ", ".join(_text(each, seen) for each in values)

    if isinstance(value, CodeType):
        return f"code({value.co_code!r}, {value.co_names}, {parts(value.co_consts)})"
    if isinstance(value, tuple | list):
        return f"[{parts(value)}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(_text(each, seen) for each in value))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{_text(key, seen)}: {_text(each, seen)}' for key, each in value.items()))}}}"
    if isinstance(value, partial):
        return f"partial({parts((value.func, value.args, value.keywords))})"
    if hasattr(value, "__code__"):
        cells = [_content(cell) for cell in value.__closure__ or ()]
        return f"function({parts((value.__code__, value.__defaults__, value.__kwdefaults__, cells))})"
    held = parts((type(value).__call__, vars(value))) if callable(value) and hasattr(value, "__dict__") else ""
    # An address is another in every process.
    return f"{type(value).__qualname__}({held or re.sub(r' at 0x[0-9a-f]+', '', repr(value))})"


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"
