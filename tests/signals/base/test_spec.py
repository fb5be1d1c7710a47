"""What the definition of a signal refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from undertow.market import ParameterError
from undertow.signals import Trend, WeekendGap


def test_a_signal_of_sessions_does_not_count_from_the_close() -> None:
    assert WeekendGap.spec.since_close
    with pytest.raises(ParameterError, match="signal `trend`: `since_close` counts rows of a feed"):
        replace(Trend.spec, clock="session", since_close=True)
