"""Shocks of another coin: a rule on ETH is the rule on BTC in a market whose BTC is that coin."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

import undertow as ut
from undertow.backtests import today
from undertow.market import Market
from undertow.signals.base import SIGNALS, load, registered
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Condition, Rule, RuleStrategy, Tier, Trigger

# Reads ETH by its own definition, and so compares it with itself.
CONTAGION = "altcoin-contagion"


@cache
def markets() -> tuple[Market, Market]:
    """A market with BTC and ETH, and one whose BTC is the first one's ETH."""
    first, second = ut.simulate_market(seed=3, years=1, names=5), ut.simulate_market(seed=4, years=1, names=5)
    coins = tuple(feed for feed in second.feeds if feed.asset == "BTC")
    others = tuple(feed for feed in first.feeds if feed.asset == "")
    both = (
        *(feed for feed in first.feeds if feed.asset in ("BTC", "")),
        *(replace(feed, asset="ETH") for feed in coins),
    )
    return replace(first, feeds=both), replace(first, feeds=(*coins, *others))


def feed_signals() -> list[str]:
    names = [name for name in registered(SIGNALS) if load(SIGNALS, name).spec.clock == "feed"]
    return [name for name in names if name != CONTAGION]


@pytest.mark.parametrize("name", feed_signals())
def test_every_feed_signal_reads_the_asset(name: str) -> None:
    with_both, renamed = (DecisionTable(market, "growth") for market in markets())
    signal = load(SIGNALS, name)
    for output in signal.spec.outputs:
        found = with_both.signal(signal, {}, output=output, asset="ETH", lag=12)
        np.testing.assert_array_equal(found, renamed.signal(signal, {}, output=output, lag=12))


class CoinFall(RuleStrategy):
    """A fall of one coin."""

    summary: ClassVar[str] = "A fall of one coin"
    coin: Annotated[str, CategoricalDistribution(["BTC", "ETH", "SOL"])] = "ETH"
    level: Annotated[float, FloatDistribution(-0.3, -0.05)] = -0.1

    def rule(self) -> Rule:
        condition = Condition(signal="drawdown", parameters={"window": 72}, below=self.level, asset=self.coin)
        return Rule(name="coin-fall", trigger=Trigger(when=(condition,)), tiers=(Tier(name="cash", at=1.0, cash=0.4),))


TOML = """
name = "coin-fall"

[[trigger.when]]
signal = "drawdown"
parameters = { window = 72 }
below = -0.1
asset = "ETH"

[[tiers]]
name = "cash"
at = 1.0
cash = 0.4
"""


def test_runs_files_sweeps_reasons_and_the_checklist_read_the_asset(tmp_path: Path) -> None:
    with_both, renamed = markets()
    (tmp_path / "coin.toml").write_text(TOML, encoding="utf-8")
    run = ut.backtest(CoinFall(), with_both)
    expected = ut.backtest(CoinFall(coin="BTC"), renamed)
    assert len(run.changes) > 2
    pd.testing.assert_series_equal(run.series["value"], expected.series["value"], check_exact=True)
    from_file = ut.backtest(ut.load_rule(tmp_path / "coin.toml"), with_both)
    pd.testing.assert_series_equal(run.series["value"], from_file.series["value"], check_exact=True)
    assert not run.series["value"].equals(ut.backtest(CoinFall(coin="BTC"), with_both).series["value"])
    assert "fall of ETH" in set(run.changes["label"])
    session = run.changes["session"].iloc[0]
    assert run.explain(session).label == "fall of ETH"
    swept = ut.sweep(CoinFall, with_both, pd.DataFrame({"level": [-0.1, -0.2]})).table["total_return"]
    assert swept[0] == pytest.approx(run.metrics["total_return"], rel=1e-9)
    asof = f"{session:%Y-%m-%d}T12:00Z"
    found, other = today(CoinFall(), with_both, asof=asof), today(CoinFall(coin="BTC"), renamed, asof=asof)
    assert (found.tier, found.exposure) == (other.tier, other.exposure) == ("cash", 0.6)
    assert found.lines[0].value == other.lines[0].value


def test_a_coin_without_feeds_is_named() -> None:
    run = ut.backtest(CoinFall(coin="SOL"), markets()[0])
    assert run.counts["absent_feeds"] == {"drawdown": "no feed of kind 'bars' for SOL"}
