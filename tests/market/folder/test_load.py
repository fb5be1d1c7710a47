"""What a good folder loads to, and what a vendor may deliver that is no error."""

from __future__ import annotations

import dataclasses
import gzip

import numpy as np
import pandas as pd
import pytest

from support.tiny import BTC, GROWTH, LIQUIDATIONS, MACRO, PRICES, TOML, Folder
from undertow.market import DataError, Market, UnknownNameError, load_market


def at(text: str) -> np.datetime64:
    return np.datetime64(text, "ns")


def to_parquet(folder: Folder, file: str, table: pd.DataFrame, **options) -> None:
    path = file.replace(".csv", ".parquet")
    table.to_parquet(folder.path / path, **options)
    (folder.path / file).unlink()
    folder.replace("market.toml", file, path)


def test_panel(tiny_market: Market):
    prices = tiny_market.prices
    assert prices.symbols == ("AAA", "BBB", "CCC")
    assert prices.close.shape == (12, 3)
    np.testing.assert_array_equal(prices.open[:2], [[100, 50, 20], [101, 51, 21]])
    np.testing.assert_array_equal(prices.close[-1], [112, 62, 32])
    assert str(tiny_market.sessions[8].date()) == "2024-11-29"


def test_feeds_are_known_after_interval_and_delay(tiny_market: Market):
    liquidations = tiny_market.liquidations()
    assert liquidations.times[0] == at("2024-11-15T00:00")
    assert liquidations.known_at[0] == at("2024-11-16T00:10")
    assert tiny_market.bars().known_at[0] == at("2024-11-15T01:00")
    macro = tiny_market.feed("macro")
    assert macro.known_at[list(macro.times).index(at("2024-11-27"))] == at("2024-11-29T18:00")


def test_membership_includes_both_ends(tiny_market: Market):
    members = tiny_market.universe("growth").members(tiny_market.sessions, ("AAA", "BBB", "CCC", "DDD"))
    np.testing.assert_array_equal(members.sum(axis=0), [12, 10, 10, 0])
    assert members[2, 1]
    assert not members[1, 1]
    assert members[9, 2]
    assert not members[10, 2]


def test_csv_gz_and_parquet_load_to_the_same_market(tiny: Folder, tiny_market: Market):
    (tiny.path / (PRICES + ".gz")).write_bytes(gzip.compress((tiny.path / PRICES).read_bytes()))
    (tiny.path / PRICES).unlink()
    tiny.replace("market.toml", PRICES, PRICES + ".gz")
    bars = tiny.table(BTC)
    to_parquet(tiny, BTC, bars.assign(time=pd.to_datetime(bars["time"])))
    macro = tiny.table(MACRO)
    to_parquet(tiny, MACRO, macro.assign(time=pd.to_datetime(macro["time"]).dt.date))
    assert tiny.load().fingerprint == tiny_market.fingerprint


def test_an_index_that_was_written_out_is_read_as_a_column(tiny: Folder, tiny_market: Market):
    bars = tiny.table(BTC)
    to_parquet(tiny, BTC, bars.assign(time=pd.to_datetime(bars["time"])).set_index("time"))
    macro = tiny.table(MACRO)
    macro.to_csv(tiny.path / MACRO)
    assert tiny.lines(MACRO)[0].startswith(",time")
    assert tiny.load().fingerprint == tiny_market.fingerprint


def test_prices_may_be_sorted_by_symbol_and_have_more_columns(tiny: Folder, tiny_market: Market):
    table = tiny.table(PRICES).sort_values("symbol", kind="stable").assign(note="x")
    to_parquet(tiny, PRICES, table.astype({"symbol": "category", "close": "float32"}), index=False)
    assert tiny.load().fingerprint == tiny_market.fingerprint


def test_byte_order_mark_spaces_and_windows_line_ends(tiny: Folder, tiny_market: Market):
    for file in ("market.toml", PRICES):
        text = (tiny.path / file).read_text(encoding="utf-8")
        spaced = text.replace(",", ", ") if file == PRICES else text
        (tiny.path / file).write_bytes(("\ufeff" + spaced.replace("\n", "\r\n")).encode())
    assert tiny.load().fingerprint == tiny_market.fingerprint


@pytest.mark.parametrize("ticker", ["NA", "TRUE", "nan", "0700", "1E5", "BRK.B"])
def test_a_symbol_is_text(tiny: Folder, ticker: str):
    for file in (PRICES, GROWTH):
        tiny.replace(file, "BBB", ticker)
    market = tiny.load()
    assert ticker in market.prices
    assert ticker in market.universe("growth").symbols


def test_identical_repeats_are_dropped_and_counted(tiny: Folder, tiny_market: Market):
    for row in (9, 4):
        tiny.repeat_row(LIQUIDATIONS, row)
    liquidations = tiny.load().liquidations()
    assert liquidations.repeated_rows == 2
    np.testing.assert_array_equal(liquidations.times, tiny_market.liquidations().times)


def test_close_only_rows_late_starts_and_early_ends(tiny: Folder):
    for row in range(2, 36, 3):
        tiny.set_row(PRICES, row, ",".join([*tiny.lines(PRICES)[row].split(",")[:2], "", "", "", "55", ""]))
    remaining = [line for line in tiny.lines(PRICES) if not (",CCC," in line and ("11-18" in line or "12-04" in line))]
    tiny.write(PRICES, remaining)
    prices = tiny.load().prices
    assert np.isnan(prices.open[:, 1]).all()
    assert (prices.close[:, 1] == 55).all()
    np.testing.assert_array_equal(prices.first_rows, [0, 0, 1])
    np.testing.assert_array_equal(prices.last_rows, [11, 11, 10])
    # A name that lacks the last session alone has not ended.
    np.testing.assert_array_equal(prices.ended, [False, False, False])


def test_universe_symbols_without_prices_are_accepted(tiny: Folder):
    tiny.write(GROWTH, [*tiny.lines(GROWTH), "ZZZ,,"])
    market = tiny.load()
    assert market.universe("growth").symbols == ("AAA", "BBB", "CCC", "ZZZ")
    assert "ZZZ" not in market.prices


def test_a_universe_may_have_no_dates(tiny: Folder):
    tiny.write(GROWTH, ["symbol", "AAA", "BBB"])
    assert tiny.load().universe("growth").members(pd.DatetimeIndex(["1990-01-01"]), ("AAA", "BBB")).all()


@pytest.mark.parametrize("blank", ["", ".", "NA", "NaN", "null"])
def test_blanks_are_nan(tiny: Folder, blank: str):
    tiny.set_cell(BTC, 3, "volume", blank)
    tiny.set_cell(MACRO, 2, "VIXCLS", blank)
    market = tiny.load()
    assert np.isnan(market.bars()["volume"][2])
    assert np.isnan(market.macro("VIXCLS").iloc[1])


def test_missing_hours_keep_the_grid(tiny: Folder):
    tiny.write(BTC, [line for n, line in enumerate(tiny.lines(BTC)) if n not in (11, 12)])
    bars = tiny.load().bars()
    assert bars.missing_intervals == 2
    np.testing.assert_array_equal(np.isnan(bars.on_grid("close"))[9:13], [False, True, True, False])


def test_a_venue_regime_that_comes_back_is_a_new_one(tiny: Folder):
    for row in (5, 6):
        tiny.set_cell(LIQUIDATIONS, row, "venue_regime", "two")
    liquidations = tiny.load().liquidations()
    assert liquidations.regime_names == ("one", "two", "one")
    np.testing.assert_array_equal(liquidations.regimes[:8], [0, 0, 0, 0, 1, 1, 2, 2])


def test_the_finest_feed_comes_first(tiny: Folder):
    daily = [line.replace(",one", "").replace(",venue_regime", "") for line in tiny.lines(LIQUIDATIONS)]
    tiny.write("liquidations/BTC_1h.csv", [daily[0], "2024-11-19T00:00:00Z,1,2", "2024-11-19T01:00:00Z,1,2"])
    entry = '[[feed]]\npath = "liquidations/BTC_1h.csv"\nkind = "liquidations"\nasset = "BTC"\ninterval = "1h"\n'
    tiny.write("market.toml", [*tiny.lines("market.toml"), *entry.splitlines()])
    assert [feed.label for feed in tiny.load().feeds_of("liquidations")] == [
        "liquidations BTC 1h",
        "liquidations BTC 1d",
    ]


def test_rows_that_are_further_apart_than_the_interval_are_refused(tiny: Folder):
    lines = tiny.lines(BTC)
    tiny.write(BTC, [lines[0], *lines[1::24]])
    with pytest.raises(DataError, match=r"BTC.*: no two rows are less than 1d apart, but `interval` is 1h"):
        tiny.load()
    # Holes are none of its business.
    tiny.write(BTC, [lines[0], *lines[1:3], *lines[25::24]])
    assert tiny.load().bars().missing_intervals > 400
    tiny.write(BTC, [lines[0], *lines[1::24]])
    tiny.replace("market.toml", 'interval = "1h"', 'interval = "1d"')
    assert tiny.load().bars().label == "bars BTC 1d"


def test_one_session_is_a_market(tiny: Folder):
    tiny.write(PRICES, tiny.lines(PRICES)[:4])
    assert len(tiny.load().sessions) == 1


def test_until_drops_what_was_not_known(tiny_market: Market):
    past = tiny_market.until("2024-11-30")
    assert str(past.sessions[-1].date()) == "2024-11-29"
    # The half day closes at 18:00 UTC: the bar of 17:00 is known, that of 18:00 is not, nor is that day's total.
    assert past.bars().times[-1] == at("2024-11-29T17:00")
    assert past.liquidations().times[-1] == at("2024-11-28T00:00")
    assert past.feed("macro").times[-1] == at("2024-11-28")
    with pytest.raises(DataError, match="starts on 2024-11-18, after 2024-11-15"):
        tiny_market.until("2024-11-15")


def test_the_fingerprint_changes_with_data_and_settings_only(tiny: Folder, tiny_market: Market):
    assert tiny.load().fingerprint == tiny_market.fingerprint
    tiny.replace("market.toml", 'delay = "10min"', 'delay = "10min"\ntolerance = "36h"')
    tolerant = tiny.load().fingerprint
    tiny.set_cell(PRICES, 7, "close", "102.001")
    assert len({tiny_market.fingerprint, tolerant, tiny.load().fingerprint}) == 3


def test_names_that_are_not_there(tiny_market: Market):
    with pytest.raises(UnknownNameError, match="unknown universe `grwth`, did you mean `growth`"):
        tiny_market.universe("grwth")
    with pytest.raises(UnknownNameError, match="unknown macro series `VIX`, did you mean `VIXCLS`"):
        tiny_market.macro("VIX")
    with pytest.raises(DataError, match="no feed of kind 'bars' for ETH; it has: bars BTC, liquidations BTC, macro"):
        tiny_market.bars("ETH")


def test_defaults_where_the_file_does_not_say(tiny: Folder):
    tiny.write("market.toml", TOML.replace('name = "tiny"\n', "").replace('benchmark = "AAA"\n', "").splitlines())
    market = load_market(str(tiny.path))
    assert (market.name, market.benchmark, market.cash) == ("tiny", None, None)
    assert dataclasses.replace(market, name="other").fingerprint == market.fingerprint


def test_an_error_names_the_folder_too(tiny: Folder):
    (tiny.path / PRICES).unlink()
    with pytest.raises(DataError, match=f"^{tiny.path}/{PRICES}: not found; fix its `path` in market.toml"):
        load_market(tiny.path)


def test_an_unknown_benchmark_names_the_file(tiny: Folder):
    tiny.replace("market.toml", "format = 1", 'format = 1\nbenchmark = "NOPE"')
    with pytest.raises(DataError, match=f"^{tiny.path}/market.toml: "):
        load_market(tiny.path)


def test_a_folder_of_the_name_of_a_file_s_folder_is_named_too(tiny: Folder, monkeypatch: pytest.MonkeyPatch):
    below = PRICES.partition("/")[0] if "/" in PRICES else "tiny"
    home = tiny.path.parent / "home"
    home.mkdir()
    tiny.path.rename(home / below)
    (home / below / PRICES).unlink()
    monkeypatch.chdir(home)
    for folder in (below, f"./{below}"):
        with pytest.raises(DataError, match=f"^{folder}/{PRICES}: not found"):
            load_market(folder)
    (home / below / "market.toml").write_text("format = 2")
    with pytest.raises(DataError, match=f"^{below}/market.toml: "):
        load_market(f"./{below}")
