"""Every sampler of a search: repeatable, resumable, chosen by one setting, and named errors."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from undertow.backtests.sweeps.design import design
from undertow.backtests.tuning import Search, Tuning, optimize
from undertow.backtests.tuning.samplers import SAMPLERS, names
from undertow.backtests.validation import WalkForward, cpcv, plan_walk, walk_forward
from undertow.market import Market, ParameterError, simulate_market
from undertow.strategies import DrawdownDeRisk, VolTarget

SHORT: dict[str, Any] = {"seed": 7, "trials": 24, "design": 8, "batch": 4}
needs_cmaes = pytest.mark.skipif(importlib.util.find_spec("cmaes") is None, reason="the extra cmaes is not installed")
OF_ONE = [pytest.param(name, marks=needs_cmaes if name == "cmaes" else ()) for name in SAMPLERS]


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=1.5, names=5)


def text(tuning: Tuning) -> str:
    return str(tuning.trials.to_csv(index=False))


@pytest.mark.parametrize("sampler", OF_ONE)
def test_workers_and_interruptions_change_nothing(market: Market, tmp_path: Path, sampler: str) -> None:
    settings = {**SHORT, "sampler": sampler, "constraints": "annual_turnover<=8"}
    at_once = optimize(DrawdownDeRisk, market, **settings)
    assert at_once.trials["design"].tolist() == ["given"] * 2 + ["sobol"] * 8 + [sampler] * 14
    assert text(optimize(DrawdownDeRisk, market, jobs=2, **settings)) == text(at_once)
    store = f"journal:{tmp_path / 'study.log'}"
    for trials in (1, 10, 11, 17, 24):
        cut = optimize(DrawdownDeRisk, market, storage=store, **{**settings, "trials": trials})
    assert text(cut) == text(at_once)
    assert text(optimize(DrawdownDeRisk, market, **{**settings, "seed": 8})) != text(at_once)


def test_the_default_is_refine_and_nsga2_for_a_front(market: Market) -> None:
    assert (Search().sampler_name, Search(objective=["sharpe", "cagr"]).sampler_name) == ("refine", "nsga2")
    tuning = optimize(VolTarget, market, **SHORT)
    assert text(tuning) == text(optimize(VolTarget, market, sampler="refine", **SHORT))
    assert (tuning.identity["sampler"], tuning.identity["design"], tuning.identity["batch"]) == ("refine", 8, 4)


def test_a_study_is_continued_with_its_sampler_and_design(market: Market, tmp_path: Path) -> None:
    store = {"storage": f"journal:{tmp_path / 'study.log'}"}
    optimize(VolTarget, market, sampler="tpe", **SHORT, **store)
    with pytest.raises(ParameterError, match="study `vol-target` is of another sampler: tpe, requested refine; give"):
        optimize(VolTarget, market, **SHORT, **store)
    with pytest.raises(ParameterError, match="study `vol-target` is of another design: 8, requested 16; give another"):
        optimize(VolTarget, market, sampler="tpe", **{**SHORT, "design": 16}, **store)
    assert len(optimize(VolTarget, market, sampler="tpe", **SHORT, **store).trials) == 24


def test_sobol_alone_is_one_design_whatever_the_batches(market: Market) -> None:
    tuning = optimize(VolTarget, market, sampler="sobol", **SHORT)
    drawn = tuning.trials[tuning.trials["design"] == "sobol"][list(tuning.space.free)].reset_index(drop=True)
    expected = design(tuning.space.free, len(drawn), seed=7)
    assert drawn.to_dict(orient="records") == expected.to_dict(orient="records")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "refined"}, "`sampler` must be one of refine, tpe, cmaes, sobol, nsga2; got 'refined', did you"),
        ({"sampler": 3}, "`sampler` must be one of .*; got 3"),
        ({"sampler": "tpe", "objective": ["sharpe", "cagr"]}, "`sampler` 'tpe' searches for one objective, got 2; use"),
        ({"design": -1}, "`design` must be a whole number, 0 or more, got -1"),
        ({"design": 2_000_000}, "`design` must be 1,000,000 points or fewer, got 2,000,000"),
    ],
)
def test_settings_that_cannot_be_used(market: Market, settings: dict[str, Any], message: str) -> None:
    for call in (Search, lambda **given: optimize(VolTarget, market, seed=1, **given)):
        with pytest.raises(ParameterError, match=message):
            call(**settings)


def test_cmaes_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "find_spec", lambda name: None)
    with pytest.raises(ParameterError, match=r"'cmaes' needs a package that is not installed: pip install 'undertow\["):
        Search(sampler="cmaes")


def test_a_generation_of_cmaes_has_four_sets(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "find_spec", lambda name: name)
    with pytest.raises(ParameterError, match="`batch` must be 4 or more with the sampler cmaes, whose generation it"):
        optimize(VolTarget, market, **{**SHORT, "batch": 3}, sampler="cmaes")


def test_a_walk_forward_searches_with_the_sampler(market: Market) -> None:
    split = WalkForward(train=200, test=100)
    chosen: dict[str, dict[str, Any]] = {"refine": {}, "tpe": {"sampler": "tpe"}}
    for sampler, settings in chosen.items():
        walk = walk_forward(VolTarget, market, split=split, trials=12, design=4, seed=3, **settings)
        for fold in walk.folds:
            assert fold.trials["design"].value_counts().to_dict() == {"given": 2, "sobol": 4, sampler: 6}
        assert walk.run.recipe.parameters["sampler"] == sampler


def test_what_has_no_sampler_refuses_one(market: Market) -> None:
    for name, value in (("sampler", "tpe"), ("design", 8)):
        with pytest.raises(ParameterError, match=f"`{name}` can only be used with the tuner search, got the tuner des"):
            plan_walk(VolTarget, tuner="design", **{name: value})  # type: ignore[arg-type]
        with pytest.raises(ParameterError, match=f"`{name}` has no use in `cpcv`"):
            cpcv(VolTarget, market, **{name: value})  # type: ignore[arg-type]


def test_a_search_is_a_record_with_its_sampler() -> None:
    assert replace(Search(sampler="tpe"), sampler="sobol").sampler_name == "sobol"
