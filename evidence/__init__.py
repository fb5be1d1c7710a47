"""Evidence: lag curves, who is sold, the link, intervals, timing, many trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.evidence.alarm import AlarmScore, alarm
    from undertow.evidence.confidence import ConfidenceSet, confidence_set
    from undertow.evidence.difference import FEWEST_SESSIONS, Difference, Interval, difference
    from undertow.evidence.lag import LagCurve, lag_curve
    from undertow.evidence.link import Linkage, linkage
    from undertow.evidence.luck import Overfitting, Skill, overfitting, skill
    from undertow.evidence.report import EvidenceReport, evidence_report
    from undertow.evidence.spa import SPATest
    from undertow.evidence.timing import TimingEffect, timing
    from undertow.evidence.who import SoldFirst, sold_first
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
            "lag": (
                "LagCurve",
                "lag_curve",
            ),
            "link": (
                "Linkage",
                "linkage",
            ),
            "report": (
                "EvidenceReport",
                "evidence_report",
            ),
            "luck": (
                "Overfitting",
                "Skill",
                "overfitting",
                "skill",
            ),
            "spa": ("SPATest",),
            "timing": (
                "TimingEffect",
                "timing",
            ),
            "who": (
                "SoldFirst",
                "sold_first",
            ),
        },
    )

__all__ = [
    "FEWEST_SESSIONS",
    "AlarmScore",
    "ConfidenceSet",
    "Difference",
    "EvidenceReport",
    "Interval",
    "LagCurve",
    "Linkage",
    "Overfitting",
    "SPATest",
    "Skill",
    "SoldFirst",
    "TimingEffect",
    "alarm",
    "confidence_set",
    "difference",
    "evidence_report",
    "lag_curve",
    "linkage",
    "overfitting",
    "skill",
    "sold_first",
    "timing",
]
