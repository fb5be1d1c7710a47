"""`today` of what is really held: orders, lots and tax computed by hand, and what must stay untouched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support.priced import load_priced, sessions_of
from undertow.backtests import today
from undertow.backtests.account import Account
from undertow.backtests.checklist import HeldPlan, plan_holdings
from undertow.backtests.costs import Costs
from undertow.market import DataError, Market, ParameterError, Universe, market_at, read_holdings
from undertow.signals.decisions import DecisionTable
from undertow.strategies import LEAST_TAX, Decision

FREE = Costs(fee_bps=0, slippage_bps=0, tax_rate=0.25)
LAST = {"AAA": 100.0, "BBB": 50.0, "CCC": 20.0, "OUT": 10.0, "QQQ": 300.0, "BIL": 90.0}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Flat prices, so that every figure can be computed by hand; `OLD` ended, `OUT` is outside the universe."""
    sessions = sessions_of("2024-01-02", "2024-03-28")
    closes = pd.DataFrame({name: np.full(len(sessions), price) for name, price in LAST.items()}, index=sessions)
    closes["OLD"] = np.where(sessions < pd.Timestamp("2024-02-01"), 5.0, np.nan)
    members = pd.DataFrame({"symbol": ["AAA", "BBB", "CCC", "OLD"], "start": "", "end": ""})
    return load_priced(tmp_path_factory.mktemp("world") / "market", closes, members=members)


@pytest.fixture(scope="module")
def table(market: Market) -> DecisionTable:
    known, decisions = market_at(market, np.datetime64("2024-03-28T12:00"))
    return DecisionTable(known, "growth", "open", decisions)


def decision(table: DecisionTable, exposure: float, before: float | None = None, **changes: Any) -> Decision:
    path = np.full((len(table), 1), exposure)
    path[:-1] = exposure if before is None else before
    held = Decision.proportional(path)
    values = {name: getattr(held, name) for name in held.__dataclass_fields__}
    return Decision(**{**values, **changes})


def lots(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["symbol", "shares", "cost", "acquired"])


def plan(
    table: DecisionTable, held: pd.DataFrame, taken: Decision, costs: Costs = FREE, *, fractional: bool = False
) -> HeldPlan:
    return plan_holdings(read_holdings(held), table, taken, Account(costs=costs), fractional=fractional)


def sales(found: HeldPlan) -> dict[str, float]:
    return {order.symbol: order.shares for order in found.orders if order.side == "sell"}


def test_least_tax_by_lots_computed_by_hand(table: DecisionTable) -> None:
    """AAA at 100: lots at 120 (a loss of 1/6 a dollar), 90 (gain 0.10) and 40 (gain 0.60); BBB at 50: one at 47 (0.06).

    Value 40 x 100 + 40 x 50 + 1,000 = 7,000. With 50 % out of stocks 3,500 are out, 2,500 have to be raised: all 10
    shares of the lot at 120 (1,000, a loss of 200), then 30 of BBB (1,500, a gain of 90). The sum of gains is -110.
    """
    held = lots(
        ("AAA", 10, 120.0, "2023-05-02"),
        ("AAA", 10, 90.0, "2022-01-03"),
        ("AAA", 20, 40.0, "2020-06-01"),
        ("BBB", 40, 47.0, "2024-03-01"),
        ("cash", 1000, np.nan, None),
    )
    least = decision(table, 0.5, score_of_set=np.array([LEAST_TAX]))
    found = plan(table, held, least)
    assert (found.value, found.out_of_stocks, found.to_raise) == (7000.0, 3500.0, 2500.0)
    assert sales(found) == {"AAA": 10.0, "BBB": 30.0}
    assert (found.gains, found.losses, found.tax, found.raised) == (90.0, -200.0, 0.0, 2500.0)
    (bbb, aaa) = found.orders
    assert [(lot.shares, lot.cost, lot.acquired, lot.gain) for lot in aaa.lots] == [(10.0, 120.0, "2023-05-02", -200.0)]
    # From 2023-05-02 to 2024-03-28, the session of the order.
    assert aaa.lots[0].held_days == 331
    assert bbb.lots[0].gain == 90.0
    # 30 % more: the rest of BBB (30), the lot at 90 (100) and 11 of the one at 40 (660): 790 - 200 + 90 at 25 %.
    most = plan(table, held, decision(table, 0.2, score_of_set=np.array([LEAST_TAX])))
    assert sales(most) == {"AAA": 26.0, "BBB": 40.0}
    assert most.to_raise == pytest.approx(4600.0)
    assert most.tax == pytest.approx(0.25 * (-200.0 + 40 * 3 + 10 * 10 + 6 * 60))
    assert [lot.cost for lot in most.orders[0].lots] == [120.0, 90.0, 40.0]


def test_fifo_sells_the_oldest_lots_of_whole_names(table: DecisionTable) -> None:
    """Average gain of AAA: (4,000 - 2,900) / 4,000, of BBB 3 / 50: BBB first, then the oldest lots of AAA."""
    held = lots(
        ("AAA", 10, 120.0, "2023-05-02"),
        ("AAA", 10, 90.0, "2022-01-03"),
        ("AAA", 20, 40.0, "2020-06-01"),
        ("BBB", 40, 47.0, "2024-03-01"),
        ("cash", 1000, np.nan, None),
    )
    found = plan(
        table, held, decision(table, 0.5, score_of_set=np.array([LEAST_TAX])), Costs(0, 0, tax_rate=0.25, lots="fifo")
    )
    assert sales(found) == {"AAA": 5.0, "BBB": 40.0}
    assert [lot.cost for order in found.orders for lot in order.lots if order.symbol == "AAA"] == [40.0]
    assert found.tax == 0.25 * (40 * 3 + 5 * 60)


def test_costs_are_raised_too_and_taken_off_the_gain(table: DecisionTable) -> None:
    """A sale brings in 0.999 x 0.999 of its value; 1,000 USD out of 10 shares of AAA at 100 and 1,000 USD in BBB."""
    costs, rate = Costs(fee_bps=10, slippage_bps=10, tax_rate=0.2), 0.999 * 0.999
    held = lots(("AAA", 10, 80.0, None), ("BBB", 20, 50.0, None))
    score = decision(table, 0.5, score_of_set=np.array([0]), scores=(scores(table, AAA=1.0),))
    found = plan(table, held, score, costs, fractional=True)
    assert sales(found) == pytest.approx({"AAA": 10.0, "BBB": (1000.0 / rate - 1000.0) / 50.0})
    assert found.raised == pytest.approx(1000.0, rel=1e-12)
    assert found.orders[0].gain == pytest.approx(1000.0 * rate - 800.0)
    assert found.costs == pytest.approx((1000.0 / rate) * (1 - rate))
    assert found.value_after == pytest.approx(2000.0 - found.costs)
    assert found.orders[0].lots[0].held_days is None


def scores(table: DecisionTable, **ranks: float) -> np.ndarray:
    return np.tile([ranks.get(symbol, 0.0) for symbol in table.symbols], (len(table), 1))


def test_whole_shares_raise_at_least_the_cash_with_the_fewest_more(table: DecisionTable) -> None:
    """In proportion 10 % of 33 AAA, 33 BBB and 33 CCC is 3.3 each, 561 USD: 3 each are 510, one AAA more is 610."""
    held = lots(*((name, 33, np.nan, None) for name in ("AAA", "BBB", "CCC")))
    exact = plan(table, held, decision(table, 0.9), fractional=True)
    assert sales(exact) == pytest.approx({"AAA": 3.3, "BBB": 3.3, "CCC": 3.3})
    whole = plan(table, held, decision(table, 0.9))
    assert all(count == round(count) for count in sales(whole).values())
    assert 561.0 <= whole.raised < 561.0 + 100.0
    assert sales(whole) == {"AAA": 4.0, "BBB": 3.0, "CCC": 3.0}
    # A position that is sold in full is sold with its fraction.
    rest = plan(table, lots(("AAA", 10.5, np.nan, None)), decision(table, 0.0))
    assert sales(rest) == {"AAA": 10.5}
    assert np.isnan(rest.tax)
    assert "The tax is unknown: no cost for shares sold of AAA." in rest.notes


def test_what_cannot_be_sold_is_named_and_counted_where_it_has_a_price(table: DecisionTable) -> None:
    held = lots(
        ("AAA", 10, 90.0, None),
        ("OUT", 100, 1.0, None),
        ("OLD", 7, 1.0, None),
        ("AAB", 3, 1.0, None),
        ("BIL", 10, 88.0, None),
    )
    found = plan(table, held, decision(table, 0.2))
    # 1,000 of AAA, 1,000 of OUT, and 900 of BIL, which is cash; 2,320 are to be out of stocks.
    assert (found.value, found.cash) == (2900.0, 900.0)
    assert found.to_raise == pytest.approx(1420.0)
    assert sales(found) == {"AAA": 10.0}
    assert found.short_of == pytest.approx(420.0)
    reasons = {position.symbol: position.untouched for position in found.positions}
    assert reasons["OUT"] == "outside universe growth"
    assert reasons["OLD"] == "no price since 2024-01-31"
    assert reasons["AAB"].startswith("no price in the market, did you mean `AAA`")
    assert reasons["BIL"] == "the market's cash symbol, counted as cash"
    assert "420.00 USD cannot be raised: every share of the universe's names is sold." in found.notes
    left = {position.symbol: position.shares for position in found.positions}
    assert left == {"AAA": 0.0, "OUT": 100.0, "OLD": 7.0, "AAB": 3.0, "BIL": 10.0}
    assert found.cash_after == 1900.0


def test_what_was_moved_into_the_basket_is_not_raised_again(table: DecisionTable) -> None:
    taken = decision(table, 0.5, rotation=np.full((len(table), 1), 0.5), basket="out")
    object.__setattr__(table.market, "universes", {**table.market.universes, "out": basket()})
    found = plan(table, lots(("AAA", 10, 90.0, None), ("OUT", 80, 1.0, None), ("cash", 100, np.nan, None)), taken)
    assert (found.value, found.in_basket, found.out_of_stocks) == (1900.0, 800.0, 950.0)
    assert found.to_raise == pytest.approx(50.0)
    assert sales(found) == {"AAA": 1.0}


def basket() -> ut.Universe:
    return Universe("out", pd.DataFrame({"symbol": ["OUT"], "start": [pd.NaT], "end": [pd.NaT]}))


def test_a_return_buys_what_is_held_in_proportion(table: DecisionTable) -> None:
    """Out of 3,000 in stocks and 3,000 in cash, exposure from 0.5 to 0.8 buys for 1,800: 1,200 of AAA, 600 of BBB."""
    held = lots(("AAA", 20, 90.0, None), ("BBB", 20, 60.0, None), ("cash", 3000, np.nan, None))
    found = plan(table, held, decision(table, 0.8, 0.5))
    assert [(order.symbol, order.side, order.shares) for order in found.orders] == [
        ("AAA", "buy", 12.0),
        ("BBB", "buy", 12.0),
    ]
    assert (found.to_raise, found.cash_after, found.tax) == (0.0, 1200.0, 0.0)
    # 20 % is still out of stocks afterwards.
    assert found.comes_back == pytest.approx(1200.0)


def test_a_sale_at_a_loss_beside_a_recent_purchase_is_noted(table: DecisionTable) -> None:
    held = lots(("AAA", 10, 120.0, "2022-01-03"), ("AAA", 10, 95.0, "2024-03-15"))
    found = plan(table, held, decision(table, 0.5))
    assert any("bought in the 30 days before that stay: AAA" in note for note in found.notes)


def test_orders_of_an_account_that_has_followed_are_those_of_the_backtest() -> None:
    """What the rule's own account holds, passed as holdings, sells what `orders` has: for every source of cash."""
    world, found = ut.simulate_market(seed=3, years=1.5, names=5), 0
    for source in ("proportional", "winners", "beta"):
        rule = ut.strategies.LiquidityDrain(lag=0, source=source)
        run = ut.backtest(rule, world, rebalance="never")
        exposure = run.series["exposure"]
        falls = exposure.index[(exposure < exposure.shift()).to_numpy()]
        for session in falls[:3]:
            before = run.orders[run.orders["session"] < session]
            signed = before["shares"].where(before["side"] == "buy", -before["shares"])
            shares = signed.groupby(before["symbol"]).sum()
            held = shares[shares > 1e-6].rename_axis("symbol").rename("shares").reset_index()
            asof = f"{session:%Y-%m-%d}T12:00Z"
            checklist = today(rule, world, asof=asof, holdings=held, fractional=True, rebalance="never")
            assert checklist.held is not None
            expected = {order.symbol: order.share for order in checklist.sales if order.reason == "de-risk"}
            if not expected:
                continue
            found += 1
            sold = {order.symbol: order.value / checklist.held.value for order in checklist.held.orders}
            assert sold == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert found >= 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol,cost\nAAA,1\n", "mine.csv: column `shares` is missing"),
        ("symbol,shares\nAAA,ten\n", r"row 1: `shares` must be a number, got 'ten'"),
        ("symbol,shares\nAAA,5\nBBB,-3\n", r"row 2 \(BBB\): `shares` -3 is negative"),
        ("symbol,shares\nAAA,\n", r"row 1 \(AAA\): `shares` is blank"),
        ("symbol,shares,cost\nAAA,5,-1\n", r"row 1 \(AAA\): `cost` -1 is negative"),
        ("symbol,shares\ncash,5\nCash,6\n", "row 2: `cash` appears twice"),
        ("symbol,shares\ncash,-5\n", r"row 1 \(cash\): `shares` -5 is negative; cash that is owed"),
        ("symbol,shares,aquired\nAAA,5,2020-01-02\n", r"unknown column `aquired`, did you mean `acquired`\?"),
        ("symbol,shares,acquired\nAAA,5,soon\n", "row 1: `acquired` must be a date such as 2024-08-05, got 'soon'"),
        ("symbol,shares\n", "mine.csv: has no rows"),
    ],
)
def test_bad_files_are_named_with_row_and_value(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_holdings(tmp_path / "mine.csv")


def test_a_purchase_in_the_future_is_refused() -> None:
    held = read_holdings(lots(("AAA", 1, 1.0, "2024-04-01")))
    held.check_dates(np.datetime64("2024-04-01T00:00"))
    with pytest.raises(DataError, match="AAA: `acquired` 2024-04-01 is after 2024-03-31, the day of the checklist"):
        held.check_dates(np.datetime64("2024-03-31T23:59"))
    with pytest.raises(ParameterError, match="`holdings` must be a file or a DataFrame, got int"):
        read_holdings(5)


def test_several_rows_of_a_name_are_lots() -> None:
    held = read_holdings(lots(("AAA", 1, 1.0, "2024-04-01"), ("BBB", 2, np.nan, None), ("AAA", 3, 2.0, None)))
    assert held.symbols == ("AAA", "BBB")
    assert [lot.shares for lot in held.lots_of("AAA")] == [1.0, 3.0]
    assert held.cash == 0.0


def test_lots_of_equal_tax_are_sold_in_the_order_of_the_names(table: DecisionTable) -> None:
    held = lots(("BBB", 20, 25.0, None), ("AAA", 10, 50.0, None))
    found = plan(table, held, decision(table, 0.5, score_of_set=np.array([LEAST_TAX])))
    assert sales(found) == {"AAA": 10.0}


# Twelve real names with lots, as a user's file has them.
TWELVE = """symbol,shares,cost,acquired
NVDA,400,12.50,2021-03-15
NVDA,150,128.40,2025-01-08
AAPL,220,95.10,2020-08-03
MSFT,110,410.25,2024-05-20
AMZN,160,170.00,2024-02-12
META,45,590.00,2025-02-03
TSLA,80,310.00,2024-12-02
AMD,200,165.30,2024-07-01
NFLX,200,61.00,2024-04-15
CRM,60,285.00,2024-11-01
ADBE,35.5,540.00,2024-06-17
COIN,50,210.00,2024-09-09
PLTR,300,24.10,2024-05-13
cash,7500,,
"""


def test_twelve_real_names_are_sold_with_the_least_tax(real_market: Market, tmp_path: Path) -> None:
    """2025-04-08: the tier reduce has 30 % out of stocks; every lot at a loss is named by its own loss."""
    file = tmp_path / "mine.csv"
    file.write_text(TWELVE, encoding="utf-8")
    settings: dict[str, Any] = {"asof": "2025-04-08T13:00Z", "holdings": file}
    checklist = today(ut.strategies.RiskTiers(source="least-tax"), real_market, **settings)
    held = checklist.held
    assert held is not None
    assert (checklist.tier, len(held.positions)) == ("reduce", 12)
    assert held.out_of_stocks == pytest.approx(0.3 * held.value)
    # By hand: the cost, the close of 2025-04-07 and 0.9995 x 0.9995 give the losses a dollar raised, the largest first:
    # AMD, ADBE, COIN, TSLA, NVDA's second lot, CRM, and MSFT, which is not needed.
    rate, left, expected = 0.9995**2, held.to_raise, {}
    closes = real_market.prices.frame("close").loc["2025-04-07"]
    lots = [line.split(",") for line in TWELVE.splitlines()[1:-1]]
    for symbol, count, cost, _ in sorted(lots, key=lambda lot: -float(lot[2]) / closes[lot[0]]):
        price, shares = closes[symbol], float(count)
        sold = shares if shares * price * rate <= left else float(np.ceil(left / (price * rate)))
        if left > 0.0:
            expected[symbol] = (sold, sold * (price * rate - float(cost)))
            left -= sold * price * rate
    assert {order.symbol: order.shares for order in held.orders} == {name: sold for name, (sold, _) in expected.items()}
    assert held.losses == pytest.approx(sum(gain for _, gain in expected.values()))
    assert (held.gains, held.tax) == (0.0, 0.0)
    assert held.to_raise <= held.raised < held.to_raise + closes.max()
    assert any("stabilisation" in condition for condition in held.returns)
    # The same names sold as the rule sells, from the winners: gains are taxed at 20 %.
    winners = today(ut.strategies.RiskTiers(), real_market, **settings).held
    assert winners is not None
    assert winners.tax == pytest.approx(0.2 * (winners.gains + winners.losses))
    assert winners.tax > 0.0


def test_twelve_real_names_are_a_basket(real_market: Market) -> None:
    names = ["NVDA", "AAPL", "MSFT", "AMZN", "META", "TSLA", "AMD", "NFLX", "CRM", "ADBE", "COIN", "PLTR"]
    weights = pd.Series([0.16, 0.14, 0.14, 0.10, 0.10, 0.08, 0.06, 0.06, 0.05, 0.05, 0.03, 0.03], index=names)
    run = ut.backtest(ut.strategies.BuyAndHold(), real_market, weights=weights, start="2022-01-03", end="2022-03-31")
    assert set(run.orders["symbol"]) - {"BIL", "SGOV"} == set(names)
    # The first closes differ from the weights by the session's moves alone.
    opened = real_market.prices.frame("open").loc["2022-01-03", names]
    closed = real_market.prices.frame("close").loc["2022-01-03", names]
    grown = weights * closed / opened
    np.testing.assert_allclose(run.weights.iloc[0][names], grown / grown.sum(), rtol=1e-9)
    assert run.counts["weights_without_price"] == {}
