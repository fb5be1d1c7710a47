"""A tiny market folder of CSV files, which tests corrupt in one place each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from undertow.market import Market, load_market

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


def write_tiny(path: Path) -> Folder:
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
