"""Engines that run many tasks: threads, processes, or a Dask or Ray cluster.

The data that tasks share is sent once: in a file that every loky worker reads, scattered to the workers of Dask, in the
object store of Ray. A worker unpacks it once and reuses it for later tasks. Results are in the order of the tasks, so
they depend on nothing but function and tasks.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, TypedDict, TypeVar

import cloudpickle
import joblib

from undertow.market import ParameterError, did_you_mean, is_whole

BACKENDS = ("serial", "threading", "loky", "dask", "ray")
CLUSTERS = ("dask", "ray")

_S = TypeVar("_S")
_T = TypeVar("_T")
_R = TypeVar("_R")

# The address of a cluster: a scheme, a host and a port.
_ADDRESS = re.compile(r"([a-z]+://)?[^/\s]+:\d+(/.*)?|inproc://.+")
_EXAMPLE = {"dask": "tcp://host:8786", "ray": "host:6379 or auto"}
# Seconds for a cluster to answer.
_TIMEOUT = 20

# The last unpacked data of this worker; only one, so that a worker of many sweeps does not grow.
_unpacked: dict[str, Any] = {}
# The threads of a worker may belong to different sweeps.
_unpacking = Lock()


@dataclass(frozen=True)
class Engine:
    """Where tasks run: in this process, its threads, other processes or a cluster.

    Raises `ParameterError` on an unknown backend, on one whose package is not installed, on `jobs` below 1, and on an
    `address` that the backend does not use.

    Args:
        backend: "serial", "threading", "loky" (processes), "dask" or "ray".
        jobs: number of workers; None for one a core, or for all workers of a running cluster.
        address: a running cluster of Dask ("tcp://host:8786") or Ray ("auto", "host:6379"); None starts a local one.
    """

    backend: str = "serial"
    jobs: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        backend, address = self.backend, self.address
        if backend not in BACKENDS:
            suggestion = did_you_mean(str(backend), BACKENDS)
            raise ParameterError(f"`backend` must be one of {', '.join(BACKENDS)}; got {backend!r}{suggestion}")
        if self.jobs is not None and not is_whole(self.jobs, 1):
            raise ParameterError(f"`jobs` must be 1 or more workers, got {self.jobs!r}; leave it out for one a core")
        if address is not None and backend not in CLUSTERS:
            raise ParameterError(f"`address` is that of a cluster; set `backend` to dask or ray, got {backend!r}")
        if address is not None and address != "auto" and not _ADDRESS.fullmatch(str(address)):
            raise ParameterError(f"`address` must be that of a cluster, such as {_EXAMPLE[backend]}; got {address!r}")
        for package in {"dask": ("distributed",), "ray": ("ray",)}.get(backend, ()):
            _installed(backend, package)

    @property
    def workers(self) -> int:
        """The number of workers, 1 or more."""
        return 1 if self.backend == "serial" else self.jobs or joblib.cpu_count()


class EngineSettings(TypedDict, total=False):
    """The fields of `Engine` as keywords; see there for units and defaults."""

    backend: str
    jobs: int | None
    address: str | None


def make_engine(engine: Engine | None, settings: Mapping[str, Any]) -> Engine:
    """The engine with the keywords in `settings` in place of its own fields.

    Raises `ParameterError` where `engine` is not an `Engine`, and as `Engine` does.
    """
    if engine is not None and not isinstance(engine, Engine):
        raise ParameterError(f"`engine` must be an `Engine`, got {type(engine).__name__}")
    return replace(engine or Engine(), **settings)


def run_tasks(
    function: Callable[[_S, _T], _R],
    shared: _S,
    tasks: Sequence[_T],
    *,
    engine: Engine,
    finished: Callable[[int, _R], None] | None = None,
) -> list[_R]:
    """`function(shared, task)` for every task, in their order with any engine.

    Args:
        function: importable by the workers, or picklable by value.
        shared: data of all tasks, sent once.
        tasks: one value a task.
        engine: where tasks run; a local cluster is started and stopped again.
        finished: called with position and result as soon as a task and all before it are done; with Ray at the end.

    Raises `ParameterError` where no cluster answers at the engine's address.
    """
    if engine.backend == "serial":
        return _collect((function(shared, task) for task in tasks), finished)
    if engine.backend == "threading":
        with joblib.parallel_config(backend="threading", n_jobs=engine.workers):
            parallel = joblib.Parallel(return_as="generator")
            return _collect(parallel(joblib.delayed(function)(shared, task) for task in tasks), finished)
    payload = cloudpickle.dumps((function, shared))
    key = hashlib.sha256(payload).hexdigest()
    # A running cluster has its own workers: all of them are used, unless `jobs` limits them.
    count = engine.workers if engine.address is None else engine.jobs
    start = _ENGINES[engine.backend](payload, count, engine.address)
    with start as (source, settings), joblib.parallel_config(**settings):
        # One task is sent at a time: tasks are long against the cost of sending them. Ray's joblib backend returns
        # all results at the end.
        parallel = joblib.Parallel(batch_size=1, return_as="list" if engine.backend == "ray" else "generator")
        return _collect(parallel(joblib.delayed(_remote)(key, source, task) for task in tasks), finished)


def _collect(results: Iterable[_R], finished: Callable[[int, _R], None] | None) -> list[_R]:
    collected = []
    for position, result in enumerate(results):
        collected.append(result)
        if finished is not None:
            finished(position, result)
    return collected


def _installed(backend: str, package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ParameterError(
            f"`backend` {backend!r} needs a package that is not installed: pip install 'undertow[{backend}]'"
        ) from None


def _remote(key: str, source: Any, task: Any) -> Any:
    function, shared = _unpack(key, source)
    return function(shared, task)


def _unpack(key: str, source: Any) -> Any:
    with _unpacking:
        if key not in _unpacked:
            # Unpacked by value: arrays of an object store are read-only, for which kernels would be compiled again.
            loaded = cloudpickle.loads(_packed(source))
            _unpacked.clear()
            _unpacked[key] = loaded
        return _unpacked[key]


def _packed(source: Any) -> bytes:
    if isinstance(source, Path):
        return source.read_bytes()
    packed: bytes = source if isinstance(source, bytes) else importlib.import_module("ray").get(source.reference)
    return packed


class _RayReference:
    """A reference inside an object: Ray would fetch a bare one for every task."""

    def __init__(self, reference: Any) -> None:
        self.reference = reference


@contextmanager
def _loky(payload: bytes, workers: int | None, address: str | None) -> Iterator[tuple[Any, dict[str, Any]]]:
    with tempfile.TemporaryDirectory(prefix="undertow-") as folder:
        packed = Path(folder) / "shared"
        packed.write_bytes(payload)
        with warnings.catch_warnings():
            # loky replaces a worker that has grown, as one that holds a market does; no result is lost.
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given to the executor")
            yield packed, {"backend": "loky", "n_jobs": workers}


@contextmanager
def _dask(payload: bytes, workers: int | None, address: str | None) -> Iterator[tuple[Any, dict[str, Any]]]:
    distributed = _installed("dask", "distributed")
    cluster = None
    if address is None:
        cluster = _local_dask(distributed, workers)
    try:
        _check_listening(address)
        client = distributed.Client(cluster or address, timeout=_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ParameterError(f"`address` {address!r}: no Dask scheduler answers there ({error})") from None
    try:
        with client.as_current():
            count = workers or max(1, len(client.scheduler_info()["workers"]))
            yield payload, {"backend": "dask", "n_jobs": count, "scatter": [payload], "client": client}
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _local_dask(distributed: Any, workers: int | None) -> Any:
    try:
        return distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=40
        )
    except RuntimeError as error:
        # Every worker imports the script, and would start a cluster too.
        raise ParameterError(
            f"`backend` 'dask': no local cluster starts ({error}); a script must call this below"
            ' `if __name__ == "__main__":`, or give the `address` of a running cluster'
        ) from None


@contextmanager
def _ray(payload: bytes, workers: int | None, address: str | None) -> Iterator[tuple[Any, dict[str, Any]]]:
    ray = _installed("ray", "ray")
    started = not ray.is_initialized()
    if started:
        # A cluster that is started for one call sends no usage statistics.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        settings = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            _check_listening(address)
            ray.init(log_to_driver=False, logging_level="error", **settings)
        except (OSError, ValueError, RuntimeError) as error:
            raise ParameterError(
                f"`address` {address!r}: no Ray cluster answers there ({error}); one with token authentication"
                " needs RAY_AUTH_MODE=token"
            ) from None
    try:
        importlib.import_module("ray.util.joblib").register_ray()
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        yield _RayReference(ray.put(payload)), {"backend": "ray", "n_jobs": count}
    finally:
        if started:
            ray.shutdown()


def _check_listening(address: str | None) -> None:
    """Raise `OSError` where nothing listens: Ray alone would retry for minutes."""
    host, _, port = (address or "").rpartition("//")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_TIMEOUT).close()


_ENGINES: dict[str, Callable[..., Any]] = {"loky": _loky, "dask": _dask, "ray": _ray}
