"""The subset that also runs against the built wheel: a market, a run, the store, the registry, the command line.

Nothing here may use a fixture of conftest.py or a file of the project: neither is there beside the wheel.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
import pytest

import undertow as ut
from undertow.signals.base.registry import PAGES, SIGNALS, STRATEGIES, load, registered

pytestmark = pytest.mark.smoke


@pytest.fixture(scope="module")
def market() -> ut.Market:
    return ut.simulate_market(seed=3, years=0.6, names=5)


@pytest.fixture(scope="module")
def run(market: ut.Market) -> ut.Run:
    return ut.backtest(ut.strategies.LiquidityDrain(lag=12), market)


def test_undertow_is_where_it_should_be() -> None:
    place = os.environ.get("UNDERTOW_MUST_LIE_IN")
    if place is None:
        pytest.skip("only asked of the wheel")
    floors = (ut, ut.market, ut.signals, ut.strategies, ut.backtests, ut.evidence, ut.tearsheets)
    for module in floors:
        assert Path(str(module.__file__)).is_relative_to(place), module
    assert Path(str(distribution("undertow").locate_file(""))).is_relative_to(place)
    assert not [name for name in sys.modules if name.startswith("__editable__")]


def test_every_module_imports() -> None:
    # The face of the command line runs where it is imported as a program.
    modules = [
        module.name for module in pkgutil.walk_packages(ut.__path__, "undertow.") if "__main__" not in module.name
    ]
    assert len(modules) > 250
    for name in modules:
        importlib.import_module(name)


def test_run_keeps_its_books(run: ut.Run) -> None:
    assert run.recipe.sessions == len(run.series)
    assert run.portfolio.value().iloc[-1] == pytest.approx(run.series["value"].iloc[-1], rel=1e-9)


def test_save_and_load(run: ut.Run, tmp_path: Path) -> None:
    folder = run.save(tmp_path / "run")
    assert {file.name for file in folder.iterdir()} == {
        *("run.json", "metrics.json", "returns.parquet", "weights.parquet", "orders.parquet", "episodes.parquet"),
        *("tax.json", "attribution.json", "rule.json", "reasons.parquet", "tearsheet.html", "figure.png"),
    }
    loaded = ut.load_run(folder)
    assert loaded.recipe == run.recipe
    pd.testing.assert_frame_equal(loaded.series, run.series)
    page = (folder / "tearsheet.html").read_text(encoding="utf-8")
    assert "<style" in page
    assert "Liquidity drain" in page


def test_market_round_trip(market: ut.Market, tmp_path: Path) -> None:
    assert ut.load_market(ut.write_market(market, tmp_path / "market")).fingerprint == market.fingerprint


def test_everything_registered_loads() -> None:
    assert {"drawdown", "liquidation-spike"} <= set(registered(SIGNALS))
    assert {"buy-and-hold", "liquidity-drain"} <= set(registered(STRATEGIES))
    assert {"tearsheet", "figure"} <= set(registered(PAGES))
    for name in registered(SIGNALS):
        assert load(SIGNALS, name).spec.name == name
    for name in registered(STRATEGIES):
        assert load(STRATEGIES, name).name() == name


def test_command_line(
    market: ut.Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from undertow.cli import main

    folder = ut.write_market(market, tmp_path / "market")
    words = ["undertow", "backtest", "--strategy", "buy-and-hold", "--market", str(folder), "--json"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["average_exposure"] == 1.0
