"""Is it real? Intervals, alarms, lag curves, event studies, overfitting, the look-ahead audit."""

from undertow.evidence.alarm import AlarmScore, alarm
from undertow.evidence.difference import Difference, Interval, difference
from undertow.evidence.superior import Superior

__all__ = ["AlarmScore", "Difference", "Interval", "Superior", "alarm", "difference"]
