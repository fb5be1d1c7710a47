"""Placements keep every episode whole and apart; the accounts of unmoved decisions are those of a backtest."""

from __future__ import annotations

import numpy as np
import pytest

import undertow as ut
from undertow.backtests.sweeps import rearranged
from undertow.evidence.luck.placements import (
    circular_shifts,
    episode_spans,
    episodes_left_out,
    on_calm_dates,
    random_placements,
    volatility_classes,
    within_volatility,
)
from undertow.market import Market, simulate_market

AWAY = np.array([0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0] * 5, dtype=bool)


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=3, names=8)


def lengths(away: np.ndarray) -> list[int]:  # type: ignore[type-arg]
    return sorted(after - first for first, after in episode_spans(away))


def test_placements_hold_the_same_episodes() -> None:
    spans = episode_spans(AWAY)
    classes = np.random.default_rng(0).integers(0, 5, len(AWAY))
    random = random_placements(spans, len(AWAY), 0, 50, 3)
    volatile, missed = within_volatility(spans, classes, 0, 50, 3)
    assert missed < 100
    calm, _ = on_calm_dates(spans, classes, 0, 50, 3)
    for rows in (random, volatile, calm):
        assert all(lengths(AWAY[row]) == lengths(AWAY) for row in rows)
        assert len({tuple(row) for row in rows}) > 40
    starts = [first for row in random for first, _ in episode_spans(AWAY[row])]
    assert len(set(starts)) > 80


def test_a_shift_moves_all_sessions_alike_and_none_stays() -> None:
    shifts = circular_shifts(len(AWAY), 1_000, 3)
    assert shifts.shape == (99, 100)
    assert all(sorted(row) == list(range(100)) for row in shifts)
    assert not (shifts == np.arange(100)).all(axis=1).any()


def test_volatility_classes_know_only_sessions_before() -> None:
    returns = np.random.default_rng(2).normal(0, 0.01, 300) * np.linspace(1, 3, 300)
    classes = volatility_classes(returns)
    trailing = np.array([returns[row - 21 : row].std() for row in range(21, 300)])
    order = trailing.argsort().argsort()
    assert (classes[21:] == order * 5 // len(order)).all()
    assert len(classes) == 300
    assert (np.bincount(classes[21:]) >= 55).all()


def test_unmoved_decisions_are_the_backtest_and_less_an_episode_is_that_episode_alone(market: Market) -> None:
    rule = ut.strategies.LiquidityDrain(cash=0.8)
    run, decisions = ut.backtest(rule, market), rearranged(rule, market)
    sessions = len(run.series)
    same = decisions.returns(np.arange(sessions)[None, :])[0]
    assert np.abs(same - run.returns.to_numpy()).max() < 1e-12
    spans = episode_spans(decisions.away)
    without = decisions.returns(episodes_left_out(spans, sessions, decisions.resting))
    first, after = spans[1]
    assert np.abs(without[1, : first - 1] - same[: first - 1]).max() < 1e-12
    held = run.series["hold_return"].to_numpy()[first + 1 : after]
    assert without[1, first + 1 : after] == pytest.approx(held, abs=2e-3)


def test_the_same_decisions_on_one_symbol_are_those_of_its_own_account(market: Market) -> None:
    decisions = rearranged(ut.strategies.LiquidityDrain(), market)
    symbol = market.prices.symbols[0]
    rest = np.full((1, len(decisions.exposure)), decisions.resting)
    returns = decisions.on(symbol).returns(rest)[0]
    close = market.prices.close[:, 0]
    known = np.isfinite(close)
    assert returns[1:][known[1:] & known[:-1]][50:60] == pytest.approx(
        (close[1:] / close[:-1] - 1.0)[known[1:] & known[:-1]][50:60], abs=1e-3
    )
    with pytest.raises(ut.ParameterError, match="has no prices of `NONE`"):
        decisions.on("NONE")
