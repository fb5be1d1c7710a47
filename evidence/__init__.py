"""Is it real? Intervals, lag curves, event studies, overfitting, the look-ahead audit."""

from undertow.evidence.difference import Difference, Interval, difference

__all__ = ["Difference", "Interval", "difference"]
