"""The model confidence set: its p by another derivation, its coverage, rules that are one, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from undertow.evidence import ConfidenceSet, confidence_set
from undertow.evidence.bootstrap import widening
from undertow.market import ParameterError

SESSIONS = 300


def rules(seed: int, edges: list[float]) -> np.ndarray:
    """Rules that share most of their returns, each with its own noise and an edge a session."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0.0, 0.004, (len(edges), SESSIONS))
    return rng.normal(0.0005, 0.012, SESSIONS) + noise + np.array(edges)[:, None]


def plain_p(returns: np.ndarray, block: int, seed: int, resamples: int) -> np.ndarray:
    """Hansen, Lunde and Nason (2011), section 3.1, in loops: range statistic, elimination rule, running maximum."""
    loss = -np.log1p(returns)
    count = loss.shape[1]
    pairs = len(loss) * (len(loss) - 1) / 2
    factor = widening(count, block, 1 - 0.10 / pairs)
    rng = np.random.default_rng(seed)
    draws = np.empty((resamples, count), dtype=np.int64)
    for rows in draws:
        rows[0] = rng.integers(count)
        for at in range(1, count):
            rows[at] = rng.integers(count) if rng.random() < 1 / block else (rows[at - 1] + 1) % count
    left, p, highest = list(range(len(loss))), np.ones(len(loss)), 0.0
    while len(left) > 1:
        means = {i: loss[i].mean() for i in left}
        drawn = {i: loss[i][draws].mean(axis=1) for i in left}
        t, spread = {}, {}
        above = np.zeros(resamples)
        for i in left:
            for j in left:
                if i != j:
                    gap = means[i] - means[j]
                    centred = drawn[i] - drawn[j] - gap
                    spread[i, j] = np.sqrt((centred**2).mean())
                    t[i, j] = gap / spread[i, j] / factor
                    above = np.maximum(above, np.abs(centred) / spread[i, j])
        statistic = max(abs(each) for each in t.values())
        highest = max(highest, float((above > statistic).mean()))
        worst = max(left, key=lambda i: max(t[i, j] for j in left if j != i))
        p[worst] = highest
        left.remove(worst)
    return p


@pytest.mark.parametrize("edges", [[0.0, 0.0, 0.0], [0.0004, 0.0, -0.001], [0.0003, 0.0003, -0.0002, -0.0006]])
def test_p_is_that_of_hansen_lunde_and_nason_2011_worked_out_in_loops(edges: list[float]) -> None:
    returns = rules(11, edges)
    found = confidence_set(returns)
    np.testing.assert_allclose(found.p, plain_p(returns, found.block_sessions, 5, 2000), atol=0.04)


def test_the_best_is_in_the_set_as_often_as_the_level_says() -> None:
    # The first is the best by little: it may be left out in one sample of ten.
    inside = [confidence_set(rules(seed, [0.0002, 0.0, 0.0, 0.0]), resamples=100).included[0] for seed in range(60)]
    # Binomial: 60 tries at 0.90 give fewer than 46 but once in a thousand.
    assert sum(inside) >= 46


def test_ten_equal_rules_are_all_kept_in_nine_samples_of_ten() -> None:
    kept = sum(bool(confidence_set(rules(seed, [0.0] * 10), resamples=500).included.all()) for seed in range(100))
    # Binomial: 100 tries at 0.90 give 80 to 98 but once in a thousand; with blocks of sqrt(T) sessions it was 73 to 82.
    assert 80 <= kept <= 99


def test_the_block_is_that_of_the_data() -> None:
    independent = rules(5, [0.0] * 5)
    rng = np.random.default_rng(5)
    slow = rng.normal(0.0, 0.002, (5, SESSIONS))
    for row in range(1, SESSIONS):
        slow[:, row] += 0.9 * slow[:, row - 1]
    assert confidence_set(independent, resamples=100).block_sessions <= 4
    assert confidence_set(slow, resamples=100).block_sessions >= 10


def test_what_is_clearly_worse_is_out_and_what_is_one_rule_shares_its_p() -> None:
    returns = rules(3, [0.0, 0.0, -0.004])
    broke = returns[0].copy()
    broke[5] = -1.0
    blank = np.where(np.arange(SESSIONS) == 7, np.nan, returns[0])
    found = confidence_set(np.vstack([returns, returns[0] + 1e-15, broke, blank]))
    assert found.included.tolist() == [True, True, False, True, False, False]
    assert found.p[0] == found.p[3]
    assert np.isnan(found.p[4:]).all()
    assert confidence_set(np.vstack([returns[0], returns[0]])).p.tolist() == [1.0, 1.0]
    again = confidence_set(np.vstack([returns, returns[0] + 1e-15, broke, blank]))
    np.testing.assert_array_equal(again.p, found.p)


def test_the_sentence_says_which_values_are_left() -> None:
    returns = np.vstack([rules(3, [0.0, 0.0, -0.004, -0.004]), rules(4, [-0.006])])
    table = pd.DataFrame({"lag": [0, 24, 48, 48], "cash": 0.5, "source": ["beta", "winners", "beta", "winners"]})
    found = confidence_set(returns)
    assert found.sentence(table, ["lag", "source"], "buy-and-hold") == (
        "By growth 2 of 4 sets cannot be distinguished from the best (model confidence set, 90%): lag 0 to 24;"
        " any source tried. Buy-and-hold is not among them."
    )
    alone = confidence_set(rules(3, [0.0, -0.004, -0.004, -0.004]))
    assert alone.sentence(table, ["lag", "source"]).endswith(": lag 0; source beta.")
    held = confidence_set(np.vstack([rules(3, [-0.004, -0.004, -0.004, -0.004]), rules(4, [0.004])]))
    assert held.sentence(table, ["lag"], "buy-and-hold").endswith("90%). Buy-and-hold is among them.")


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ([0, 4], "lag 0, 96"),
        ([0, 1, 3], "lag 0 to 24, 72"),
        ([1, 2, 3], "lag 24 to 72"),
        ([2], "lag 48"),
        ([0, 2, 4, 6, 7], "some lag of 0 to 168"),
    ],
)
def test_a_value_that_can_be_told_from_the_best_is_in_no_range(left: list[int], told: str) -> None:
    lags = np.arange(5 if max(left) < 5 else 10) * 24
    found = ConfidenceSet(np.where(np.isin(np.arange(len(lags)), left), 0.5, 0.01), 0.90, 20, 1000, 0)
    assert found.sentence(pd.DataFrame({"lag": lags}), ["lag"]).endswith(f", 90%): {told}.")


@pytest.mark.parametrize(
    ("given", "words", "message"),
    [
        (np.zeros(100), {}, "`returns` must be rules by sessions"),
        (np.zeros((2, 59)), {}, "60 sessions or more"),
        (np.full((2, 80), np.nan), {}, "every rule has missing returns, or lost"),
        (np.zeros((2, 80)), {"level": 90}, "`level` must be in"),
        (np.zeros((2, 80)), {"resamples": 5}, "`resamples` must be a whole number, 100 or more"),
        (np.zeros((2, 80)), {"seed": -1}, "`seed` must be a whole number, 0 or more"),
    ],
)
def test_what_is_refused(given: np.ndarray, words: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        confidence_set(given, **words)
