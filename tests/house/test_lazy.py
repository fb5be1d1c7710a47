"""What most commands do not need is not imported for them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from vectorbt.indicators.factory import IndicatorBase

from undertow.signals import Drawdown


@pytest.mark.parametrize("module", ["undertow.tearsheets.checklist.page", "undertow.backtests.sweeps.sweep"])
def test_neither_vectorbt_nor_scipy_stats_is_imported_before_it_is_used(module: str) -> None:
    told = (
        f"import sys, {module}; print([name for name in ('vectorbt', 'scipy.stats', 'plotly') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_an_indicator_is_vectorbts_own_once_it_is_used() -> None:
    close = pd.Series(np.linspace(100.0, 80.0, 60), index=pd.date_range("2024-01-01", periods=60, freq="h"))
    found = Drawdown.run(close, window=[5, 10])
    assert isinstance(found, IndicatorBase)
    assert isinstance(found, Drawdown)
    assert found.drawdown.columns.names == ["drawdown_window"]
    assert "run_combs" in dir(Drawdown)
    assert Drawdown.__name__ == "Drawdown"
    assert Drawdown.__doc__.startswith(Drawdown.spec.summary)
    assert not isinstance(close, Drawdown)
    with pytest.raises(AttributeError, match="nonsense"):
        assert Drawdown.nonsense
