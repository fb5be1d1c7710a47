"""Combinatorial paths: legs and stops as in a backtest, refusals before work, trials counted once judged."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import undertow as ut
from undertow.backtests.ledger.ledger import Ledger
from undertow.backtests.runs.backtest import backtest
from undertow.backtests.sweeps.design import design
from undertow.backtests.validation.cpcv import cpcv
from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
from undertow.cli.app import run_command as _run
from undertow.market import DataError, Market, ParameterError, simulate_market
from undertow.strategies import (
    DefensiveRotation,
    DrawdownDeRisk,
    HedgeOverlay,
    LiquidityDrain,
    StopLoss,
    Strategy,
    Swing,
)
from undertow.tearsheets.walk_forward.sentences import paths_sentence

RULE = CombinatorialPurgedKFold(4, 2, purge=2, embargo=2)
TUNED: dict[str, Any] = {"trials": 4, "fixed": {"lag": 24}, "narrowed": {"cash": (0.3, 1.0)}, "seed": 3}


@cache
def market() -> Market:
    return simulate_market(seed=5, years=1.4, names=5)


@pytest.mark.parametrize("kind", [Swing, HedgeOverlay, DefensiveRotation, StopLoss])
def test_with_every_parameter_fixed_every_path_is_the_backtest(kind: type[Strategy]) -> None:
    rule = kind()
    fixed = {name: value for name, value in rule.parameters.items() if name in kind.search_space()}
    found = cpcv(kind, market(), split=RULE, fixed=fixed, trials=1)
    run = backtest(rule, market())
    for name in found.paths:
        np.testing.assert_allclose(found.paths[name], run.returns, rtol=0, atol=1e-15)


def test_a_screen_is_a_universe_and_counted_under_its_own_name(tmp_path: Path) -> None:
    typed = "growth|top 3 by beta|quarterly"
    # Half a year of returns makes a beta: nothing could be held, and cash would have been tested.
    with pytest.raises(ParameterError, match="group 1 is empty: from 2018-01-02 to 2018-05-07 universe"):
        cpcv(LiquidityDrain, market(), split=RULE, universe=typed, ledger=tmp_path, **TUNED)
    typed = "growth|top 3 by liquidity|quarterly"
    found = cpcv(LiquidityDrain, market(), split=RULE, universe=typed, ledger=tmp_path, **TUNED)
    assert found.settings.universe == "growth | top 3 by liquidity | quarterly"
    assert Ledger(tmp_path).trials_so_far(market().fingerprint, found.settings.universe) == 4


def moody(row: Mapping[str, Any]) -> float:
    if row["total_return"] > 0.035:
        raise ZeroDivisionError("nothing to divide by")
    return float(row["total_return"])


def test_a_trial_on_which_the_objective_raises_has_no_value() -> None:
    found = cpcv(LiquidityDrain, market(), split=RULE, objective=moody, **TUNED)
    assert (found.folds["in_objective"] <= 0.035).all()
    assert found.folds["out_objective"].isna().any()
    ranks = found.folds["rank"]
    assert ranks.dropna().between(0, 1).all()
    # A test in which no trial has a value ranks none, and is no choice below the median.
    assert found.folds["out_objective"][ranks.isna()].isna().all()
    assert found.below_median == (ranks.dropna() < 0.5).mean()
    with pytest.raises(ParameterError, match="no trial has a value of `test_cpcv:never`"):
        cpcv(LiquidityDrain, market(), split=RULE, objective=never, **TUNED)
    with pytest.raises(ParameterError, match="no trial has a value of `test_cpcv:ends`"):
        cpcv(LiquidityDrain, market(), split=RULE, objective=ends, **TUNED)


def test_the_words_say_the_lowest_and_the_highest_path_and_what_luck_alone_would_show() -> None:
    found = cpcv(LiquidityDrain, market(), split=RULE, **TUNED)
    own = [np.mean(each) / np.std(each, ddof=1) * np.sqrt(252) for each in found.paths.to_numpy().T]
    said = paths_sentence(found)
    assert said.startswith(f"3 combinatorial paths: annual Sharpe {min(own):.2f} to {max(own):.2f}, median")
    assert "not a confidence interval" in said
    assert "the share is 20% to 80% in four cases out of five" in said
    assert found.summary()["annual_sharpe"]["lowest"] == pytest.approx(min(own))


def test_trials_that_do_the_same_outside_tie_although_their_accounts_round_otherwise() -> None:
    """Sets that act on few sessions alone: where none of them acts all must be worth the same."""
    world = simulate_market(seed=4, years=3, names=20)
    split = CombinatorialPurgedKFold(6, 2)
    found = cpcv(DrawdownDeRisk, world, split=split, trials=60, seed=7, narrowed={"threshold": (-0.4, -0.28)})
    tried = design(found.settings.space, 60, seed=7).assign(**found.settings.fixed)
    returns = ut.sweep(DrawdownDeRisk, world, tried, returns=True).returns
    near = 0
    for fold, row in zip(split.folds(world.sessions), found.folds.to_dict("records"), strict=True):
        # Equal where no session's return is another, whatever the accounts made before.
        done = returns[:, fold.test]
        same = np.abs(done - done[row["trial"]]).max(axis=1) < 1e-11
        ratios = done.mean(axis=1) / done.std(axis=1, ddof=1)
        below = (ratios < ratios[row["trial"]] - 1e-10) & ~same
        assert row["rank"] == pytest.approx((below.sum() + same.sum() / 2) / 60)
        near += same.sum() > 1
    assert near > 3


@pytest.mark.parametrize(("groups", "tested"), [(4, 2), (6, 2), (8, 2)])
def test_of_luck_the_share_below_the_median_is_20_to_80_percent_four_times_in_five(groups: int, tested: int) -> None:
    """By sums over groups, without a split or a score of the project: sets that are nothing but noise."""
    rng, sets, each, shares = np.random.default_rng(4), 30, 40, []
    for _ in range(400):
        noise = rng.standard_normal((sets, groups, each))
        total, squares, below = noise.sum(axis=2), (noise**2).sum(axis=2), []
        for outside in combinations(range(groups), tested):
            ratios = []
            for part in (sorted(set(range(groups)) - set(outside)), list(outside)):
                mean = total[:, part].sum(axis=1) / (each * len(part))
                ratios.append(mean / np.sqrt(squares[:, part].sum(axis=1) / (each * len(part)) - mean**2))
            below.append((ratios[1] < ratios[1][ratios[0].argmax()]).sum() < (sets - 1) / 2)
        shares.append(np.mean(below))
    low, middle, high = np.percentile(shares, (10, 50, 90))
    assert low == pytest.approx(0.2, abs=0.08)
    assert middle == pytest.approx(0.5, abs=0.08)
    assert high == pytest.approx(0.8, abs=0.08)


def ends(row: Mapping[str, Any]) -> Any:
    raise SystemExit(0)


def never(row: Mapping[str, Any]) -> Any:
    return None


@pytest.mark.parametrize(
    ("kind", "words", "message"),
    [
        (LiquidityDrain, {"objective": "turnover"}, "`objective` turnover needs 'annual_turnover'"),
        (LiquidityDrain, {"objective": lambda row: row["episodes"]}, "needs 'episodes', which combinatorial paths"),
        (LiquidityDrain, {"split": CombinatorialPurgedKFold(600, 1)}, "a group is left empty"),
        (StopLoss, {}, "`stop-loss` has `stop` and `wait` for a whole account.*fix them, and tune the rest"),
    ],
)
def test_what_is_refused_before_any_work_and_not_counted(
    kind: type[Strategy], words: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        import_module("undertow.backtests.validation.cpcv"), "walk_plan", lambda *_: pytest.fail("work began first")
    )
    with pytest.raises(ParameterError, match=message):
        cpcv(kind, market(), ledger=tmp_path / "ledger", **{"split": RULE, "trials": 4, **words})
    assert not list(tmp_path.iterdir())


def test_what_was_walked_and_could_not_be_judged_is_not_counted(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no trial has a value"):
        cpcv(LiquidityDrain, market(), split=RULE, objective=never, ledger=tmp_path, **TUNED)
    assert Ledger(tmp_path).trials_so_far(market().fingerprint) == 0


def test_a_ledger_that_cannot_be_written_is_noticed_before_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        import_module("undertow.backtests.validation.cpcv"), "walk_plan", lambda *_: pytest.fail("work began first")
    )
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"the ledger .* cannot be written: .*file' is a file"):
        cpcv(LiquidityDrain, market(), split=RULE, ledger=tmp_path / "file", **TUNED)


@pytest.mark.parametrize("groups", [(40, 20), (10_001, 1), (10**12, 10**11)])
def test_more_folds_than_can_be_walked_are_refused(groups: tuple[int, int]) -> None:
    with pytest.raises(ParameterError, match=r"groups tested are more than 10,000 folds; use fewer `n_groups`"):
        CombinatorialPurgedKFold(*groups)
    assert CombinatorialPurgedKFold(10_000, 1).get_n_splits() == 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--cpcv", "600:2"), "more than 10,000 folds"),
        (("--cpcv", "400:1"), "a group is left empty"),
        (("--cpcv", "4:2", "--objective", "turnover"), "`objective` turnover needs 'annual_turnover'"),
    ],
)
def test_the_command_refuses_what_cpcv_cannot_do_before_it_walks_forward(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = ut.write_market(market(), tmp_path / "world")
    monkeypatch.setattr("undertow.backtests.validation.walk.run_tasks", lambda *_, **__: pytest.fail("it walked first"))
    given = ["walk-forward", "--strategy", "liquidity-drain", "--market", str(folder), "--train", "150", *words]
    assert _run([*given, "--out", str(tmp_path / "out"), "--ledger", str(tmp_path / "ledger")]) == 2
    assert message in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["world"]
