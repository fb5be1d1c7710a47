"""Walk-forward: screens, whole-account parameters, objectives of one's own, constraints that are missed, recipes."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution

import undertow as ut
from undertow.backtests.costs import Costs
from undertow.backtests.ledger.ledger import Ledger
from undertow.backtests.runs.backtest import backtest
from undertow.backtests.validation.events import Events, shock_events
from undertow.backtests.validation.result import WalkForwardResult
from undertow.backtests.validation.schedule import Schedule, ScheduledSpan, ScheduledStrategy
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.cli.app import run_command as _run
from undertow.evidence import SPATest
from undertow.market import DataError, Market, ParameterError, simulate_market
from undertow.market.universe import Universe
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import BuyAndHold, Decision, DipBuyer, LiquidityDrain, StopLoss, Strategy
from undertow.strategies.strategy import Constant, Sets
from undertow.tearsheets.walk_forward.page import write_walk_page
from undertow.tearsheets.walk_forward.sentences import missed_sentence, unreached_sentence

SPLIT = WalkForward(train=160, test=100)


@cache
def market() -> Market:
    return simulate_market(seed=5, years=1.4, names=5)


def walked(world: Market | None = None, **words: Any) -> WalkForwardResult:
    given = {"split": SPLIT, "trials": 4, "fixed": {"lag": 24}, "narrowed": {"cash": (0.3, 1.0)}, "seed": 3, **words}
    return walk_forward(LiquidityDrain, world or market(), tuner="design", **given)


def test_a_screen_is_a_universe() -> None:
    found = walked(universe="growth|top 3 by liquidity|quarterly|min-history 70")
    assert (
        found.settings.universe
        == found.run.recipe.universe
        == "growth | top 3 by liquidity | quarterly | min-history 70"
    )


# ---------------------------------------------------------------- a whole account


def test_what_holds_for_a_whole_account_is_not_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = walk_forward(StopLoss, market(), split=SPLIT, fixed={"stop": 0.1, "wait": 10})
    run = backtest(StopLoss(stop=0.1, wait=10), market(), start=fixed.run.recipe.start)
    pd.testing.assert_frame_equal(fixed.run.series, run.series)
    monkeypatch.setattr(
        "undertow.backtests.validation.walk.run_tasks", lambda *_, **__: pytest.fail("work began first")
    )
    for words in ({}, {"fixed": {"wait": 10}}, {"narrowed": {"stop": (0.1, 0.2)}}):
        with pytest.raises(ParameterError, match=r"`stop-loss` has `stop`.* for a whole account.*fix them"):
            walk_forward(StopLoss, market(), split=SPLIT, **words)
    with pytest.raises(ParameterError, match="`stop-loss` has `stop` and `wait` for a whole account; leave `gate` out"):
        walk_forward(StopLoss, market(), split=SPLIT, fixed={"stop": 0.1, "wait": 10}, gate=SPATest())


def test_the_command_refuses_it_before_a_market(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "undertow.cli.walk_forward.resolve_market", lambda *_: pytest.fail("the market was loaded first")
    )
    assert _run(["walk-forward", "--strategy", "stop-loss"]) == 2
    assert "fix them, and tune the rest" in capsys.readouterr().err
    fixed = ["--fix", "stop=0.1", "--fix", "wait=5"]
    assert _run(["walk-forward", "--strategy", "stop-loss", *fixed, "--gate", "0.1"]) == 2
    assert "leave `gate` out" in capsys.readouterr().err


# ---------------------------------------------------------------- objectives of one's own


def in_training(row: Mapping[str, Any]) -> float:
    return float(row["total_return"] if "deferred_fills" in row else row["total_return"] / 0)


@pytest.mark.parametrize("outside", [in_training, lambda row: row["cagr"] + row["deferred_fills"]])
def test_an_objective_without_a_value_outside_is_nan_and_says_why(outside: Callable[..., Any], tmp_path: Path) -> None:
    found = walked(objective=outside)
    assert found.table["in_objective"].notna().all()
    assert found.table["out_objective"].isna().all()
    why = "ZeroDivisionError: float division by zero" if outside is in_training else "KeyError: 'deferred_fills'"
    sentence = f"In the test of 2 of 2 folds the objective has no value; fold 1: {why}."
    assert unreached_sentence(found) == sentence
    assert sentence in html.unescape(write_walk_page(found, tmp_path / "walk.html").read_text(encoding="utf-8"))
    assert found.summary()["folds_without_objective"] == {"1": why, "2": why}


@pytest.mark.parametrize("aim", ["turnover", "costs", "turnover:buy-and-hold", lambda row: -row["episodes"]])
def test_a_folds_test_has_every_figure_of_its_part_of_the_account(aim: Any) -> None:
    found = walked(objective=aim)
    assert found.table["out_objective"].notna().all()
    assert not found.unreached
    run = found.run
    parts = [each.out_of_sample for each in found.folds]
    assert sum(each["costs_paid"] for each in parts) == pytest.approx(run.metrics["costs_paid"], rel=1e-12)
    assert sum(each["episodes"] for each in parts) == run.metrics["episodes"]
    for each, part in zip(found.folds, parts, strict=True):
        days = run.series.loc[slice(*each.test)]
        assert part["annual_turnover"] == pytest.approx(days["turnover"].sum() * 252 / len(days), rel=1e-12)
        assert part["average_exposure"] == pytest.approx(days["exposure"].mean(), rel=1e-12)
    if aim == "costs":
        assert found.table["out_objective"].tolist() == [each["costs_paid"] for each in parts]


# ---------------------------------------------------------------- folds without a name


def test_an_empty_fold_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = market().universes["growth"].spans
    days = market().sessions
    monkeypatch.setattr(
        "undertow.backtests.validation.walk.run_tasks", lambda *_, **__: pytest.fail("work began first")
    )
    for last, what in ((days[200], "fold 2 is empty: it is tested on"), (days[80], "fold 1 is empty: it is tested on")):
        early = Universe("early", spans.assign(end=last))
        world = replace(market(), universes={**market().universes, "early": early})
        with pytest.raises(ParameterError, match=f"{what} .*when universe `early` has no name with prices"):
            walked(world, universe="early")
    late = Universe("late", spans.assign(start=days[200], end=pd.NaT))
    world = replace(market(), universes={**market().universes, "late": late})
    with pytest.raises(ParameterError, match=r"fold 1 is empty: it is trained on .*universe `late` has no name"):
        walked(world, universe="late")


def test_searches_for_different_things_are_counted_apart(tmp_path: Path) -> None:
    def aim(sign: float) -> Callable[[Mapping[str, Any]], float]:
        return lambda row: sign * row["cagr"]

    words = [
        {"objective": lambda row: row["cagr"]},
        {"objective": lambda row: -row["cagr"]},
        {"objective": aim(2.0)},
        {"objective": aim(3.0)},
        {"split": WalkForward(train=160, test=100, events=Events([100], 3))},
        {"split": WalkForward(train=160, test=100, events=Events([155], 10))},
        {"constraints": "costs_paid<=12345.678"},
        {"constraints": "costs_paid<=12345.699"},
    ]
    standings = [walked(ledger=tmp_path, trials=1, **each).trial_count for each in words]
    assert [each.before for each in standings if each is not None] == [2 * number for number in range(len(words))]
    again = walked(ledger=tmp_path, trials=1, **words[2]).trial_count
    assert again is not None
    assert (again.before, again.total) == (4, 16)


def test_a_walk_is_counted_once_however_its_numbers_are_typed(tmp_path: Path) -> None:
    first = walked(ledger=tmp_path, trials=1).trial_count
    typed = {"trials": np.int64(1), "seed": np.int64(3), "capital": 1_000_000, "costs": Costs(fee_bps=5)}
    assert walked(ledger=tmp_path, **typed).trial_count == first


def test_a_seed_that_is_none_is_refused_though_nothing_is_tuned() -> None:
    with pytest.raises(ParameterError, match="`seed` must be a whole number, 0 or more"):
        walk_forward(BuyAndHold, market(), split=SPLIT, seed=-1)


# ---------------------------------------------------------------- constraints that no trial keeps


def test_a_fold_in_which_no_trial_keeps_every_constraint_says_so(tmp_path: Path) -> None:
    found = walked(constraints="annual_turnover<=0.01")
    assert found.missed == found.summary()["folds_infeasible"] == 2
    assert not found.table["feasible"].any()
    sentence = "In 2 of 2 folds no trial satisfied every constraint; the nearest miss was traded."
    assert missed_sentence(found) == sentence
    assert sentence in write_walk_page(found, tmp_path / "walk.html").read_text(encoding="utf-8")
    kept = walked(constraints="annual_turnover<=1000")
    assert kept.missed == 0
    assert kept.table["feasible"].all()
    page = write_walk_page(kept, tmp_path / "walk.html").read_text(encoding="utf-8")
    assert "no trial satisfied every constraint" not in page


def test_without_a_search_too() -> None:
    parameters = LiquidityDrain().parameters
    for bound, missed in (("annual_turnover<=0.01", 2), ("annual_turnover<=1000", 0)):
        assert walked(fixed=parameters, narrowed=None, constraints=bound).missed == missed


def test_what_missed_a_constraint_proves_nothing() -> None:
    found = walked(constraints="annual_turnover<=0.01", gate=SPATest(alpha=0.9))
    assert (found.table["gate_p"] == 1.0).all()
    assert (found.missed, found.acting) == (2, 0)
    assert missed_sentence(found).endswith("; they held the basket.")


class Weekdays(Strategy):
    """Halves the stocks on every session, but for the places in the week that are given as a list."""

    cash: Annotated[float, FloatDistribution(0.0, 1.0)] = 0.5
    kept: Annotated[tuple[int, ...], Constant()] = (0, 1)

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        weekday = table.decisions.sessions.day_of_week.to_numpy()
        away = np.stack([~np.isin(weekday, kept) for kept in sets["kept"]], axis=1)
        return Decision.proportional(1.0 - away * sets["cash"])


def test_a_list_that_is_fixed_is_one_value_of_every_set_of_a_proof() -> None:
    words: dict[str, Any] = {"split": SPLIT, "trials": 4, "tuner": "design", "gate": SPATest(resamples=100)}
    usual, fixed = (walk_forward(Weekdays, market(), fixed=each, **words) for each in (None, {"kept": (0, 1)}))
    assert usual.table["gate_p"].tolist() == fixed.table["gate_p"].tolist()
    assert [each.parameters for each in usual.folds] == [each.parameters for each in fixed.folds]


def test_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ut.write_market(market(), tmp_path / "world")
    words = ["walk-forward", "--strategy", "liquidity-drain", "--market", str(folder), "--train", "160"]
    words += ["--test", "100", "--trials", "4", "--tuner", "design", "--constraint", "annual_turnover<=0.01"]
    assert _run([*words, "--fix", "lag=24", "--ledger", str(tmp_path / "ledger")]) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert "In 2 of 2 folds no trial satisfied every constraint; the nearest miss was traded." in said


# ---------------------------------------------------------------- the recipe


def test_the_command_in_a_recipe_says_every_number_in_full(tmp_path: Path) -> None:
    world = ut.load_market(ut.write_market(market(), tmp_path / "world"))
    found = walked(world, costs=Costs(5.1234567, 5.0), constraints=["costs_paid<=12345678.5", "annual_turnover<=600"])
    command = str(found.run.recipe.command)
    assert "--fee-bps 5.1234567 --slippage-bps 5 --haircut-bps 0 --borrow-bps 50 --tax-rate 0.2 --lots" in command
    assert "--constraint 'costs_paid<=12345678.5' --constraint 'annual_turnover<=600'" in command
    run = backtest(LiquidityDrain(), world, costs=Costs(1234567e-7, 5))
    assert "--fee-bps 0.1234567 --slippage-bps 5 " in str(run.recipe.command)


def test_what_the_command_line_cannot_say_has_no_command(tmp_path: Path) -> None:
    world = ut.load_market(ut.write_market(market(), tmp_path / "world"))

    def command(**words: Any) -> str | None:
        return walked(world, **words).run.recipe.command

    own = shock_events(LiquidityDrain(lag=24), world, world.sessions)
    assert "--events" in str(command(split=WalkForward(train=160, test=100, events=own)))
    assert command(split=WalkForward(train=160, test=100, events=Events([100], 3))) is None
    assert f"--objective {__name__}:in_training" in str(command(objective=in_training))
    assert command(objective=lambda row: row["cagr"]) is None


# ---------------------------------------------------------------- the ledger, the seams


def test_a_ledger_that_cannot_be_written_is_noticed_before_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "undertow.backtests.validation.walk.run_tasks", lambda *_, **__: pytest.fail("work began first")
    )
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"the ledger .* cannot be written: .*file' is a file"):
        walked(ledger=tmp_path / "file")
    with pytest.raises(pytest.fail.Exception, match="work began first"):
        walked(ledger=tmp_path / "new" / "ledger")
    assert not (tmp_path / "new").exists()
    path = Ledger(tmp_path).path(market().fingerprint)
    path.write_text("[]\n")
    with pytest.raises(DataError, match="has no entry in line 1"):
        walked(ledger=tmp_path)


def test_a_joined_run_counts_the_episodes_of_its_rule() -> None:
    days = market().sessions
    for rules in ((DipBuyer(), DipBuyer()), (DipBuyer(reserve=0.3), DipBuyer(reserve=0.1))):
        pieces = tuple(
            ScheduledSpan(each, days[a], days[b]) for each, a, b in zip(rules, (150, 230), (229, 340), strict=True)
        )
        joined = backtest(ScheduledStrategy(schedule=Schedule(pieces)), market(), start=days[150], end=days[340])
        parts = [backtest(each.strategy, market(), start=each.first, end=each.last) for each in pieces if each.strategy]
        begun = sum(part.metrics["episodes"] for part in parts)
        across = parts[0].episodes["end"].isna().any() and parts[1].episodes["session"].iloc[0] == days[230]
        assert joined.metrics["episodes"] == begun - across > 0
    assert not math.isnan(begun)
