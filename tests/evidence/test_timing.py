"""Timing alone: zero for what is away by a constant part, whatever stocks earn and trading costs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution

import undertow as ut
from support.commands import Call
from undertow.evidence import timing
from undertow.evidence.timing import rule_costs
from undertow.market import Market, ParameterError, simulate_market
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.strategies.strategy import Sets


class Constant(Strategy):
    """The same part in stocks on every session."""

    part: Annotated[float, FloatDistribution(0.1, 1.0)] = 0.6

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        return Decision.proportional(np.ones((len(table), 1)) * sets["part"])


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=4, names=8)


def test_it_is_what_a_slower_derivation_gives(market: Market) -> None:
    run = ut.backtest(ut.strategies.LiquidityDrain(cash=0.8), market, costs=ut.Costs(fee_bps=20, slippage_bps=10))
    found = timing(run)
    value = run.series["value"]
    orders = run.orders[run.orders["reason"].isin(["de-risk", "re-entry"])]
    paid = orders.groupby("session")["costs"].sum()
    own = []
    for session, day in run.series.iterrows():
        before = value[value.index < session]
        capital = before.iloc[-1] if len(before) else run.recipe.capital
        own.append(day["return"] + paid.get(session, 0.0) / capital)
    in_stocks = 1.0 - run.metrics["average_cash"]
    mix = in_stocks * run.series["hold_return"] + (1.0 - in_stocks) * run.series["cash_return"]
    years = len(mix) / 252
    expected = (np.sum(own) - mix.sum()) / years
    assert found.share == pytest.approx(in_stocks, rel=1e-12)
    assert found.difference.annual_return.estimate == pytest.approx(expected, rel=1e-9)
    # What the orders of the rule cost is not held against its timing.
    assert found.difference.annual_return.estimate > run.returns.sum() / years - mix.sum() / years


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_part_that_never_changes_has_none(market: Market, part: float) -> None:
    run = ut.backtest(Constant(part=part), market, rebalance="daily", costs=ut.Costs(fee_bps=0, slippage_bps=0))
    found = timing(run)
    assert found.share == pytest.approx(part, abs=0.01)
    assert abs(found.difference.annual_return.estimate) < 0.001


def test_away_at_random_costs_are_no_bad_timing() -> None:
    told = []
    for seed in range(12):
        market = simulate_market(seed=seed, years=3, names=5, effect=0.0)
        rule = ut.strategies.RandomTiming(seed=seed)
        run = ut.backtest(rule, market, costs=ut.Costs(fee_bps=50, slippage_bps=50))
        told.append(
            (timing(run).difference.annual_return.estimate, run.metrics["cagr"] - run.baselines["buy-and-hold"]["cagr"])
        )
    alone, apart = (np.array(each) for each in zip(*told, strict=True))
    error = alone.std(ddof=1) / np.sqrt(len(alone))
    assert abs(alone.mean()) < 2.5 * error
    # Against buy-and-hold the same runs lose what they pay.
    assert apart.mean() < alone.mean() - 0.02


def test_being_away_at_random_is_worth_nothing_however_wild_the_stocks_are(market: Market) -> None:
    # Log returns of a share that varies are less than those of a constant one by half of var(share) times var(return).
    hold = ut.backtest(ut.strategies.BuyAndHold(), market)
    rng = np.random.default_rng(3)
    own = hold.series["return"].to_numpy() * 3
    told, logs = [], []
    for _ in range(200):
        there = rng.random(len(own)) < 0.6
        series = hold.series.assign(cash_share=np.where(there, 0.0, 1.0), hold_return=own)
        series["return"] = np.where(there, own, series["cash_return"])
        series["value"] = (1.0 + series["return"]).cumprod() * hold.recipe.capital
        told.append(timing(replace(hold, series=series), resamples=1).difference.annual_return.estimate)
        held = there.mean()
        mix = held * own + (1.0 - held) * series["cash_return"]
        logs.append((np.log1p(series["return"]) - np.log1p(mix)).mean() * 252)
    mean, error = np.mean(told), np.std(told, ddof=1) / np.sqrt(len(told))
    assert abs(mean) < 2.5 * error
    assert np.mean(logs) < mean - 4 * np.std(np.subtract(told, logs), ddof=1) / np.sqrt(len(told))
    assert np.mean(logs) - mean == pytest.approx(-0.5 * 0.24 * own.var() * 252, rel=0.15)


def test_costs_of_orders_that_had_to_wait_are_those_of_whoever_sent_them(market: Market) -> None:
    rule, costs = ut.strategies.LiquidityDrain(), ut.Costs(fee_bps=50, slippage_bps=50)
    plain = ut.backtest(rule, market, costs=costs)
    acted = np.flatnonzero(np.diff(plain.exposure) < 0) + 1
    columns = market.prices.columns_of([name for name in plain.weights if name in market.prices])
    months = pd.Series(plain.series.index.to_period("M"))
    renewals = np.flatnonzero(months.ne(months.shift()))
    for rows, mine in ((np.setdiff1d(acted, renewals), True), (renewals[2:], False)):
        opens = market.prices.open.copy()
        opens[np.ix_(rows, columns)] = np.nan
        run = ut.backtest(rule, replace(market, prices=replace(market.prices, open=opens)), costs=costs)
        orders = run.orders
        waited = orders.loc[orders["reason"] == "deferred", "costs"].sum()
        given = orders.loc[orders["reason"].isin(["de-risk", "re-entry"]), "costs"].sum()
        assert waited > 0.0
        assert rule_costs(run).sum() == pytest.approx(given + waited if mine else given, rel=0.02 if mine else 0.05)


def test_what_a_right_and_a_wrong_moment_are_worth(market: Market) -> None:
    hold = ut.backtest(ut.strategies.BuyAndHold(), market)
    assert timing(hold).difference.annual_return.estimate == pytest.approx(0.0, abs=1e-3)
    # A run that is away on the worst sessions, and one that is there on those alone.
    own = hold.series["return"]
    worst = own < own.quantile(0.1)
    for there, sign in ((~worst, 1), (worst, -1)):
        series = hold.series.assign(cash_share=np.where(there, 0.0, 1.0))
        series["return"] = np.where(there, own, series["cash_return"])
        series["value"] = (1.0 + series["return"]).cumprod() * hold.recipe.capital
        part = timing(replace(hold, series=series)).difference.annual_return
        assert part.excludes_zero
        assert np.sign(part.estimate) == sign


def test_what_it_says(market: Market) -> None:
    run = ut.backtest(ut.strategies.LiquidityDrain(), market)
    said = timing(run).sentence()
    share = 1 - run.metrics["average_cash"]
    assert said.startswith("Its timing and choice of names, before the costs of its own orders and against a mix of")
    assert f"that is {share:.0%} in stocks on every session: " in said
    assert said == timing(run, seed=0).sentence()
    with pytest.raises(ParameterError, match="60 sessions or more"):
        timing(ut.backtest(ut.strategies.LiquidityDrain(), market, end="2018-03-01"))


def test_pages_and_the_terminal_say_it(market: Market, call: Call, tmp_path: Path) -> None:
    run = ut.backtest(ut.strategies.LiquidityDrain(), market)
    assert "Its timing and choice of names, before the costs" in run.tearsheet(tmp_path / "run.html").read_text()
    hold = ut.backtest(ut.strategies.BuyAndHold(), market)
    assert "Its timing and choice" not in hold.tearsheet(tmp_path / "hold.html").read_text()
    words = ["--strategy", "drawdown-de-risk", "--trials", "2", "--train", "252", "--test", "252"]
    said = call("walk-forward", *words, "--out", tmp_path / "walk", "--json")
    alone = json.loads(said.out)["verdicts"]["timing"]
    assert alone.startswith("Its timing and choice of names, before the costs of its own orders")
    assert alone.replace("-", "\N{MINUS SIGN}")[:60] in (tmp_path / "walk" / "walk.html").read_text()
