"""Engines give what a loop gives, in its order; a sweep on any of them gives the same bytes."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from undertow.backtests.engines import Engine, run_tasks
from undertow.backtests.sweeps.memory import bytes_of
from undertow.backtests.sweeps.result import Sweep
from undertow.backtests.sweeps.sweep import sweep
from undertow.market import Market, ParameterError, simulate_market
from undertow.strategies import DrawdownDeRisk

PARAMETERS = pd.DataFrame({"lag": [0, 0, 24, 24, 48, 48, 72], "threshold": [-0.1, -0.2] * 3 + [-0.3]})


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=1, names=6)


@cache
def expected() -> Sweep:
    return sweep(DrawdownDeRisk, simulated(), PARAMETERS, returns=True)


def shifted(shared: int, task: int) -> tuple[int, int]:
    return task, shared + task


@pytest.mark.parametrize("backend", ["serial", "threading", "loky"])
def test_results_come_in_the_order_of_the_tasks(backend: str) -> None:
    assert run_tasks(shifted, 100, range(9), engine=Engine(backend=backend, jobs=2)) == [(n, 100 + n) for n in range(9)]


def tens(shared: int) -> list[tuple[int, int]]:
    return run_tasks(shifted, shared, range(3), engine=Engine(backend="loky", jobs=2))


@pytest.mark.filterwarnings("ignore:Loky-backed parallel loops cannot be nested below threads")
def test_threads_of_one_worker_have_different_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(dict[str, object]):
        """Gives way where another thread may come in between."""

        def __setitem__(self, key: str, value: object) -> None:
            super().__setitem__(key, value)
            time.sleep(0.01)

    monkeypatch.setattr("undertow.backtests.engines._unpacked", Slow())
    # Below threads loky has no processes: everything is unpacked in this one.
    with joblib.parallel_config(backend="threading", n_jobs=4):
        results = joblib.Parallel()(joblib.delayed(tens)(shared) for shared in range(0, 80, 10))
    assert results == [[(n, shared + n) for n in range(3)] for shared in range(0, 80, 10)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", ["threading", "loky", "dask", "ray"])
def test_a_sweep_is_the_same_to_the_byte_on_every_engine(backend: str) -> None:
    package = {"dask": "distributed", "ray": "ray"}.get(backend, "joblib")
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install 'undertow[{backend}]'")
    swept = sweep(
        DrawdownDeRisk,
        simulated(),
        PARAMETERS,
        returns=True,
        backend=backend,
        jobs=2,
    )
    pd.testing.assert_frame_equal(swept.table, expected().table, check_exact=True)
    assert swept.returns.tobytes() == expected().returns.tobytes()


def test_a_script_that_dask_imports_again_is_told_what_it_lacks(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    script = tmp_path / "script.py"
    script.write_text(
        "from undertow.backtests.engines import Engine, run_tasks\nrun_tasks(pow, 2, [3], engine=Engine('dask', 1))\n"
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 1
    assert 'a script must call this below `if __name__ == "__main__":`' in ran.stderr.splitlines()[-1]
    script.write_text(script.read_text().replace("run_tasks(pow", "if __name__ == '__main__':\n    run_tasks(pow"))
    subprocess.run([sys.executable, script], check=True, capture_output=True, timeout=120)


def test_bad_arguments_are_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParameterError, match=r"`backend` must be one of serial, .*did you mean `dask`"):
        run_tasks(shifted, 1, [1], engine=Engine(backend="dusk"))
    with pytest.raises(ParameterError, match="`jobs` must be 1 or more workers, got 0"):
        run_tasks(shifted, 1, [1], engine=Engine(jobs=0))
    with pytest.raises(ParameterError, match="`address` is that of a cluster"):
        run_tasks(shifted, 1, [1], engine=Engine(backend="loky", address="tcp://localhost:1"))
    for backend, address in (("dask", "foo"), ("dask", "127.0.0.1"), ("ray", "foo:bar"), ("dask", "")):
        with pytest.raises(ParameterError, match=f"`address` must be that of a cluster, such as .*; got '{address}'"):
            run_tasks(shifted, 1, [1], engine=Engine(backend=backend, address=address))
    for backend, package in (("dask", "distributed"), ("ray", "ray")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ParameterError, match=rf"pip install 'undertow\[{backend}\]'"):
            run_tasks(shifted, 1, [1], engine=Engine(backend=backend))


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_cluster_that_does_not_answer_is_named_at_once(backend: str) -> None:
    package = {"dask": "distributed", "ray": "ray"}[backend]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install 'undertow[{backend}]'")
    with socket.socket() as held:
        # Bound, but nobody listens.
        held.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{held.getsockname()[1]}"
        for address in [f"tcp://{endpoint}"] if backend == "dask" else [endpoint, f"ray://{endpoint}"]:
            with pytest.raises(ParameterError, match=f"`address` '{address}': no (Dask|Ray) .* answers there"):
                run_tasks(shifted, 1, [1], engine=Engine(backend=backend, address=address))


def test_memory_is_a_number_or_a_text() -> None:
    assert bytes_of("memory_bytes", 5) == 5.0
    assert bytes_of("memory_bytes", "500MB") == 5e8
    assert bytes_of("memory_bytes", " 1.5 gib ") == 1.5 * 2**30
    for bad in ("much", "0", "-1GB", "1XB", "..MB", float("nan"), -5.0):
        with pytest.raises(ParameterError, match="`memory_bytes` must be a positive number of bytes or a text"):
            bytes_of("memory_bytes", bad)


def test_little_memory_makes_small_chunks_and_changes_nothing() -> None:
    many = pd.DataFrame({"lag": np.arange(40), "threshold": -0.1})
    table = sweep(DrawdownDeRisk, simulated(), many).table
    small = sweep(DrawdownDeRisk, simulated(), many, memory_bytes="3MB").table
    pd.testing.assert_frame_equal(table, small, check_exact=True)
