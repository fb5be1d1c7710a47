"""Newer files in a folder: overlaps are compared, adjustments are applied, a restated past is reported."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support import vendors
from support.commands import Call
from undertow.market import FolderUpdate, ParameterError, load_market, plan_update


def files_of(path: Path, rows: slice, change: Callable[[pd.DataFrame, str], pd.DataFrame] | None = None) -> Path:
    """One file a symbol with some of the sessions."""
    path.mkdir()
    for symbol in vendors.STOCKS:
        table = vendors.quotes(symbol).iloc[rows]
        (change(table, symbol) if change else table).to_csv(path / f"{symbol}.csv")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return ut.import_market([files_of(tmp_path / "first", slice(0, 60))], tmp_path / "market")


def update(folder: Path, *paths: Path) -> FolderUpdate:
    return plan_update(ut.plan_import(paths), folder)


@pytest.fixture
def whole(tmp_path: Path) -> str:
    return load_market(ut.import_market([files_of(tmp_path / "whole", slice(None))], tmp_path / "at once")).fingerprint


def test_rows_that_agree_are_added(folder: Path, tmp_path: Path, whole: str) -> None:
    newer = update(folder, files_of(tmp_path / "second", slice(50, None)))
    assert {(change.added, change.factor, change.restated) for change in newer.changes} == {(23, 1.0, 0)}
    newer.write()
    assert load_market(folder).fingerprint == whole
    # Again, nothing is new.
    assert {change.added for change in update(folder, tmp_path / "second").changes} == {0}


def test_a_dividend_and_a_split_since_are_factors_of_the_past(folder: Path, tmp_path: Path) -> None:
    def adjusted(table: pd.DataFrame, symbol: str) -> pd.DataFrame:
        factor, volume = {"AAPL": (0.99, 1.0), "NVDA": (0.1, 10.0)}.get(symbol, (1.0, 1.0))
        table = table.copy()
        table[["Open", "High", "Low", "Close"]] *= factor
        table["Volume"] *= volume
        return table

    newer = update(folder, files_of(tmp_path / "second", slice(50, None), adjusted))
    assert {change.name: round(change.factor, 9) for change in newer.changes} == {
        "AAPL": 0.99,
        "BIL": 1.0,
        "NVDA": 0.1,
        "QQQ": 1.0,
    }
    newer.write()
    prices = load_market(folder).prices
    (column,) = prices.columns_of(["NVDA"])
    truth = adjusted(vendors.quotes("NVDA"), "NVDA")
    np.testing.assert_allclose(prices.close[:, column], truth["Close"], rtol=1e-12)
    np.testing.assert_allclose(prices.volume[:, column], truth["Volume"], rtol=1e-12)


def test_a_restated_past_is_taken_on_demand_and_kept_beside(folder: Path, tmp_path: Path) -> None:
    def restated(table: pd.DataFrame, symbol: str) -> pd.DataFrame:
        table = table.copy()
        if symbol == "AAPL":
            table.iloc[3, table.columns.get_loc("Close")] += 0.25
        return table

    before = load_market(folder)
    newer = update(folder, files_of(tmp_path / "second", slice(50, None), restated))
    (change,) = newer.restated
    assert (change.name, change.restated) == ("AAPL", 1)
    with pytest.raises(ParameterError, match=r"1 names have a restated past: prices AAPL: 1 rows, close of 2024-03-19"):
        newer.write()
    assert load_market(folder).fingerprint == before.fingerprint
    newer.write(accept=True)
    kept = pd.read_parquet(folder / "vintages" / "2024-03-27" / "equities" / "prices.parquet")
    assert len(kept) == 60 * len(vendors.STOCKS)
    close = load_market(folder).prices.close[53, 0]
    assert close == pytest.approx(vendors.quotes("AAPL")["Close"].iloc[53] + 0.25)


def test_feeds_are_added_and_extended(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "coins").mkdir()
    table = vendors.bars()
    table.iloc[:500].tz_localize("UTC").rename_axis("time").to_csv(tmp_path / "coins" / "BTC.csv")
    update(folder, tmp_path / "coins").write()
    assert len(load_market(folder).bars()) == 500
    # The hour that was not over when the first file was made has another close now.
    later = table.iloc[490:].tz_localize("UTC").rename_axis("time")
    first = table.iloc[:500].copy()
    first.iloc[-1, first.columns.get_loc("close")] += 1.0
    first.tz_localize("UTC").rename_axis("time").to_csv(tmp_path / "coins" / "BTC.csv")
    shutil.rmtree(folder / "bars")
    (folder / "bars").mkdir()
    first.tz_localize("UTC").rename_axis("time").reset_index().to_parquet(
        folder / "bars" / "BTC_1h.parquet", index=False
    )
    (tmp_path / "later").mkdir()
    later.to_csv(tmp_path / "later" / "BTC.csv")
    newer = update(folder, tmp_path / "later")
    (change,) = newer.changes
    assert (change.added, change.restated, change.example) == (len(table) - 500, 0, "its last row is completed")
    newer.write()
    np.testing.assert_array_equal(load_market(folder).bars().columns["close"], table["close"])


def test_a_new_name_and_sessions_apart_are_said(folder: Path, tmp_path: Path) -> None:
    path = files_of(tmp_path / "second", slice(60, None))
    vendors.quotes("MSFT").to_csv(path / "MSFT.csv")
    examples = {change.name: change.example for change in update(folder, path).changes}
    assert examples["MSFT"] == "a new name"
    assert examples["AAPL"] == "no session in common: an adjustment since would not show"


def test_the_command_adds_and_refuses(folder: Path, tmp_path: Path, call: Call, whole: str) -> None:
    path = files_of(tmp_path / "second", slice(50, None))
    both = call("market", "import", path, "--into", folder, "--out", tmp_path / "new", "--yes")
    assert both.code == 2
    assert "either `--out`" in both.err
    printed = json.loads(call("market", "import", path, "--into", folder, "--plan", "--json").out)
    assert {change["added"] for change in printed["changes"]} == {23}
    assert call("market", "import", path, "--into", folder, "--yes").code == 0
    assert load_market(folder).fingerprint == whole


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05])
def test_killed_it_is_the_old_folder_or_the_new_one(folder: Path, tmp_path: Path, whole: str, delay: float) -> None:
    path = files_of(tmp_path / "second", slice(50, None))
    code = (
        "import sys, undertow as ut; from undertow.market import plan_update;"
        "plan = plan_update(ut.plan_import([sys.argv[1]]), sys.argv[2]); print('go', flush=True); plan.write()"
    )
    command = [sys.executable, "-c", code, str(path), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    assert len(load_market(folder).sessions) in (60, 83)
    update(folder, path).write()
    assert load_market(folder).fingerprint == whole
    assert not list(tmp_path.glob(".undertow-draft-*"))
