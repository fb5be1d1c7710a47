"""Folders from other people: every failure names file and remedy, and no path leaves the folder."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from support.tiny import BTC, GROWTH, LIQUIDATIONS, MACRO, PRICES, Folder
from undertow.market import DataError, load_market

TOML = "market.toml"
Change = Callable[[Folder], object]


def manifest(*lines: str) -> Change:
    return lambda folder: folder.write(TOML, list(lines))


def swap(old: str, new: str, file: str = TOML) -> Change:
    return lambda folder: folder.replace(file, old, new)


def cell(file: str, column: str, value: str, row: int = 4) -> Change:
    return lambda folder: folder.set_cell(file, row, column, value)


def raw(file: str, old: bytes, new: bytes) -> Change:
    def change(folder: Folder) -> None:
        path = folder.path / file
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    return change


def parquet(file: str, **columns: object) -> Change:
    def change(folder: Folder) -> None:
        path = file.replace(".csv", ".parquet")
        folder.table(file).assign(**columns).to_parquet(folder.path / path)
        folder.replace(TOML, file, path)

    return change


def instead(file: str, make: Callable[[str], object]) -> Change:
    def change(folder: Folder) -> None:
        (folder.path / file).unlink()
        make(str(folder.path / file))

    return change


def link_outside(folder: Folder) -> None:
    outside = folder.path.parent / "outside.csv"
    (folder.path / BTC).rename(outside)
    (folder.path / BTC).symlink_to(outside)


FAR = np.array(["+200000-01-01"] * 480, dtype="datetime64[us]")
HOSTILE: dict[str, tuple[Change, str, str]] = {
    "a number of 5,000 digits": (manifest("format = " + "1" * 5_000), TOML, "thousands of digits; fix the file"),
    "a name that is a number": (swap('name = "tiny"', "name = " + "1" * 4_000), TOML, "`name` must be text, got 111"),
    "deep arrays": (manifest("a = " + "[" * 5_000 + "]" * 5_000), TOML, "nested too deeply; fix the file"),
    "deep tables": (manifest("a = " + "{a = " * 3_000 + "1" + "}" * 3_000), TOML, "nested too deeply"),
    "format true": (swap("format = 1", "format = true"), TOML, "`format` must be a whole number, got True"),
    "a list of lists": (manifest("format = 1", "feed = [[[1]]]"), TOML, "[[feed]] 1: must be a table"),
    "bytes": (lambda f: (f.path / TOML).write_bytes(b"\xff\xfe\x00"), TOML, "not valid TOML"),
    "two megabytes": (lambda f: (f.path / TOML).write_bytes(b"#" * 2_000_000), TOML, "no table of contents"),
    "a folder": (instead(TOML, os.mkdir), TOML, "not found; a market folder has a market.toml"),
    "a long name": (swap('"tiny"', '"' + "x" * 900_000 + '"'), TOML, "`name` must have at most 100 characters"),
    "a long key": (swap('name = "tiny"', "x" * 900_000 + " = 1"), TOML, "unknown key `xxx"),
    "an escape in a name": (swap('"tiny"', '"ti\\u001b[2Jny"'), TOML, "cannot be seen; write 'ti[2Jny'"),
    "an escape in a kind": (swap('"bars"', '"ba\\u001bars"'), TOML, "cannot be seen; write 'baars'"),
    "a NUL in a path": (swap(BTC, "a\\u0000.csv"), TOML, "`path` must be short and printable"),
    "a long interval": (swap('"1h"', '"99999999999999h"'), BTC, "from a second to ten years"),
    "a long delay": (swap('"10min"', '"99999999999999h"'), LIQUIDATIONS, "from a second to ten years"),
    "many sessions": (swap('delay = "1 s', 'delay = "99999 s'), MACRO, "at most 2520"),
    "a control character in a calendar": (swap("XNYS", "X\\u0007NYS"), TOML, "write 'XNYS'"),
    "a parent folder": (swap(BTC, "../BTC.csv"), TOML, "leads out of the folder"),
    "a parent inside": (swap(BTC, "crypto/../../x.csv"), TOML, "leads out of the folder"),
    "an absolute path": (swap(BTC, "/etc/hostname"), TOML, "leads out of the folder"),
    "a link": (link_outside, TOML, "allow_outside = true above the first [[feed]] if you trust"),
    "a circle of links": (instead(BTC, lambda path: os.symlink(path, path)), TOML, "fix the file"),
    "a pipe": (instead(BTC, os.mkfifo), BTC, "is not a file; fix its `path`"),
    "a long file name": (swap(BTC, "a" * 600 + ".csv"), "aaa", "file name too long; supply the file again"),
    "bytes in a number": (raw(BTC, b"12.5", b"\xff\x00"), BTC, "cannot be read"),
    "bytes in a symbol": (raw(PRICES, b"AAA", b"A\xffA"), PRICES, "cannot be read"),
    "a NUL in a number": (raw(BTC, b"12.5", b"\x00"), BTC, "row 1: `volume` must be a number"),
    "a huge price": (cell(BTC, "close", "1e300"), BTC, "row 4: `close` must be at most 1e+18, got 1e+300"),
    "a tiny price": (cell(BTC, "low", "1e-300"), BTC, "`low` must be between 1e-12 and 1e+15, got 1e-300"),
    "a huge volume": (cell(PRICES, "volume", "1e300"), PRICES, "row 4: `volume` must be at most 1e+18"),
    "a price of 5,000 digits": (cell(PRICES, "close", "1" * 5_000), PRICES, "row 4: `close` is infinite"),
    "huge liquidations": (cell(LIQUIDATIONS, "long_usd", "1e300"), LIQUIDATIONS, "row 4: `long_usd` must be at most"),
    "a huge series": (cell(MACRO, "DGS2", "1e30"), MACRO, "row 4: `DGS2` must be at most 1e+18"),
    "a symbol of a megabyte": (cell(GROWTH, "symbol", "A" * 10**6, 1), GROWTH, "cannot be read"),
    "a symbol of 100 letters": (cell(GROWTH, "symbol", "A" * 100, 1), GROWTH, "at most 64 characters, got 100"),
    "the year 99999": (cell(BTC, "time", "99999-01-01T00:00:00Z"), BTC, "row 4: `time` must be a UTC stamp"),
    "the year 0": (cell(PRICES, "session", "0000-01-01"), PRICES, "row 4: `session` 0000-01-01"),
    "the year 200000": (parquet(BTC, time=pd.DatetimeIndex(FAR, tz="UTC")), "BTC.parquet", "`time` 200000-01-01"),
    "now": (cell(BTC, "time", "now"), BTC, "row 4: `time` must be a UTC stamp such as 2024-08-05T06:00:00Z, got 'now'"),
    "an unknown zone": (cell(BTC, "time", "2024-11-15T03:00:00 Foo/Bar"), BTC, "row 4: `time` must be a UTC stamp"),
    "spans for times": (parquet(BTC, time=pd.to_timedelta(range(480), unit="h")), "BTC.parquet", "must be a UTC"),
    "bytes for symbols": (parquet(PRICES, symbol=[b"AAA"] * 36), "prices.parquet", "row 1: `symbol` must be text"),
    "lists for symbols": (parquet(PRICES, symbol=[["a"]] * 36), "prices.parquet", "cannot be read"),
    "an escape in a regime": (cell(LIQUIDATIONS, "venue_regime", "a\x1b[2Jb"), LIQUIDATIONS, "write 'a[2Jb'"),
    "an escape in a series": (swap("DGS2", "DG\x1bS2", MACRO), MACRO, "the name of a column 'DG\\x1bS2'"),
    "a calendar that cannot be built": (swap("XNYS", "XTAE"), TOML, "Special dates [...] are not sessions"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_in_one_line(tiny: Folder, name: str) -> None:
    change, file, problem = HOSTILE[name]
    change(tiny)
    with pytest.raises(DataError) as refusal:
        tiny.load()
    message = str(refusal.value)
    assert message.startswith(str(tiny.path))
    assert file in message
    assert problem in message
    assert message.isprintable()
    assert len(message) < 600


def test_a_path_may_leave_the_folder_where_the_manifest_says_so(tiny: Folder) -> None:
    link_outside(tiny)
    expected = tiny.path.parent / "outside.csv"
    tiny.replace(TOML, "format = 1", "format = 1\nallow_outside = true")
    assert len(tiny.load().bars()) == 480
    tiny.replace(TOML, BTC, "../outside.csv")
    assert len(tiny.load().bars()) == 480
    tiny.replace(TOML, "../outside.csv", str(expected))
    assert len(tiny.load().bars()) == 480
    tiny.replace(TOML, "allow_outside = true", 'allow_outside = "yes"')
    with pytest.raises(DataError, match="`allow_outside` must be true or false, got 'yes'"):
        tiny.load()


def test_a_folder_that_is_a_link_is_a_folder(tiny: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("links") / "linked"
    link.symlink_to(tiny.path)
    assert len(load_market(link).feeds) == 3


@pytest.mark.parametrize("name", ["\x1b[2J", "a" * 5_000, "nul\x00"])
def test_the_name_of_a_folder_is_printed_safely(name: str) -> None:
    with pytest.raises(DataError) as refusal:
        load_market(name)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 600


def test_panels_that_do_not_fit_into_memory_are_refused(tiny: Folder) -> None:
    names = [f"N{number}" for number in range(2_000)]
    last = [f"2199-01-02,{name},1,1,1,1,1" for name in names]
    tiny.write(PRICES, ["session,symbol,open,high,low,close,volume", "1990-01-02,AAA,1,1,1,1,1", *last])
    with pytest.raises(DataError, match=r"52,\d{3} sessions and 2,001 symbols are more than 100,000,000 prices"):
        tiny.load()


def test_the_message_of_a_calendar_is_short(tiny: Folder) -> None:
    tiny.replace(TOML, "XNYS", "XTAE")
    with pytest.raises(DataError) as refusal:
        tiny.load()
    message = str(refusal.value).removeprefix(f"{tiny.path}/")
    assert message == (
        "market.toml: `calendar` 'XTAE' from 2024-11-18 to 2024-12-04: Special dates [...] are not sessions; name"
        " another calendar, or supply other years"
    )
