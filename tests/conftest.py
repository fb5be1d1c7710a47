"""Shared fixtures: a tiny market folder that tests corrupt in one place each, and the real one where it is present."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from undertow import cli
from undertow.market import Market, load_market

settings.register_profile("undertow", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("undertow")

# The longest by far: begun first, so that no worker is left alone with one at the end.
LONGEST = ("test_wheel.py", "test_plugin.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others in their order."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


PROJECT = Path(__file__).resolve().parent.parent
# Twelve sessions of 2024 around Thanksgiving (28 November); the 29th closes at 18:00 UTC.
SESSIONS = ("11-18", "11-19", "11-20", "11-21", "11-22", "11-25", "11-26", "11-27", "11-29", "12-02", "12-03", "12-04")
PRICES, BTC, LIQUIDATIONS = "equities/prices.csv", "crypto/BTC.csv", "liquidations/BTC_1d.csv"
GROWTH, MACRO = "universes/growth.csv", "macro/fred.csv"

TOML = f"""format = 1
name = "tiny"
calendar = "XNYS"
benchmark = "AAA"

[[feed]]
path = "{BTC}"
kind = "bars"
asset = "BTC"
interval = "1h"

[[feed]]
path = "{LIQUIDATIONS}"
kind = "liquidations"
asset = "BTC"
interval = "1d"
delay = "10min"

[[feed]]
path = "{PRICES}"
kind = "prices"

[[feed]]
path = "{GROWTH}"
kind = "universe"
name = "growth"

[[feed]]
path = "{MACRO}"
kind = "macro"
delay = "1 session"
"""


@dataclass(frozen=True)
class Folder:
    """A market folder of CSV files; rows are numbered from 1, as the loader's messages number them."""

    path: Path

    def lines(self, file: str) -> list[str]:
        return (self.path / file).read_text(encoding="utf-8").splitlines()

    def write(self, file: str, lines: list[str]) -> None:
        (self.path / file).parent.mkdir(parents=True, exist_ok=True)
        (self.path / file).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def set_row(self, file: str, row: int, text: str) -> None:
        lines = self.lines(file)
        lines[row] = text
        self.write(file, lines)

    def set_cell(self, file: str, row: int, column: str, value: str) -> None:
        cells = self.lines(file)[row].split(",")
        cells[self.lines(file)[0].split(",").index(column)] = value
        self.set_row(file, row, ",".join(cells))

    def repeat_row(self, file: str, row: int) -> None:
        lines = self.lines(file)
        self.write(file, [*lines[: row + 1], lines[row], *lines[row + 1 :]])

    def replace(self, file: str, old: str, new: str, count: int = -1) -> None:
        text = (self.path / file).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        (self.path / file).write_text(text.replace(old, new, count), encoding="utf-8")

    def table(self, file: str) -> pd.DataFrame:
        return pd.read_csv(self.path / file)

    def load(self) -> Market:
        return load_market(self.path)


def _write_tiny(path: Path) -> Folder:
    folder = Folder(path)
    folder.write("market.toml", TOML.splitlines())
    prices = [
        f"2024-{day},{symbol},{base + n},{base + n + 2},{base + n - 1},{base + n + 1},1000"
        for n, day in enumerate(SESSIONS)
        for symbol, base in (("AAA", 100), ("BBB", 50), ("CCC", 20))
    ]
    folder.write(PRICES, ["session,symbol,open,high,low,close,volume", *prices])
    hours = np.arange("2024-11-15T00", "2024-12-05T00", dtype="datetime64[h]")
    bars = [f"{hour}:00:00Z,{90000 + n},{90020 + n},{89990 + n},{90010 + n},12.5" for n, hour in enumerate(hours)]
    folder.write(BTC, ["time,open,high,low,close,volume", *bars])
    days = np.arange("2024-11-15", "2024-12-05", dtype="datetime64[D]")
    closed = [f"{day}T00:00:00Z,{1000000 + n},{500000 + n},one" for n, day in enumerate(days)]
    folder.write(LIQUIDATIONS, ["time,long_usd,short_usd,venue_regime", *closed])
    folder.write(GROWTH, ["symbol,start,end", "AAA,,", "BBB,2024-11-20,", "CCC,,2024-12-02"])
    folder.write(MACRO, ["time,VIXCLS,DGS2", *(f"{day},15.5,4.2" for day in days)])
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A valid folder: 12 sessions, 3 names, hourly BTC, daily liquidations, one universe, two macro series."""
    return _write_tiny(tmp_path / "tiny")


@pytest.fixture(scope="session")
def tiny_market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """The tiny folder, untouched and loaded once."""
    return _write_tiny(tmp_path_factory.mktemp("market") / "tiny").load()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the project that holds what is not committed to it."""
    return PROJECT.parent / "shared"


@pytest.fixture(scope="session")
def real_folder(shared: Path) -> Path:
    folder = shared / "data" / "us-growth"
    if not folder.is_dir():
        pytest.skip("real data is absent: shared/data/us-growth is not beside the project")
    return folder


@pytest.fixture(scope="session")
def real_market(real_folder: Path) -> Market:
    return load_market(real_folder)


@pytest.fixture(scope="session", autouse=True)
def _own_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trials of the tests are not counted among those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDERTOW_LEDGER", str(tmp_path_factory.mktemp("ledger")))
        yield


class Said(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process."""

    def calling(*words: str | Path) -> Said:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["undertow", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return Said(int(end.value.code or 0), printed.out, printed.err)

    return calling
