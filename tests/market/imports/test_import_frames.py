"""Tables in memory, a vectorbt `Data`, a folder and an import of one truth are one market."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pytest
import vectorbt as vbt

import undertow as ut
from support import vendors
from undertow.market import ImportOptions, Market, ParameterError, load_market, write_market


class Quotes(vbt.Data):  # type: ignore[misc]
    """What `vbt.YFData` returns: a table a symbol, times in UTC."""

    @classmethod
    def download_symbol(cls, symbol: str, **kwargs: Any) -> pd.DataFrame:
        return vendors.quotes(symbol).tz_localize("UTC")


def long() -> pd.DataFrame:
    return pd.concat([vendors.quotes(symbol).assign(symbol=symbol) for symbol in vendors.STOCKS])


def feeds() -> dict[str, Any]:
    amounts = vendors.liquidations().set_axis(["long_usd", "short_usd"], axis=1)
    return {"bars": {"BTC": vendors.bars().tz_localize("UTC")}, "liquidations": {"BTC": amounts}}


def panels() -> dict[str, pd.DataFrame]:
    names = ("open", "high", "low", "close", "volume")
    return {
        name: pd.DataFrame({symbol: vendors.quotes(symbol)[name.title()] for symbol in vendors.STOCKS})
        for name in names
    }


def test_every_form_is_the_same_market(tmp_path: Path) -> None:
    expected = Market.from_frames(long(), **feeds())
    forms = {
        "by symbol": {symbol: vendors.quotes(symbol) for symbol in vendors.STOCKS},
        "panels": panels(),
        "vectorbt": Quotes.download(list(vendors.STOCKS)),
        "arrow": pyarrow.Table.from_pandas(long().reset_index(), preserve_index=False),
    }
    for name, prices in forms.items():
        market = Market.from_frames(prices, **feeds())
        assert market.fingerprint == expected.fingerprint, name
        assert market.path is None
    assert load_market(write_market(expected, tmp_path / "written")).fingerprint == expected.fingerprint
    (tmp_path / "files").mkdir()
    for shape in (vendors.stooq, vendors.klines, vendors.coinglass):
        shape(tmp_path / "files")
    folder = load_market(ut.import_market([tmp_path / "files"], tmp_path / "imported"))
    assert folder.fingerprint == expected.fingerprint
    rule = ut.strategies.DrawdownDeRisk(window=72, threshold=-0.05)
    first, second = (ut.backtest(rule, market, universe="all") for market in (expected, folder))
    pd.testing.assert_frame_equal(first.series, second.series, check_exact=True)
    assert first.metrics == second.metrics


def test_prices_alone_are_a_market_that_says_what_it_lacks() -> None:
    closes = panels()["close"]
    market = Market.from_frames(closes, universe=["AAPL", "NVDA"])
    assert not market.feeds
    assert market.universe("all").symbols == ("AAPL", "NVDA")
    run = ut.backtest(ut.strategies.DrawdownDeRisk(), market, universe="all", fill="close")
    assert run.metrics["average_exposure"] == pytest.approx(1.0)


def test_tables_have_named_errors() -> None:
    with pytest.raises(ParameterError, match="a table must be of pandas, polars or Arrow, got list"):
        Market.from_frames([1, 2])
    with pytest.raises(ParameterError, match="panels need `close`"):
        Market.from_frames({"open": panels()["open"]})
    naive = {"BTC": vendors.bars()}
    with pytest.raises(ParameterError, match=r"bars\['BTC'\]: the zone of its times"):
        Market.from_frames(long(), bars=naive)
    assert Market.from_frames(long(), bars=naive, options=ImportOptions(timezone="UTC")).bars().known_at[0]
