"""Evidence: intervals, alarm scores, timing, and tests that allow for many trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.evidence.alarm import AlarmScore, alarm
    from undertow.evidence.confidence import ConfidenceSet, confidence_set
    from undertow.evidence.difference import FEWEST_SESSIONS, Difference, Interval, difference
    from undertow.evidence.spa import SPATest
    from undertow.evidence.timing import TimingEffect, timing
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "alarm": (
                "AlarmScore",
                "alarm",
            ),
            "confidence": (
                "ConfidenceSet",
                "confidence_set",
            ),
            "difference": (
                "Difference",
                "FEWEST_SESSIONS",
                "Interval",
                "difference",
            ),
            "spa": ("SPATest",),
            "timing": (
                "TimingEffect",
                "timing",
            ),
        },
    )

__all__ = [
    "FEWEST_SESSIONS",
    "AlarmScore",
    "ConfidenceSet",
    "Difference",
    "Interval",
    "SPATest",
    "TimingEffect",
    "alarm",
    "confidence_set",
    "difference",
    "timing",
]
