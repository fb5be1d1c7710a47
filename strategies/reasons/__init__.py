"""Reasons: what drove each decision of a rule, and what would have changed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.strategies.reasons.blocked import blocked, unknown_conditions
    from undertow.strategies.reasons.counterfactual import counterfactual, escalations
    from undertow.strategies.reasons.exit_conditions import exit_conditions
    from undertow.strategies.reasons.explain import Explanation, changes, explain, explain_row, remark, vetoes
    from undertow.strategies.reasons.formatting import format_distinct, format_number, format_value, is_decimal
    from undertow.strategies.reasons.kinds import label_of
    from undertow.strategies.reasons.reasons import Reasons, reasons
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "blocked": (
                "blocked",
                "unknown_conditions",
            ),
            "counterfactual": (
                "counterfactual",
                "escalations",
            ),
            "exit_conditions": ("exit_conditions",),
            "explain": (
                "Explanation",
                "changes",
                "explain",
                "explain_row",
                "remark",
                "vetoes",
            ),
            "formatting": (
                "format_distinct",
                "format_number",
                "format_value",
                "is_decimal",
            ),
            "kinds": ("label_of",),
            "reasons": (
                "Reasons",
                "reasons",
            ),
        },
    )

__all__ = [
    "Explanation",
    "Reasons",
    "blocked",
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
    "unknown_conditions",
    "vetoes",
]
