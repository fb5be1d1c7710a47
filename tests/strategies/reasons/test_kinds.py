"""The kind of shock: what is called a liquidation cascade, and what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from undertow.backtests import Run, backtest, load_run
from undertow.backtests.checklist.today import today
from undertow.market import Market, simulate_market
from undertow.signals.base.registry import SIGNALS, registered
from undertow.strategies import Condition, LiquidityDrain, RiskTiers
from undertow.strategies.reasons.kinds import CASCADE, KIND_OF, PROXY_CASCADE, label_of, largest
from undertow.strategies.reasons.reasons import Reasons

FALL = Condition(signal="drawdown", below=-0.15)
SPIKE = Condition(signal="liquidation-spike", output="rank", above=0.9, fallback="liquidation-proxy")
GAP = Condition(signal="weekend-gap", below=-0.08)
YIELDS = Condition(signal="rates-shock", above=2)
TOGETHER = Condition(signal="btc-equity-correlation", above=0.5)


def named(*parts: tuple[Condition, float]) -> str:
    return largest([(condition, label_of(condition), part) for condition, part in parts])


def test_labels_come_from_the_signals_or_from_the_condition() -> None:
    assert label_of(SPIKE) == CASCADE == "liquidation cascade"
    assert label_of(SPIKE, fallback=True) == PROXY_CASCADE == "liquidation cascade (fallback)"
    assert label_of(Condition(signal="liquidation-proxy", output="rank", above=0.9)) == PROXY_CASCADE
    assert label_of(FALL) == "fall of BTC"
    assert label_of(Condition(signal="drop", below=-0.1, asset="ETH")) == "fall of ETH"
    assert label_of(GAP) == "weekend gap"
    assert label_of(TOGETHER) == "correlation with BTC"
    assert label_of(YIELDS) == "rates shock"
    assert label_of(Condition(signal="dollar-shock", above=2)) == "dollar shock"
    assert label_of(Condition(signal="leadership", below=-1)) == "leadership break"
    assert label_of(Condition(signal="vix", above=30)) == "volatility event"
    assert label_of(Condition(signal="vix", above=30, label="my own"), fallback=True) == "my own"


def test_every_signal_has_a_kind_but_what_is_no_condition() -> None:
    assert set(registered(SIGNALS)) - set(KIND_OF) == {"beta"}


def test_a_shock_of_bitcoin_is_named_by_what_is_in_it() -> None:
    assert named((FALL, 1.0), (SPIKE, 0.0)) == "fall of BTC"
    assert named((FALL, 0.0), (SPIKE, 1.0)) == "liquidation cascade"
    # A fall with liquidations is a cascade, but for liquidations that add less.
    assert named((FALL, 0.1 + 0.2), (SPIKE, 0.3)) == "liquidation cascade"
    assert named((FALL, 0.1), (SPIKE, 0.05)) == "fall of BTC"
    # What is on Bitcoin's side adds up against the rest.
    assert named((FALL, 0.1), (GAP, 0.12), (YIELDS, 0.2)) == "weekend gap"
    assert named((FALL, 0.1), (YIELDS, 0.2)) == "rates shock"
    # Moving together is a state, not a shock, as long as there is one.
    assert named((TOGETHER, 0.1), (GAP, 0.05), (FALL, 0.0)) == "weekend gap"
    assert named((TOGETHER, 0.1), (GAP, 0.0)) == "correlation with BTC"
    assert named((FALL, 0.0), (YIELDS, 0.0)) == ""


@pytest.fixture(scope="module")
def world() -> Market:
    return simulate_market(seed=11, years=2.5, names=8)


@pytest.fixture(scope="module")
def blind(world: Market) -> Run:
    """A run on a market whose liquidations nobody recorded."""
    feeds = tuple(each for each in world.feeds if each.kind != "liquidations")
    return backtest(LiquidityDrain(), replace(world, feeds=feeds))


def reasons_of(run: Run) -> Reasons:
    assert run.reasons is not None
    return run.reasons


def test_without_a_feed_of_liquidations_nothing_is_called_a_cascade_but_by_the_fallback(blind: Run) -> None:
    why = reasons_of(blind)
    labels = set(blind.episodes["label"])
    assert labels <= {"fall of BTC", PROXY_CASCADE}
    for change in blind.changes.to_dict("records"):
        row = why.sessions.get_loc(change["session"])
        on = change["label"] == PROXY_CASCADE
        assert not on or (why.fallback[row, 1] and change["liquidation rank"] > 0.0)
    assert PROXY_CASCADE in labels


def test_a_cascade_has_liquidations_among_what_alarms(world: Market) -> None:
    changes = backtest(LiquidityDrain(), world).changes
    named = changes[changes["label"] == CASCADE]
    assert len(named)
    assert (named["liquidation rank"] > 0.0).all()
    falls = changes[changes["label"] == "fall of BTC"]
    assert (falls["liquidation rank"] == 0.0).all()
    assert (changes.loc[changes["tier"] == "calm", "label"] == "").all()


def test_a_calm_day_has_no_kind_of_shock(world: Market) -> None:
    why = reasons_of(backtest(RiskTiers(), world))
    calm = np.flatnonzero((why.tier == 0) & (why.score > 0.0))
    assert len(calm)
    assert all(why.label(row, why.contributions(row)) == "" for row in calm)
    session = why.sessions[calm[-1]]
    found = today(RiskTiers(), world, asof=pd.Timestamp(session, tz="UTC") + pd.Timedelta(hours=14))
    assert (found.tier, found.label) == ("calm", "")


def test_fallbacks_are_kept_with_a_run_and_missing_from_older_ones(blind: Run, tmp_path: Path) -> None:
    folder = blind.save(tmp_path / "run")
    assert load_run(folder).changes["label"].equals(blind.changes["label"])
    table = pd.read_parquet(folder / "reasons.parquet")
    table[[name for name in table if not name.startswith("fallback: ")]].to_parquet(folder / "reasons.parquet")
    assert not reasons_of(load_run(folder)).fallback.any()
