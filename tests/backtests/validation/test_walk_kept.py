"""Walks whose folds keep their studies go on where they were killed; both accounts of a gate are reported at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from undertow.backtests.tuning.evaluate import Evaluator
from undertow.backtests.tuning.storage import silence_optuna
from undertow.backtests.validation.result import WalkForwardResult
from undertow.backtests.validation.seeds import walk_seeds
from undertow.backtests.validation.settings import TunedFold
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.cli.app import run_command as _run
from undertow.evidence import SPATest
from undertow.market import Market, ParameterError, simulate_market
from undertow.strategies import LiquidityDrain, StopLoss
from undertow.tearsheets.walk_forward.page import write_walk_page
from undertow.tearsheets.walk_forward.sentences import gate_sentence

WORDS: dict[str, Any] = {
    "split": WalkForward(train=160, test=100),
    "trials": 40,
    "fixed": {"lag": 24},
    "narrowed": {"cash": (0.3, 1.0)},
    "seed": 3,
}


@cache
def market() -> Market:
    return simulate_market(seed=5, years=1.4, names=5)


def walked(**words: Any) -> WalkForwardResult:
    return walk_forward(LiquidityDrain, market(), **{**WORDS, **words})


@cache
def plain() -> WalkForwardResult:
    return walked()


def same(one: WalkForwardResult, other: WalkForwardResult) -> None:
    assert one.trials.to_csv() == other.trials.to_csv()
    assert one.table.to_csv() == other.table.to_csv()
    pd.testing.assert_frame_equal(one.run.series, other.run.series, check_exact=True)


# ---------------------------------------------------------------- kept studies

KILLED = """
import os, signal, sys
from optuna.storages.journal import JournalFileBackend
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.market import simulate_market
from undertow.strategies import LiquidityDrain

whole = JournalFileBackend.append_logs
def killed(self, logs):
    whole(self, logs)
    with open(self._file_path, "rb") as file:
        # In the second fold, amid its second batch.
        if sum(name.endswith(".log") for name in os.listdir(sys.argv[1])) > 1 and sum(1 for _ in file) > 25:
            os.kill(os.getpid(), signal.SIGKILL)
JournalFileBackend.append_logs = killed
walk_forward(LiquidityDrain, simulate_market(seed=5, years=1.4, names=5), split=WalkForward(train=160, test=100),
             trials=40, fixed={"lag": 24}, narrowed={"cash": (0.3, 1.0)}, seed=3, storage="journal:" + sys.argv[1])
"""


def test_a_walk_that_was_killed_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "studies"
    done = subprocess.run([sys.executable, "-c", KILLED, folder], check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL
    whole, evaluated = plain(), list[int]()
    count_evaluated(monkeypatch, evaluated)
    same(walked(storage=f"journal:{folder}"), whole)
    # The first fold was whole; of the second's 18 and 16 first trials those that were written are not made again.
    assert 0 < sum(evaluated) < 40
    evaluated.clear()
    same(walked(storage=folder, study="liquidity-drain"), whole)
    assert sum(evaluated) == 0
    names = sorted(path.stem for path in folder.glob("*.log"))
    assert names == [f"liquidity-drain-seed3-{fold.train[0]:%Y%m%d}-{fold.train[1]:%Y%m%d}" for fold in whole.folds]
    with silence_optuna():
        kept = JournalStorage(JournalFileBackend(str(folder / f"{names[1]}.log")))
        assert len(optuna.load_study(study_name=names[1], storage=kept).trials) == 40
    with pytest.raises(ParameterError, match=rf"study `{names[0]}` is of another objective.*another `study` name"):
        walked(storage=folder, objective="sortino")


def count_evaluated(monkeypatch: pytest.MonkeyPatch, counts: list[int]) -> None:
    evaluate = Evaluator.__call__

    def counted(self: Evaluator, sets: Sequence[Mapping[str, Any]]) -> Any:
        counts.append(len(sets))
        return evaluate(self, sets)

    monkeypatch.setattr(Evaluator, "__call__", counted)


def test_workers_keep_a_journal_a_fold_and_more_trials_go_on_from_fewer(tmp_path: Path) -> None:
    given = {"storage": tmp_path / "studies", "jobs": 2, "backend": "threading"}
    walked(**given, trials=20)
    same(walked(**given), plain())


def test_one_database_keeps_every_fold(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'walk.db'}"
    same(walked(storage=address, study="mine"), plain())
    with silence_optuna():
        assert len(optuna.get_all_study_names(address)) == len(plain().folds)
    with pytest.raises(ParameterError, match="held by one process at a time: leave `jobs` at 1"):
        walked(storage=address, jobs=2)
    with pytest.raises(ParameterError, match="held by one process at a time: leave `jobs` at 1"):
        walk_seeds(LiquidityDrain, market(), [3, 4], jobs=2, storage=address, **{**WORDS, "seed": 3})


def own_tuner(*_: Any) -> TunedFold:
    raise AssertionError("work began first")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"storage": "journal:{}/absent/studies"}, "must be a folder in an existing one"),
        ({"storage": "journal:{}/file"}, "`storage` of a walk must be a folder, one journal a fold"),
        ({"storage": "journal:{}/studies", "study": "a/b"}, "`study` begins the names of files"),
        ({"storage": "journal:{}/studies", "tuner": own_tuner}, "can only be used with the tuners search and design"),
        ({"storage": "here"}, "`storage` must be journal:"),
        ({"storage": 3}, "`storage` must be journal:"),
        ({"study": "mine"}, "`study` can only be used with a `storage`"),
        ({"on_fail": "hodl"}, "`on_fail` must be one of hold, act; got 'hodl', did you mean `hold`"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_any_work(
    words: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(
        "undertow.backtests.validation.walk.run_tasks", lambda *_, **__: pytest.fail("work began first")
    )
    given = {name: value.format(tmp_path) if isinstance(value, str) else value for name, value in words.items()}
    with pytest.raises(ParameterError, match=message):
        walked(**given)
    assert os.listdir(tmp_path) == ["file"]


def test_the_command_keeps_and_refuses_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["walk-forward", "--strategy", "liquidity-drain", "--storage"]
    assert _run([*words, f"journal:{tmp_path / 'absent' / 'studies'}"]) == 2
    assert "must be a folder in an existing one" in capsys.readouterr().err
    assert _run([*words, f"sqlite:///{tmp_path / 'walk.db'}", "--jobs", "2"]) == 2
    assert "held by one process at a time" in capsys.readouterr().err
    assert not os.listdir(tmp_path)


# ---------------------------------------------------------------- both accounts of a gate


def test_the_counterpart_is_the_account_that_does_the_other_thing(tmp_path: Path) -> None:
    level = float(np.sort([each.p for each in walked(gate=SPATest(alpha=0.5)).folds])[0])
    gate = SPATest(alpha=level)
    held, acting = walked(gate=gate), walked(gate=gate, on_fail="act")
    assert (held.passed, held.acting, acting.passed, acting.acting) == (1, 1, 1, 2)
    assert held.alternative is not None
    assert acting.alternative is not None
    for one, other in ((held.run, acting.alternative), (acting.run, held.alternative), (acting.run, plain().run)):
        pd.testing.assert_frame_equal(one.series, other.series, check_exact=True)
        assert one.recipe == other.recipe
    same_trials = held.trials.equals(acting.trials) and held.trials.equals(plain().trials)
    assert same_trials
    assert acting.table["passed"].tolist() == held.table["acts"].tolist()
    assert acting.summary()["alternative"] == held.run.metrics
    assert plain().alternative is None
    assert plain().table["passed"].tolist() == [None, None]
    words = f"In 1 of 2 folds the trials beat holding in training by more than chance explains (SPA p <= {level:g}); "
    otherwise = "1 fold held the basket. If every fold had acted, against buy-and-hold"
    assert gate_sentence(held).startswith(f"{words}{otherwise}")
    told = gate_sentence(acting)
    otherwise = "every fold acted anyway. If only folds that passed had acted, against buy-and-hold: "
    assert told.startswith(f"{words}{otherwise}")
    page = write_walk_page(acting, tmp_path / "walk.html").read_text(encoding="utf-8").replace("&lt;", "<")
    assert told in page
    assert "No fold acted" not in page


def test_where_all_or_nothing_is_proven() -> None:
    none = walked(gate=SPATest(alpha=1e-6), on_fail="act")
    assert gate_sentence(none).endswith(
        "; every fold acted anyway. An account that acts only in folds that passed would have held the basket"
        " throughout: no difference."
    )
    every = walked(gate=SPATest(alpha=0.999999))
    assert every.passed == 2
    assert gate_sentence(every).endswith(
        "; all folds acted. An account that acts only in folds that passed is the same account."
    )


def test_the_command_tells_of_a_proof_that_was_not_asked_for_where_there_can_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("undertow.cli.walk_forward.resolve_market", lambda *_: market())
    words = ["walk-forward", "--train", "160", "--test", "100", "--trials", "4", "--ledger", str(tmp_path)]
    assert _run([*words, "--strategy", "liquidity-drain", "--fix", "lag=24"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "of 2 folds the trials beat holding in training by more than chance explains (SPA p <= 0.1)" in said
    assert "every fold acted anyway" in said
    brief = ["--strategy", "liquidity-drain", "--train", "50", "--objective", "total-return"]
    for short in (brief, ["--strategy", "stop-loss", "--fix", "stop=0.1"]):
        assert _run([*words, *short, *(["--fix", "wait=5"] if "stop-loss" in short else [])]) == 0
        assert "more than chance explains (SPA" not in " ".join(capsys.readouterr().out.split())
    assert StopLoss.path_dependent


def test_a_walk_with_and_without_a_proof_is_counted_once(tmp_path: Path) -> None:
    first, second = walked(ledger=tmp_path), walked(ledger=tmp_path, gate=SPATest())
    assert first.trial_count is not None
    assert first.trial_count == second.trial_count
