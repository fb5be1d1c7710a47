"""Skill or luck: nothing is found where the sets are luck, and the command says what the function does."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support.commands import Call
from undertow.evidence import Skill
from undertow.evidence.luck import has_converged
from undertow.evidence.luck.intervals import metric_intervals, reality_check
from undertow.market import Market, simulate_market

SETS = pd.DataFrame({"lag": [0.0, 12.0, 24.0], "cash": [0.5, 0.5, 0.8]})


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=3, names=8)


@pytest.fixture(scope="module")
def found(market: Market) -> Skill:
    return ut.skill(
        market, ut.strategies.LiquidityDrain, SETS, count=100, resamples=200, wrong_assets=(market.prices.symbols[0],)
    )


def test_its_figures_are_those_of_a_slower_derivation(found: Skill, market: Market) -> None:
    runs = [ut.backtest(ut.strategies.LiquidityDrain.create(dict(row)), market) for _, row in SETS.iterrows()]
    best = max(runs, key=lambda run: run.metrics["annual_sharpe"])
    gap = np.log1p(best.returns) - np.log1p(best.series["hold_return"])
    assert found.sharpe_over_hold == pytest.approx(gap.mean() / gap.std(ddof=0) * math.sqrt(252), rel=1e-6)
    ratios = [
        (np.log1p(run.returns) - np.log1p(run.series["hold_return"])).pipe(lambda s: s.mean() / s.std(ddof=0))
        for run in runs
    ]
    assert found.over_hold.variance == pytest.approx(np.var(ratios, ddof=1), rel=1e-6)
    assert found.placebos.sharpe == pytest.approx(best.metrics["annual_sharpe"], rel=1e-9)
    assert (found.sets, found.over_hold.trials) == (3, 3)


def test_it_is_a_record_with_a_table_a_sentence_a_figure_and_plain_values(found: Skill) -> None:
    content = json.loads(json.dumps(found.to_dict(), default=float))
    assert {"best", "sharpe_annual", "psr", "dsr", "dsr_over_hold", "expected_max", "min_backtest_years"} <= set(
        content
    )
    assert {"pbo", "spa_p", "confidence_set", "placebo", "sentence"} <= set(content)
    assert set(content["placebo"]) == {"random", "shift", "volatility", "calm"}
    assert all(0.0 <= share <= 1.0 for share in content["placebo"].values())
    assert "over buy-and-hold" in found.sentence()
    assert list(found.table.index) == ["over buy-and-hold", "absolute"]
    assert len(found.figure().data) == 4
    assert len(found.wrong_asset) == 1


def test_equal_seeds_give_equal_figures_and_a_guided_path_has_no_pbo(market: Market) -> None:
    options = {"count": 100, "resamples": 100, "guided": True, "end": "2019-12-31"}
    first, again = (ut.skill(market, ut.strategies.LiquidityDrain, SETS, **options) for _ in range(2))
    assert json.dumps(first.to_dict(), default=float) == json.dumps(again.to_dict(), default=float)
    assert first.overfitting is None
    assert first.converged is not None
    assert "PBO is refused for the path of a guided search" in first.notes()[-1]


def test_a_search_has_converged_where_its_best_is_in_the_first_half() -> None:
    assert has_converged(np.array([1.0, 3.0, 2.0, math.nan]))
    assert not has_converged(np.array([1.0, 2.0, 3.0, 2.0]))


def test_the_reality_check_and_intervals_know_a_planted_rule() -> None:
    rng = np.random.default_rng(5)
    hold = rng.normal(0.0004, 0.01, 500)
    luck = hold + rng.normal(0.0, 0.003, (5, 500))
    assert reality_check(luck, hold, resamples=500) > 0.05
    assert reality_check(np.vstack([luck, hold + 0.001 + rng.normal(0, 0.003, 500)]), hold, resamples=500) < 0.01
    table = metric_intervals(hold, np.zeros(500), resamples=300)
    assert (table["low"] <= table["value"]).loc["annual_sharpe"] <= table["high"].loc["annual_sharpe"]
    width = table.loc["annual_volatility", "high"] - table.loc["annual_volatility", "low"]
    assert width == pytest.approx(2 * 1.96 * 0.01 * math.sqrt(252 / (2 * 500)), rel=0.3)


def test_the_command_prints_the_record_and_writes_its_page(call: Call, tmp_path: Path) -> None:
    page = tmp_path / "luck.html"
    words = ["evidence", "luck", "--strategy", "liquidity-drain", "--grid", "lag=0,24", "--start", "2018-06-01"]
    words += ["--placebos", "100", "--resamples", "100", "--ledger", str(tmp_path / "ledger"), "--html", str(page)]
    outcome = call(*words, "--json")
    assert outcome.code == 0, outcome.err
    printed = json.loads(outcome.out)
    assert (printed["sets"], printed["trials"]) == (2, 2)
    assert printed["settings"]["start"] == "2018-06-01"
    assert "Skill or luck" in page.read_text(encoding="utf-8")
    neither = call("evidence", "luck")
    assert neither.code == 2
    assert "give either --strategy" in neither.err
