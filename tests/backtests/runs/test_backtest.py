"""A whole backtest: against a plain loop on real names, and what happens to awkward names."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from undertow.backtests import Costs, backtest
from undertow.backtests.runs.backtest import session_rows
from undertow.market import (
    Market,
    ParameterError,
    Universe,
    UnknownNameError,
    load_market,
    simulate_market,
    write_market,
)
from undertow.strategies import BuyAndHold, DrawdownDeRisk, LiquidityDrain, VolTarget

TWENTY = [
    *("AAPL", "ADBE", "AMD", "AMZN", "AVGO", "CRM", "GOOGL", "INTU", "LRCX", "META"),
    *("MSFT", "MU", "NFLX", "NOW", "NVDA", "PANW", "QCOM", "REGN", "SHOP", "TSLA"),
]


@pytest.fixture(scope="module")
def simulated() -> Market:
    return simulate_market(seed=3, years=2, names=12)


def with_universe(market: Market, symbols: list[str]) -> Market:
    spans = pd.DataFrame({"symbol": symbols, "start": pd.NaT, "end": pd.NaT})
    return replace(market, universes={"growth": Universe("growth", spans)})


def plain_equal_weight(opens: pd.DataFrame, closes: pd.DataFrame, capital: float, rate: float) -> list[float]:
    """Equal weights, rebalanced on the first session of each month at the open; one scalar at a time."""
    shares = dict.fromkeys(opens.columns, 0.0)
    cash, values, month = capital, [], None
    for session in opens.index:
        if session.month != month:
            month = session.month
            price = {name: float(opens.loc[session, name]) for name in shares}
            target = (cash + sum(shares[name] * price[name] for name in shares)) / len(shares)
            wish = {}
            for name in shares:
                trade = target / price[name] - shares[name]
                if trade < 0:
                    cash += -trade * price[name] * (1 - rate) * (1 - rate)
                    shares[name] += trade
                else:
                    wish[name] = trade
            cost = sum(wish[name] * price[name] for name in wish) * (1 + rate) * (1 + rate)
            scale = min(1.0, cash / cost)
            for name, trade in wish.items():
                shares[name] += trade * scale
            cash -= cost * scale
        values.append(cash + sum(shares[name] * float(closes.loc[session, name]) for name in shares))
    return values


def test_twenty_real_names_agree_with_a_plain_loop(real_market: Market) -> None:
    market = with_universe(replace(real_market, cash=None), TWENTY)
    run = backtest(BuyAndHold(), market, start="2018-01-02", end="2025-06-30")
    opens, closes = (
        real_market.prices.frame(name).loc["2018-01-02":"2025-06-30", TWENTY] for name in ("open", "close")
    )
    assert opens.notna().all().all()
    expected = plain_equal_weight(opens, closes, 1_000_000.0, 5e-4)
    np.testing.assert_allclose(run.series["value"], expected, rtol=1e-9)


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("strategy", [BuyAndHold(), VolTarget(), DrawdownDeRisk(), LiquidityDrain()])
def test_vectorbt_and_the_kernel_agree(simulated: Market, strategy: BuyAndHold, fill: str) -> None:
    run = backtest(strategy, simulated, fill=fill, weighting="inverse-volatility", rebalance="weekly")
    np.testing.assert_allclose(run.portfolio.value(), run.series["value"], rtol=1e-9)
    assert run.portfolio.sharpe_ratio() == pytest.approx(run.metrics["annual_sharpe"], rel=1e-6)
    assert run.portfolio.max_drawdown() == pytest.approx(run.metrics["max_drawdown"], rel=1e-9)


def test_portfolio_is_a_vectorbt_portfolio_of_252_sessions(simulated: Market) -> None:
    import vectorbt as vbt

    run = backtest(LiquidityDrain(), simulated)
    assert isinstance(run.portfolio, vbt.Portfolio)
    stats = run.portfolio.stats()
    assert stats["Sharpe Ratio"] == pytest.approx(run.metrics["annual_sharpe"], rel=1e-6)
    assert stats["Calmar Ratio"] == pytest.approx(run.metrics["calmar"], rel=1e-6)
    assert len(run.portfolio.plot().data) > 4


def test_buy_and_hold_equals_its_own_baseline(simulated: Market) -> None:
    run = backtest(BuyAndHold(), simulated)
    pd.testing.assert_series_equal(run.series["value"], run.series["hold_value"], check_names=False)
    assert run.metrics["episodes"] == 0


def test_raised_cash_earns_the_cash_symbol(simulated: Market) -> None:
    rule = LiquidityDrain(cash=1.0)
    paid = backtest(rule, simulated)
    unpaid = backtest(rule, replace(simulated, cash=None))
    assert paid.metrics["total_return"] > unpaid.metrics["total_return"]
    cash = simulated.prices.frame("close")["CASH"].pct_change()
    resting = (paid.series["exposure"] == 0) & (paid.series["exposure"].shift() == 0) & (paid.series["turnover"] == 0)
    assert resting.sum() > 3
    # All in cash and nothing traded: the session's return is the cash symbol's, less what the costs left short.
    np.testing.assert_allclose(paid.returns[resting], cash[resting], atol=1e-6)


def test_episodes_tell_when_what_and_what_it_was_worth(simulated: Market) -> None:
    run = backtest(LiquidityDrain(lag=24), simulated)
    table = run.episodes
    assert len(table) > 3
    assert (table["lag_hours"] >= 24).all()
    assert (table["shock"] + pd.Timedelta(hours=24) <= table["decision"]).all()
    np.testing.assert_allclose(table["return_avoided"], table["run_return"] - table["basket_return"])
    raised = run.orders.query("side == 'sell' and reason == 'de-risk'").groupby("session")["value"].sum()
    common = table.set_index("session")["cash_raised"]
    first = common.index.intersection(raised.index)
    assert (common[first] >= raised[first] - 1e-6).all()


def test_weights_orders_and_values_fit_together(simulated: Market) -> None:
    run = backtest(LiquidityDrain(source="beta"), simulated)
    np.testing.assert_allclose(run.weights.sum(axis=1), 1.0)
    stocks = run.orders[run.orders["symbol"] != simulated.cash]
    assert stocks["costs"].sum() == pytest.approx(run.metrics["costs_paid"])
    traded = stocks[stocks["reason"] != "price end"].groupby("session")["value"].sum().sum()
    assert 0.5 * traded / run.series["value"].mean() == pytest.approx(run.series["turnover"].sum(), rel=0.2)


def test_close_only_names_wait_with_open_fills_and_trade_with_close_fills(simulated: Market) -> None:
    prices = simulated.prices
    column = prices.columns_of(["SIM01"])
    blank = {name: getattr(prices, name).copy() for name in ("open", "high", "low")}
    for panel in blank.values():
        panel[:, column] = np.nan
    market = replace(simulated, prices=replace(prices, **blank))
    waits, trades = (backtest(BuyAndHold(), market, fill=fill) for fill in ("open", "close"))
    assert waits.weights["SIM01"].max() == 0
    assert waits.counts["deferred_fills"] > 20
    assert waits.counts["orders_open_at_end"] == 1
    assert trades.weights["SIM01"].max() > 0.05


def test_delisted_names_are_closed_once_and_counted(simulated: Market) -> None:
    run = backtest(BuyAndHold(), simulated, costs=Costs(haircut_bps=5000))
    ended = [name for name, gone in zip(simulated.prices.symbols, simulated.prices.ended, strict=True) if gone]
    closed = run.orders[run.orders["reason"] == "price end"]
    assert set(closed["symbol"]) == set(ended) & set(simulated.universe("growth").symbols)
    assert run.counts["price_ends_closed"] == len(closed) > 0
    for row in closed.itertuples():
        close = simulated.prices.frame("close")[row.symbol].dropna()
        assert row.price == pytest.approx(close.iloc[-1] / 2)
        assert row.costs == 0
        assert run.weights.loc[row.session :, row.symbol].max() == 0


@pytest.mark.parametrize("after", [2, 5, 6])
def test_whether_a_name_will_trade_again_is_not_known_where_a_run_begins(simulated: Market, after: int) -> None:
    prices = simulated.prices
    (gone,) = np.flatnonzero(prices.ended)
    begin = simulated.sessions[prices.last_rows[gone] + after]
    market = with_universe(simulated, ["SIM01", "SIM02", prices.symbols[gone]])
    run = backtest(BuyAndHold(), market, start=begin, rebalance="never")
    # For a week of closes it may be a halt, and its order waits; after that it is not asked for, and waits no longer.
    waits = after <= 5
    assert run.counts["deferred_fills"] == int(waits)
    assert run.counts["orders_open_at_end"] == 0
    assert run.series["cash_share"].iloc[0] == pytest.approx(1 / 3 if waits else 0.0, abs=0.01)


def test_a_window_is_never_shortened_without_a_word(simulated: Market) -> None:
    first, last = simulated.sessions[0], simulated.sessions[-1]
    all_rows = session_rows(simulated, None, None)
    assert session_rows(simulated, first - pd.Timedelta(days=1), last) == all_rows  # a holiday before the first session
    with pytest.raises(ParameterError, match=r"`start` 2010-01-04 is before the first session"):
        session_rows(simulated, "2010-01-04", None)
    with pytest.raises(ParameterError, match=r"`end` 2050-01-04 is after the last session"):
        session_rows(simulated, None, "2050-01-04")
    with pytest.raises(ParameterError, match=r"fewer than two sessions"):
        session_rows(simulated, "2019-06-03", "2019-06-03")
    with pytest.raises(ParameterError, match=r"`start` must be a date such as 2018-01-02, got 'soon'"):
        session_rows(simulated, "soon", None)


def test_bad_arguments_are_named(simulated: Market) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown universe `growht`, did you mean `growth`"):
        backtest(BuyAndHold(), simulated, universe="growht")
    with pytest.raises(ParameterError, match=r"`weighting` must be one of equal, inverse-volatility; got 'eqal'"):
        backtest(BuyAndHold(), simulated, weighting="eqal")
    with pytest.raises(ParameterError, match=r"`rebalance` must be one of"):
        backtest(BuyAndHold(), simulated, rebalance="hourly")
    with pytest.raises(ParameterError, match=r"`capital` must be positive"):
        backtest(BuyAndHold(), simulated, capital=0)
    with pytest.raises(ParameterError, match=r"`fee_bps` must be in \[0, 1000\]"):
        Costs(fee_bps=-1)
    with pytest.raises(ParameterError, match=r"`fill` must be open or close"):
        backtest(BuyAndHold(), simulated, fill="noon")


def test_the_basket_is_bought_on_the_first_session_that_knows_a_price(simulated: Market) -> None:
    run = backtest(BuyAndHold(), simulated)
    # Nothing is known before the market's first close, so the second session buys, not the next month's first.
    assert run.weights["cash"].iloc[0] == 1
    assert run.weights["cash"].iloc[1] == pytest.approx(0, abs=1e-9)


def test_an_absent_feed_is_named_in_the_run(simulated: Market) -> None:
    feeds = tuple(feed for feed in simulated.feeds if feed.kind != "liquidations")
    run = backtest(LiquidityDrain(), replace(simulated, feeds=feeds))
    assert run.counts["absent_feeds"] == {"liquidation-spike": "no feed of kind 'liquidations' for BTC"}
    assert run.counts["fallback_sessions"] > 300


class Elsewhere(BuyAndHold):
    """A strategy that no entry point knows."""


def test_the_command_names_what_the_command_line_can_find(tmp_path: Path) -> None:
    market = load_market(write_market(simulate_market(seed=3, years=1, names=5), tmp_path / "market"))
    registered, unregistered = (backtest(rule, market).recipe.command for rule in (BuyAndHold(), Elsewhere()))
    assert registered is not None
    assert unregistered is not None
    assert "--strategy buy-and-hold " in registered
    assert f"--strategy {__name__}:Elsewhere " in unregistered


def test_sessions_without_members_or_prices_are_counted(tmp_path: Path) -> None:
    market = simulate_market(seed=4, years=1, names=5)
    days = market.sessions
    spans = pd.DataFrame({"symbol": ["SIM01", "SIM02"], "start": pd.NaT, "end": [days[99], days[99]]})
    few = replace(market, universes={**market.universes, "few": Universe("few", spans)})
    run = backtest(BuyAndHold(), few, universe="few")
    # Nothing is known before the first session either.
    assert run.counts["sessions_without_members"] == len(days) - 100 + 1
    assert "no name of the universe could be held" in run.tearsheet(tmp_path / "x.html").read_text()
    # A vendor's hole: the market stands still for ten sessions.
    panels = {name: getattr(market.prices, name).copy() for name in ("open", "high", "low", "close", "volume")}
    columns = market.prices.columns_of(market.universe("growth").symbols)
    for panel in panels.values():
        panel[50:60, columns] = np.nan
    hole = backtest(BuyAndHold(), replace(market, prices=replace(market.prices, **panels)))
    assert hole.counts["sessions_without_prices"] == 10
    assert "On 10 sessions no name of the universe had a close" in hole.tearsheet(tmp_path / "y.html").read_text()


def test_a_run_pickles_and_says_what_it_is() -> None:
    run = backtest(LiquidityDrain(), simulate_market(seed=4, years=1, names=5))
    run.portfolio.stats()
    unpickled = pickle.loads(pickle.dumps(run))
    assert unpickled.metrics == run.metrics
    assert unpickled.portfolio.total_return() == run.portfolio.total_return()
    assert repr(run) == f"<Run 'liquidity-drain' on 'growth': {len(run.series)} sessions, 2018-01-02 to 2018-12-31>"


def test_vectorbts_benchmark_is_buy_and_hold() -> None:
    run = backtest(LiquidityDrain(), simulate_market(seed=4, years=1, names=5))
    held = run.baselines["buy-and-hold"]["total_return"]
    assert run.portfolio.stats()["Benchmark Return [%]"] == pytest.approx(100 * held, rel=1e-9)
    np.testing.assert_allclose(run.portfolio.benchmark_returns(), run.series["hold_return"], atol=1e-12)
    stated = run.portfolio.stats()["Benchmark Return [%]"]
    for copy in (run.portfolio.copy(), type(run.portfolio).loads(run.portfolio.dumps())):
        assert copy.stats()["Benchmark Return [%]"] == stated


@pytest.mark.parametrize("text", ["03/04/2019", "2019", "2019-03"])
def test_a_day_is_written_in_one_way(text: str) -> None:
    with pytest.raises(ParameterError, match="`start` must be a date such as 2018-01-02"):
        backtest(BuyAndHold(), simulate_market(seed=4, years=1, names=5), start=text)
