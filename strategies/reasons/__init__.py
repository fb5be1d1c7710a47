"""Reasons: what drove each decision of a rule, and what would have changed it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.strategies.reasons.counterfactual import counterfactual, escalations
    from undertow.strategies.reasons.exit_conditions import exit_conditions
    from undertow.strategies.reasons.explain import Explanation, changes, explain, explain_row, remark, vetoes
    from undertow.strategies.reasons.formatting import format_distinct, format_number, format_value, is_decimal
    from undertow.strategies.reasons.kinds import label_of
    from undertow.strategies.reasons.reasons import Reasons, reasons

_HOME = {
    "Explanation": "explain",
    "Reasons": "reasons",
    "changes": "explain",
    "counterfactual": "counterfactual",
    "escalations": "counterfactual",
    "exit_conditions": "exit_conditions",
    "explain": "explain",
    "explain_row": "explain",
    "format_distinct": "formatting",
    "format_number": "formatting",
    "format_value": "formatting",
    "is_decimal": "formatting",
    "label_of": "kinds",
    "reasons": "reasons",
    "remark": "explain",
    "vetoes": "explain",
}

__all__ = [
    "Explanation",
    "Reasons",
    "changes",
    "counterfactual",
    "escalations",
    "exit_conditions",
    "explain",
    "explain_row",
    "format_distinct",
    "format_number",
    "format_value",
    "is_decimal",
    "label_of",
    "reasons",
    "remark",
    "vetoes",
]


class _Face(ModuleType):
    """Loading a module does not replace the public function of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        clash = isinstance(value, ModuleType) and name in _HOME
        super().__setattr__(name, getattr(value, name) if clash else value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
