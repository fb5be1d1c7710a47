"""Basket, hedge, stop, taxes and settlement in backtests and sweeps."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from undertow.backtests import Account, Costs, backtest
from undertow.backtests.kernel.path import walk_plan
from undertow.backtests.kernel.prices import read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves
from undertow.backtests.runs.backtest import make_plan, session_rows
from undertow.backtests.runs.tax import by_year, realised, tax_summary
from undertow.backtests.sweeps.sweep import sweep
from undertow.market import DataError, Market, ParameterError, UnknownNameError, simulate_market
from undertow.market.settlement import settlement_sessions
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import BuyAndHold, Condition, FreeRule, Rule, Strategy, Tier, Trigger
from undertow.strategies.plan import LEAST_TAX, PROPORTIONAL, Decision
from undertow.strategies.rules.sources import winners_order
from undertow.strategies.strategy import Sets

SETTINGS = {"weighting": "inverse-volatility", "costs": Costs(7, 3, 100, 80, 0.25, "fifo"), "start": "2018-06-01"}
COUNTS = ("deferred_fills", "price_ends_closed", "orders_open_at_end", "stale_sessions")


class Everything(Strategy):
    """Less exposure on a fixed rhythm, with every sleeve, a stop and a source of cash."""

    period: Annotated[int, IntDistribution(5, 60)] = 20
    share: Annotated[float, FloatDistribution(0.0, 1.0)] = 0.5
    short: Annotated[float, FloatDistribution(0.0, 0.5)] = 0.25
    fall: Annotated[float, FloatDistribution(0.0, 0.5)] = 0.12
    wait: Annotated[int, IntDistribution(0, 60)] = 10
    source: Annotated[str, CategoricalDistribution(["proportional", "winners", "tax"])] = "tax"

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        phase = np.arange(len(table))[:, None] // sets["period"] % 3
        exposure = np.where(phase == 0, 1.0, np.where(phase == 1, 0.6, 0.2))
        score = np.select([sets["source"] == "winners", sets["source"] == "tax"], [0, LEAST_TAX], PROPORTIONAL)
        return Decision(
            exposure,
            np.zeros(exposure.shape, np.bool_),
            score,
            (winners_order(table),),
            rotation=(1.0 - exposure) * sets["share"],
            basket="defensive",
            hedge=np.where(phase == 2, sets["short"], 0.0),
            stop=sets["fall"],
            stop_wait=sets["wait"],
        )


class HedgeAlone(Strategy):
    """Always invested, always the same part sold short."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        sized = len(next(iter(sets.values()))) if sets else 1
        decision = Decision.proportional(np.ones((len(table), sized)))
        return replace(decision, hedge=np.full((len(table), sized), 0.5))


class Wrong(HedgeAlone):
    """A hedge in a symbol that is nowhere."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        return replace(super().decide(table, sets), hedge_symbol="QQQQQ")


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=2, names=12)


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("source", ["proportional", "winners", "tax"])
def test_vectorbt_and_the_kernel_agree(source: str, fill: str) -> None:
    run = backtest(Everything(source=source), simulated(), fill=fill, **SETTINGS)
    np.testing.assert_allclose(run.portfolio.value(), run.series["value"], rtol=1e-9)
    assert {"rotation", "hedge", "stop"} <= set(run.orders["reason"])
    assert run.counts["stopped_positions"] > 0
    np.testing.assert_allclose(run.weights.sum(axis=1), 1.0)
    short = f"{simulated().benchmark} (short)"
    assert run.weights[short].min() < -0.2
    assert run.weights.drop(columns=short).min().min() > -1e-9


def test_without_a_cash_symbol_the_proceeds_lie_in_the_account() -> None:
    run = backtest(Everything(), replace(simulated(), cash=None), **SETTINGS)
    np.testing.assert_allclose(run.portfolio.value(), run.series["value"], rtol=1e-9)
    np.testing.assert_allclose(run.portfolio.cash(), run.series["cash_share"] * run.series["value"], atol=1e-3)


@pytest.mark.parametrize("fill", ["open", "close"])
def test_real_names_with_the_defensive_basket_and_a_hedge_in_qqq(real_market: Market, fill: str) -> None:
    settings = {"start": "2019-01-02", "end": "2022-12-30", "fill": fill}
    run = backtest(Everything(), real_market, **settings)
    np.testing.assert_allclose(run.portfolio.value(), run.series["value"], rtol=1e-9)
    assert {"XLV", "GLD", "QQQ (short)"} <= set(run.orders["symbol"])
    table = sweep(Everything, real_market, pd.DataFrame({"period": [20]}), **settings).table
    for metric, value in run.metrics.items():
        np.testing.assert_allclose(table[metric][0], value, rtol=1e-9, atol=1e-12, err_msg=metric)


@pytest.mark.parametrize("fill", ["open", "close"])
def test_a_sweep_row_equals_a_backtest(fill: str) -> None:
    rng = np.random.default_rng(2)
    parameters = pd.DataFrame(
        {
            "period": rng.integers(5, 60, 6),
            "share": rng.random(6),
            "short": rng.random(6) / 2,
            "fall": [0.0, 0.05, 0.1, 0.15, 0.2, 0.3],
            "wait": rng.integers(0, 60, 6),
            "source": ["proportional", "winners", "tax"] * 2,
        }
    )
    table = sweep(Everything, simulated(), parameters, fill=fill, **SETTINGS).table
    for number, row in enumerate(parameters.to_dict(orient="records")):
        run = backtest(Everything.create(row), simulated(), fill=fill, **SETTINGS)
        for metric, value in run.metrics.items():
            np.testing.assert_allclose(table[metric][number], value, rtol=1e-9, atol=1e-12, err_msg=metric)
        for count in COUNTS:
            assert table[count][number] == run.counts[count]


def test_the_short_loses_the_return_and_the_borrowing() -> None:
    free, dear = (
        backtest(HedgeAlone(), simulated(), costs=Costs(0, 0, borrow_bps=bps), rebalance="never") for bps in (0, 365)
    )
    # 365 bps a year are 1 bp a calendar day, carried in the price of what is sold short.
    close = [run.portfolio.close[f"{simulated().benchmark} (short)"] for run in (free, dear)]
    days = np.asarray((close[0].index - close[0].index[0]).days)
    steps = np.diff(days, prepend=0)
    np.testing.assert_allclose(close[1] / close[0], np.cumprod(1 + 1e-4 * steps), rtol=1e-12)
    # The position is set once: what is lost is its worth at the start times the growth.
    short = free.orders[free.orders["reason"] == "hedge"].query("side == 'sell'").iloc[0]
    shares, opened = short["shares"], int(free.series.index.get_loc(short["session"]))
    paid = shares * (close[1] * (close[0].iloc[opened] / close[1].iloc[opened]) - close[0])
    lost = (free.series["value"] - dear.series["value"]).iloc[opened:]
    np.testing.assert_allclose(lost, paid.iloc[opened:], rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("lots", ["hifo", "fifo"])
def test_the_kernels_lots_and_those_of_the_orders_agree(lots: str) -> None:
    market, costs = simulated(), Costs(7, 3, 100, lots=lots)
    run = backtest(Everything(), market, costs=costs)
    table = DecisionTable(market, "growth")
    rows = session_rows(market, None, None)
    plan, decision = make_plan(table, [Everything()], rows, Account())
    grid = add_sleeves(read_price_grid(table, rows, costs.haircut), table, rows, decision, costs)
    path = walk_plan(grid, plan, 0, costs, 1e6)
    sales = run.realised[run.realised["symbol"].isin(table.symbols)]
    assert len(sales) > 50
    gains = sales.pivot_table(index="session", columns="symbol", values="gain").reindex(
        index=path.grid.sessions, columns=list(table.symbols)
    )
    np.testing.assert_allclose(path.gains, gains.fillna(0.0), atol=1e-6)


def orders_of(rows: list[tuple[str, str, str, float, float, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["session", "symbol", "side", "shares", "value", "costs"])
    return table.assign(session=pd.to_datetime(table["session"]), reason="rebalance")


def test_realised_gains_by_hand() -> None:
    orders = orders_of(
        [
            ("2020-01-02", "AAA", "buy", 5, 50, 0),
            ("2020-02-03", "AAA", "buy", 2, 25, 1),  # 13 a share with costs
            ("2020-03-02", "AAA", "sell", 3, 45, 0),
            ("2021-01-04", "AAA", "sell", 4, 36, 2),  # 8.50 a share
            ("2020-01-02", "BBB", "sell", 2, 40, 0),  # sold short and bought back 6 dearer
            ("2021-06-01", "BBB", "buy", 2, 46, 0),
        ]
    )
    dear, old = (realised(orders, Costs(tax_rate=0.5, lots=lots)) for lots in ("hifo", "fifo"))
    np.testing.assert_allclose(dear["gain"], [45 - 36, 34 - 40, -6])
    np.testing.assert_allclose(old["gain"], [45 - 30, 34 - 46, -6])
    np.testing.assert_allclose(dear["tax"], dear["gain"] / 2)
    assert dear["held_days"].iloc[0] == pytest.approx((2 * 28 + 60) / 3)
    years = by_year(old, 0.5)
    np.testing.assert_allclose(
        years.loc[2020, ["gains", "losses", "net", "taxed", "tax"]].astype(float), [15, 0, 15, 15, 7.5]
    )
    np.testing.assert_allclose(years.loc[2021, ["net", "tax"]].astype(float), [-18, 0])
    assert tax_summary(old, Costs(tax_rate=0.5, lots="fifo"))["loss_carried"] == pytest.approx(-18)


def test_a_loss_is_carried_to_later_gains() -> None:
    sales = pd.DataFrame({"session": pd.to_datetime(["2019-05-01", "2020-05-01", "2021-05-03"]), "gain": [-10, 4, 9.0]})
    assert by_year(sales, 0.2)["tax"].tolist() == pytest.approx([0, 0, 0.6])


def test_tax_is_stated_and_never_deducted() -> None:
    none, half = (backtest(Everything(source="winners"), simulated(), costs=Costs(tax_rate=rate)) for rate in (0, 0.5))
    pd.testing.assert_frame_equal(none.series, half.series)
    assert none.tax["tax"] == 0 < half.tax["tax"]
    assert half.summary()["tax"]["rate"] == 0.5
    hifo, fifo = (backtest(Everything(), simulated(), costs=Costs(lots=lots)).tax for lots in ("hifo", "fifo"))
    assert hifo["lots"] == "hifo"
    assert hifo["net"] != fifo["net"]


def test_settlement_on_the_exchanges_calendar() -> None:
    # SEC rule 15c6-1: T+3 until 2017-09-01, T+2 until 2024-05-24, T+1 from 2024-05-28, the day after Memorial Day.
    known = {
        "2017-09-01": "2017-09-07",  # Labor Day between
        "2017-09-05": "2017-09-07",
        "2018-11-21": "2018-11-26",  # Thanksgiving and a weekend between
        "2024-05-24": "2024-05-29",  # Memorial Day between
        "2024-05-28": "2024-05-29",
        "2024-07-03": "2024-07-05",
        "2025-06-30": "2025-07-01",
    }
    settled = settlement_sessions(pd.DatetimeIndex(list(known)), "XNYS")
    assert [str(day.date()) for day in settled] == list(known.values())
    assert settlement_sessions(settled, "NASDAQ").equals(settlement_sessions(settled, "XNYS"))
    # Other exchanges have cycles of their own.
    assert settlement_sessions(settled, "XLON").isna().all()


def test_orders_settle_and_the_cash_statement_adds_up() -> None:
    run = backtest(Everything(source="winners"), simulated(), **SETTINGS)
    days = pd.DatetimeIndex(run.series.index)
    positions = days.get_indexer(pd.DatetimeIndex(run.orders["session"]))
    inside = positions < len(days) - 2
    np.testing.assert_array_equal(np.asarray(run.orders["settles"])[inside], np.asarray(days[positions[inside] + 2]))
    assert (run.orders["settles"] > run.orders["session"]).all()
    cash = run.orders[run.orders["symbol"] == simulated().cash]
    for session in run.orders["session"].unique():
        steps = run.cash_statement(session)
        body = steps.iloc[1:-1]
        after = steps["cash"].iloc[0] + body["proceeds"].sum() - body["costs"].sum()
        assert steps["cash"].iloc[-1] == pytest.approx(after, abs=1e-9 * 1e6)
        # What the account's cash symbol is worth after its trade is the cash after.
        until = cash[cash["session"] <= session]
        if (until["session"] == session).any():
            units = np.where(until["side"] == "buy", until["shares"], -until["shares"]).sum()
            assert units * until["price"].iloc[-1] == pytest.approx(after, abs=1e-9 * 1e6)
    assert steps["step"].tolist()[0] == "cash before"
    with pytest.raises(
        ParameterError, match=r"`session` 2018-06-02 has no orders; the nearest session with orders is 2018-06-0"
    ):
        run.cash_statement("2018-06-02")


def test_average_cash_counts_neither_the_basket_nor_the_short() -> None:
    run = backtest(Everything(), simulated(), **SETTINGS)
    assert run.metrics["average_cash"] == pytest.approx(run.weights["cash"].mean())
    assert run.metrics["average_cash"] == pytest.approx(1 - run.weights.drop(columns="cash").sum(axis=1).mean())


def test_what_cannot_be_held_is_named() -> None:
    with pytest.raises(UnknownNameError, match="QQQQQ"):
        backtest(Wrong(), simulated())
    with pytest.raises(ParameterError, match="names no `benchmark`"):
        backtest(HedgeAlone(), replace(simulated(), benchmark=None))
    table = DecisionTable(simulated(), "growth")
    rows = session_rows(simulated(), None, None)
    plan, _ = make_plan(table, [HedgeAlone()], rows, Account())
    with pytest.raises(ParameterError, match=r"nothing for the plan's hedge; pass it through `add_sleeves`"):
        walk_plan(read_price_grid(table, rows, 0.0), plan, 0, Costs(), 1e6)
    with pytest.raises(ParameterError, match=r"`tax_rate` must be in \[0, 1\] as a decimal, got 20"):
        Costs(tax_rate=20)
    with pytest.raises(ParameterError, match=r"`lots` must be one of hifo, fifo; got 'filo', did you mean `fifo`"):
        Costs(lots="filo")


def test_an_account_that_comes_to_nothing_is_refused_and_has_no_figures() -> None:
    market = simulated()
    prices, column = market.prices, market.prices.columns_of([market.benchmark])
    # The index is three times as high overnight, time and again.
    soaring = 3.0 ** (np.arange(len(market.sessions)) // 25).clip(max=12)[:, None]
    panels = {name: getattr(prices, name).copy() for name in ("open", "high", "low", "close")}
    for panel in panels.values():
        panel[:, column] *= soaring
    market = replace(market, prices=replace(prices, **panels))
    fall = Condition(signal="drawdown", parameters={"window": 24}, below=-0.0001)
    short = Rule(trigger=Trigger(when=(fall,)), tiers=(Tier(name="short", at=1.0, hedge=1.0, min_stay=8000),))
    with pytest.raises(
        DataError, match=r"the account is worth -[\d,]+ USD on 20\d\d-\d\d-\d\d: the short position costs"
    ):
        backtest(FreeRule(definition=short), market, rebalance="never")
    mild = short.model_copy(update={"tiers": (Tier(name="short", at=1.0, hedge=0.01, min_stay=8000),)})
    swept = sweep(FreeRule, market, pd.DataFrame({"definition": [short, mild]}), rebalance="never", returns=True)
    assert swept.table[["total_return", "annual_sharpe", "annual_turnover"]].isna().all(axis=1).tolist() == [
        True,
        False,
    ]
    assert np.isnan(swept.returns).all(axis=1).tolist() == [True, False]


def test_a_name_that_ends_all_but_worthless_is_booked() -> None:
    run = backtest(BuyAndHold(), simulated(), costs=Costs(haircut_bps=9_999.0))
    assert (run.orders["reason"] == "price end").any()
    with pytest.raises(ParameterError, match=r"`haircut_bps` must be in \[0, 9999\] basis points, got 10000"):
        Costs(haircut_bps=10_000.0)


class TwoSteps(Strategy):
    """A sleeve for ten sessions, which ends as stocks come back in part."""

    hedged: Annotated[bool, CategoricalDistribution([True, False])] = True

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        exposure, share = np.ones((len(table), len(sets["hedged"]))), np.zeros((len(table), len(sets["hedged"])))
        exposure[100:110], share[100:110] = 0.5, 0.3
        exposure[110], exposure[111:] = 0.7, 0.4
        decision = Decision.proportional(exposure)
        hedged = np.broadcast_to(sets["hedged"], exposure.shape)
        return replace(
            decision, rotation=np.where(hedged, 0.0, share), basket="defensive", hedge=np.where(hedged, share, 0.0)
        )


@pytest.mark.parametrize("hedged", [True, False])
def test_an_action_on_stocks_does_not_lose_the_waiting_order_of_a_sleeve(hedged: bool) -> None:
    market = simulated()
    symbol = str(market.benchmark) if hedged else market.universe("defensive").symbols[0]
    opens = market.prices.open.copy()
    opens[110, market.prices.columns_of([symbol])] = np.nan
    gap = replace(market, prices=replace(market.prices, open=opens))
    run = backtest(TwoSteps(hedged=hedged), gap, rebalance="never")
    sleeve = [f"{symbol} (short)"] if hedged else list(market.universe("defensive").symbols)
    held = run.weights[sleeve].abs().sum(axis=1)
    assert held.iloc[110] > 0.04
    assert (held.iloc[111:] < 1e-9).all()
    assert run.series["cash_share"].iloc[111] == pytest.approx(0.6, abs=0.02)
    assert run.counts["orders_open_at_end"] == 0
    late = run.orders[run.orders["session"] == run.series.index[111]]
    assert set(late["reason"]) >= {"de-risk", "hedge" if hedged else "rotation"}
    table = pd.DataFrame({"hedged": [hedged]})
    swept = sweep(TwoSteps, gap, table, rebalance="never").table
    assert swept["total_return"].iloc[0] == pytest.approx(run.metrics["total_return"], abs=1e-9)


class Again(Strategy):
    """Sold to 0.6, back to 0.8 and sold to 0.5 within one episode, or a hedge instead."""

    hedged: Annotated[bool, CategoricalDistribution([True, False])] = False

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        shape = len(table), len(sets["hedged"])
        exposure, hedge = np.ones(shape), np.zeros(shape)
        rebalances = np.flatnonzero(np.diff(table.decisions.sessions.month) != 0) + 1
        for start in (rebalances[3], rebalances[5] + 5):
            exposure[start : start + 3], exposure[start + 3 : start + 5], exposure[start + 5 : start + 8] = (
                0.6,
                0.8,
                0.5,
            )
            hedge[start : start + 8] = 0.3
        hedged = np.broadcast_to(sets["hedged"], shape)
        decision = Decision.proportional(np.where(hedged, 1.0, exposure))
        return replace(decision, hedge=np.where(hedged, hedge, 0.0))


def test_what_an_episode_raised_is_what_it_sold_to_get_there() -> None:
    market = simulated()
    run = backtest(Again(), market)
    assert run.episodes["cash_target"].tolist() == [0.5, 0.5]
    for episode in run.episodes.itertuples():
        # From four fifths to half, not the first two fifths once more.
        row = run.series.index.get_loc(episode.session) + 5
        assert episode.cash_raised == pytest.approx(0.3 * run.series["value"].iloc[row - 1], rel=0.1)
    hedged = backtest(Again(hedged=True), market)
    assert hedged.episodes["cash_raised"].tolist() == [0.0, 0.0]
    assert hedged.episodes["sold"].tolist() == ["", ""]
    assert hedged.episodes["cash_target"].tolist() == pytest.approx([0.3, 0.3])
