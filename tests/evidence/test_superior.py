"""Hansen's test: its p by another derivation, its size under the null, what does not count, what is refused."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from undertow.evidence import SPATest
from undertow.market import ParameterError

SESSIONS = 400


def tried(seed: int, edges: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Rules that share most of the baseline's returns, each with its own noise and an edge a session."""
    rng = np.random.default_rng(seed)
    hold = rng.normal(0.0005, 0.012, SESSIONS)
    noise = rng.normal(0.0, 0.004, (len(edges), SESSIONS))
    # Some memory from session to session, so that blocks matter.
    noise[:, 1:] += 0.3 * noise[:, :-1]
    return hold + noise + np.array(edges)[:, None], hold


def plain_p(returns: np.ndarray, hold: np.ndarray, seed: int, resamples: int) -> float:
    """Hansen (2005), sections 2 and 3, in loops: the consistent p with a stationary bootstrap of one's own.

    Means are divided by the plain deviation; the long-run one says which rules are hopeless.
    """
    apart = np.log1p(returns) - np.log1p(hold)
    rules, count = apart.shape
    mean = apart.mean(axis=1)
    stop = 1.0 / np.sqrt(count)
    spread = np.empty(rules)
    for rule in range(rules):
        centred = apart[rule] - mean[rule]
        total = centred @ centred / count
        for gap in range(1, count):
            kernel = (count - gap) / count * (1 - stop) ** gap + gap / count * (1 - stop) ** (count - gap)
            total += 2.0 * kernel * (centred[gap:] @ centred[:-gap]) / count
        spread[rule] = np.sqrt(total)
    hopeless = mean < -spread * np.sqrt(2.0 * np.log(np.log(count)) / count)
    centre, scale = np.where(hopeless, 0.0, mean), apart.std(axis=1)
    statistic = max(0.0, float((np.sqrt(count) * mean / scale).max()))
    rng = np.random.default_rng(seed)
    above = 0
    for _ in range(resamples):
        rows = np.empty(count, dtype=np.int64)
        rows[0] = rng.integers(count)
        for at in range(1, count):
            rows[at] = rng.integers(count) if rng.random() < stop else (rows[at - 1] + 1) % count
        drawn = np.sqrt(count) * (apart[:, rows].mean(axis=1) - centre) / scale
        above += max(0.0, float(drawn.max())) > statistic
    return above / resamples


@pytest.mark.parametrize("edges", [[0.0, 0.0, 0.0], [0.0003, -0.002, 0.0], [0.0006, 0.0001, -0.004]])
def test_p_is_that_of_hansen_2005_worked_out_in_loops(edges: list[float]) -> None:
    returns, hold = tried(11, edges)
    found = SPATest(resamples=2000)(returns, hold)
    assert found == pytest.approx(plain_p(returns, hold, seed=5, resamples=1000), abs=0.05)


def test_luck_is_called_proof_about_as_rarely_as_the_level_says() -> None:
    found = np.array([SPATest(resamples=200)(*tried(seed, [0.0] * 8)) for seed in range(120)])
    # Binomial: 120 tries at 0.10 give 4 to 21 but once in a thousand.
    assert 4 <= (found <= 0.10).sum() <= 21


def test_the_best_of_a_hundred_rules_of_luck_passes_no_more_often_than_it_should() -> None:
    """Rules that are away from an honest coin now and then, as those of a search are."""
    rng, sessions, rules = np.random.default_rng(2), 400, 100
    passed = 0
    for _ in range(40):
        hold = rng.normal(0.0, 0.015, sessions)
        away = np.zeros((rules, sessions))
        for rule in away:
            for first in rng.choice(sessions - 2, 25, replace=False):
                rule[first : first + 2] = 0.5
        passed += SPATest(resamples=100)((1.0 - away) * hold, hold) <= 0.10
    # Binomial: 40 tries at 0.10 give more than 10 but once in a thousand.
    assert passed <= 10


def test_on_few_sessions_luck_passes_as_often_as_the_bias_of_the_bootstrap_says() -> None:
    """Rules without memory: of 60 sessions blocks of 7 see 1 - 13/60 of the variance of a mean (Politis and Romano)."""
    rng, sessions, rules, samples = np.random.default_rng(6), 60, 50, 120
    normal = NormalDist()
    short = normal.inv_cdf(0.9 ** (1 / rules)) * np.sqrt(1.0 - (2 * 7 - 1) / sessions)
    expected = 1.0 - normal.cdf(short) ** rules
    assert expected == pytest.approx(0.24, abs=0.01)
    passed = 0
    for _ in range(samples):
        hold = rng.normal(0.0005, 0.012, sessions)
        passed += SPATest(resamples=200)(hold + rng.normal(0.0, 0.004, (rules, sessions)), hold) <= 0.10
    # Three standard errors.
    assert passed / samples == pytest.approx(expected, abs=3 * np.sqrt(expected * (1 - expected) / samples))


def test_an_edge_is_found_and_hopeless_rules_do_not_hide_it() -> None:
    returns, hold = tried(2, [0.0015, 0.0, 0.0])
    hopeless, _ = tried(3, [-0.02] * 40)
    alone, among = (SPATest()(each, hold) for each in (returns, np.vstack([returns, hopeless])))
    assert alone <= 0.01
    assert among <= 0.02
    assert SPATest()(returns, hold) == alone


def test_rules_that_never_acted_or_lost_everything_do_not_count() -> None:
    returns, hold = tried(4, [0.001, 0.0])
    ruined = returns[:1].copy()
    ruined[0, 5] = -1.0
    known = SPATest()(returns, hold)
    assert SPATest()(np.vstack([hold, returns, ruined, returns]), hold) == pytest.approx(known, abs=0.02)
    assert SPATest()(hold[None, :], hold) == 1.0
    assert SPATest()(hold[None, :] * (1.0 + 1e-15), hold) == 1.0
    assert SPATest()(ruined, hold) == 1.0


def test_one_episode_proves_nothing() -> None:
    rng = np.random.default_rng(6)
    hold = rng.normal(0.0, 0.015, SESSIONS)
    hold[200:203] = -0.04
    away = np.zeros((3, SESSIONS))
    away[:, 200:203] = [[0.3], [0.6], [1.0]]
    assert SPATest()((1.0 - away) * hold, hold) == 1.0
    # Another one, and it is judged; so is a rule that is away for long.
    away[:, 300:303] = 0.5
    assert SPATest()((1.0 - away) * hold, hold) < 1.0
    away[:] = 0.3
    assert SPATest()((1.0 - away) * hold, hold) < 1.0


def test_refusals_and_names() -> None:
    returns, hold = tried(4, [0.001])
    for words in ({"alpha": 0.0}, {"alpha": 1.0}, {"alpha": float("nan")}, {"resamples": 10}):
        with pytest.raises(ParameterError, match=next(iter(words))):
            SPATest(**words)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="both need the same sessions"):
        SPATest()(returns[:, 1:], hold)
    with pytest.raises(ParameterError, match="60 sessions"):
        SPATest()(returns[:, :59], hold[:59])
    blank = returns.copy()
    blank[0, 3] = np.nan
    with pytest.raises(ParameterError, match="known returns"):
        SPATest()(blank, hold)
    assert SPATest().name == "SPA p <= 0.1"
    assert SPATest(alpha=0.05, resamples=500, seed=2).name == "SPA p <= 0.05, resamples 500, seed 2"
