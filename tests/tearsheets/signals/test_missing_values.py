"""Why a signal has no value, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from undertow.market import Market, simulate_market
from undertow.signals import AltcoinContagion, BasketSelloff, Drawdown, LiquidationSpike
from undertow.signals.base.spec import Spec
from undertow.signals.decisions.table import DecisionTable
from undertow.tearsheets.events.page import write_event_page
from undertow.tearsheets.signals.missing import group_by_reason, missing_reason


@pytest.fixture(scope="module")
def market() -> Market:
    """A year in which another venue supplies the liquidations from the first of October on."""
    world = simulate_market(seed=11, years=1, names=5)
    feed = world.liquidations("BTC")
    regimes = (feed.times >= np.datetime64("2018-10-01")).astype(np.int64)
    other = replace(feed, regimes=regimes, regime_names=("a", "b"))
    return replace(world, feeds=tuple(other if member is feed else member for member in world.feeds))


def why(market: Market, signal: Any, at: str, *, output: str = "", asset: str = "BTC", ever: bool = False) -> str:
    spec: Spec = signal.spec
    parameters = {name: parameter.default for name, parameter in spec.parameters.items()}
    table, instant = DecisionTable(market, "growth"), np.datetime64(at, "ns")
    return missing_reason(table, spec, parameters, output or spec.outputs[0], asset, instant, ever=ever)


def test_a_window_that_is_not_full_says_since_when_and_how_far_it_is(market: Market) -> None:
    # 24 rows of the sum and 2,160 of the window share one; at half past twelve a day and twelve hours are known.
    expected = "liquidations BTC 1h: needs 2,183 rows, has 36 since a change of venue on 2018-10-01"
    assert why(market, LiquidationSpike, "2018-10-02T12:30") == expected
    assert why(market, LiquidationSpike, "2018-12-03T12:30", output="long_share").startswith("an input is missing")
    feed = market.liquidations("BTC")
    first = str(feed.times[0])[:10]
    assert why(market, LiquidationSpike, str(feed.times[30])).endswith(f" rows, has 29 since {first}")
    assert why(market, BasketSelloff, "2018-01-10T22:00") == "needs 252 sessions, has 7 since 2018-01-02"


def test_a_feed_that_is_not_there_is_named(market: Market) -> None:
    bare = replace(market, feeds=tuple(source for source in market.feeds if source.asset != "ETH"))
    assert why(bare, Drawdown, "2018-10-02", asset="ETH") == "no feed of kind 'bars' for ETH"
    assert why(bare, AltcoinContagion, "2018-10-02") == "no feed of kind 'bars' with close for ETH"


def test_before_and_after_its_rows_a_feed_says_which_it_has(market: Market) -> None:
    feed = market.bars("BTC")
    expected = f"bars BTC 1h has rows from {str(feed.times[0])[:10]} to {str(feed.times[-1])[:10]}"
    assert [why(market, Drawdown, day) for day in ("2010-01-04", "2030-01-04")] == [expected, expected]
    # Ever: what counts is how far the window came by the feed's end.
    assert why(market, Drawdown, "2030-01-04", ever=True).startswith("an input is missing")


def test_what_is_blank_for_one_reason_stands_together() -> None:
    assert group_by_reason({"z": "no row", "rank": "no row", "share": "no feed"}) == "z, rank (no row); share (no feed)"


def test_dashes_of_an_event_are_explained_under_its_table(market: Market, tmp_path: Path) -> None:
    page = write_event_page(market, "growth", tmp_path / "x.html", ["2018-10-15"]).read_text(encoding="utf-8")
    assert "Liquidation spike (liquidations BTC 1h: needs 2,183 rows, has" in page
    assert "since a change of venue on 2018-10-01)" in page
