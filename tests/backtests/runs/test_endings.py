"""Names without prices: ends, gaps, blank rows and reused tickers, with values by hand; opens that are no prices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support.panels import panel_market
from undertow.backtests import Costs
from undertow.backtests.sweeps.sweep import sweep
from undertow.cli.console import show_run
from undertow.market import Market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import BuyAndHold
from undertow.tearsheets.run.data_notes import data_section

FREE = Costs(fee_bps=0, slippage_bps=0)
NAN = np.nan
FLAT = np.full(40, 10.0)


def hold(market: Market, costs: Costs = FREE, **settings: Any) -> ut.Run:
    """Buy-and-hold without costs; a sweep of it has the same figures."""
    run = ut.backtest(BuyAndHold(), market, costs=costs, **settings)
    swept = sweep(BuyAndHold, market, pd.DataFrame(index=[0]), costs=costs, **settings).table.iloc[0]
    for name in ("price_ends_closed", "gap_ends_closed", "deferred_fills", "orders_open_at_end"):
        assert swept[name] == run.counts[name]
    assert swept["total_return"] == pytest.approx(run.metrics["total_return"], abs=1e-12)
    return run


def value(run: ut.Run) -> list[float]:
    return list(run.series["value"] / 1e6)


def without(prices: Any, *rows: int) -> np.ndarray[Any, Any]:
    blank = np.asarray(prices, dtype=np.float64).copy()
    blank[list(rows)] = NAN
    return blank


@pytest.mark.parametrize("missing", [(39,), (38, 39), (37, 38, 39), tuple(range(35, 40))])
@pytest.mark.parametrize("names", [("AAA",), ("AAA", "BBB")])
def test_a_blank_or_partial_end_of_the_data_ends_no_listing(names: tuple[str, ...], missing: tuple[int, ...]) -> None:
    rising = {"AAA": FLAT * np.linspace(1, 2, 40), "BBB": FLAT * np.linspace(1, 3, 40)}
    blank = {name: without(rising[name], *missing) if name in names else rising[name] for name in rising}
    run = hold(panel_market(blank), costs=Costs(0, 0, 3000), rebalance="never")
    assert run.counts["price_ends_closed"] == run.counts["gap_ends_closed"] == 0
    assert run.endings.empty
    # Half a million in each, held at its last close; the account is bought in the second session, at its open.
    first = {name: values[1] for name, values in rising.items()}
    last = {name: rising[name][missing[0] - 1 if name in names else 39] for name in rising}
    assert value(run)[-1] == pytest.approx(sum(0.5 * last[name] / first[name] for name in rising))
    assert run.series["cash_share"].iloc[-1] == 0.0


def test_a_name_ends_after_five_sessions_without_a_price_and_not_before() -> None:
    # The last close is that of row 20: rows 21 to 25 are a halt; on row 26 it is sold at 20 less 10 %.
    ends = np.where(np.arange(40) > 20, NAN, np.where(np.arange(40) < 15, 10.0, 20.0))
    market = panel_market({"AAA": ends, "BBB": FLAT})
    run = hold(market, costs=Costs(0, 0, 1000), rebalance="never")
    assert run.series["value"].iloc[:26].iloc[-1] == pytest.approx(1.5e6)
    assert run.series["value"].iloc[26:].tolist() == pytest.approx([1.4e6] * 14)
    (closed,) = run.endings.to_dict(orient="records")
    assert (closed["symbol"], closed["session"]) == ("AAA", market.sessions[26])
    assert (closed["price"], closed["haircut_bps"], closed["value"]) == pytest.approx((18.0, 1000.0, 900_000.0))
    assert (run.counts["price_ends_closed"], run.counts["gap_ends_closed"]) == (1, 0)
    for end in range(21, 26):
        within = hold(market, costs=Costs(0, 0, 1000), rebalance="never", end=market.sessions[end])
        assert within.endings.empty
    assert market.prices.ended.tolist() == [True, False]


def test_a_reused_ticker_is_another_company() -> None:
    # 10 to 11.20 until row 19, then no price; from row 30 on another company at 37.50 under the same name.
    ticker = np.concatenate((np.linspace(10, 11.2, 20), np.full(10, NAN), np.full(10, 37.5)))
    ticker[1] = 10.0
    run = hold(panel_market({"AAA": ticker, "ZZZ": FLAT}, members=[("AAA", None, None)]), rebalance="never")
    assert run.metrics["total_return"] == pytest.approx(0.12)
    assert (run.counts["price_ends_closed"], run.counts["gap_ends_closed"]) == (0, 1)
    assert run.endings["price"].tolist() == pytest.approx([11.2])


def test_after_a_gap_a_name_is_bought_anew_and_its_gain_counts_again() -> None:
    # Sold at 10 on row 26 of a gap from row 21 to 29; at 50 from row 30 on it is no gain. Bought at 50 by the daily
    # rebalance on row 31, after its first close, it makes 20 % on row 35 on its half of the money.
    rows = np.arange(40)
    gap = np.where(rows < 21, 10.0, np.where(rows < 30, NAN, np.where(rows < 35, 50.0, 60.0)))
    run = hold(panel_market({"AAA": gap, "BBB": FLAT}), rebalance="daily")
    np.testing.assert_allclose(value(run)[:35], 1.0)
    np.testing.assert_allclose(value(run)[35:], 1.1)
    assert run.orders.loc[run.orders["symbol"] == "AAA", "session"].min() == run.series.index[1]
    assert (run.weights["AAA"].iloc[26:31] == 0.0).all()
    assert run.weights["AAA"].iloc[31] == pytest.approx(0.5)
    assert run.counts["gap_ends_closed"] == 1


def test_a_membership_that_ended_inside_a_gap_closes_the_position() -> None:
    # Acquired at 20 on row 20, out of the universe on row 22; the ticker is someone else's from row 28 on.
    rows = np.arange(40)
    ticker = np.where(rows <= 20, 20.0, np.where(rows < 28, NAN, 1.0))
    market = panel_market({"AAA": ticker, "BBB": FLAT}, members=[("AAA", None, "2021-02-03"), ("BBB", None, None)])
    for rebalance in ("never", "daily"):
        run = hold(market, rebalance=rebalance)
        np.testing.assert_allclose(value(run), 1.0)
        assert run.endings["session"].tolist() == [market.sessions[26]]


def test_a_halt_of_five_sessions_is_held_through() -> None:
    rows = np.arange(40)
    halted = np.where((rows > 20) & (rows < 26), NAN, np.where(rows <= 20, 10.0, 4.0))
    run = hold(panel_market({"AAA": halted, "BBB": FLAT}), rebalance="never")
    assert value(run)[25] == pytest.approx(1.0)
    assert value(run)[26] == pytest.approx(0.7)
    assert run.endings.empty


def test_sessions_without_any_price_do_not_count() -> None:
    blank = range(21, 31)
    market = panel_market({"AAA": without(FLAT, *blank), "BBB": without(FLAT, *blank)})
    run = hold(market, rebalance="daily")
    assert run.endings.empty
    assert run.counts["sessions_without_prices"] == 10
    np.testing.assert_allclose(value(run), 1.0)
    assert DecisionTable(market, "growth").alive[31].all()
    # A halt of four sessions, the blank ones and one more are a halt of five.
    halted = without(FLAT, *range(17, 32))
    assert hold(panel_market({"AAA": halted, "BBB": without(FLAT, *blank)}), rebalance="never").endings.empty
    longer = without(FLAT, *range(17, 33))
    closed = hold(panel_market({"AAA": longer, "BBB": without(FLAT, *blank)}), rebalance="never").endings
    assert closed["session"].tolist() == [market.sessions[32]]


@pytest.mark.parametrize("fill", ["open", "close"])
def test_no_session_knows_a_later_price(fill: str) -> None:
    """Cut anywhere, the market gives the same account up to there."""
    rng = np.random.default_rng(6)
    closes = {name: 50 * np.exp(np.cumsum(rng.normal(0, 0.02, 90))) for name in ("AAA", "BBB", "CCC", "DDD")}
    opens = {name: values * np.exp(rng.normal(0, 0.005, 90)) for name, values in closes.items()}
    for name, first, last in (("AAA", 20, 33), ("BBB", 31, 90), ("CCC", 40, 45), ("CCC", 60, 66)):
        closes[name][first:last] = opens[name][first:last] = NAN
    opens["DDD"][[25, 26]] = NAN
    for blank in (50, 51):
        for name in closes:
            closes[name][blank] = opens[name][blank] = NAN
    market = panel_market(closes, opens=opens)
    whole = hold(market, costs=Costs(5, 5, 500), rebalance="weekly", fill=fill)
    assert whole.counts["price_ends_closed"] == 1
    assert whole.counts["gap_ends_closed"] == 2
    for row in range(22, 90, 3):
        short = ut.backtest(
            BuyAndHold(), market.until(market.sessions[row]), costs=Costs(5, 5, 500), rebalance="weekly", fill=fill
        )
        pd.testing.assert_series_equal(short.series["value"], whole.series["value"].iloc[: row + 1], check_freq=False)
        known = whole.orders[whole.orders["session"] <= market.sessions[row]]
        pd.testing.assert_frame_equal(short.orders, known)


def test_endings_are_named_on_the_page_in_the_terminal_and_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    ticker = np.where(np.arange(40) > 20, NAN, 10.0)
    run = hold(panel_market({"AAA": ticker, "BBB": FLAT}), costs=Costs(0, 0, 1000))
    text = "Closed for want of a price: AAA on 2021-02-10 at 9.00 USD."
    assert text in str(data_section(run))
    assert run.summary()["endings"][0]["symbol"] == "AAA"
    assert run.summary()["endings"][0]["session"] == "2021-02-10"
    show_run(run)
    assert text in " ".join(capsys.readouterr().out.split())


# ---------------------------------------------------------------- opens outside the range of their session


def opened(at: float, row: int, **ranges: Any) -> Market:
    """Two names at 10; AAA opens at `at` on one row, between a low of 9.90 and a high of 10.10."""
    opens = FLAT.copy()
    opens[row] = at
    bounds = {"lows": {"AAA": FLAT - 0.1, "BBB": FLAT}, "highs": {"AAA": FLAT + 0.1, "BBB": FLAT}} | ranges
    return panel_market({"AAA": FLAT, "BBB": FLAT}, opens={"AAA": opens}, **bounds)


@pytest.mark.parametrize(
    ("at", "filled"), [(30.0, False), (5.0, False), (10.11, False), (9.89, False), (10.1, True), (10.1000001, True)]
)
def test_an_open_outside_the_range_is_no_price_to_fill_at(at: float, filled: bool) -> None:
    # The account is bought on row 1. Where the open is no price, the order of AAA waits for row 2.
    run = hold(opened(at, 1), rebalance="never")
    days = run.orders[run.orders["symbol"] == "AAA"]
    assert days["session"].tolist() == [run.series.index[1 if filled else 2]]
    assert days["price"].tolist() == pytest.approx([at if filled else 10.0])
    assert run.counts["deferred_fills"] == int(not filled)
    assert run.counts["opens_outside_range"] == int(not filled)
    assert value(run)[-1] == pytest.approx(0.5 + 0.5 * 10 / at if filled else 1.0)


def test_a_sale_waits_as_well_and_the_holding_is_not_valued_at_such_an_open() -> None:
    # BBB doubles on row 20; the daily rebalance of row 21 sells half of its gain, unless its open is three times its
    # high: then AAA is not bought either, and on row 22 both trade at 20 and 10.
    rows = np.arange(40)
    double = np.where(rows < 20, 10.0, 20.0)
    opens = np.where(rows == 21, 60.0, double)
    opens[20] = 10.0
    market = panel_market({"AAA": FLAT, "BBB": double}, opens={"BBB": opens}, highs={"AAA": FLAT, "BBB": double})
    run = hold(market, rebalance="daily")
    np.testing.assert_allclose(value(run)[20:], 1.5)
    traded = run.orders[run.orders["session"] >= run.series.index[21]]
    assert traded["session"].unique().tolist() == [run.series.index[22]]
    assert traded["value"].tolist() == pytest.approx([0.25e6, 0.25e6])
    assert run.counts["opens_outside_range"] == 1


def test_a_range_that_is_not_there_refuses_nothing() -> None:
    nothing = {"AAA": np.full(40, NAN), "BBB": np.full(40, NAN)}
    run = hold(opened(30.0, 1, lows=nothing, highs=nothing), rebalance="never")
    assert run.counts["opens_outside_range"] == 0
    assert value(run)[-1] == pytest.approx(0.5 + 0.5 / 3)


def test_at_the_close_an_open_does_not_matter() -> None:
    run = hold(opened(30.0, 1), rebalance="never", fill="close")
    assert run.counts["opens_outside_range"] == run.counts["deferred_fills"] == 0
