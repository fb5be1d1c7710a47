"""Where cash is raised from: every order against numpy and pandas, at the decision and not later."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from undertow.market import Market, simulate_market
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.plan import LEAST_TAX, PROPORTIONAL
from undertow.strategies.rules.sources import (
    SOURCES,
    beta_order,
    btc_beta_order,
    crypto_order,
    liquidity_order,
    selling_orders,
    winners_order,
)

Array = npt.NDArray[np.float64]
QUARTER, HALF_YEAR = 63, 126
SCORES = {
    "winners": winners_order,
    "beta": beta_order,
    "btc-beta": btc_beta_order,
    "crypto": crypto_order,
    "liquid": liquidity_order,
}


@cache
def world() -> Market:
    """A simulated market with holes in prices and volume of two names and in a day of Bitcoin."""
    market = simulate_market(seed=6, years=1.6, names=6)
    close, volume = market.prices.close.copy(), market.prices.volume.copy()
    first, second = market.prices.columns_of(list(market.universe("growth").symbols[:2]))
    close[200:203, first] = np.nan
    volume[220:225, first] = np.nan
    close[:150, second] = np.nan
    bars = market.bars()
    there = ~((bars.times >= np.datetime64("2018-11-20")) & (bars.times < np.datetime64("2018-11-22")))
    feeds = tuple(feed.keep(there) if feed is bars else feed for feed in market.feeds)
    return replace(market, prices=replace(market.prices, close=close, volume=volume), feeds=feeds)


@cache
def table(fill: str = "open") -> DecisionTable:
    return DecisionTable(world(), "growth", fill)  # type: ignore[arg-type]


def closes() -> pd.DataFrame:
    return world().prices.frame("close")[list(table().symbols)]


def btc_at_closes() -> pd.Series:
    """Bitcoin's last close known when the exchange closed, where it is no older than the feed allows."""
    bars = world().bars()
    known = pd.DataFrame({"at": bars.known_at, "btc": bars["close"]})
    sessions = pd.DataFrame({"at": world().calendar.closes})
    found = pd.merge_asof(sessions, known, on="at", tolerance=pd.Timedelta(bars.tolerance))
    return pd.Series(found["btc"].to_numpy(), index=world().sessions)


def known(values: pd.DataFrame) -> Array:
    """What the closes said, as known at each decision: that of the session before, before the open and the close."""
    return np.vstack((np.full((1, values.shape[1]), np.nan), values.to_numpy()[:-1]))


def pairs(row: int, symbol: str, other: pd.Series) -> tuple[Array, Array]:
    """The whole pairs of returns of the half year up to a session."""
    together = pd.DataFrame({"x": other, "y": closes()[symbol]}).pct_change(fill_method=None)
    window = together.iloc[row - HALF_YEAR + 1 : row + 1].dropna()
    return window["x"].to_numpy(), window["y"].to_numpy()


def test_last_quarters_winners_by_pandas() -> None:
    np.testing.assert_allclose(
        winners_order(table()), known(closes().pct_change(QUARTER, fill_method=None)), rtol=1e-12
    )


@pytest.mark.parametrize("name", ["beta", "btc-beta"])
def test_betas_are_the_slopes_of_a_line_through_the_returns(name: str) -> None:
    assert world().benchmark is not None
    benchmark = world().prices.frame("close")[world().benchmark]
    score, other = SCORES[name](table()), benchmark if name == "beta" else btc_at_closes()
    checked = 0
    for row in (140, 205, 228, 260, 330, len(table()) - 2):
        for place, symbol in enumerate(table().symbols):
            x, y = pairs(row, symbol, other)
            if np.isnan(closes()[symbol].iloc[row]) or 2 * len(x) < HALF_YEAR:
                assert np.isnan(score[row + 1, place])
                continue
            slope = np.polyfit(x, y, 1)[0]
            assert score[row + 1, place] == pytest.approx(slope, rel=1e-8)
            assert score[row + 1, place] == pytest.approx(np.cov(x, y)[0, 1] / np.var(x, ddof=1), rel=1e-8)
            checked += 1
    assert checked > 20


def test_correlation_with_bitcoin_by_numpy() -> None:
    score = crypto_order(table())
    for row in (140, 205, 228, 260, 330, len(table()) - 2):
        for place, symbol in enumerate(table().symbols):
            x, y = pairs(row, symbol, btc_at_closes())
            if np.isnan(closes()[symbol].iloc[row]) or 2 * len(x) < HALF_YEAR:
                assert np.isnan(score[row + 1, place])
            else:
                assert score[row + 1, place] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)


def test_money_traded_by_pandas_where_a_session_without_volume_counts_as_none() -> None:
    volume = world().prices.frame("volume")[list(table().symbols)]
    money = (closes() * volume).fillna(0.0)
    mean = money.rolling(QUARTER, min_periods=1).sum() / QUARTER
    np.testing.assert_allclose(liquidity_order(table()), known(mean.where(closes().notna())), rtol=1e-9)
    assert np.isnan(liquidity_order(table())[151 - 1]).any()


@pytest.mark.parametrize("name", list(SCORES))
def test_a_score_at_the_close_knows_no_more_than_one_at_the_open(name: str) -> None:
    # Both decide before their session closes; Bitcoin's hours of the day itself are not in the returns of closes.
    np.testing.assert_array_equal(SCORES[name](table("close")), SCORES[name](table()))


@pytest.mark.parametrize("name", list(SCORES))
def test_later_numbers_change_no_earlier_score(name: str) -> None:
    session = world().sessions[250]
    past = DecisionTable(world().until(session), "growth")
    columns = [table().symbols.index(symbol) for symbol in past.symbols]
    np.testing.assert_array_equal(SCORES[name](past), SCORES[name](table())[:251][:, columns])


def test_without_bitcoin_the_orders_that_need_it_are_unknown() -> None:
    bare = DecisionTable(replace(world(), feeds=()), "growth")
    assert np.isnan(btc_beta_order(bare)).all()
    assert np.isnan(crypto_order(bare)).all()


def test_each_order_is_worked_out_once_and_each_set_points_at_its_own() -> None:
    asked = np.array(["proportional", "beta", "least-tax", "winners", "beta", "liquid", "crypto", "btc-beta"])
    scores, which = selling_orders(table(), asked)
    assert len(scores) == 5
    for source, place in zip(asked, which, strict=True):
        if source in SCORES:
            np.testing.assert_array_equal(scores[place], SCORES[source](table()))
        else:
            assert place == {"proportional": PROPORTIONAL, "least-tax": LEAST_TAX}[source]
    assert {*SCORES, "proportional", "least-tax"} == set(SOURCES)
