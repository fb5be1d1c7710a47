"""Files of vendors become the market that they describe, and what they do not say is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support import vendors
from support.commands import Call
from undertow.market import DataError, ImportOptions, Market, ParameterError, UnknownNameError, load_market


@pytest.fixture(scope="module")
def expected() -> Market:
    long = pd.concat([vendors.quotes(symbol).assign(symbol=symbol) for symbol in vendors.STOCKS])
    return Market.from_frames(long)


def imported(folder: Path, *options: object, prices: bool = True, **said: str) -> Market:
    paths = [folder / "files"]
    if prices:
        (folder / "prices").mkdir()
        vendors.yfinance_two_lines(folder / "prices")
        paths.append(folder / "prices")
    return load_market(ut.import_market(paths, folder / "market", options=ImportOptions(**said)))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path


@pytest.mark.parametrize("shape", vendors.PRICES, ids=lambda shape: shape.__name__)
def test_prices_need_no_option(files: Path, expected: Market, shape: Callable[[Path], None]) -> None:
    shape(files / "files")
    market = imported(files, prices=False)
    assert market.fingerprint == expected.fingerprint
    assert (market.benchmark, market.cash) == ("QQQ", "BIL")
    assert market.universe("all").symbols == ("AAPL", "NVDA")


@pytest.mark.parametrize(
    "shape",
    [
        vendors.klines,
        partial(vendors.klines, header=True, unit="us"),
        vendors.ccxt_dump,
        vendors.bars_with_zone,
    ],
    ids=["klines", "klines with a header in microseconds", "ccxt", "bars with a zone"],
)
def test_bars_of_coins_need_no_option(files: Path, shape: Callable[[Path], None]) -> None:
    shape(files / "files")
    (feed,) = imported(files).feeds
    truth = vendors.bars()
    assert (feed.kind, feed.asset, str(feed.interval), len(feed)) == ("bars", "BTC", "1h", len(truth))
    np.testing.assert_array_equal(feed.columns["close"], truth["close"])
    # A bar is known when its hour is over.
    assert feed.known_at[0] == np.datetime64("2024-01-01T01:00")


def test_other_feeds_need_no_option(files: Path) -> None:
    for shape in (vendors.coinglass, vendors.metrics, vendors.fred, vendors.vix, vendors.funding):
        shape(files / "files")
    market = imported(files)
    feeds = {(feed.kind, feed.asset or next(iter(feed.columns))): feed for feed in market.feeds}
    liquidations = feeds["liquidations", "BTC"]
    np.testing.assert_array_equal(liquidations.columns["long_usd"], vendors.liquidations()["long"])
    # A day's total is known after the day, ten minutes later.
    assert liquidations.known_at[0] == np.datetime64("2024-01-02T00:10")
    assert feeds["open_interest", "BTC"].columns["open_interest_usd"][1] == 2e9 + 10.0
    assert feeds["funding", "BTC"].columns["funding_rate"][0] == 0.0001
    # A yield of a day is published on the next session, an index is quoted at its close.
    dgs10, vix = feeds["macro", "DGS10"], feeds["macro", "VIXCLS"]
    assert dgs10.known_at[0] == np.datetime64("2023-12-04T21:00")
    assert np.isnan(dgs10.columns["DGS10"][0])
    assert vix.known_at[0] == np.datetime64("2024-01-02T21:15")


def test_regimes_are_kept_and_other_columns_are_named(files: Path) -> None:
    rows = ["2024-01-01,BTC,1,2,a,7", "2024-01-02,BTC,1,3,b,7", "2024-01-03,BTC,2,3,b,7"]
    write(files, "liq.csv", "time,symbol,long_usd,short_usd,venue_regime,venues\n" + "\n".join(rows) + "\n")
    (part,) = ut.plan_import([files / "files"]).parts
    assert part.notes == ("columns left out: venues",)
    assert imported(files).liquidations().regime_names == ("a", "b")


def test_an_unknown_unit_is_asked_and_coins_become_usd(files: Path) -> None:
    vendors.coinalyze(files / "files")
    vendors.klines(files / "files")
    plan = ut.plan_import([files / "files"])
    (question,) = plan.questions
    assert question.endswith("liq.json: whether its liquidations are USD or coins: --unit usd|coin")
    with pytest.raises(ParameterError, match=r"to be answered first: .*--unit usd\|coin"):
        plan.write(files / "nowhere")
    assert not (files / "nowhere").exists()
    with pytest.raises(DataError, match="its coins need a price in USD: import bars of ETH with it"):
        imported(files, unit="coin")
    eth = json.loads((files / "files" / "liq.json").read_text())[:1]
    (files / "files" / "liq.json").write_text(json.dumps(eth))
    market = load_market(
        ut.import_market([files / "files", files / "prices"], files / "coins", options=ImportOptions(unit="coin"))
    )
    price = vendors.bars()["close"].resample("D").mean()
    truth = vendors.liquidations()["long"] * price
    np.testing.assert_allclose(market.liquidations().columns["long_usd"], truth, rtol=1e-12)


def write(files: Path, name: str, text: str) -> Path:
    path = files / "files" / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "question"),
    [
        ("AAPL.csv", "Date,Close\n01/02/2024,1\n02/03/2024,2\n", "--dates day-first|month-first"),
        ("BTC.csv", "time,open,high,low,close\n2024-01-01 00:00,1,1,1,1\n2024-01-01 01:00,1,1,1,1\n", "--timezone UTC"),
        ("data.csv", "Date,Open,High,Low,Close\n2024-01-02,1,1,1,1\n", "--symbol NAME"),
        ("two.csv", "Date,Alpha,Beta\n2024-01-02,1,2\n", "--as prices|macro"),
        ("AAPL.csv", 'Date;Close\n2024-01-02;"1,234"\n2024-01-03;"1,235"\n', "--decimal point|comma"),
        ("liq.csv", "time,symbol,longs,shorts\n2024-01-01,BTC,1,2\n2024-01-02,BTC,1,2\n", "--unit usd|coin"),
        ("AAPL.csv", "Date,Close,Dividends\n2024-01-02,10,0\n2024-01-03,10,0.1\n", "--adjusted yes|no"),
    ],
)
def test_what_a_file_does_not_say_is_asked_once(files: Path, name: str, text: str, question: str) -> None:
    write(files, name, text)
    (asked,) = ut.plan_import([files / "files"]).questions
    assert asked.endswith(question)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("AAPL.csv", "Date,Close\n2024-01-02,ten\n", r"`Close`: row 2: 'ten' is no number"),
        ("AAPL.csv", "Date,Close\n2024-13-02,10\n", r"`Date`: row 2: '2024-13-02' is no time"),
        ("AAPL.csv", "Date,Close\n13/02/2024,1\n02/13/2024,2\n", "some dates have the day first and some the month"),
        ("x.csv", "Closing,Volume\n1,2\n", r"not recognised: no column of times.*Seen: Closing \| Volume; 1 \| 2"),
        ("x.csv", "", "is empty; leave it out"),
        ("BTC.json", '{"a": 1}', "a list of rows is expected"),
        ("bad.parquet", "no parquet", "bad.parquet"),
    ],
)
def test_what_cannot_be_used_is_named(files: Path, name: str, text: str, message: str) -> None:
    write(files, name, text)
    with pytest.raises(DataError, match=message):
        ut.import_market([files / "files"], files / "market")
    assert not (files / "market").exists()


def test_raw_and_adjusted_prices_side_by_side_are_refused(files: Path) -> None:
    write(files, "AAPL.csv", "Date,Close\n2024-01-02,100\n2024-01-03,101\n")
    (files / "files" / "raw").mkdir()
    write(files, "raw/AAPL.csv", "Date,Close\n2024-01-02,400\n2024-01-03,101\n")
    with pytest.raises(
        DataError, match=r"AAPL.csv and .*AAPL.csv: two rows of 2024-01-02 AAPL differ: `close` is 100 and 400"
    ):
        ut.import_market([files / "files"], files / "market")


def test_raw_closes_are_adjusted_by_hand(files: Path) -> None:
    """A dividend of 1 after a close of 10, then a split of 4 for 1: factors 0.9 / 4, 1 / 4, 1."""
    rows = ["2024-01-02,10,100,0,0", "2024-01-03,9,100,1,0", "2024-01-04,2.5,400,0,4", "2024-01-05,2.6,400,0,0"]
    write(files, "AAPL.csv", "Date,Close,Volume,Dividends,Splits\n" + "\n".join(rows) + "\n")
    frame = ut.plan_import([files / "files"]).parts[0].frame
    np.testing.assert_allclose(frame["close"], [10 * 0.9 / 4, 9 / 4, 2.5, 2.6], rtol=1e-12)
    assert frame["volume"].tolist() == [400.0, 400.0, 400.0, 400.0]


def test_stamps_at_the_end_and_zones(files: Path) -> None:
    write(files, "BTC.csv", "time,close\n2024-03-10 01:00,1\n2024-03-10 03:00,2\n2024-03-10 04:00,3\n")
    options = ImportOptions(timezone="America/New_York", stamp="end")
    (part,) = ut.plan_import([files / "files"], options=options).parts
    # The clock of New York skips the hour from 2 to 3 on that day.
    assert [str(time) for time in part.frame["time"]] == [f"2024-03-10 0{hour}:00:00+00:00" for hour in (5, 6, 7)]
    assert part.stamp == "end, America/New_York, text without a zone"


def test_options_have_named_errors(files: Path) -> None:
    with pytest.raises(ParameterError, match="`unit` must be one of usd, coin; got 'USD'"):
        ImportOptions(unit="USD")
    with pytest.raises(ParameterError, match=r"`timezone` must be a zone .*did you mean `America/New_York`"):
        ImportOptions(timezone="America/NewYork")
    with pytest.raises(UnknownNameError, match="clse"):
        ImportOptions(columns={"Last": "clse"})
    vendors.fred(files / "files")
    with pytest.raises(UnknownNameError, match="Lst"):
        ut.plan_import([files / "files"], options=ImportOptions(columns={"Lst": "close"}))
    with pytest.raises(ParameterError, match="no prices of stocks among the files"):
        ut.import_market([files / "files"], files / "market")
    with pytest.raises(ParameterError, match="names no file"):
        ut.plan_import([files / "nothing.csv"])


def test_a_renamed_column_and_a_list_with_dates(files: Path) -> None:
    write(files, "AAPL.csv", "Date,Settle\n2024-01-02,100\n2024-01-03,101\n")
    write(files, "growth.csv", "symbol,start,end\nAAPL,2024-01-02,\n")
    folder = ut.import_market([files / "files"], files / "market", options=ImportOptions(columns={"Settle": "close"}))
    market = load_market(folder)
    assert list(market.universes) == ["growth"]
    assert market.prices.close[:, 0].tolist() == [100.0, 101.0]


def test_a_workbook_is_read(files: Path, expected: Market) -> None:
    with pd.ExcelWriter(files / "files" / "book.xlsx") as writer:
        for symbol in vendors.STOCKS:
            vendors.quotes(symbol).reset_index().to_excel(writer, sheet_name=symbol, index=False)
    assert imported(files, prices=False).fingerprint == expected.fingerprint


def test_the_command_shows_asks_and_writes(files: Path, call: Call) -> None:
    vendors.coinalyze(files / "files")
    vendors.stooq(files / "files")
    paths = ("market", "import", files / "files")
    plan = json.loads(call(*paths, "--plan", "--json").out)
    assert {row["kind"] for row in plan["files"]} == {"liquidations", "prices"}
    assert (plan["benchmark"], plan["universe"]) == ("QQQ", {"all": ["AAPL", "NVDA"]})
    refused = call(*paths, "--out", files / "market", "--yes")
    assert refused.code == 2
    assert "--unit usd|coin" in refused.err
    unseen = call(*paths, "--out", files / "market", "--unit", "usd")
    assert unseen.code == 2
    assert "--yes" in unseen.err
    assert not (files / "market").exists()
    assert call(*paths, "--out", files / "market", "--unit", "usd", "--yes").code == 0
    assert load_market(files / "market").feeds_of("liquidations", "ETH")
    again = call(*paths, "--out", files / "market", "--unit", "usd", "--yes")
    assert again.code == 2
    assert "holds files: name another" in again.err


def test_tickers_that_are_coins_too_are_known_by_their_days(files: Path) -> None:
    for name in ("LTC", "LINK"):
        vendors.quotes(name).to_csv(files / "files" / f"{name}.csv")
    vendors.quotes("AAPL").to_csv(files / "files" / "near_term.csv")
    parts = {Path(part.path).name: part for part in ut.plan_import([files / "files"]).parts}
    assert {(part.kind, part.name) for name, part in parts.items() if name != "near_term.csv"} == {
        ("prices", "LTC"),
        ("prices", "LINK"),
    }
    assert parts["near_term.csv"].kind == "prices"


def test_an_option_answers_what_is_asked_and_changes_nothing_that_is_certain(files: Path) -> None:
    (files / "files" / "more").mkdir()
    vendors.klines(files / "files")
    vendors.metrics(files / "files")
    vendors.yfinance_unadjusted(files / "files")
    vendors.thousands(files / "files" / "more")
    write(files, "two.csv", "Date,Alpha,Beta\n2024-01-02,1,2\n")
    certain = {part.path: part for part in ut.plan_import([files / "files"]).parts if not part.questions}
    said = ImportOptions(
        kind="macro",
        symbol="MSFT",
        timezone="America/New_York",
        stamp="end",
        adjusted="yes",
        decimal="comma",
        dates="day-first",
    )
    answered = {part.path: part for part in ut.plan_import([files / "files"], options=said).parts}
    assert len(certain) == len(answered) - 1
    for path, part in certain.items():
        assert (answered[path].kind, answered[path].name) == (part.kind, part.name)
        pd.testing.assert_frame_equal(answered[path].frame, part.frame)
    assert answered[str(files / "files" / "two.csv")].kind == "macro"


def test_what_is_left_out_is_named(files: Path) -> None:
    write(files, "AAPL.csv", "Date,Open,Adj Close,Volume\n2024-01-02,400,100,5\n2024-01-03,404,101,5\n")
    (part,) = ut.plan_import([files / "files"]).parts
    assert part.notes[0] == "adjusted closes alone; open left out, which are not adjusted"
    assert part.frame["open"].isna().all()
    write(files, "AAPL.csv", "Price,Close,Capital Gains\nTicker,AAPL,AAPL\nDate,,\n2024-01-02,1,0\n")
    (part,) = ut.plan_import([files / "files"]).parts
    assert part.notes == ("columns left out: AAPL Capital Gains", "closes alone: with --fill open no order is filled")
