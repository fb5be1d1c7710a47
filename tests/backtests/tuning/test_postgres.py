"""Several workers on one study in a real PostgreSQL server: no trial lost or made twice, one worker killed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage

from undertow.backtests.tuning import search as optimize_search
from undertow.backtests.tuning.claims import Claim, SharedClaims
from undertow.backtests.tuning.optimize import claims_of, optimize
from undertow.backtests.tuning.result import Tuning
from undertow.backtests.tuning.storage import open_storage, silence_optuna
from undertow.market import ParameterError, simulate_market
from undertow.strategies import VolTarget

SETTINGS = {"seed": 7, "trials": 42, "design": 8, "batch": 4, "study": "shared", "lease": 3.0}


def binaries() -> Path | None:
    on_path = shutil.which("initdb")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(on_path).parent if on_path else (programs[-1].parent if programs else None)


def as_server(argv: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root: its own account takes over."""
    return argv if os.geteuid() else ["runuser", "-u", "postgres", "--", *argv]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of our own, on a free port of this machine."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    folder = binaries()
    if folder is None:
        pytest.skip("no PostgreSQL on this machine: install the package `postgresql`")
    if not os.geteuid() and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("PostgreSQL does not run as root, and there is no account `postgres`")
    home = Path(tempfile.mkdtemp(prefix="undertow-postgres-"))
    if not os.geteuid():
        shutil.chown(home, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [str(folder / "initdb"), "-D", f"{home}/data", "-U", "undertow", "-A", "trust", "--no-sync"]
    subprocess.run(as_server(argv), check=True, capture_output=True, cwd="/")
    control = [str(folder / "pg_ctl"), "-D", f"{home}/data", "-l", f"{home}/log", "-w"]
    options = f"-F -h 127.0.0.1 -p {port} -k {home}"
    # Its output must not be captured: the server would hold the pipe open.
    subprocess.run(as_server([*control, "-o", options, "start"]), check=True, stdout=subprocess.DEVNULL, cwd="/")
    try:
        yield f"postgresql://undertow@127.0.0.1:{port}/postgres"
    finally:
        stop = as_server([*control, "-m", "immediate", "stop"])
        subprocess.run(stop, check=True, stdout=subprocess.DEVNULL, cwd="/")
        shutil.rmtree(home, ignore_errors=True)


WORKER = """
import os, signal, sys, time
from undertow.backtests.tuning import rows as study_rows
from undertow.backtests.tuning import search as optimize_search
from undertow.backtests.tuning.optimize import optimize
from undertow.market import simulate_market
from undertow.strategies import VolTarget

loop = optimize_search.SearchLoop
whole, run = sys.argv[2] == "whole", loop._run_batch
def slowly(self, claim, done):
    if not whole and claim.batch >= 2:
        def half(study, trials):
            study_rows.add_trials(study, trials[:2])
            os.kill(os.getpid(), signal.SIGKILL)
        optimize_search.add_trials = half
    time.sleep(0.1)
    return run(self, claim, done)
loop._run_batch = slowly
market = simulate_market(seed=7, years=1, names=5)
print("ready", flush=True)
sys.stdin.readline()
tuning = optimize(VolTarget, market, storage=sys.argv[1], ledger=sys.argv[3], **eval(sys.argv[4]))
print(len(tuning.trials), flush=True)
"""


def worker(server: str, how: str, ledger: Path) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", WORKER, server, how, str(ledger), repr(SETTINGS)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_workers_one_of_them_killed(server: str, tmp_path: Path) -> None:
    workers = [worker(server, how, tmp_path) for how in ("killed", "whole")]
    for process in workers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in workers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=240)[0] for process in workers]
    assert [process.returncode for process in workers] == [-signal.SIGKILL, 0]
    assert outputs[1].split() == ["42"]

    market = simulate_market(seed=7, years=1, names=5)
    continued = optimize(VolTarget, market, storage=server, ledger=tmp_path, **SETTINGS)  # type: ignore[arg-type]
    check_whole(continued)
    assert continued.trial_count is not None
    assert continued.trial_count.total == 42
    # One that comes later finds nothing left to do; one that is asked for more goes on.
    longer = optimize(VolTarget, market, storage=server, **{**SETTINGS, "trials": 45})  # type: ignore[arg-type]
    assert longer.trials["trial"].tolist() == list(range(45))


def check_whole(tuning: Tuning) -> None:
    trials = tuning.study.trials
    # Reading opens a connection again.
    tuning.study._storage._backend.engine.dispose()  # type: ignore[attr-defined]
    assert sorted(trial.user_attrs["position"] for trial in trials) == list(range(42))
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert sorted(trial.number for trial in trials) == list(range(42))
    assert tuning.trials["trial"].tolist() == list(range(42))
    assert tuning.trials["design"].tolist() == ["given"] * 2 + ["sobol"] * 8 + ["refine"] * 32


def test_one_worker_alone_makes_the_trials_of_a_study_in_memory(server: str) -> None:
    market = simulate_market(seed=7, years=1, names=5)
    settings = {**SETTINGS, "study": "alone", "trials": 20}
    shared = optimize(VolTarget, market, storage=server, **settings)  # type: ignore[arg-type]
    assert shared.trials.to_csv() == optimize(VolTarget, market, **settings).trials.to_csv()  # type: ignore[arg-type]


def test_a_batch_is_claimed_by_one_and_taken_over_without_a_sign_of_life(server: str) -> None:
    with silence_optuna(), open_storage(server) as storage:
        assert isinstance(storage, RDBStorage)
        study = optuna.create_study(storage=storage, study_name="claims")
        slow, quick, third = (SharedClaims(study, storage, lease) for lease in (600.0, 1.0, 600.0))
        assert slow.take([0, 1], ()) == Claim(0, ())
        # The design comes before everything else, and only a holder without a sign of life is replaced.
        until = time.monotonic() + 30
        while (claim := quick.take([0, 1], ())) is None and time.monotonic() < until:
            assert third.take([0, 1], ()) is None
        assert claim == Claim(0, ())
        with quick.working(0), quick.writing(0):
            pass
        assert slow.take([1, 2], (0,)) == Claim(1, (0,))
        assert third.take([1, 2], (0,)) == Claim(2, (0,))
        with third.writing(2):
            pass
        # Free at once, with what was seen when it was first claimed.
        assert quick.take([2, 3], (0, 1)) == Claim(2, (0,))


def test_of_two_workers_on_one_batch_the_quicker_writes_it(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    market = simulate_market(seed=7, years=1, names=5)
    settings = {**SETTINGS, "study": "overtaken", "trials": 14}
    slow = optimize_search.finished_trial
    overtaken = []

    def overtake(*arguments: Any) -> Any:
        # Just before the first trial of the second batch is written, another worker does the whole study.
        if arguments[0] == 10 and not overtaken:
            overtaken.append(True)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(optimize_search, "finished_trial", slow)
                optimize(VolTarget, market, storage=server, **{**settings, "lease": 1.0})  # type: ignore[arg-type]
        return slow(*arguments)

    monkeypatch.setattr(optimize_search, "finished_trial", overtake)
    tuning = optimize(VolTarget, market, storage=server, **{**settings, "lease": 600.0})  # type: ignore[arg-type]
    assert overtaken
    assert tuning.trials["trial"].tolist() == list(range(14))
    assert tuning.trials.to_csv() == optimize(VolTarget, market, **settings).trials.to_csv()  # type: ignore[arg-type]


def test_a_database_is_shared_however_it_was_opened(server: str) -> None:
    with silence_optuna(), open_storage(server) as storage:
        study = optuna.create_study(storage=storage, study_name="opened")
        for opened in (storage, study._storage):
            with open_storage(opened) as reopened:
                assert isinstance(claims_of(study, reopened, 60.0), SharedClaims)


def test_a_study_of_another_search_is_refused_by_every_worker(server: str) -> None:
    market = simulate_market(seed=8, years=1, names=5)
    optimize(VolTarget, market, storage=server, **{**SETTINGS, "study": "own", "trials": 2})  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="study `own` is of another seed"):
        optimize(VolTarget, market, storage=server, **{**SETTINGS, "study": "own", "seed": 8})  # type: ignore[arg-type]
