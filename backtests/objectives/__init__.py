"""Objectives and constraints of a search, and the identity of user-defined ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.objectives.code import codes, is_named, refuse_nameless
    from undertow.backtests.objectives.measures import (
        BASELINES,
        MAXIMIZE,
        MINIMIZE,
        NAMED,
        Constraint,
        Direction,
        Metrics,
        Objective,
        read_constraints,
        read_objectives,
        value_reason,
    )
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "code": (
                "codes",
                "is_named",
                "refuse_nameless",
            ),
            "measures": (
                "BASELINES",
                "MAXIMIZE",
                "MINIMIZE",
                "NAMED",
                "Constraint",
                "Direction",
                "Metrics",
                "Objective",
                "read_constraints",
                "read_objectives",
                "value_reason",
            ),
        },
    )

__all__ = [
    "BASELINES",
    "MAXIMIZE",
    "MINIMIZE",
    "NAMED",
    "Constraint",
    "Direction",
    "Metrics",
    "Objective",
    "codes",
    "is_named",
    "read_constraints",
    "read_objectives",
    "refuse_nameless",
    "value_reason",
]
