"""The face of evidence: public names, the baseline's name in sentences, and representations that fit two lines."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import undertow as ut
from undertow.market import Market, simulate_market

RNG = np.random.default_rng(5)
RETURNS, BASELINE = RNG.normal(0.001, 0.01, 300), RNG.normal(0.0, 0.01, 300)


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=2, names=6)


def test_every_public_name_resolves_and_only_they_are_shown() -> None:
    assert dir(ut.evidence) == sorted(ut.evidence.__all__)
    assert all(callable(getattr(ut.evidence, name)) for name in ut.evidence.__all__ if name != "FEWEST_SESSIONS")
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        assert ut.evidence.nonsense


@pytest.mark.parametrize("name", ["alarm", "difference", "timing"])
def test_a_module_does_not_hide_the_function_of_its_name(name: str) -> None:
    script = f"import undertow.evidence.{name}; from undertow.evidence import {name}; {name}.__code__"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_a_difference_names_its_baseline_where_it_is_given() -> None:
    plain, named = (ut.difference(RETURNS, BASELINE, source=name, resamples=50) for name in ("", "vol-target"))
    assert plain.sentence().startswith("Against the baseline: ")
    assert named.sentence().startswith("Against vol-target: ")
    assert named.sentence("buy-and-hold").startswith("Against buy-and-hold: ")
    assert (named.annual_return, named.annual_sharpe) == (plain.annual_return, plain.annual_sharpe)


def test_representations_fit_two_lines(market: Market) -> None:
    run = ut.backtest(ut.strategies.LiquidityDrain(), market)
    named = ut.difference(RETURNS, BASELINE, source="vol-target", resamples=50)
    results = [named, ut.timing(run, resamples=50), ut.alarm(run), ut.SPATest()]
    results.append(ut.confidence_set(np.vstack([RETURNS, BASELINE]), resamples=100))
    assert all(len(repr(result)) <= 160 and "\n" not in repr(result) for result in results)
    estimate = named.annual_return.estimate
    assert repr(named).startswith(f"Difference({estimate:+.1%} [")
    assert repr(named).endswith(", 95% against vol-target)")
    assert repr(results[-1]).startswith("ConfidenceSet(")
    assert "of 2 rules, level 0.9" in repr(results[-1])
