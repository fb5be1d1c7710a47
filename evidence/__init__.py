"""Is it real? Intervals, alarms, lag curves, event studies, overfitting, the look-ahead audit."""

from undertow.evidence.alarm import AlarmScore, alarm
from undertow.evidence.confidence import ConfidenceSet, confidence_set
from undertow.evidence.difference import Difference, Interval, difference
from undertow.evidence.spa import SPATest
from undertow.evidence.timing import Timing, timing

__all__ = [
    "AlarmScore",
    "ConfidenceSet",
    "Difference",
    "Interval",
    "SPATest",
    "Timing",
    "alarm",
    "confidence_set",
    "difference",
    "timing",
]
