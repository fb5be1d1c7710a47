"""Parts of the difference to buy-and-hold: exact, and each what it says it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.backtests import Costs, backtest, load_run
from undertow.backtests.kernel.path import walk_plan
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.runs.attribution import PARTS, attribution, returned_at_once
from undertow.market import Market, ParameterError, simulate_market
from undertow.strategies import (
    BuyAndHold,
    Decision,
    DefensiveRotation,
    HedgeOverlay,
    LiquidityDrain,
    RiskTiers,
    StopLoss,
    Strategy,
)
from undertow.strategies.plan import Plan


@cache
def world() -> Market:
    return simulate_market(seed=11, years=2, names=8)


@pytest.mark.parametrize(
    "rule", [LiquidityDrain(), DefensiveRotation(), HedgeOverlay(), StopLoss(), RiskTiers(source="least-tax")]
)
def test_the_parts_sum_to_the_difference(rule: Strategy) -> None:
    run = backtest(rule, world())
    result = run.attribution()
    assert sum(result.parts.values()) == pytest.approx(result.run - result.hold, abs=1e-9 * run.recipe.capital)
    assert result.run == run.series["value"].iloc[-1]
    assert result.hold == run.series["hold_value"].iloc[-1]
    unused = {"stop-loss": ("timing", "re_entry_delay", "destination"), "hedge-overlay": ("timing", "selection")}
    for name in unused.get(rule.name(), ()):
        assert result.parts[name] == 0.0


def test_buy_and_hold_has_nothing_to_explain() -> None:
    result = backtest(BuyAndHold(), world()).attribution()
    assert result.parts == pytest.approx(dict.fromkeys(PARTS, 0.0), abs=1e-6)


def small(seed: int, sessions: int = 12, names: int = 3) -> tuple[PriceGrid, Plan]:
    """A tape of a few sessions and a plan whose base is rebalanced on the first alone."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.03, (sessions, names)), axis=0)
    fill = close * (1.0 + rng.normal(0.0, 0.01, close.shape))
    cash = np.cumprod(np.full(sessions, 1.0002))
    tape = PriceGrid(
        sessions=pd.bdate_range("2024-01-02", periods=sessions),
        symbols=tuple("ABC"[:names]),
        fill=fill,
        mark=fill,
        close=close,
        end_price=np.full(close.shape, np.nan),
        cash_fill=np.concatenate(([1.0], cash[:-1])),
        cash_close=cash,
        cash_gaps=0,
    )
    exposure = rng.choice([1.0, 0.7, 0.4, 0.0], (sessions, 2))
    exposure[:, 1] = 1.0
    score = rng.normal(size=close.shape)
    decision = Decision(exposure, np.zeros(exposure.shape, np.bool_), np.array([0, -1]), (score,))
    rebalanced = np.full(sessions, -1)
    rebalanced[0] = 0
    return tape, Plan(decision, np.full((1, names), 1.0 / names), rebalanced)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.0, 50.0))
def test_any_plan_is_split_exactly(seed: int, bps: float) -> None:
    tape, plan = small(seed)
    costs = Costs(fee_bps=bps, slippage_bps=bps)
    run, hold = (walk_plan(tape, plan, number, costs, 1e6) for number in (0, 1))
    result = attribution(tape, plan, run, hold)
    assert sum(result.parts.values()) == pytest.approx(result.run - result.hold, abs=1e-9 * 1e6)
    assert result.costs == pytest.approx(0.0, abs=1e-9 * 1e6) if bps == 0 else True


@pytest.mark.parametrize("seed", range(5))
def test_timing_is_what_the_share_out_of_stocks_missed(seed: int) -> None:
    """With one name, no costs and idle cash: the account grows by exposure times the name's return, by a plain loop."""
    tape, plan = small(seed, names=1)
    free = Costs(fee_bps=0.0, slippage_bps=0.0)
    run, hold = (walk_plan(tape, plan, number, free, 1e6) for number in (0, 1))
    result = attribution(tape, plan, run, hold)
    level = returned_at_once(plan.decision.exposure[:, 0])
    shares, cash = 0.0, 1e6
    held = 1.0
    for row in range(len(level)):
        price = tape.fill[row, 0]
        value = cash + shares * price
        if row == 0 or level[row] != held:
            shares, cash, held = level[row] * value / price, (1.0 - level[row]) * value, level[row]
    final = cash + shares * tape.close[-1, 0]
    assert result.timing == pytest.approx(final - result.hold, abs=1e-6)


def test_a_return_in_steps_made_at_once() -> None:
    steps = np.array([1.0, 0.4, 0.4, 0.6, 0.8, 1.0, 1.0, 0.5, 0.7, 0.7, 0.9, 0.2])
    np.testing.assert_array_equal(returned_at_once(steps), [1.0, 0.4, 0.4, 1.0, 1.0, 1.0, 1.0, 0.5, 0.7, 0.7, 0.9, 0.2])


def test_a_saved_run_keeps_its_bridge(tmp_path: Path) -> None:
    run = backtest(LiquidityDrain(), world())
    loaded = load_run(run.save(tmp_path / "run"))
    assert loaded.attribution() == run.attribution()
    (tmp_path / "run" / "attribution.json").unlink()
    with pytest.raises(ParameterError, match="saved without its attribution"):
        load_run(tmp_path / "run").attribution()


def test_gap_waiting_and_absence_chain_to_the_basket() -> None:
    run = backtest(LiquidityDrain(source="proportional"), world())
    rows = run.episodes.dropna(subset=["gap_return", "waited_return"])
    assert len(rows) > 5
    prices, calendar = world().prices, world().calendar
    waited = rows["waited_return"]
    assert (waited == 0.0).any()
    assert (waited[waited != 0.0].abs() > 1e-12).all()
    for episode in rows.itertuples():
        shock = np.datetime64(episode.shock.tz_convert("UTC").tz_localize(None), "ns")
        last = int(np.searchsorted(calendar.closes, shock, side="right")) - 1
        fill = int(prices.sessions.searchsorted(episode.session))
        hold = run.series["hold_value"]
        if shock > calendar.opens[last + 1]:
            assert episode.gap_return == 0.0
            start = hold.iloc[last + 1]
        else:
            start = hold.iloc[last]
        # The value at the fill is that at the close before it, moved by the night.
        night = night_of(run.weights.drop(columns="cash"), fill)
        if run.series["exposure"].iloc[fill - 1] == 1.0 and fill > last + 1:
            expected = hold.iloc[fill - 1] * (1.0 + night) / start - 1.0
            chained = (1.0 + episode.gap_return) * (1.0 + episode.waited_return) - 1.0
            assert chained == pytest.approx(expected, abs=2e-3)


def night_of(weights: object, row: int) -> float:
    prices = world().prices
    frame = weights.iloc[row - 1]  # type: ignore[attr-defined]
    columns = prices.columns_of(list(frame.index))
    moves = prices.open[row, columns] / prices.close[row - 1, columns] - 1.0
    share = frame.to_numpy() / frame.sum()
    return float(np.nansum(share * moves))
