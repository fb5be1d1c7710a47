"""Symbols and names that only look alike, columns that stand twice, numbers that are none."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from support.tiny import BTC, GROWTH, LIQUIDATIONS, MACRO, PRICES, Folder
from undertow.market import DataError, Market

TOML = "market.toml"


def to_parquet(folder: Folder, file: str, **columns) -> None:
    path = file.replace(".csv", ".parquet")
    folder.table(file).assign(**columns).to_parquet(folder.path / path)
    folder.replace(TOML, file, path)


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u2003", "\u200b", "\ufeff", "\t", "\u200e"])
def test_blanks_around_a_symbol_are_stripped_everywhere(tiny: Folder, tiny_market: Market, blank: str) -> None:
    for row in range(1, 37, 3):
        tiny.set_cell(PRICES, row, "symbol", f"AAA{blank}")
    tiny.set_cell(GROWTH, 1, "symbol", f"{blank}AAA")
    shown = "\\t" if blank == "\t" else blank
    tiny.replace(TOML, '"AAA"', f'"AAA{shown}"')
    tiny.replace(TOML, '"BTC"', f'"{shown}BTC"')
    assert tiny.load().fingerprint == tiny_market.fingerprint


@pytest.mark.parametrize(
    "symbol",
    [
        "\u0410AA",  # Cyrillic
        "AA\u0391",  # Greek
        "\uff21\uff21\uff21",  # full width
        "A\u200bAA",  # a blank without width inside
        "A\u00adAA",  # a soft hyphen
        "AA\u202eA",
    ],
)
def test_look_alikes_are_refused_with_a_suggestion(tiny: Folder, symbol: str) -> None:
    for file, where in ((PRICES, f"{PRICES}: row 1: `symbol`"), (GROWTH, f"{GROWTH}: row 1: `symbol`")):
        good = tiny.lines(file)[1]
        tiny.set_cell(file, 1, "symbol", symbol)
        with pytest.raises(DataError) as refusal:
            tiny.load()
        assert f"{where} {symbol!a} has characters that only look like others" in str(refusal.value)
        assert str(refusal.value).endswith("write 'AAA'")
        tiny.set_row(file, 1, good)
    tiny.replace(TOML, 'benchmark = "AAA"', f'benchmark = "{symbol}"')
    with pytest.raises(DataError, match=r"market.toml: `benchmark` '.*write 'AAA'"):
        tiny.load()


@pytest.mark.parametrize("symbol", ["BRK.B", "0700", "BF-B", "Ünïted", "三菱", "A B"])
def test_other_symbols_stay(tiny: Folder, symbol: str) -> None:
    for file in (PRICES, GROWTH):
        tiny.replace(file, "BBB", symbol)
    assert symbol in tiny.load().prices


def test_two_names_that_become_one_are_twice(tiny: Folder) -> None:
    tiny.repeat_row(PRICES, 1)
    tiny.set_cell(PRICES, 2, "symbol", "AAA\u00a0")
    with pytest.raises(DataError, match="row 2: AAA on 2024-11-18 appears twice"):
        tiny.load()


@pytest.mark.parametrize(
    ("file", "old", "new", "column"),
    [
        (BTC, "high,low", "high,high", "high"),
        (BTC, "high,low", "high,high ", "high"),
        (PRICES, "open,high", "close,high", "close"),
        (GROWTH, "start,end", "start,start", "start"),
        (MACRO, "VIXCLS,DGS2", "VIXCLS,VIXCLS", "VIXCLS"),
        (LIQUIDATIONS, "short_usd", "long_usd\u00a0", "long_usd"),
    ],
)
def test_a_column_that_stands_twice_is_refused(tiny: Folder, file: str, old: str, new: str, column: str) -> None:
    tiny.replace(file, old, new, 1)
    with pytest.raises(DataError, match=f"{file}: column `{column}` appears twice; remove one"):
        tiny.load()


def test_blanks_around_the_name_of_a_column_are_stripped(tiny: Folder, tiny_market: Market) -> None:
    tiny.replace(BTC, "high,low", "high\u200b,\u00a0low ", 1)
    tiny.replace(PRICES, "symbol", "symbol ", 1)
    assert tiny.load().fingerprint == tiny_market.fingerprint


ROWS = 36


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (pd.to_timedelta(range(1, ROWS + 1), unit="s"), "got 0 days 00:00:01: it is a column of spans"),
        (pd.date_range("2024-01-01", periods=ROWS), "it is a column of times"),
        ([str(number) for number in range(1, ROWS + 1)], "got 1: it is a column of text"),
        ([b"1"] * ROWS, "got b'1'"),
        ([[1.0]] * ROWS, r"got array\(\[1.\]\)"),
        ([True] * ROWS, "got True: it is a column of truth values"),
        ([pd.Timestamp("2024-01-01").time()] * ROWS, r"got datetime.time\(0, 0\)"),
    ],
)
def test_a_column_that_holds_no_numbers_is_refused(tiny: Folder, values, problem: str) -> None:
    to_parquet(tiny, PRICES, volume=values)
    with pytest.raises(DataError, match=rf"prices.parquet: row 1: `volume` must be a number.*{problem}"):
        tiny.load()


def test_numbers_of_other_types_are_numbers(tiny: Folder, tiny_market: Market) -> None:
    table = tiny.table(PRICES)
    to_parquet(
        tiny,
        PRICES,
        close=[Decimal(number) for number in table["close"]],
        volume=table["volume"].astype("Int32"),
        high=pd.Categorical(table["high"]),
        low=table["low"].astype(np.float32),
    )
    assert tiny.load().fingerprint == tiny_market.fingerprint


def test_venue_regimes_are_numbered_without_the_repeats(tiny: Folder) -> None:
    # The repeat says another venue, and is dropped: no number is left without a row.
    tiny.repeat_row(LIQUIDATIONS, 3)
    tiny.set_cell(LIQUIDATIONS, 4, "venue_regime", "two")
    tiny.set_cell(LIQUIDATIONS, 9, "venue_regime", "three")
    liquidations = tiny.load().liquidations()
    assert liquidations.repeated_rows == 1
    assert liquidations.regime_names == ("one", "three", "one")
    np.testing.assert_array_equal(np.unique(liquidations.regimes), [0, 1, 2])
    np.testing.assert_array_equal(liquidations.regimes[6:9], [0, 1, 2])
