"""Wash sales: 26 U.S. Code 1091 by hand, with the examples of its regulation and of IRS publication 550."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from undertow.backtests import Account, Costs
from undertow.backtests.runs.tax import by_year, realised, tax_summary, wash_sentence
from undertow.backtests.sweeps.sweep import sweep
from undertow.cli.console import show_run
from undertow.market import ParameterError
from undertow.strategies import BuyAndHold, DrawdownDeRisk
from undertow.tearsheets.run.tax import tax_section

WASHED = Costs(tax_rate=0.2, wash_sales=True)


def orders_of(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    """Orders of one name: session, side, shares and price, without costs."""
    table = pd.DataFrame(rows, columns=["session", "side", "shares", "price"])
    session, value = pd.to_datetime(table["session"]), table["shares"] * table["price"]
    return table.assign(session=session, symbol="AAA", value=value, costs=0.0, reason="rebalance")


def test_the_example_of_irs_publication_550() -> None:
    # 100 shares for 1,000, sold for 750; 100 within 30 days for 800: the loss of 250 is not deducted, and the new
    # shares have cost 1,050.
    bought = (("2020-01-02", "buy", 100, 10), ("2020-06-01", "sell", 100, 7.5), ("2020-06-30", "buy", 100, 8))
    sales = realised(orders_of(*bought, ("2021-03-01", "sell", 100, 12)), WASHED)
    np.testing.assert_allclose(sales["gain"], [0.0, 1200 - 1050])
    np.testing.assert_allclose(sales["basis"], [1000, 1050])
    np.testing.assert_allclose(sales["deferred"], [250, 0])
    plain = realised(orders_of(*bought, ("2021-03-01", "sell", 100, 12)), replace(WASHED, wash_sales=False))
    np.testing.assert_allclose(plain["gain"], [-250, 400])
    np.testing.assert_allclose(plain["bought_back"], [250, 0])
    assert by_year(sales, 0.2)["tax"].tolist() == pytest.approx([0, 30])
    # Both carry the same gain in the end: the rule moves a loss in time.
    assert plain["gain"].sum() == pytest.approx(sales["gain"].sum())


def test_the_example_of_the_regulation_with_purchases_before_the_sale() -> None:
    # Treas. Reg. 1.1091-2 (a): 100 shares for 5,000, then 50 for 2,750 and 25 for 1,125; the 100 are sold for 4,000.
    # Of the loss of 1,000 the part of 75 shares, 750, is not deducted. The 50 have cost 3,250 and the 25 1,375.
    orders = (
        ("1954-09-21", "buy", 100, 50),
        ("1954-12-21", "buy", 50, 55),
        ("1954-12-27", "buy", 25, 45),
        ("1955-01-03", "sell", 100, 40),
        ("1955-06-01", "sell", 50, 70),
        ("1955-06-02", "sell", 25, 70),
    )
    sales = realised(orders_of(*orders), Costs(lots="fifo", wash_sales=True))
    np.testing.assert_allclose(sales["gain"], [-250, 3500 - 3250, 1750 - 1375])
    np.testing.assert_allclose(sales["deferred"], [750, 0, 0])


def test_part_of_the_shares_bought_back_and_each_of_them_once() -> None:
    # 100 at 10 are sold at 8 in two halves; the 60 bought at 7 replace the first 50 and 10 of the others.
    orders = orders_of(
        ("2020-01-02", "buy", 100, 10),
        ("2020-06-01", "sell", 50, 8),
        ("2020-06-02", "sell", 50, 8),
        ("2020-06-20", "buy", 60, 7),
        ("2021-06-01", "sell", 60, 9),
    )
    sales = realised(orders, WASHED)
    np.testing.assert_allclose(sales["deferred"], [100, 20, 0])
    np.testing.assert_allclose(sales["gain"], [0, -80, 60 * (9 - 7 - 2)])


@pytest.mark.parametrize(("day", "share"), [("2020-07-01", 1.0), ("2020-07-02", 0.0), ("2020-05-01", 0.0)])
def test_the_window_is_thirty_calendar_days(day: str, share: float) -> None:
    orders = orders_of(("2020-01-02", "buy", 10, 10), ("2020-06-01", "sell", 10, 8), (day, "buy", 10, 8))
    tax = tax_summary(realised(orders.sort_values("session"), WASHED), WASHED)
    # On 1 May the ten are not sold with the others: HIFO sells those of January, and the window begins on 2 May.
    assert (tax["bought_back"], tax["deferred"]) == (share, 20 * share)


def test_a_purchase_before_the_sale_that_is_sold_itself_replaces_nothing() -> None:
    orders = orders_of(("2020-05-20", "buy", 10, 10), ("2020-06-01", "sell", 4, 8), ("2020-06-05", "sell", 6, 8))
    tax = tax_summary(realised(orders, WASHED), WASHED)
    assert (tax["losses"], tax["deferred"], tax["bought_back"]) == (-20.0, 0.0, 0.0)


def test_a_position_sold_short_is_treated_alike() -> None:
    # Sold at 10, bought back at 13 (a loss of 30), sold again at 12 within 30 days: the new short has brought 9.
    orders = orders_of(
        ("2020-01-02", "sell", 10, 10),
        ("2020-06-01", "buy", 10, 13),
        ("2020-06-10", "sell", 10, 12),
        ("2021-06-01", "buy", 10, 8),
    )
    sales = realised(orders, WASHED)
    np.testing.assert_allclose(sales["gain"], [0, 10])
    np.testing.assert_allclose(sales["deferred"], [30, 0])


@pytest.fixture(scope="module")
def market() -> ut.Market:
    return ut.simulate_market(seed=5, years=2)


@pytest.fixture(scope="module")
def run(market: ut.Market) -> ut.Run:
    return ut.backtest(DrawdownDeRisk(cash=1.0), market)


def test_the_share_is_that_of_a_slower_count(run: ut.Run) -> None:
    """Every loss against every purchase: at least those bought back later, at most those held from before as well."""
    sales, orders = run.realised, run.orders[run.orders["side"] == "buy"]
    later = all_bought = 0.0
    for _, sale in sales[sales["gain"] < 0].iterrows():
        days = (orders.loc[orders["symbol"] == sale["symbol"], "session"] - sale["session"]).dt.days
        after, before = bool(((days > 0) & (days <= 30)).any()), bool(((days < 0) & (days >= -30)).any())
        held = run.weights.loc[sale["session"], sale["symbol"]] > 1e-9
        later += sale["gain"] if after else 0.0
        all_bought += sale["gain"] if after or (before and held) else 0.0
    least, most = later / run.tax["losses"], all_bought / run.tax["losses"]
    assert 0.0 < least - 1e-12 <= run.tax["bought_back"] <= most + 1e-12 <= least + 0.05


def test_the_option_changes_the_tax_and_nothing_else(market: ut.Market, run: ut.Run) -> None:
    washed = ut.backtest(DrawdownDeRisk(cash=1.0), market, costs=Costs(wash_sales=True))
    pd.testing.assert_frame_equal(washed.series, run.series)
    pd.testing.assert_frame_equal(washed.orders, run.orders)
    assert washed.tax["deferred"] > 0.0 == run.tax["deferred"]
    assert washed.tax["bought_back"] == pytest.approx(run.tax["bought_back"], abs=0.2)
    assert washed.tax["net"] > run.tax["net"]
    assert "deferred as wash sales" in washed.tax_sentence()
    assert "--wash-sales" in washed.account.argv()
    assert washed.account == Account(costs=Costs(wash_sales=True))
    table = pd.DataFrame({"cash": [1.0]})
    pd.testing.assert_frame_equal(
        sweep(DrawdownDeRisk, market, table, costs=Costs(wash_sales=True)).table,
        sweep(DrawdownDeRisk, market, table).table,
    )


def test_page_terminal_and_json_show_the_share(run: ut.Run, capsys: pytest.CaptureFixture[str]) -> None:
    share = f"{run.tax['bought_back']:.0%}"
    assert "Losses bought back within 30 days" in str(tax_section(run))
    assert f"{share} of the losses are of names bought within 30 days" in run.tax_sentence()
    assert json.loads(json.dumps(run.summary()["tax"]))["bought_back"] == run.tax["bought_back"]
    show_run(run)
    assert "Losses bought back in 30 days" in capsys.readouterr().out


def test_without_losses_there_is_no_share(market: ut.Market) -> None:
    first, last = market.sessions[0], market.sessions[1]
    run = ut.backtest(BuyAndHold(), market, start=str(first.date()), end=str(last.date()), rebalance="never")
    assert run.tax["bought_back"] is None
    assert wash_sentence(run.tax) == ""
    assert math.isfinite(run.tax["tax"])


def test_a_bad_setting_is_refused() -> None:
    with pytest.raises(ParameterError, match="`wash_sales` must be true or false, got 'yes'"):
        Costs(wash_sales="yes")
    with pytest.raises(ParameterError, match=r"`maintenance` must be in \[0, 1\] as a decimal, got 30; 30 % is 0.3"):
        Costs(maintenance=30)
