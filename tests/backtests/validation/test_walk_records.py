"""Walks from records or plain keywords; their seeds, paths, sentences, pages and folders from Python."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import undertow as ut
from undertow.backtests.account import Account
from undertow.backtests.costs import Costs
from undertow.backtests.engines import Engine
from undertow.backtests.folders import json_ready
from undertow.backtests.tuning.settings import Search
from undertow.backtests.validation import (
    CombinatorialPurgedKFold,
    Events,
    Robustness,
    WalkForward,
    WalkForwardResult,
    plan_walk,
    run_walk,
    shock_events,
    walk_seeds,
)
from undertow.backtests.validation.cpcv import CpcvResult, cpcv
from undertow.backtests.validation.plan import walk_engine
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.evidence import SPATest
from undertow.market import Market, ParameterError, simulate_market
from undertow.strategies import LiquidityDrain, StopLoss

SPLIT = WalkForward(train=160, test=100)
PATHS = CombinatorialPurgedKFold(4, 2)
SETTINGS: dict[str, Any] = {"trials": 4, "fixed": {"lag": 24}, "narrowed": {"cash": (0.3, 1.0)}}


@cache
def market() -> Market:
    return simulate_market(seed=5, years=1.4, names=5)


def walked(**arguments: Any) -> WalkForwardResult:
    defaults = {"split": SPLIT, "seed": 3, "tuner": "design", **SETTINGS}
    return walk_forward(LiquidityDrain, market(), **{**defaults, **arguments})


@cache
def complete() -> WalkForwardResult:
    return walked(gate="auto", on_fail="act", seeds=2, paths=PATHS)


def test_records_and_keywords_are_one_walk() -> None:
    search, account = Search(**SETTINGS), Account(costs=Costs(fee_bps=9), capital=5e5)
    from_records = walk_forward(
        LiquidityDrain, market(), split=SPLIT, seed=3, tuner="design", search=search, account=account, engine=Engine()
    )
    from_keywords = walked(costs=Costs(fee_bps=9), capital=5e5)
    pd.testing.assert_frame_equal(from_records.table, from_keywords.table, check_exact=True)
    pd.testing.assert_frame_equal(from_records.run.series, from_keywords.run.series, check_exact=True)
    assert from_records.settings.account == account
    # A keyword takes the place of the record's field.
    plan = plan_walk(LiquidityDrain, search=search, account=account, trials=9, capital=7e5)
    assert (plan.settings.trials, plan.settings.account) == (9, replace(account, capital=7e5))
    paths = cpcv(LiquidityDrain, market(), split=PATHS, seed=3, search=search, account=account)
    again = cpcv(LiquidityDrain, market(), split=PATHS, seed=3, costs=Costs(fee_bps=9), capital=5e5, **SETTINGS)
    pd.testing.assert_frame_equal(paths.paths, again.paths, check_exact=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trails": 5}, "unknown setting `trails`, did you mean `trials`"),
        ({"univers": "growth"}, "unknown setting `univers`, did you mean `universe`"),
        ({"search": {"trials": 5}}, "`search` must be a `Search`, got dict"),
        ({"account": 5}, "`account` must be an `Account`, got int"),
        ({"engine": "loky"}, "`engine` must be an `Engine`, got str"),
        ({"robustness": 3}, "`robustness` must be a `Robustness`, got int"),
        ({"seeds": 0}, "`seeds` must be 1 to 1000 seeds, got 0"),
        ({"seeds": 1.5}, r"`seeds` must be 1 to 1000 seeds, got 1\.5"),
        ({"paths": SPLIT}, "`paths` must be a CombinatorialPurgedKFold, got WalkForward"),
        (
            {"paths": PATHS, "constraints": "turnover<=6"},
            "`constraints` binds the walk-forward alone; leave out `paths`",
        ),
        ({"paths": PATHS, "gate": SPATest()}, "`gate` binds the walk-forward alone; leave out `paths`"),
        ({"paths": PATHS, "objective": "turnover"}, "`objective` turnover needs 'annual_turnover'"),
        ({"gate": "autos"}, "`gate` must be a test such as"),
        ({"split": WalkForward(events="shocks"), "strategy": 5}, "`strategy` must be the class of a strategy, got 5"),
    ],
)
def test_a_plan_refuses_before_there_is_a_market(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        plan_walk(**{"strategy": LiquidityDrain, **arguments})


@pytest.mark.parametrize(
    ("setting", "value"), [("constraints", "turnover<=6"), ("storage", "journal:folder"), ("study", "mine")]
)
def test_one_design_refuses_settings_of_a_search_that_it_cannot_follow(setting: str, value: str) -> None:
    with pytest.raises(ParameterError, match=f"`{setting}` has no use in `cpcv`"):
        cpcv(LiquidityDrain, market(), split=PATHS, **{setting: value})
    with pytest.raises(ParameterError, match=f"`{setting}` has no use in `cpcv`"):
        cpcv(LiquidityDrain, market(), split=PATHS, search=Search(**{setting: value}))
    with pytest.raises(ParameterError, match="unknown setting `trails`, did you mean `trials`"):
        cpcv(LiquidityDrain, market(), split=PATHS, trails=3)


def test_one_worker_is_this_process() -> None:
    assert walk_engine(None, {}) == walk_engine(None, {"jobs": 1}) == Engine()
    assert walk_engine(None, {"jobs": 3}) == Engine("loky", 3)
    assert walk_engine(None, {"jobs": None}) == Engine("loky", None)
    assert walk_engine(Engine("loky", 4), {"backend": "threading"}) == Engine("threading", 4)
    assert walk_engine(Engine("loky", 1), {}) == Engine()


def test_seeds_and_paths_are_those_of_their_own_functions() -> None:
    result = complete()
    assert result.seeds is not None
    assert result.paths is not None
    rows = walk_seeds(
        LiquidityDrain, market(), [3, 4], split=SPLIT, tuner="design", gate="auto", on_fail="act", **SETTINGS
    )
    pd.testing.assert_frame_equal(result.seeds, rows, check_exact=True)
    paths = cpcv(LiquidityDrain, market(), split=PATHS, seed=3, **SETTINGS)
    pd.testing.assert_frame_equal(result.paths.paths, paths.paths, check_exact=True)
    pd.testing.assert_frame_equal(result.paths.folds, paths.folds, check_exact=True)
    plan = plan_walk(
        LiquidityDrain,
        split=SPLIT,
        seed=3,
        tuner="design",
        robustness=Robustness(2),
        gate="auto",
        on_fail="act",
        **SETTINGS,
    )
    again = run_walk(plan, market())
    assert again.seeds is not None
    pd.testing.assert_frame_equal(again.seeds, rows, check_exact=True)
    assert again.paths is None
    with pytest.raises(ParameterError, match="`robustness` and `paths` belong to `walk_forward`"):
        walk_seeds(LiquidityDrain, market(), [3, 4], paths=PATHS)


def test_the_automatic_gate_is_the_default_test_where_it_can_be_used() -> None:
    result = complete()
    assert result.gate == SPATest().name
    assert result.acting == len(result.folds)
    pd.testing.assert_frame_equal(result.run.series, walked().run.series, check_exact=True)
    assert result.alternative is not None
    short = walked(gate="auto", split=WalkForward(train=50, test=200), objective="total-return")
    assert short.gate is None
    assert short.alternative is None
    fixed = {"stop": 0.1, "wait": 5}
    stopped = walk_forward(StopLoss, market(), split=SPLIT, fixed=fixed, gate="auto", on_fail="act")
    assert stopped.gate is None


def test_the_shocks_of_a_split_are_those_of_the_strategy() -> None:
    shocks = shock_events(LiquidityDrain(lag=24), market(), market().sessions)
    given = walked(split=replace(SPLIT, events=shocks), paths=replace(PATHS, events=shocks))
    looked_up = walked(split=replace(SPLIT, events="shocks"), paths=replace(PATHS, events="shocks"))
    pd.testing.assert_frame_equal(given.table, looked_up.table, check_exact=True)
    assert isinstance(looked_up.split.events, Events)
    assert given.paths is not None
    assert looked_up.paths is not None
    pd.testing.assert_frame_equal(given.paths.folds, looked_up.paths.folds, check_exact=True)
    with pytest.raises(ParameterError, match='`events` "shocks" are those of a strategy'):
        replace(SPLIT, events="shocks").folds(market().sessions)


def test_what_a_walk_writes(tmp_path: Path) -> None:
    result = complete()
    folder = result.save(tmp_path / "walk")
    files = {file.name for file in folder.iterdir()}
    tables = {"folds.csv", "trials.csv", "stability.csv", "seeds.csv", "cpcv_folds.csv", "cpcv_paths.csv"}
    assert {"run.json", "walk.json", "walk.html", "tearsheet.html", *tables} <= files
    assert json.loads((folder / "walk.json").read_text()) == json.loads(json.dumps(json_ready(result.summary())))
    assert ut.load_run(folder).recipe == result.run.recipe
    page = result.page(tmp_path / "walk.html")
    assert page.read_bytes() == (folder / "walk.html").read_bytes()
    assert "With 2 tuning seeds" in page.read_text(encoding="utf-8")
    assert "Combinatorial paths through the same history" in page.read_text(encoding="utf-8")
    assert result.save(folder) == folder
    with pytest.raises(ParameterError, match="holds a walk-forward, which a backtest does not replace"):
        result.run.save(folder)


def test_what_a_walk_says() -> None:
    result = complete()
    topics = [topic for topic, _ in result.sentences()]
    expected = ["seeds", "lag", "buy-and-hold", "vol-target", "timing", "gate", "unsearched", "paths"]
    assert topics == expected
    assert list(result.verdicts) == expected[2:6]
    summary = result.summary()
    assert summary["verdicts"] == result.verdicts
    assert summary["cpcv"] == complete().paths.summary()  # type: ignore[union-attr]
    assert [row["seed"] for row in summary["seeds"]] == [3, 4]
    assert "seeds" not in walked().summary()


def test_results_show_themselves_in_a_line_or_two() -> None:
    result = complete()
    for shown in (result, result.paths, result.folds[0]):
        assert len(repr(shown)) <= 160
    assert repr(result).startswith("<WalkForwardResult 'liquidity-drain' on 'growth': 2 folds tested 2018-08-21 to ")
    assert isinstance(result.paths, CpcvResult)
    assert repr(result.paths).startswith("<CpcvResult 'liquidity-drain' on 'growth': 6 folds, 3 paths, annual Sharpe ")


def test_other_seeds_and_paths_are_in_the_trial_count(tmp_path: Path) -> None:
    alone = walked(ledger=tmp_path / "alone").trial_count
    assert alone is not None
    every = walked(ledger=tmp_path / "every", seeds=2, paths=PATHS).trial_count
    assert every is not None
    assert (every.before, every.own, every.total) == (alone.before, alone.own, 2 * alone.total + 4)


def test_the_command_makes_the_seeds_and_paths_again(tmp_path: Path) -> None:
    saved = ut.load_market(ut.write_market(market(), tmp_path / "market"))

    def command(**arguments: Any) -> str | None:
        defaults = {"split": SPLIT, "seed": 3, "tuner": "design", **SETTINGS}
        return walk_forward(LiquidityDrain, saved, **{**defaults, **arguments}).run.recipe.command

    plain_command = str(command())
    assert "--seeds" not in plain_command
    assert command(seeds=2, paths=PATHS) == f"{plain_command} --seeds 2 --cpcv 4:2"
    without = CombinatorialPurgedKFold(4, 2, embargo=0)
    assert command(paths=without) == f"{plain_command} --cpcv 4:2 --embargo 0"
    # Neither purge nor embargo of the paths alone can be typed.
    assert command(paths=CombinatorialPurgedKFold(4, 2, purge=3)) is None
    assert command(paths=CombinatorialPurgedKFold(4, 2, embargo=2)) is None


def test_tests_of_forty_sessions_have_no_annual_figures_and_the_whole_account_has() -> None:
    result = walked(gate=None, split=WalkForward(train=160, test=40), fixed={"lag": 24}, trials=2)
    figures = ("annual_sharpe", "cagr", "annual_volatility", "annual_turnover")
    for fold in result.folds:
        assert all(math.isnan(fold.out_of_sample[name]) for name in figures)
        assert math.isfinite(fold.out_of_sample["total_return"])
        assert math.isfinite(fold.in_sample["annual_sharpe"])
    assert len(result.unreached) == len(result.folds)
    assert "fewer than 60 sessions have no annual figures" in result.folds[0].unreached
    assert any("fewer than 60 sessions" in sentence for _, sentence in result.sentences())
    assert all(math.isfinite(result.run.metrics[name]) for name in figures)
    # A figure that is not annual has a value in every test.
    plain = walked(gate=None, split=WalkForward(train=160, test=40), objective="ulcer", fixed={"lag": 24}, trials=2)
    assert not plain.unreached
