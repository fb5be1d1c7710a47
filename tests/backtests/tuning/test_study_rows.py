"""Trials written to a database: the very rows that Optuna writes, a batch whole or not at all."""

from __future__ import annotations

import math
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy.exc
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy.orm import Session

from undertow.backtests.tuning import rows as study_rows
from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.tuning.rows import add_trials
from undertow.backtests.tuning.storage import open_storage, silence_optuna
from undertow.backtests.tuning.study import TrialResult, finished_by_position, finished_trial
from undertow.market import DataError, ParameterError, simulate_market
from undertow.strategies import DrawdownDeRisk, LiquidityDrain

SPACE = LiquidityDrain.search_space()
WAYS = ["maximize", "minimize"]


def a_trial(position: int, values: tuple[float, ...] | None, violations: Mapping[str, float]) -> FrozenTrial:
    parameters = {**LiquidityDrain().parameters, "lag": position, "source": ["winners", "beta"][position % 2]}
    error = "" if values else "ValueError: no number"
    outcome = TrialResult({"annual_sharpe": 0.1 * position, "calmar": math.nan}, values, violations, error)
    return finished_trial(position, 0, "tpe", parameters, SPACE, outcome, {"NSGAIISampler:generation": position})


def trials() -> list[FrozenTrial]:
    values = [(0.1, 2.0), (math.inf, -math.inf), None, (0.3, 1e300)]
    return [a_trial(position, value, {"episodes>=3": position - 1.5}) for position, value in enumerate(values)]


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with sqlite3.connect(path) as database:
        names = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
        return {name: database.execute(f"select * from {name}").fetchall() for name in sorted(names)}


def written(path: Path, trials_to_write: list[FrozenTrial], ours: bool) -> dict[str, list[tuple[Any, ...]]]:
    with silence_optuna(), open_storage(f"sqlite:///{path}") as storage:
        for name in ("other", "own"):
            study = optuna.create_study(storage=storage, study_name=name, directions=WAYS)
            for part in (trials_to_write[:1], [], trials_to_write[1:]):
                if ours:
                    add_trials(study, part)
                else:
                    study.add_trials(part)
        stored = finished_by_position(study)
        assert list(stored) == [trial.number for trial in stored.values()] == [0, 1, 2, 3]
    return tables(path)


def test_the_rows_are_those_that_optuna_writes(tmp_path: Path) -> None:
    finished = trials()
    ours, theirs = written(tmp_path / "ours.db", finished, True), written(tmp_path / "theirs.db", finished, False)
    assert len(theirs["trial_params"]) == 2 * 4 * len(SPACE)
    assert len(theirs["trial_values"]) == 2 * 3 * 2
    assert len(theirs["trial_system_attributes"]) == 2 * (4 + 3)
    assert ours == theirs


def test_a_layout_that_is_not_known_is_left_to_optuna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = trials()
    add_trials_of_optuna = optuna.Study.add_trials
    calls = []

    def seen(self: optuna.Study, trials_passed: Any) -> None:
        calls.append(len(trials_passed))
        add_trials_of_optuna(self, trials_passed)

    with silence_optuna(), open_storage(f"sqlite:///{tmp_path / 'study.db'}") as storage:
        study = optuna.create_study(storage=storage, study_name="own", directions=WAYS)
        monkeypatch.setattr(optuna.Study, "add_trials", seen)
        add_trials(study, finished)
        assert calls == []
        monkeypatch.setattr(models, "SCHEMA_VERSION", models.SCHEMA_VERSION + 1)
        add_trials(study, finished)
    assert calls == [4]


KILLED = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.orm import Session
from undertow.backtests.tuning.optimize import optimize
from undertow.market import simulate_market
from undertow.strategies import DrawdownDeRisk

done = 0
@event.listens_for(Session, "after_flush")
def written(session, _):
    global done
    done += any(type(each).__name__ == "TrialModel" for each in session.new)
@event.listens_for(Session, "before_commit")
def last_moment(session):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
optimize(DrawdownDeRisk, simulate_market(seed=7, years=1.5, names=5), storage="sqlite:///" + sys.argv[1], seed=7,
         trials=24, design=8, batch=4)
"""


def test_a_batch_whose_writer_is_killed_at_the_last_moment_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL
    # The defaults and the design, one batch, and nothing of the next.
    assert len(tables(path)["trials"]) == 10 + 4
    market = simulate_market(seed=7, years=1.5, names=5)
    settings: dict[str, Any] = {"seed": 7, "trials": 24, "design": 8, "batch": 4}
    stored = optimize(DrawdownDeRisk, market, storage=f"sqlite:///{path}", **settings)
    assert stored.trials.to_csv() == optimize(DrawdownDeRisk, market, **settings).trials.to_csv()


def test_a_database_that_stops_answering_is_a_named_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = simulate_market(seed=7, years=1.5, names=5)
    address = f"sqlite:///{tmp_path / 'study.db'}"
    flush = Session.flush

    def full(self: Session, *arguments: Any) -> None:
        if any(isinstance(row, models.TrialModel) for row in self.new):
            raise sqlalchemy.exc.OperationalError("insert", {}, OSError("disk is full"))
        flush(self, *arguments)

    monkeypatch.setattr(Session, "flush", full)
    monkeypatch.setattr(study_rows, "_PAUSES", (0.0, 0.0))
    with pytest.raises(DataError, match=r"`storage` sqlite:///.* cannot be used: disk is full; every batch that was"):
        optimize(DrawdownDeRisk, market, storage=address, seed=7, trials=4, design=2)
    monkeypatch.undo()
    assert len(optimize(DrawdownDeRisk, market, storage=address, seed=7, trials=4, design=2).trials) == 4


def test_a_storage_of_ones_own_that_refuses_says_so_in_optunas_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_rows, "_PAUSES", ())
    with silence_optuna():
        storage = RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
        study = optuna.create_study(storage=storage, study_name="own", directions=WAYS)
        with storage.engine.begin() as connection:
            connection.exec_driver_sql("drop table trial_params")
        with pytest.raises(optuna.exceptions.StorageInternalError, match="a batch of trials was not written"):
            add_trials(study, trials())
        assert study.get_trials(deepcopy=False) == []
        storage.remove_session()
        storage.engine.dispose()
    assert tables(tmp_path / "study.db")["trials"] == []


HELD = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("begin")
database.execute("select count(*) from trials").fetchall()
print("reading", flush=True)
sys.stdin.readline()
"""


def test_a_reader_that_holds_the_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    finished = trials()
    with silence_optuna():
        storage = RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 0.1}})
        study = optuna.create_study(storage=storage, study_name="own", directions=WAYS)
        add_trials(study, finished[:1])
        reader = subprocess.Popen(
            [sys.executable, "-c", HELD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        timer = threading.Timer(0.6, reader.communicate, ["go\n"])
        timer.start()
        add_trials(study, finished[1:])
        timer.join()
        assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
        storage.remove_session()
        storage.engine.dispose()


def test_two_writers_of_one_file_never_share_a_number(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'study.db'}"
    with silence_optuna():
        stores = [RDBStorage(address), RDBStorage(address)]
        studies = [
            optuna.create_study(storage=storage, study_name="own", directions=WAYS, load_if_exists=True)
            for storage in stores
        ]
        writers = [
            threading.Thread(target=lambda study=study: [add_trials(study, trials()) for _ in range(20)])
            for study in studies
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [trial.number for trial in studies[0].trials] == list(range(160))
        for storage in stores:
            storage.remove_session()
            storage.engine.dispose()


def test_a_server_that_is_gone_at_the_commit_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def gone(self: Session) -> None:
        calls.append(True)
        raise sqlalchemy.exc.OperationalError("commit", {}, OSError("connection reset"))

    monkeypatch.setattr(study_rows, "_PAUSES", (0.0, 0.0))
    with silence_optuna(), open_storage(f"sqlite:///{tmp_path / 'study.db'}") as storage:
        study = optuna.create_study(storage=storage, study_name="own", directions=WAYS)
        monkeypatch.setattr(Session, "commit", gone)
        assert isinstance(storage, RDBStorage)
        for name, times in (("postgresql", 1), ("sqlite", 3)):
            monkeypatch.setattr(type(storage.engine), "name", name)
            calls.clear()
            with pytest.raises(optuna.exceptions.StorageInternalError, match="connection reset"):
                add_trials(study, trials())
            assert len(calls) == times
        monkeypatch.undo()


def test_a_storage_object_holds_its_file_too(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'study.db'}"
    with silence_optuna():
        storage = RDBStorage(address)
        busy = pytest.raises(ParameterError, match="in use by another process")
        with open_storage(storage), busy, open_storage(address):
            pass
        storage.remove_session()
        storage.engine.dispose()
