"""Everything that Undertow asks of a signal and of a strategy, inherited."""

from __future__ import annotations

from typing import Any

import pytest
from undertow_example_plugin import VolumeCaution, VolumeSurge

from undertow.strategies import Strategy
from undertow.testing import SignalContract, StrategyContract


class TestVolumeSurge(SignalContract):
    """The signal."""

    @pytest.fixture
    def signal(self) -> Any:
        """The class that the suite checks."""
        return VolumeSurge


class TestVolumeCaution(StrategyContract):
    """The strategy."""

    @pytest.fixture
    def strategy(self) -> type[Strategy]:
        """The class that the suite checks."""
        return VolumeCaution
