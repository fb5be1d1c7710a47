"""What most commands do not need is not imported for them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

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


SLOW = ("vectorbt", "scipy.stats", "plotly", "matplotlib", "arch", "statsmodels", "sklearn", "IPython")


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        # The simulator's filter is that of scipy.signal, which imports scipy.stats; a market folder needs neither.
        ("today --json --seed 7", ("scipy.stats",)),
        # vectorbt keeps the books, and imports scipy.stats and plotly. Only the figure of a folder needs matplotlib.
        ("backtest --strategy buy-and-hold --seed 7 --json --ledger LEDGER", ("vectorbt", "scipy.stats", "plotly")),
    ],
)
def test_a_command_imports_what_it_uses(tmp_path: Path, command: str, needed: tuple[str, ...]) -> None:
    script = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr))\n"
        "from undertow.cli import main\n"
        "main()\n"
    )
    words = command.replace("LEDGER", str(tmp_path)).split()
    process = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert process.returncode not in (1, 2), process.stderr
    imported = ast.literal_eval(process.stderr.splitlines()[-1])
    assert set(needed) <= set(imported)
    allowed = {*needed, "sklearn", "IPython"} if "vectorbt" in needed else set(needed)
    assert set(imported) <= allowed


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
