"""The probability of backtest overfitting: half of the time where all is luck, never where one rule is good."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import rankdata

from undertow.evidence import overfitting
from undertow.market import ParameterError


def slower(returns: np.ndarray, blocks: int) -> float:  # type: ignore[type-arg]
    length = returns.shape[1] // blocks
    used = returns[:, returns.shape[1] - length * blocks :]
    parts = np.array_split(np.arange(used.shape[1]), blocks)
    below = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[block] for block in chosen])
        outside = np.concatenate([parts[block] for block in range(blocks) if block not in chosen])
        ratios = [used[:, rows].mean(axis=1) / used[:, rows].std(axis=1) for rows in (inside, outside)]
        share = rankdata(ratios[1])[int(ratios[0].argmax())] / (len(returns) + 1)
        below.append(math.log(share / (1 - share)) <= 0.0)
    return float(np.mean(below))


def test_it_is_what_a_slower_derivation_gives() -> None:
    returns = np.random.default_rng(3).normal(0.0004, 0.01, (7, 205))
    found = overfitting(returns, blocks=6)
    assert found.pbo == pytest.approx(slower(returns, 6), abs=1e-12)
    assert (found.splits, found.dropped, found.sessions) == (20, 1, 204)


def test_sixteen_blocks_have_the_published_number_of_splits() -> None:
    assert overfitting(np.random.default_rng(0).normal(size=(2, 64))).splits == 12_870 == math.comb(16, 8)


def test_it_is_about_a_half_where_all_is_luck_and_none_where_one_rule_is_good() -> None:
    # Seeds 0 to 19 with 16 blocks and 200 rules: 0.484. Here fewer blocks, so that it takes a second.
    found = [overfitting(np.random.default_rng(seed).normal(0, 0.01, (200, 1000)), blocks=12).pbo for seed in range(20)]
    assert 0.40 < np.mean(found) < 0.62
    planted = np.random.default_rng(1).normal(0, 0.01, (200, 1000))
    planted[3] += 0.01 * 5.0 / math.sqrt(252)
    assert overfitting(planted).pbo < 0.01


def test_bad_input_is_named() -> None:
    table = np.random.default_rng(0).normal(size=(3, 100))
    with pytest.raises(ParameterError, match="`blocks` must be an even number from 2 to 18, got 5"):
        overfitting(table, blocks=5)
    with pytest.raises(ParameterError, match="two rules or more"):
        overfitting(table[:1])
    with pytest.raises(ParameterError, match="two sessions a block, 32; got 20"):
        overfitting(table[:, :20])
    with pytest.raises(ParameterError, match="missing values"):
        overfitting(np.where(table > 2, np.nan, table))
