"""Tuning: the same trials for the same seed whatever happens on the way, refusals before work, failures kept."""

from __future__ import annotations

import html
import io
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from undertow.backtests import Costs, backtest
from undertow.backtests.objectives import Direction, read_constraints
from undertow.backtests.sweeps.argv import narrowed_argv
from undertow.backtests.sweeps.design import grid
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.tuning.result import Tuning
from undertow.backtests.tuning.samplers.proposals import SearchProblem
from undertow.backtests.tuning.samplers.proposer import Proposer
from undertow.backtests.tuning.search import TuningError
from undertow.backtests.tuning.space import space_left
from undertow.backtests.tuning.storage import silence_optuna
from undertow.backtests.tuning.study import TrialResult, finished_trial, refuse_other
from undertow.backtests.validation.settings import WalkSettings, search_tuner
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.cli.app import run_command as _run
from undertow.market import (
    DataError,
    Market,
    ParameterError,
    UnknownNameError,
    load_market,
    simulate_market,
    write_market,
)
from undertow.strategies import BuyAndHold, DefensiveRotation, DrawdownDeRisk, VolTarget
from undertow.tearsheets.sweep.heatmap import write_sweep

SHORT: dict[str, Any] = {"seed": 7, "trials": 24, "design": 8, "batch": 4}
FRONT: dict[str, Any] = {"seed": 5, "trials": 60, "design": 8, "batch": 8, "objective": ["sharpe", "drawdown"]}
GENERATION = "NSGAIISampler:generation"


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=1.5, names=5)


@pytest.fixture(scope="module")
def short(market: Market) -> Tuning:
    return optimize(DrawdownDeRisk, market, **SHORT)


def text(tuning: Tuning) -> str:
    written = io.StringIO()
    tuning.trials.to_csv(written, index=False)
    return written.getvalue()


def test_first_come_the_defaults_and_the_least_cash_then_the_design_then_the_sampler(short: Tuning) -> None:
    assert short.trials["design"].tolist() == ["given"] * 2 + ["sobol"] * 8 + ["refine"] * 14
    assert short.trials["trial"].tolist() == list(range(24))
    assert short.trials["batch"].tolist() == [0] * 10 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 2
    parameters = short.trials[list(DrawdownDeRisk.model_fields)].to_dict(orient="records")
    assert parameters[0] == DrawdownDeRisk().parameters
    assert parameters[1] == {**DrawdownDeRisk().parameters, "cash": 0.05}


def test_the_best_trial_is_the_one_a_backtest_and_optuna_find(short: Tuning) -> None:
    best = short.trials["annual_sharpe"].idxmax()
    assert short.best["trial"] == best == short.study.best_trial.number
    run = short.backtest()
    assert run.recipe.parameters == short.best_parameters == short.study.best_params
    np.testing.assert_allclose(run.metrics["annual_sharpe"], short.best["objective sharpe"], rtol=1e-9)
    np.testing.assert_allclose(run.metrics["ulcer_index"], short.best["ulcer_index"], rtol=1e-9)


@pytest.mark.parametrize("jobs", [2, 4])
def test_jobs_change_nothing(market: Market, short: Tuning, jobs: int) -> None:
    assert text(optimize(DrawdownDeRisk, market, jobs=jobs, **SHORT)) == text(short)


def test_the_seed_changes_the_trials(market: Market, short: Tuning) -> None:
    assert text(optimize(DrawdownDeRisk, market, **{**SHORT, "seed": 8})) != text(short)


def test_two_hundred_and_two_hundred_are_four_hundred(market: Market, tmp_path: Path) -> None:
    store = f"journal:{tmp_path / 'study.log'}"
    settings: dict[str, Any] = {"seed": 3, "fixed": {"window": 168, "recovered": 0.5}}
    half = optimize(DrawdownDeRisk, market, trials=200, storage=store, **settings)
    continued = optimize(DrawdownDeRisk, market, trials=400, storage=store, **settings)
    at_once = optimize(DrawdownDeRisk, market, trials=400, **settings)
    assert len(half.trials) == 200
    assert text(continued) == text(at_once)
    assert text(continued).startswith(text(half).rstrip("\n"))


@pytest.mark.parametrize("objective", ["sharpe", ["cagr", "drawdown", "turnover"]])
def test_every_cut_is_continued_to_the_same_trials_in_sqlite(
    market: Market, tmp_path: Path, objective: str | list[str]
) -> None:
    settings = {**SHORT, "objective": objective, "constraints": ["episodes>=3", "annual_turnover<=8"]}
    at_once = text(optimize(DrawdownDeRisk, market, **settings))
    store = f"sqlite:///{tmp_path / 'study.db'}"
    for trials in (1, 10, 11, 17, 24):
        cut = optimize(DrawdownDeRisk, market, storage=store, **{**settings, "trials": trials})
    assert text(cut) == at_once
    # Of fewer trials, a study that has more shows the first ones.
    assert len(optimize(DrawdownDeRisk, market, storage=store, **{**settings, "trials": 5}).trials) == 5


@pytest.mark.parametrize("stop", [18, 42])
def test_a_front_that_was_stopped_goes_on_to_the_same_trials(market: Market, tmp_path: Path, stop: int) -> None:
    store = f"journal:{tmp_path / 'study.log'}"
    settings = {**FRONT, "constraints": "annual_turnover<=5"}
    optimize(DrawdownDeRisk, market, storage=store, **{**settings, "trials": stop})
    assert text(optimize(DrawdownDeRisk, market, storage=store, **settings)) == text(front(market))


@cache
def front(market: Market) -> Tuning:
    return optimize(DrawdownDeRisk, market, constraints="annual_turnover<=5", **FRONT)


def test_a_front_of_many_generations_is_taken_up_again() -> None:
    space: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1)}
    ways: list[Direction] = ["maximize", "maximize"]
    trials: dict[int, FrozenTrial] = {}

    def proposer() -> Proposer:
        return Proposer(SearchProblem(space, ways, [], design=2, batch=2, seed=1), "nsga2")

    for position in range(1300):
        x = (position * 0.618) % 1
        outcome = TrialResult({}, (x, 1 - x))
        trials[position] = finished_trial(position, 0, "nsga2", {"x": x}, space, outcome, {GENERATION: position // 2})
    with silence_optuna():
        assert len(proposer().propose(650, 2, trials)) == 2


KILLED = """
import os, signal, sys
from optuna.storages.journal import JournalFileBackend
from undertow.backtests.tuning.optimize import optimize
from undertow.market import simulate_market
from undertow.strategies import DrawdownDeRisk

writes, whole = 0, JournalFileBackend.append_logs
def killed(self, logs):
    global writes
    writes += 1
    if writes == int(sys.argv[2]):
        self._lock.acquire()
        with open(self._file_path, "ab") as file:
            file.write(b'{"op_code":4,"worker')
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    whole(self, logs)
JournalFileBackend.append_logs = killed
optimize(DrawdownDeRisk, simulate_market(seed=7, years=1.5, names=5), storage="journal:" + sys.argv[1],
         ledger=sys.argv[3], seed=7, trials=24, design=8, batch=4)
"""


def test_a_search_killed_in_the_middle_of_a_write_goes_on_to_the_same_trials(
    market: Market, short: Tuning, tmp_path: Path
) -> None:
    path, ledger = tmp_path / "study.log", tmp_path / "ledger"
    # The study, its metric names and its identity are three writes; the 19th is the 16th trial, amid a batch.
    done = subprocess.run([sys.executable, "-c", KILLED, path, "19", ledger], check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL
    assert not path.read_bytes().endswith(b"\n")
    assert os.path.lexists(f"{path}.lock")
    resumed = optimize(DrawdownDeRisk, market, storage=f"journal:{path}", ledger=ledger, **SHORT)
    assert text(resumed) == text(short)
    assert resumed.trial_count is not None
    assert (resumed.trial_count.before, resumed.trial_count.own, resumed.trial_count.total) == (0, 24, 24)
    with silence_optuna():
        study = optuna.load_study(study_name="drawdown-de-risk", storage=JournalStorage(JournalFileBackend(str(path))))
    assert [trial.number for trial in study.trials] == [trial.user_attrs["position"] for trial in study.trials]


def test_the_study_is_a_plain_optuna_study_that_says_what_it_searched(short: Tuning, market: Market) -> None:
    study = short.study
    assert isinstance(study, optuna.Study)
    assert study.metric_names == ["sharpe"]
    identity = study.user_attrs["undertow"]
    assert identity["market"] == market.fingerprint
    assert (identity["universe"], identity["seed"], identity["objective"]) == ("growth", 7, ["sharpe"])
    assert identity["costs"] == asdict(Costs())
    assert set(identity["versions"]) >= {"undertow", "optuna"}
    assert study.best_trial.distributions == DrawdownDeRisk.search_space()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "sortino"}, r"is of another objective: \[\"sharpe\"\], requested \[\"sortino\"\]"),
        ({"seed": 8}, "is of another seed: 7, requested 8"),
        ({"end": "2019-06-28"}, "is of another end"),
        ({"costs": Costs(1, 1)}, "is of another costs"),
        ({"narrowed": {"lag": (12, 48)}}, 'is of another space: `lag` {"name": "IntDistribution"'),
        ({"batch": 5}, "is of another batch"),
    ],
)
def test_a_study_of_another_search_is_refused_by_name(
    market: Market, short: Tuning, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=f"study `drawdown-de-risk` {message}.*give another `study` name"):
        optimize(DrawdownDeRisk, market, storage=short.study._storage, **{**SHORT, **change})


def test_what_is_not_there_is_another_thing_than_none() -> None:
    stored = {"versions": {name: version(name) for name in ("undertow", "optuna")}, "space": {"fixed": {}}}
    with pytest.raises(ParameterError, match="is of another space: `which` nothing, requested null"):
        refuse_other("s", stored, {"space": {"fixed": {"which": None}}})
    # A choice may be called so.
    with pytest.raises(ParameterError, match="is of another space: `which` nothing, requested nothing"):
        refuse_other("s", stored, {"space": {"fixed": {"which": "nothing"}}})


def test_a_study_of_another_market_or_strategy_is_refused(market: Market, short: Tuning) -> None:
    store = short.study._storage
    other = simulate_market(seed=8, years=1, names=5)
    with pytest.raises(ParameterError, match="study `drawdown-de-risk` is of another market"):
        optimize(DrawdownDeRisk, other, storage=store, **SHORT)
    with pytest.raises(ParameterError, match="is of another strategy"):
        optimize(VolTarget, market, storage=store, study="drawdown-de-risk", **SHORT)
    with silence_optuna():
        optuna.create_study(storage=store, study_name="theirs").add_trial(optuna.create_trial(value=1.0))
    with pytest.raises(ParameterError, match="study `theirs` has trials that are not Undertow's"):
        optimize(DrawdownDeRisk, market, storage=store, study="theirs", **SHORT)


def refused(metrics: Mapping[str, Any]) -> float:
    raise AssertionError("no trial may be evaluated")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"storage": "postgresql://nobody@127.0.0.1:1/none"},
            DataError,
            "`storage` postgresql.* cannot be used:",
        ),
        ({"storage": "postgresql://a:secret@127.0.0.1:1/b"}, DataError, r"^(?!.*secret)"),
        ({"storage": "oracle://somewhere/x"}, ParameterError, "needs a driver that is not installed"),
        (
            {"storage": "foo://somewhere/x"},
            ParameterError,
            "`storage` foo:// is not a database that SQLAlchemy knows; such",
        ),
        ({"storage": "postgres://a@b/x"}, ParameterError, "SQLAlchemy knows, did you mean `postgresql`"),
        ({"storage": "sqlite:////nowhere/at/all/x.db"}, ParameterError, "must be a file in an existing folder"),
        ({"storage": "study.db"}, ParameterError, "`storage` must be journal:FILE or a database address"),
        ({"storage": "journal:/nowhere/at/all/x.log"}, ParameterError, "must be a file in an existing folder"),
        ({"universe": "grwth"}, KeyError, "unknown universe `grwth`, did you mean `growth`"),
        ({"weighting": "equl"}, ParameterError, "weighting"),
        ({"trials": 0}, ParameterError, "`trials` must be a whole number, 1 or more, got 0"),
        ({"trials": None}, ParameterError, "`trials` must be a whole number, 1 or more, got None"),
        ({"trials": True}, ParameterError, "`trials` must be a whole number, 1 or more, got True"),
        ({"seed": None}, ParameterError, "`seed` must be a whole number, 0 or more, got None"),
        ({"seed": -1}, ParameterError, "`seed` must be a whole number, 0 or more, got -1"),
        ({"jobs": None}, ParameterError, "`jobs` must be a whole number, 1 or more, got None"),
        ({"design": 2.5}, ParameterError, "`design` must be a whole number, 0 or more, got 2.5"),
        ({"capital": "1e6"}, ParameterError, "`capital` must be positive, a finite number, got '1e6'"),
        ({"storage": 3}, ParameterError, "`storage` must be journal:FILE or a database address"),
        ({"jobs": 0}, ParameterError, "`jobs` must be"),
        ({"max_failed": 2}, ParameterError, "`max_failed` must be a share"),
        ({"fixed": {"lag": 500}}, ParameterError, r"`lag` must be in \[0, 96\], got 500"),
        ({"first": [{"lag": 24, "cash": 7}]}, ParameterError, "`cash` must be in"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_trial(
    market: Market, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        optimize(DrawdownDeRisk, market, objective=refused, **{**SHORT, **settings})


@pytest.mark.parametrize("storage", ["journal:{}/study.log", "sqlite:///{}/study.db"])
def test_a_storage_that_will_not_do_is_refused_before_the_baselines(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    store = storage.format(tmp_path)
    few = {**SHORT, "trials": 4}
    optimize(DrawdownDeRisk, market, storage=store, **few)
    monkeypatch.setattr(
        import_module("undertow.backtests.tuning.optimize"),
        "baseline_metrics",
        lambda *_: pytest.fail("work began first"),
    )
    for settings, error, message in (
        ({"storage": store, "seed": 8}, ParameterError, "is of another seed: 7, requested 8"),
        ({"storage": "postgresql://nobody@127.0.0.1:1/none"}, DataError, "cannot be used"),
        ({"storage": "foo"}, ParameterError, "`storage` must be journal"),
        ({"storage": f"journal:{tmp_path}/absent/x.log"}, ParameterError, "must be a file in an existing folder"),
    ):
        with pytest.raises(error, match=message):
            optimize(DrawdownDeRisk, market, **{**few, **settings})


def test_the_command_refuses_a_storage_before_it_loads_a_market(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("undertow.cli.optimize.resolve_market", lambda *_: pytest.fail("the market was loaded first"))
    assert _run(["optimize", "--strategy", "vol-target", "--storage", "foo"]) == 2
    assert "`storage` must be journal:FILE or a database address" in capsys.readouterr().err


def test_a_driver_that_is_missing_is_named_with_the_extra(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ParameterError, match=r"needs a driver that is not installed.*undertow\[postgres\]"):
        optimize(DrawdownDeRisk, market, storage="postgresql+psycopg://nobody@127.0.0.1:1/none", **SHORT)


def test_a_file_that_is_no_journal_or_in_use_is_refused(market: Market, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a journal\nat all")
    with pytest.raises(DataError, match="is not an Optuna journal"):
        optimize(DrawdownDeRisk, market, storage=f"journal:{other}", **SHORT)
    assert other.read_text() == "not a journal\nat all"
    for store in (f"journal:{tmp_path / 'study.log'}", f"sqlite:///{tmp_path / 'study.db'}"):

        def search_again(count: int, store: str = store) -> None:
            with pytest.raises(ParameterError, match="in use by another process"):
                optimize(DrawdownDeRisk, market, storage=store, **SHORT)

        optimize(DrawdownDeRisk, market, storage=store, progress=search_again, **{**SHORT, "trials": 3})


def choosy(metrics: Mapping[str, Any]) -> float:
    if metrics["average_exposure"] < 0.9:
        raise ValueError("too little in stocks\nand a second line")
    return float("nan") if metrics["episodes"] > 15 else metrics["cagr"]


def test_a_failed_trial_is_kept_with_its_error_and_ends_nothing(market: Market) -> None:
    tuning = optimize(DrawdownDeRisk, market, objective=choosy, max_failed=0.95, **SHORT)
    failed = tuning.trials[tuning.trials["state"] == "fail"]
    rejected = tuning.trials["average_exposure"] < 0.9
    assert rejected.any()
    assert (failed["error"][rejected] == "ValueError: too little in stocks").all()
    assert (failed["error"][~rejected] == "`test_optimize:choosy` is nan, not a number").all()
    assert len(failed) == (rejected | (tuning.trials["episodes"] > 15)).sum() < 24
    assert tuning.best["state"] == "complete"
    states = [trial.state.name for trial in tuning.study.trials]
    assert states.count("FAIL") == len(failed)


def greedy(metrics: dict[str, Any]) -> float:
    return float(metrics.pop("cagr"))


def test_an_objective_that_changes_its_row_changes_nothing_else(market: Market) -> None:
    settings = {**SHORT, "trials": 3, "design": 2, "constraints": "cagr>=-1"}
    tuning = optimize(DrawdownDeRisk, market, objective=[greedy, "cagr"], **settings)
    assert (tuning.trials["state"] == "complete").all()
    assert tuning.trials[f"objective {__name__}:greedy"].tolist() == tuning.trials["cagr"].tolist()


def test_a_path_is_a_journal(market: Market, tmp_path: Path) -> None:
    settings = {**SHORT, "trials": 3, "design": 2}
    first = optimize(DrawdownDeRisk, market, storage=tmp_path / "study.log", **settings)
    continued = optimize(DrawdownDeRisk, market, storage=f"journal:{tmp_path / 'study.log'}", **settings)
    pd.testing.assert_frame_equal(first.trials, continued.trials, check_exact=True)


def test_too_many_failures_end_the_search_and_say_why(market: Market) -> None:
    with pytest.raises(TuningError, match=r"10 of 10 trials failed, every one; the last one: AssertionError: no trial"):
        optimize(DrawdownDeRisk, market, objective=refused, max_failed=1.0, **SHORT)
    with pytest.raises(TuningError, match=r"of 10 trials failed, more than the share `max_failed` of 0.1"):
        optimize(DrawdownDeRisk, market, objective=choosy, max_failed=0.1, **SHORT)


@cache
def usual_return() -> float:
    return float(backtest(DrawdownDeRisk(), simulate_market(seed=7, years=1.5, names=5)).metrics["total_return"])


def not_the_default(metrics: Mapping[str, Any]) -> float:
    if abs(metrics["total_return"] - usual_return()) < 1e-9:
        raise ValueError("not this one")
    return float(metrics["annual_sharpe"])


def test_a_batch_that_was_cut_short_after_a_failure_is_finished(market: Market, tmp_path: Path) -> None:
    settings = {**SHORT, "objective": not_the_default}
    store = f"sqlite:///{tmp_path / 'study.db'}"
    with pytest.raises(TuningError, match="1 of 1 trials failed"):
        optimize(DrawdownDeRisk, market, storage=store, **{**settings, "trials": 1})
    continued = optimize(DrawdownDeRisk, market, storage=store, **settings)
    assert text(continued) == text(optimize(DrawdownDeRisk, market, **settings))
    assert continued.trials["state"][0] == "fail"


class Screened(VolTarget):
    """Has choices with commas and colons in them."""

    where: Annotated[str, CategoricalDistribution(["a, b", "c", "d:e"])] = "c"


def test_choices_that_cannot_be_typed_have_no_command(market: Market, tmp_path: Path) -> None:
    for choices, typed in ((["a, b", "c", "d:e"], True), (["a, b", "c"], False), (["d:e"], False), (["c"], True)):
        space = space_left(Screened, {}, {"where": choices}).free
        assert (narrowed_argv(Screened, space) is not None) == typed


class Patient(VolTarget):
    """Has a choice that is none."""

    hold: Annotated[int | None, CategoricalDistribution([None, 24, 48])] = None


def test_none_is_a_choice_like_any_other(market: Market, tmp_path: Path) -> None:
    tuning = optimize(Patient, market, storage=tmp_path / "study.log", **SHORT)
    assert {None, 24, 48} == set(tuning.trials["hold"])
    assert tuning.best_strategy.parameters["hold"] == tuning.best["hold"]
    assert text(tuning) == text(optimize(Patient, market, **SHORT))
    sets = sweep(Patient, market, grid({"hold": [None, 24], "target": [0.1, 0.2]})).table
    assert len(sets) == 4
    page = write_sweep(sets, tmp_path / "sets.html").read_text(encoding="utf-8")
    assert '"none"' in page.partition('id="charts">')[2]
    assert len(grid({})) == 1
    assert Patient.create({"hold": "None"}).hold is None
    split = WalkForward(train=120, test=60)
    walk = walk_forward(Patient, market, split=split, trials=6, seed=1, fixed={"hold": "None"})
    assert all(fold.parameters["hold"] is None for fold in walk.folds)


def test_a_failed_trial_misses_no_constraint_and_keeps_the_columns_in_order(market: Market) -> None:
    settings = {**SHORT, "objective": not_the_default, "constraints": ["episodes>=3", "annual_turnover<=8"]}
    columns = list(optimize(DrawdownDeRisk, market, **settings).trials.columns)
    position = columns.index("feasible")
    assert columns[position + 1 : position + 3] == ["missed episodes>=3", "missed annual_turnover<=8"]
    assert columns[-1] == "error"


def test_the_command_makes_the_same_trials_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = load_market(write_market(simulate_market(seed=3, years=1, names=5), tmp_path / "market"))
    settings = {**SHORT, "trials": 14, "fixed": {"recovered": 0.5}, "narrowed": {"lag": (12, 48)}}
    settings |= {"objective": ["sharpe", "drawdown"], "constraints": "annual_turnover<=8", "fill": "close"}
    tuning = optimize(DrawdownDeRisk, world, costs=Costs(fee_bps=2.5), **settings)
    program, *argv = shlex.split(str(tuning.command))
    assert program == "undertow"
    assert _run([*argv, "--json", "--out", str(tmp_path / "again")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["command"] == tuning.command
    assert (tmp_path / "again" / "trials.csv").read_text() == text(tuning)
    assert tuning.command in html.unescape((tmp_path / "again" / "study.html").read_text(encoding="utf-8"))


def test_what_no_command_line_can_say_has_no_command(market: Market, tmp_path: Path) -> None:
    world = load_market(write_market(market, tmp_path / "market"))
    few = {**SHORT, "trials": 3, "design": 0}
    assert optimize(DrawdownDeRisk, world, **few).command is not None
    assert optimize(DrawdownDeRisk, market, **few).command is None
    assert optimize(DrawdownDeRisk, world, objective=lambda metrics: metrics["cagr"], **few).command is None
    assert optimize(DrawdownDeRisk, world, first=[{"lag": 3}], **few).command is None
    assert "--max-failed 0.9" in str(optimize(DrawdownDeRisk, world, max_failed=0.9, **few).command)
    stepped = {"lag": IntDistribution(0, 96, step=24)}
    assert optimize(DrawdownDeRisk, world, narrowed=stepped, **few).command is None


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ("drawdown<=0.4", r"is always kept: drawdowns are negative; .* write drawdown>=-0.4"),
        ("max_drawdown >= 0.4", r"is never kept: drawdowns are negative; .* write max_drawdown>=-0.4"),
        ("max_drawdown>=-20", "is always kept: it is a decimal, -20 % is -0.2"),
        ("max_drawdown<=-20", "is never kept: it is a decimal, -20 % is -0.2"),
        ("volatility<=20", "is always kept: it is a decimal, 20 % is 0.2"),
        ("average_exposure>=30", "is never kept: it is a decimal, 30 % is 0.3"),
        ("average_exposure<=1", "is always kept: it lies between 0 and 1"),
        ("annual_turnover<=-1", "is never kept: it is 0 or more"),
        ("episodes>=0", "is always kept: it is 0 or more"),
    ],
)
def test_a_constraint_that_binds_nothing_or_everything_is_refused(market: Market, bound: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        optimize(DrawdownDeRisk, market, constraints=bound, **SHORT)


def test_constraints_that_bind_are_taken() -> None:
    bounds = ["episodes>=20", "costs<=0", "max_drawdown>=-0.4", "volatility<=0.2", "average_cash>=0", "sharpe>=-5"]
    assert len(read_constraints(bounds)) == len(bounds)


def test_a_universe_that_is_not_there_is_told_before_any_trial(market: Market, tmp_path: Path) -> None:
    store = tmp_path / "study.log"
    with pytest.raises(UnknownNameError, match="unknown universe `nothing`"):
        optimize(DefensiveRotation, market, fixed={"basket": "nothing"}, storage=store, **SHORT)
    assert not store.exists()


class Brittle(DrawdownDeRisk):
    """Cannot be decided for some parameters."""

    @classmethod
    def decide(cls, table: Any, sets: Any) -> Any:
        if (np.asarray(sets["lag"]) > 60).any():
            raise RuntimeError("lag too long")
        return super().decide(table, sets)


def test_a_set_that_cannot_be_swept_fails_alone(market: Market) -> None:
    tuning = optimize(Brittle, market, **SHORT)
    long = tuning.trials["lag"] > 60
    assert 0 < long.sum() < 12
    assert (tuning.trials["state"] == np.where(long, "fail", "complete")).all()
    (error,) = set(tuning.trials["error"][long])
    assert "`decide` of `brittle` failed: RuntimeError: lag too long (test_optimize.py:" in error


def test_constraints_are_optunas_own_and_the_best_keeps_them(market: Market) -> None:
    bounds = ["turnover<=4", "average_exposure>=0.9"]
    tuning = optimize(DrawdownDeRisk, market, constraints=bounds, **SHORT)
    assert tuning.feasible
    for row, trial in zip(tuning.trials.to_dict(orient="records"), tuning.study.trials, strict=True):
        missed = {
            "annual_turnover<=4": row["annual_turnover"] - 4,
            "average_exposure>=0.9": 0.9 - row["average_exposure"],
        }
        assert trial.constraints == pytest.approx(missed)
        assert row["missed annual_turnover<=4"] == pytest.approx(max(missed["annual_turnover<=4"], 0))
        assert row["feasible"] == all(amount <= 0 for amount in missed.values())
    assert tuning.best["trial"] == tuning.study.best_trial.number
    assert tuning.best["annual_turnover"] <= 4


def test_where_no_trial_keeps_the_constraints_the_nearest_is_shown(market: Market) -> None:
    tuning = optimize(DrawdownDeRisk, market, constraints="episodes>=1000", **SHORT)
    assert not tuning.feasible
    assert tuning.best["episodes"] == tuning.trials["episodes"].max()
    assert tuning.summary()["feasible"] is False


def test_a_front_of_several_objectives_is_optunas(market: Market) -> None:
    tuning = optimize(DrawdownDeRisk, market, objective=["cagr", "drawdown", "turnover"], **{**SHORT, "trials": 40})
    assert set(tuning.trials["design"]) == {"given", "sobol", "nsga2"}
    assert sorted(tuning.front["trial"]) == [trial.number for trial in tuning.study.best_trials]
    assert tuning.best["objective cagr"] == tuning.trials["objective cagr"].max()
    generations = [trial.system_attrs[GENERATION] for trial in tuning.study.trials]
    assert generations == sorted(generations)
    assert generations[0] == 0
    assert generations[-1] > 3


def test_fixed_and_narrowed_hold_for_every_trial(market: Market) -> None:
    tuning = optimize(
        DrawdownDeRisk, market, fixed={"window": 72}, narrowed={"lag": (12, 48), "cash": (0.2, 0.4)}, **SHORT
    )
    assert (tuning.trials["window"] == 72).all()
    assert tuning.trials["lag"].between(12, 48).all()
    assert tuning.trials["cash"].between(0.2, 0.4).all()
    # The default of cash lies outside, the corner within.
    assert tuning.trials["design"].tolist()[:2] == ["given", "sobol"]
    assert tuning.best_parameters["window"] == 72


def test_baselines_are_subtracted(market: Market) -> None:
    tuning = optimize(DrawdownDeRisk, market, objective="sharpe:vol-target", **{**SHORT, "trials": 3})
    rule, target = (backtest(strategy, market).metrics["annual_sharpe"] for strategy in (DrawdownDeRisk(), VolTarget()))
    np.testing.assert_allclose(tuning.trials["objective sharpe:vol-target"][0], rule - target, rtol=1e-9)
    assert set(tuning.baselines) == {"buy-and-hold", "vol-target"}


def test_folds_of_a_walk_forward_are_tuned_by_a_search(market: Market) -> None:
    terms = WalkSettings(trials=12, fixed={"band": 0.05}, space={"target": FloatDistribution(0.1, 0.5)})
    window = pd.Timestamp("2018-03-01"), pd.Timestamp("2019-03-01")
    tuned = search_tuner(VolTarget, market, *window, 7, terms)
    assert tuned.parameters["band"] == 0.05
    assert tuned.parameters["window"] == VolTarget().window
    assert len(tuned.trials) == 12
    run = backtest(VolTarget.create(tuned.parameters), market, start=window[0], end=window[1])
    np.testing.assert_allclose(tuned.metrics["annual_sharpe"], run.metrics["annual_sharpe"], rtol=1e-9)
    assert tuned.metrics["annual_sharpe"] == tuned.trials["annual_sharpe"].max()


def test_a_strategy_without_parameters_has_nothing_to_tune(market: Market) -> None:
    with pytest.raises(ParameterError, match="`buy-and-hold` has nothing to tune: it has no parameters"):
        optimize(BuyAndHold, market, **SHORT)


def test_tables_come_back_from_csv(short: Tuning) -> None:
    back = pd.read_csv(io.StringIO(text(short)))
    assert back["annual_sharpe"].tolist() == short.trials["annual_sharpe"].tolist()


def test_a_journal_that_cannot_be_written_is_a_named_error(
    market: Market, short: Tuning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_logs, store = JournalFileBackend.append_logs, f"journal:{tmp_path / 'study.log'}"
    writes = []

    def full(self: JournalFileBackend, logs: list[dict[str, Any]]) -> None:
        writes.append(logs)
        if len(writes) > 15:
            raise OSError(28, "No space left on device")
        append_logs(self, logs)

    monkeypatch.setattr(JournalFileBackend, "append_logs", full)
    with pytest.raises(DataError, match=r"`storage` '.*study.log' cannot be written: No space left on device; every"):
        optimize(DrawdownDeRisk, market, storage=store, **SHORT)
    monkeypatch.undo()
    assert text(optimize(DrawdownDeRisk, market, storage=store, **SHORT)) == text(short)


def halved(metrics: Mapping[str, float]) -> float:
    if metrics["episodes"] > 5:
        raise ValueError("half of a character: \ud800 and no more")
    return metrics["annual_sharpe"]


def test_an_error_that_no_file_takes_is_kept_in_words(market: Market, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'study.db'}"
    for _ in range(2):
        tuning = optimize(DrawdownDeRisk, market, objective=halved, storage=store, **{**SHORT, "max_failed": 1.0})
    failed = tuning.trials[tuning.trials["state"] == "fail"]
    assert 0 < len(failed) < 24
    assert set(failed["error"]) == {"ValueError: half of a character: \\ud800 and no more"}
    tuning.trials.to_csv(tmp_path / "trials.csv")
