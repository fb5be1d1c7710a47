"""Ground truth: with the effect in the simulated market the flagship finds it, without it it does not."""

from __future__ import annotations

import pytest

from undertow.backtests import backtest
from undertow.market import simulate_market
from undertow.strategies import LiquidityDrain

SEEDS = range(20)
TRUE_LAG = 36


def seeds_won(effect: float) -> int:
    """In how many seeds the flagship at the true lag beats the same basket without it on Sharpe, after costs."""
    won = 0
    for seed in SEEDS:
        run = backtest(LiquidityDrain(lag=TRUE_LAG), simulate_market(seed=seed, effect=effect, lag_hours=TRUE_LAG))
        won += run.metrics["annual_sharpe"] > run.baselines["buy-and-hold"]["annual_sharpe"]
    return won


@pytest.mark.parametrize(
    ("effect", "fewest_seeds", "most_seeds"), [(1.0, 17, 20), (0.0, 0, 14)], ids=["effect on", "no effect"]
)
def test_seeds_in_which_the_flagship_beats_buy_and_hold(effect: float, fewest_seeds: int, most_seeds: int) -> None:
    assert fewest_seeds <= seeds_won(effect) <= most_seeds
