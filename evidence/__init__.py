"""Is it real? Intervals, alarms, lag curves, event studies, overfitting, the look-ahead audit."""

from undertow.evidence.alarm import AlarmScore, alarm
from undertow.evidence.difference import Difference, Interval, difference
from undertow.evidence.superior import Superior
from undertow.evidence.timing import Timing, timing

__all__ = ["AlarmScore", "Difference", "Interval", "Superior", "Timing", "alarm", "difference", "timing"]
