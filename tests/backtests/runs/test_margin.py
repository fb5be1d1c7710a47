"""Margin calls, ruin, episodes under way at the start and orders of the cash symbol, in runs, sweeps and searches."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

import undertow as ut
from support.panels import panel_market
from undertow.backtests import Costs
from undertow.backtests.sweeps.sweep import sweep
from undertow.market import DataError, Market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import BuyAndHold, Decision, Sets, Strategy
from undertow.tearsheets.run.data_notes import data_section

FREE = Costs(fee_bps=0, slippage_bps=0, borrow_bps=0)
ROWS = np.arange(40)


class Hedged(Strategy):
    """All in stocks, and a short in the benchmark from the second session on."""

    hedge: Annotated[float, FloatDistribution(0.05, 1.0)] = 1.0

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        exposure = np.ones((len(table), len(sets["hedge"])))
        hedge = np.where(np.arange(len(table))[:, None] > 0, sets["hedge"], 0.0)
        return replace(Decision.proportional(exposure), hedge=hedge)


PLANS = {
    "half": np.where(ROWS < 10, 0.5, 1.0),
    "deeper": np.where(ROWS < 5, 0.5, np.where(ROWS < 10, 0.2, 1.0)),
    "later": np.where((ROWS >= 5) & (ROWS < 10), 0.5, 1.0),
    "twice": np.where((ROWS < 3) | ((ROWS >= 20) & (ROWS < 25)), 0.5, 1.0),
}


class Planned(Strategy):
    """The exposure of a plan by name."""

    plan: Annotated[str, CategoricalDistribution(tuple(PLANS))] = "half"

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        return Decision.proportional(np.stack([PLANS[str(name)] for name in sets["plan"]], axis=1))


def index_market(index: Any, opens: Any = None, stock: Any = None) -> Market:
    """A stock at 10, and an index as benchmark that is no member."""
    closes = {"AAA": np.full(40, 10.0) if stock is None else stock, "QQQ": index}
    changed = {} if opens is None else {"opens": {"QQQ": opens}}
    return panel_market(closes, members=[("AAA", None, None)], benchmark="QQQ", **changed)


def both(market: Market, costs: Costs = FREE, **parameters: Any) -> ut.Run:
    """A run of `Hedged`; a sweep of it has the same figures."""
    run = ut.backtest(Hedged(**parameters), market, costs=costs, rebalance="never")
    table = pd.DataFrame([parameters or {"hedge": 1.0}])
    swept = sweep(Hedged, market, table, costs=costs, rebalance="never").table.iloc[0]
    assert swept["margin_calls"] == run.counts["margin_calls"]
    assert swept["total_return"] == pytest.approx(run.metrics["total_return"], abs=1e-12)
    return run


# At 17 the account is worth 0.3 of its capital, less than 30 % of 1.7; the index opens at 16 and stays there.
CALLED = np.where(ROWS < 20, 10.0, np.where(ROWS == 20, 17.0, 16.0))
CALLED_OPENS = np.where(ROWS < 21, 10.0, 16.0)


def test_a_margin_call_is_booked_counted_and_named() -> None:
    run = both(index_market(CALLED, CALLED_OPENS))
    values = run.series["value"] / 1e6
    assert values.iloc[[19, 20, 21, 39]].tolist() == pytest.approx([1.0, 0.3, 0.4, 0.4])
    called = run.orders[run.orders["reason"] == "margin call"]
    assert called["session"].unique().tolist() == [run.series.index[21]]
    # Of the 1.6 that it costs to buy back, 1 was the proceeds of the short; the stock brings in the rest.
    assert dict(zip(called["symbol"], called["value"] / 1e6, strict=True)) == pytest.approx(
        {"AAA": 0.6, "QQQ (short)": 1.6}
    )
    assert run.counts["margin_calls"] == 1
    assert "fell below the maintenance margin of 30% of what was sold short 1 time" in str(data_section(run))


@pytest.mark.parametrize(
    ("maintenance", "hedge", "close", "calls"),
    [
        (0.0, 1.0, 17.0, 0),
        (0.30, 1.0, 15.3, 0),  # 0.47 of the account against 0.459
        (0.30, 1.0, 15.4, 1),  # 0.46 against 0.462
        (0.50, 1.0, 13.4, 1),  # 0.66 against 0.67
        (0.30, 0.5, 21.0, 0),  # 0.45 against 0.315
        (0.30, 0.5, 25.0, 1),  # 0.25 against 0.375
    ],
)
def test_the_margin_is_a_share_of_what_is_sold_short(
    maintenance: float, hedge: float, close: float, calls: int
) -> None:
    market = index_market(np.where(ROWS < 20, 10.0, close), np.where(ROWS < 21, 10.0, close))
    assert both(market, replace(FREE, maintenance=maintenance), hedge=hedge).counts["margin_calls"] == calls


def test_the_hedge_comes_back_with_the_next_rebalance() -> None:
    run = ut.backtest(Hedged(), index_market(CALLED, CALLED_OPENS), costs=FREE, rebalance="weekly")
    short = run.weights["QQQ (short)"]
    after = pd.DatetimeIndex([day for day in run.series.index[22:] if day.day_of_week == 0])
    assert short.iloc[21] == 0.0
    assert short.loc[after[1]] == pytest.approx(-1.0)


def test_an_account_that_comes_to_nothing_is_an_error_of_a_run_and_the_reason_of_a_trial() -> None:
    market = index_market(np.where(ROWS < 20, 10.0, 30.0), np.where(ROWS < 21, 10.0, 30.0))
    message = r"the account is worth -1,000,000 USD on 2021-02-02: the short position costs more"
    with pytest.raises(DataError, match=message):
        ut.backtest(Hedged(), market, costs=FREE, rebalance="never")
    found = ut.optimize(
        Hedged, market, objective="total-return", trials=3, seed=1, costs=FREE, rebalance="never", max_failed=1.0
    )
    failed = found.trials[found.trials["state"] == "fail"]
    assert len(failed)
    assert failed["error"].str.contains("the account is worth").all()
    assert (found.trials.loc[found.trials["hedge"] > 0.5, "state"] == "fail").all()


def test_an_account_worth_nothing_at_a_fill_has_ended() -> None:
    # It opens at 30 and closes at 10: no broker waits for the close.
    opens = np.where(ROWS == 20, 30.0, 10.0)
    with pytest.raises(DataError, match=r"worth -1,000,000 USD on 2021-02-02"):
        ut.backtest(Hedged(), index_market(np.full(40, 10.0), opens), costs=FREE, rebalance="never")


@pytest.mark.parametrize(
    ("plan", "start", "count"),
    [
        ("half", 0, 0),
        ("half", 5, 0),
        ("deeper", 0, 1),
        ("deeper", 6, 0),
        ("later", 5, 1),
        ("later", 6, 0),
        ("twice", 0, 1),
    ],
)
def test_an_episode_under_way_at_the_start_counts_where_something_is_sold(plan: str, start: int, count: int) -> None:
    market = index_market(np.full(40, 10.0))
    first = market.sessions[start]
    run = ut.backtest(Planned(plan=plan), market, start=first)
    assert len(run.episodes) == run.metrics["episodes"] == count
    assert sweep(Planned, market, pd.DataFrame({"plan": [plan]}), start=first).table["episodes"].tolist() == [count]


def test_rounding_is_no_order_of_the_cash_symbol() -> None:
    rng = np.random.default_rng(3)
    names = [*"ABCDEFG"]
    closes = {name: 50 * np.exp(np.cumsum(rng.normal(0, 0.03, 120))) for name in names}
    closes["BIL"] = 90 * (1 + 0.04 / 252) ** np.arange(120)
    market = panel_market(closes, members=[(name, None, None) for name in names], cash="BIL")
    run = ut.backtest(BuyAndHold(), market, rebalance="daily")
    cash = run.orders[run.orders["symbol"] == "BIL"]
    # The account waits in cash for the first known close, and is all in stocks from then on.
    assert cash["side"].tolist() == ["buy", "sell"]
    booked = run.portfolio.orders.records_readable
    assert (booked["Column"].astype(str).str.contains("BIL")).sum() == 2
    np.testing.assert_allclose(run.portfolio.value(), run.series["value"], rtol=1e-9)
