"""Skill or luck: deflated ratios, overfitting, placebos and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.evidence.luck.cross_validation import Overfitting, overfitting
    from undertow.evidence.luck.measure import has_converged, skill
    from undertow.evidence.luck.placebos import Placebos
    from undertow.evidence.luck.record import Skill
    from undertow.evidence.luck.saved import read_sets, read_tried
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "cross_validation": (
                "Overfitting",
                "overfitting",
            ),
            "placebos": ("Placebos",),
            "record": ("Skill",),
            "saved": (
                "read_sets",
                "read_tried",
            ),
            "measure": (
                "has_converged",
                "skill",
            ),
        },
    )

__all__ = ["Overfitting", "Placebos", "Skill", "has_converged", "overfitting", "read_sets", "read_tried", "skill"]
