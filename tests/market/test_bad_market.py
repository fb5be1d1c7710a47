"""One corruption each: every one is a `DataError` that names the file, the row or symbol, and what to do."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pandas as pd
import pytest

from support.tiny import BTC, GROWTH, LIQUIDATIONS, MACRO, PRICES, Folder
from undertow.market import DataError, load_market

TOML = "market.toml"
Corrupt = Callable[[Folder], object]


def bad(name: str, corrupt: Corrupt, *message: str):
    return pytest.param(corrupt, message, id=name)


def cell(file: str, row: int, column: str, value: str) -> Corrupt:
    return lambda folder: folder.set_cell(file, row, column, value)


def swap(file: str, old: str, new: str, count: int = -1) -> Corrupt:
    return lambda folder: folder.replace(file, old, new, count)


def content(file: str, raw: bytes) -> Corrupt:
    return lambda folder: (folder.path / file).write_bytes(raw)


def lines(file: str, *text: str) -> Corrupt:
    return lambda folder: folder.write(file, list(text))


def exchange_rows(file: str, row: int) -> Corrupt:
    def corrupt(folder: Folder) -> None:
        text = folder.lines(file)
        text[row], text[row + 1] = text[row + 1], text[row]
        folder.write(file, text)

    return corrupt


def parquet(file: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Corrupt:
    def corrupt(folder: Folder) -> None:
        path = file.replace(".csv", ".parquet")
        change(folder.table(file)).to_parquet(folder.path / path, index=False)
        folder.replace(TOML, file, path)

    return corrupt


def in_zone(zone: str | None) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(time=pd.to_datetime(table["time"]).dt.tz_convert(zone))


def as_zipped(raw: Callable[[bytes], bytes]) -> Corrupt:
    def corrupt(folder: Folder) -> None:
        (folder.path / (PRICES + ".gz")).write_bytes(raw((folder.path / PRICES).read_bytes()))
        folder.replace(TOML, PRICES, PRICES + ".gz")

    return corrupt


def late_bars(year: str) -> Corrupt:
    return lines(BTC, "time,open,high,low,close,volume", f"{year}-11-15T00:00:00Z,1,1,1,1,1")


def add_feed(text: str) -> Corrupt:
    return lambda folder: folder.write(TOML, [*folder.lines(TOML), "[[feed]]", *text.split("; ")])


MANIFEST = [
    bad("no market.toml", lambda f: (f.path / TOML).unlink(), TOML, "not found"),
    bad("invalid TOML", swap(TOML, "format = 1", "format == 1"), TOML, "not valid TOML", "line 1"),
    bad("not UTF-8", content(TOML, "name = 'é'".encode("latin-1")), TOML, "not valid TOML"),
    bad("empty market.toml", content(TOML, b""), TOML, "`format` must be 1, got None"),
    bad("unknown key", swap(TOML, "benchmark", "bench"), TOML, "unknown key `bench`, did you mean `benchmark`"),
    bad("unknown feed key", swap(TOML, "delay", "dealy"), "[[feed]] 2", "`dealy`, did you mean `delay`"),
    bad("unknown kind", swap(TOML, '"bars"', '"bar"'), "[[feed]] 1", "'bar', did you mean `bars`"),
    bad("future format", swap(TOML, "format = 1", "format = 2"), TOML, "`format` must be 1, got 2"),
    bad("number for text", swap(TOML, '"tiny"', "5"), TOML, "`name` must be text, got 5"),
    bad("one feed table", lines(TOML, "format = 1", "[feed]", 'path = "x"'), "`feed` must be written as [[feed]]"),
    bad("feeds in words", lines(TOML, "format = 1", 'feed = ["x"]'), "[[feed]] 1: must be a table, got 'x'"),
    bad("no feed", lines(TOML, "format = 1"), TOML, "no [[feed]]"),
    bad("no prices", swap(TOML, '"prices"', '"macro"'), TOML, "exactly one", "found 0"),
    bad("prices twice", add_feed(f'path = "{PRICES}"; kind = "prices"'), TOML, "exactly one", "found 2"),
    bad("no asset", swap(TOML, 'asset = "BTC"\n', "", 1), "[[feed]] 1", "'bars' needs `asset`"),
    bad("bad interval", swap(TOML, '"1h"', '"hourly"'), BTC, "`interval` must look like", "'hourly'"),
    bad("no interval", swap(TOML, '"1h"', '"0h"'), BTC, "`interval` of bars must be longer than 0"),
    bad("numeric delay", swap(TOML, '"10min"', "10"), "[[feed]] 2", "`delay` must be text, got 10"),
    bad(
        "tolerance", swap(TOML, 'delay = "1 s', 'tolerance = "2 sessions"\ndelay = "1 s'), MACRO, "`tolerance` must be"
    ),
    bad(
        "twins", add_feed('path = "b.csv"; kind = "bars"; asset = "BTC"; interval = "60min"'), BTC, "b.csv", "both bars"
    ),
    bad(
        "universe twins", add_feed('path = "b.csv"; kind = "universe"; name = "growth"'), GROWTH, "both universe growth"
    ),
    bad("unknown calendar", swap(TOML, "XNYS", "XNY"), TOML, "'XNY' is not known", "did you mean `XNYS`"),
    bad("benchmark", swap(TOML, '"AAA"', '"AAB"'), TOML, "`benchmark` 'AAB' has no prices, did you mean `AAA`"),
    bad("cash", swap(TOML, 'benchmark = "AAA"', 'cash = "BIL"'), TOML, "`cash` 'BIL' has no prices", "leave it out"),
]


TABLES = [
    bad("missing file", lambda f: (f.path / BTC).unlink(), BTC, "not found", "fix its `path`"),
    bad("a folder for a file", swap(TOML, BTC, "crypto"), "crypto: is not a file"),
    bad(
        "wrong kind of file",
        lambda f: ((f.path / BTC).rename(f.path / "b.xls"), f.replace(TOML, BTC, "b.xls")),
        "b.xls",
        "convert it",
    ),
    bad("empty file", content(BTC, b""), BTC, "cannot be read", "No columns"),
    bad("header only", lines(BTC, "time,open,high,low,close,volume"), BTC, "has no rows"),
    bad("UTF-16", content(BTC, "time,open\n".encode("utf-16")), BTC, "cannot be read"),
    bad(
        "no parquet",
        lambda f: (f.write("b.parquet", ["x"]), f.replace(TOML, BTC, "b.parquet")),
        "b.parquet",
        "cannot be read",
    ),
    bad("cut gzip", as_zipped(lambda raw: gzip.compress(raw)[:-40]), PRICES + ".gz", "cannot be read"),
    bad("no gzip", as_zipped(lambda raw: raw), PRICES + ".gz", "cannot be read"),
    bad("ragged row", cell(BTC, 5, "volume", "1,2"), BTC, "cannot be read", "line 6"),
    bad("trailing commas", swap(BTC, ",12.5", ",12.5,"), BTC, "more values than the header has names"),
    bad(
        "missing column",
        swap(BTC, "close", "clsoe"),
        BTC,
        "`close` is missing, did you mean `clsoe`",
        "found: time, open",
    ),
    bad(
        "capitals",
        swap(BTC, "time,open,high", "Time,OPEN,High"),
        BTC,
        "`time` is missing, did you mean `Time`",
        "lower case",
    ),
    bad("semicolons", swap(BTC, ",", ";"), BTC, "separated by semicolons, write it with commas"),
    bad(
        "no header", lambda f: f.write(PRICES, f.lines(PRICES)[1:]), PRICES, "`session` is missing", "found: 2024-11-18"
    ),
    bad("text in a price", cell(PRICES, 4, "close", "n.v."), PRICES, "row 4: `close` must be a number, got 'n.v.'"),
    bad("thousands", cell(PRICES, 4, "volume", '"1,000"'), PRICES, "row 4: `volume` must be a number, got '1,000'"),
    bad("percent sign", cell(MACRO, 3, "DGS2", "4.2%"), MACRO, "row 3: `DGS2` must be a number, got '4.2%'"),
    bad("infinite", cell(BTC, 6, "high", "inf"), BTC, "row 6: `high` is infinite"),
    bad(
        "truth values",
        parquet(BTC, lambda t: t.assign(time=pd.to_datetime(t["time"]), volume=True)),
        "BTC.parquet",
        "row 1: `volume` must be a number, got True",
    ),
    bad(
        "date for a price",
        parquet(PRICES, lambda t: t.assign(close=pd.to_datetime(t["session"]))),
        "prices.parquet",
        "`close` must be a number",
    ),
]

TIMES = [
    bad("unsorted", exchange_rows(BTC, 7), BTC, "row 8", "2024-11-15T06:00", "sort the file"),
    bad("duplicate bars", lambda f: f.repeat_row(BTC, 7), BTC, "row 8", "appears twice; remove the duplicate"),
    bad(
        "conflicting repeat",
        cell(LIQUIDATIONS, 8, "time", "2024-11-21T00:00:00Z"),
        LIQUIDATIONS,
        "row 8",
        "2024-11-21",
        "twice",
    ),
    bad(
        "conflict after a repeat",
        lambda f: (cell(LIQUIDATIONS, 8, "time", "2024-11-21T00:00:00Z")(f), f.repeat_row(LIQUIDATIONS, 2)),
        LIQUIDATIONS,
        "row 9",
    ),
    bad("naive", swap(BTC, "Z,", ","), BTC, "row 1", "no time zone", "2024-08-05T06:00:00Z"),
    bad("one naive row", cell(BTC, 4, "time", "2024-11-15T03:00:00"), BTC, "`time` mixes time zones"),
    bad("offset", swap(BTC, "Z,", "-05:00,"), BTC, "row 1", "convert it to UTC"),
    bad(
        "two offsets",
        lambda f: (swap(BTC, "Z,", "-05:00,")(f), cell(BTC, 1, "time", "2024-11-15T01:00:00-04:00")(f)),
        BTC,
        "mixes time zones",
    ),
    bad(
        "Eastern column",
        parquet(BTC, in_zone("America/New_York")),
        "BTC.parquet",
        "America/New_York; convert it to UTC",
    ),
    bad("naive column", parquet(BTC, in_zone(None)), "BTC.parquet", "no time zone"),
    bad("milliseconds", cell(BTC, 1, "time", "1731628800000"), BTC, "`time`"),
    bad(
        "all milliseconds",
        lines(BTC, "time,open,high,low,close,volume", "1731628800000,1,1,1,1,1"),
        BTC,
        "row 1: `time` must be a UTC stamp",
        "got 1731628800000",
    ),
    bad(
        "slashes",
        cell(BTC, 4, "time", "11/15/2024 03:00"),
        BTC,
        "row 4: `time` must be a UTC stamp",
        "'11/15/2024 03:00'",
    ),
    bad("blank time", cell(BTC, 4, "time", ""), BTC, "row 4: `time` is blank"),
    bad(
        "dates of another name",
        lines(GROWTH, "symbol,added", "AAA,2024-11-20", "BBB,"),
        GROWTH,
        "`added` holds dates, but the first and last day of a membership are `start` and `end`",
    ),
    bad(
        "dates as numbers",
        lines(GROWTH, "symbol,from", "AAA,20241120", "BBB,"),
        GROWTH,
        "`from` holds dates",
    ),
    bad("all times blank", lines(BTC, "time,open,high,low,close,volume", ",1,1,1,1,1"), BTC, "row 1: `time` is blank"),
    bad("the year 9999", late_bars("9999"), BTC, "row 1: `time` 9999-11-15", "not between 1910 and 2200"),
    bad(
        "off the grid",
        cell(BTC, 4, "time", "2024-11-15T03:30:00Z"),
        BTC,
        "2024-11-15T03:30:00",
        "whole number of intervals (1h)",
    ),
    bad("other years", late_bars("2019"), BTC, "2019-11-15", "does not cover any", "2024-11-18 to 2024-12-04"),
    bad("later years", late_bars("2025"), BTC, "2025-11-15", "does not cover any"),
    bad(
        "macro with an hour",
        cell(MACRO, 3, "time", "2024-11-17T08:30"),
        MACRO,
        "row 3: `time` must be a date without a time of day",
    ),
    bad(
        "macro without series",
        lambda f: f.write(MACRO, [line.split(",")[0] for line in f.lines(MACRO)]),
        MACRO,
        "no column beside `time`; write one column a series",
    ),
]

VALUES = [
    bad("negative price", cell(BTC, 5, "low", "-1"), BTC, "row 5 (2024-11-15T04:00): `low` must be positive, got -1"),
    bad("zero price", cell(PRICES, 5, "open", "0"), PRICES, "row 5 (2024-11-19, BBB): `open` must be positive, got 0"),
    bad("high below low", cell(PRICES, 6, "high", "1"), PRICES, "row 6 (2024-11-19, CCC): `high` 1 is below `low`"),
    bad("bar upside down", cell(BTC, 2, "low", "99999"), BTC, "row 2 (2024-11-15T01:00): `high`"),
    bad(
        "negative volume",
        cell(PRICES, 6, "volume", "-5"),
        PRICES,
        "row 6 (2024-11-19, CCC): `volume` must not be negative",
    ),
    bad(
        "signed liquidations",
        cell(LIQUIDATIONS, 3, "long_usd", "-7"),
        LIQUIDATIONS,
        "row 3",
        "`long_usd` must not be negative, got -7",
    ),
    bad("nothing but blanks", lines(MACRO, "time,DGS2", "2024-11-18,", "2024-11-19,"), MACRO, "every value is blank"),
    bad(
        "no close at all",
        lines(PRICES, "session,symbol,open,high,low,close,volume", "2024-11-18,AAA,1,1,1,,1"),
        PRICES,
        "every `close` is blank",
    ),
    bad(
        "benchmark without a close",
        lambda f: [f.set_cell(PRICES, row, "close", "") for row in range(1, 37, 3)],
        TOML,
        "`benchmark` 'AAA' has no prices",
    ),
]

PANEL = [
    bad("Sunday", cell(PRICES, 1, "session", "2024-11-17"), PRICES, "row 1 (AAA): 2024-11-17 is not a session", "XNYS"),
    bad("holiday", cell(PRICES, 25, "session", "2024-11-28"), PRICES, "row 25 (AAA): 2024-11-28 is not a session"),
    bad(
        "a weekend only",
        lines(PRICES, "session,symbol,open,high,low,close,volume", "2024-11-23,AAA,1,1,1,1,1"),
        PRICES,
        "row 1 (AAA): 2024-11-23",
    ),
    bad("twice", lambda f: f.repeat_row(PRICES, 8), PRICES, "row 9: BBB on 2024-11-20 appears twice"),
    bad(
        "unsorted sessions",
        lambda f: (cell(PRICES, 8, "session", "2024-11-21")(f), cell(PRICES, 11, "session", "2024-11-20")(f)),
        PRICES,
        "row 11: BBB on 2024-11-20",
        "sort the file",
    ),
    bad("blank symbol", cell(PRICES, 4, "symbol", ""), PRICES, "row 4: `symbol` is blank"),
    bad("blank session", cell(PRICES, 4, "session", ""), PRICES, "row 4: `session` is blank"),
    bad(
        "session with an hour", cell(PRICES, 4, "session", "2024-11-19T16:00"), PRICES, "row 4", "without a time of day"
    ),
    bad(
        "compact dates",
        lambda f: [f.set_cell(PRICES, n, "session", "20241118") for n in range(1, 37)],
        PRICES,
        "row 1: `session` must be a date such as 2024-08-05",
        "20241118",
    ),
    bad(
        "American dates",
        cell(PRICES, 4, "session", "11/19/2024"),
        PRICES,
        "row 4: `session` must be a date",
        "'11/19/2024'",
    ),
    bad("session 9999", cell(PRICES, 36, "session", "9999-12-31"), PRICES, "row 36: `session` 9999-12-31"),
    bad("blank member", swap(GROWTH, "BBB", ""), GROWTH, "row 2: `symbol` is blank"),
    bad(
        "no member is priced",
        lines(GROWTH, "symbol", "aaa", "bbb"),
        GROWTH,
        "not one of its 2 symbols has prices (aaa, bbb",
        "as the prices do",
    ),
    bad("backwards", cell(GROWTH, 2, "end", "2024-11-01"), GROWTH, "row 2 (BBB): `end` is before `start`"),
    bad(
        "open-ended 9999",
        cell(GROWTH, 3, "end", "9999-12-31"),
        GROWTH,
        "row 3: `end` 9999-12-31",
        "leave it blank where it is open-ended",
    ),
    bad(
        "universe columns",
        swap(GROWTH, "symbol,", "ticker,"),
        GROWTH,
        "column `symbol` is missing",
        "found: ticker, start, end",
    ),
    bad("misspelt end", swap(GROWTH, ",end", ",ende"), GROWTH, "unknown column `ende`, did you mean `end`"),
]


@pytest.mark.parametrize(("corrupt", "message"), [*MANIFEST, *TABLES, *TIMES, *VALUES, *PANEL])
def test_a_corrupted_folder_is_refused(tiny: Folder, corrupt: Corrupt, message: tuple[str, ...]):
    corrupt(tiny)
    with pytest.raises(DataError) as refusal:
        tiny.load()
    text = str(refusal.value)
    assert "\n" not in text
    for part in message:
        assert part in text


def test_a_missing_folder(tmp_path):
    with pytest.raises(DataError, match="nowhere' does not exist or is not a folder"):
        load_market(tmp_path / "nowhere")
