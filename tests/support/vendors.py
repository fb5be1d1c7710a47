"""Files in the shapes of data vendors, made from one small truth."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

SESSIONS = pd.DatetimeIndex(
    [
        day
        for day in pd.bdate_range("2024-01-02", "2024-04-30")
        if str(day.date()) not in ("2024-01-15", "2024-02-19", "2024-03-29")
    ]
)
HOURS = pd.date_range("2024-01-01", "2024-05-01", freq="h", inclusive="left")
DAYS = pd.date_range("2024-01-01", "2024-04-30")
STOCKS = ("AAPL", "NVDA", "QQQ", "BIL")


def quotes(symbol: str) -> pd.DataFrame:
    """Open to volume of a stock, a row a session; the index has the sessions."""
    rng = np.random.default_rng(sum(map(ord, symbol)))
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, len(SESSIONS)))), 4)
    opens = np.round(close * np.exp(rng.normal(0.0, 0.003, len(SESSIONS))), 4)
    high, low = np.round(np.maximum(opens, close) + 0.5, 4), np.round(np.minimum(opens, close) - 0.5, 4)
    volume = np.arange(len(SESSIONS)) * 1000.0 + 1e6
    columns = {"Open": opens, "High": high, "Low": low, "Close": close, "Volume": volume}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(SESSIONS, name="Date"))


def bars() -> pd.DataFrame:
    """Hourly bars of Bitcoin; the index has the starts."""
    rng = np.random.default_rng(1)
    close = np.round(40_000 * np.exp(np.cumsum(rng.normal(0.0, 0.004, len(HOURS)))), 2)
    columns = {
        "open": close - 10.0,
        "high": close + 50.0,
        "low": close - 50.0,
        "close": close,
        "volume": 12.5 + np.arange(len(HOURS)) % 7,
    }
    return pd.DataFrame(columns, index=HOURS)


def liquidations() -> pd.DataFrame:
    """Daily liquidations of Bitcoin in USD."""
    amounts = np.arange(len(DAYS)) * 1000.0
    return pd.DataFrame({"long": 1e6 + amounts, "short": 2e6 - amounts}, index=DAYS)


def yfinance_two_lines(folder: Path) -> None:
    wide = pd.concat({symbol: quotes(symbol) for symbol in STOCKS}, axis=1).swaplevel(axis=1).sort_index(axis=1)
    wide.columns.names = ["Price", "Ticker"]
    wide.to_csv(folder / "prices.csv")


def yfinance_by_ticker(folder: Path) -> None:
    wide = pd.concat({symbol: quotes(symbol) for symbol in STOCKS}, axis=1)
    wide.to_csv(folder / "download.csv")


def yfinance_stacked(folder: Path) -> None:
    long = pd.concat([quotes(symbol).assign(Ticker=symbol) for symbol in STOCKS])
    long.reset_index().to_csv(folder / "stacked.csv", index=False)


def yfinance_history(folder: Path) -> None:
    """One file a symbol with times of New York, dividends and splits."""
    for symbol in STOCKS:
        table = quotes(symbol).assign(**{"Dividends": 0.0, "Stock Splits": 0.0})
        table.index = table.index.tz_localize("America/New_York")
        table.to_csv(folder / f"{symbol}.csv")


def yfinance_unadjusted(folder: Path) -> None:
    """Raw closes twice as high as adjusted ones."""
    for symbol in STOCKS:
        raw = quotes(symbol)
        raw[["Open", "High", "Low", "Close"]] *= 2.0
        raw.insert(4, "Adj Close", quotes(symbol)["Close"])
        raw.to_csv(folder / f"{symbol}_1d.csv.gz")


def stooq(folder: Path) -> None:
    for symbol in STOCKS:
        table = quotes(symbol)
        rows = pd.DataFrame(
            {
                "<TICKER>": f"{symbol}.US",
                "<PER>": "D",
                "<DATE>": table.index.strftime("%Y%m%d"),
                "<TIME>": "000000",
                **{f"<{name[:5].upper() if name != 'Volume' else 'VOL'}>": table[name].to_numpy() for name in table},
                "<OPENINT>": 0,
            }
        )
        rows.to_csv(folder / f"{symbol.lower()}.us.txt", index=False)


def long_file(folder: Path) -> None:
    """One long file with semicolons, decimal commas and the day first, in latin-1."""
    rows = pd.concat([quotes(symbol).assign(Symbol=symbol, Note="geprüft") for symbol in STOCKS]).reset_index()
    rows["Date"] = rows["Date"].dt.strftime("%d.%m.%Y")
    rows.to_csv(folder / "kurse.csv", sep=";", decimal=",", index=False, encoding="latin-1")


def thousands(folder: Path) -> None:
    """Thousands separators, currency signs, newest row first, months first."""
    for symbol in STOCKS:
        rows = quotes(symbol)[::-1].reset_index()
        rows["Date"] = rows["Date"].dt.strftime("%m/%d/%Y")
        for name in ("Open", "High", "Low", "Close"):
            rows[name] = rows[name].map("${:,.4f}".format)
        rows["Volume"] = rows["Volume"].map("{:,.0f}".format)
        rows.to_csv(folder / f"{symbol}.csv", index=False, encoding="utf-8-sig")


def klines(folder: Path, header: bool = False, unit: str = "ms") -> None:
    """Monthly archives of klines, zipped, the last hour of a month again in the next."""
    table, scale = bars(), {"ms": 10**6, "us": 10**3}[unit]
    starts = table.index.as_unit("ns").asi8
    rows = pd.DataFrame({"open_time": starts // scale, **{name: table[name].to_numpy() for name in table}})
    rows["close_time"] = (starts + 3600 * 10**9) // scale - 1
    for name in ("quote_asset_volume", "count", "taker_buy_base", "taker_buy_quote", "ignore"):
        rows[name] = 0
    for month, part in rows.groupby(table.index.month):
        if month > 1:
            part = pd.concat([rows.loc[[part.index[0] - 1]], part])
        name = f"BTCUSDT-1h-2024-{month:02d}"
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            archive.writestr(f"{name}.csv", part.to_csv(index=False, header=header))


def ccxt_dump(folder: Path) -> None:
    table = bars()
    rows = [
        [int(time) // 10**6, *map(float, row)]
        for time, row in zip(table.index.as_unit("ns").asi8, table.to_numpy(), strict=True)
    ]
    (folder / "BTC_USDT-1h.json").write_text(json.dumps(rows))


def bars_with_zone(folder: Path) -> None:
    table = bars().rename_axis("Date")
    table.index = table.index.tz_localize("UTC").strftime("%Y-%m-%d %H:%M:%S+00:00")
    table.to_csv(folder / "BTC-USD.csv")


def coinglass(folder: Path) -> None:
    table = liquidations()
    rows = [
        {
            "time": int(time) // 10**6,
            "aggregated_long_liquidation_usd": row.long,
            "aggregated_short_liquidation_usd": row.short,
        }
        for time, row in zip(table.index.as_unit("ns").asi8, table.itertuples(), strict=True)
    ]
    (folder / "BTC_liquidations.json").write_text(json.dumps({"code": "0", "data": rows}))


def coinalyze(folder: Path) -> None:
    """Liquidations of two coins, in USD or coins: the rows do not say."""
    table = liquidations()
    history = [
        {"t": int(time) // 10**9, "l": row.long, "s": row.short}
        for time, row in zip(table.index.as_unit("ns").asi8, table.itertuples(), strict=True)
    ]
    (folder / "liq.json").write_text(
        json.dumps([{"symbol": f"{coin}USDT_PERP.A", "history": history} for coin in ("BTC", "ETH")])
    )


def metrics(folder: Path) -> None:
    times = pd.date_range("2024-01-01", "2024-04-30", freq="5min", inclusive="left")
    rows = pd.DataFrame(
        {
            "create_time": times.strftime("%Y-%m-%d %H:%M:%S"),
            "symbol": "BTCUSDT",
            "sum_open_interest": 50_000.0,
            "sum_open_interest_value": 2e9 + np.arange(len(times)) * 10.0,
            "count_toptrader_long_short_ratio": 1.5,
        }
    )
    rows.to_csv(folder / "BTCUSDT-metrics-2024.csv", index=False)


def fred(folder: Path) -> None:
    days = pd.bdate_range("2023-12-01", "2024-04-30")
    yields = [f"{4.0 + 0.01 * number:.2f}" if number % 9 else "." for number in range(len(days))]
    pd.DataFrame({"observation_date": days.strftime("%Y-%m-%d"), "DGS10": yields}).to_csv(
        folder / "DGS10.csv", index=False
    )


def vix(folder: Path) -> None:
    days = SESSIONS.strftime("%m/%d/%Y")
    level = 13.0 + np.arange(len(days)) % 5
    pd.DataFrame({"DATE": days, "OPEN": level, "HIGH": level + 1, "LOW": level - 1, "CLOSE": level}).to_csv(
        folder / "VIX_History.csv", index=False
    )


def funding(folder: Path) -> None:
    times = pd.date_range("2024-01-01", "2024-05-01", freq="8h", inclusive="left").as_unit("ns").asi8 // 10**6
    rows = pd.DataFrame(
        {"calc_time": times, "funding_interval_hours": 8, "last_funding_rate": 0.0001 + np.arange(len(times)) * 1e-7}
    )
    (folder / "BTCUSDT-fundingRate-2024.csv.gz").write_bytes(gzip.compress(rows.to_csv(index=False).encode()))


PRICES: tuple[Callable[[Path], None], ...] = (
    yfinance_two_lines,
    yfinance_by_ticker,
    yfinance_stacked,
    yfinance_history,
    yfinance_unadjusted,
    stooq,
    long_file,
    thousands,
)
