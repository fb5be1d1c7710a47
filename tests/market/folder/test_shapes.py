"""Tables as yfinance writes them are refused with the way to the format."""

from __future__ import annotations

import pandas as pd
import pytest

from support.tiny import PRICES, Folder
from undertow.market import DataError, Market

TOML = "market.toml"
NAMES = {"session": "Date", "symbol": "Ticker", "open": "Open", "high": "High", "low": "Low", "close": "Close"}


def yahoo(folder: Folder) -> pd.DataFrame:
    return folder.table(PRICES).rename(columns={**NAMES, "volume": "Volume"})


def wide(folder: Folder) -> pd.DataFrame:
    """What `yf.download` of several tickers returns: two levels of columns, Price and Ticker."""
    table = yahoo(folder).pivot(index="Date", columns="Ticker")
    table.columns.names = ["Price", "Ticker"]
    return table


@pytest.mark.parametrize("names", [["Price", "Ticker"], [None, "Ticker"]])
def test_two_header_lines(tiny: Folder, names: list[str | None]) -> None:
    table = wide(tiny)
    table.columns.names = names
    table.to_csv(tiny.path / PRICES)
    with pytest.raises(DataError, match=r"two header lines, as yfinance writes them: stack the tickers .*\.stack\("):
        tiny.load()


def test_one_ticker_with_two_header_lines(tiny: Folder) -> None:
    wide(tiny).xs("AAA", axis=1, level="Ticker", drop_level=False).to_csv(tiny.path / PRICES)
    with pytest.raises(DataError, match="two header lines, as yfinance writes them"):
        tiny.load()


def test_the_remedy_works(tiny: Folder, tiny_market: Market) -> None:
    table = wide(tiny)
    stacked = (
        table.stack("Ticker", future_stack=True)
        .rename_axis(["session", "symbol"])
        .rename(columns=str.lower)
        .reset_index()
    )
    stacked.to_csv(tiny.path / PRICES, index=False)
    assert tiny.load().fingerprint == tiny_market.fingerprint


def test_one_ticker(tiny: Folder) -> None:
    table = yahoo(tiny)
    table[table["Ticker"] == "AAA"].drop(columns="Ticker").to_csv(tiny.path / PRICES, index=False)
    with pytest.raises(DataError, match="`Date` is `session`, the others in lower case, and add a column `symbol`"):
        tiny.load()


def test_stacked(tiny: Folder) -> None:
    yahoo(tiny).to_csv(tiny.path / PRICES, index=False)
    with pytest.raises(DataError, match="`Date` is `session`, `Ticker` is `symbol`, the others in lower case"):
        tiny.load()


def test_sessions_with_a_zone(tiny: Folder) -> None:
    table = tiny.table(PRICES)
    table["session"] = pd.to_datetime(table["session"]).dt.tz_localize("America/New_York")
    table.to_csv(tiny.path / PRICES, index=False)
    with pytest.raises(DataError, match=r"row 1: `session` .* has a time zone; write the date alone.*tz_localize"):
        tiny.load()
    table.to_parquet(tiny.path / PRICES.replace(".csv", ".parquet"))
    tiny.replace(TOML, PRICES, PRICES.replace(".csv", ".parquet"))
    with pytest.raises(DataError, match=r"row 1: `session` .* has a time zone; write the date alone"):
        tiny.load()


def test_sessions_over_a_change_of_the_clocks(tiny: Folder) -> None:
    table = tiny.table(PRICES)
    table.loc[:17, "session"] += " 00:00:00-05:00"
    table.loc[18:, "session"] += " 00:00:00-04:00"
    table.to_csv(tiny.path / PRICES, index=False)
    with pytest.raises(DataError, match=r"`session` mixes time zones; .* a date such as 2024-08-05, without a zone"):
        tiny.load()


def test_adjusted_closes_beside_the_closes_are_reported(tiny: Folder, tiny_market: Market) -> None:
    table = tiny.table(PRICES)
    table.assign(**{"Adj Close": table["close"]}).to_csv(tiny.path / PRICES, index=False)
    assert tiny.load().notes == ()
    split = (table["symbol"] == "AAA") & (table["session"] < "2024-11-21")
    table.assign(adj_close=table["close"] / (1 + 3 * split)).to_csv(tiny.path / PRICES, index=False)
    market = tiny.load()
    assert market.fingerprint == tiny_market.fingerprint
    (note,) = market.notes
    assert note.startswith(f"{PRICES}: `adj_close` differs from `close` on 3 of 36 rows, and `close` is used")
    assert "multiply open, high, low and close by adj_close / close, or remove the column" in note
