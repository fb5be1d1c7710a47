"""Engines that run many tasks: this process, its threads, other processes, or a Dask or Ray cluster.

What the tasks share is shipped once: to a file that each loky worker reads, scattered to the workers of Dask, put into
the object store of Ray. A worker unpacks it once and keeps it for the tasks that follow. Results come in the order of
the tasks, so that they depend on nothing but function and tasks.
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

from undertow.market.checks import is_whole
from undertow.market.errors import ParameterError, did_you_mean

BACKENDS = ("serial", "threading", "loky", "dask", "ray")
CLUSTERS = ("dask", "ray")

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

# Where a cluster may be: a scheme, a host and a port.
_PLACE = re.compile(r"([a-z]+://)?[^/\s]+:\d+(/.*)?|inproc://.+")
_SUCH = {"dask": "tcp://host:8786", "ray": "host:6379 or auto"}
# Seconds that a cluster has to answer.
_PATIENCE = 20

# What this worker unpacked last: one thing, so that a worker that serves many sweeps does not grow.
_unpacked: dict[str, Any] = {}
# A worker may have several threads, each with a sweep of its own.
_unpacking = Lock()


@dataclass(frozen=True)
class Engine:
    """Where tasks run: in this process, in its threads, in other processes, or on a cluster.

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
        worker_count(self.backend, self.jobs, self.address)

    @property
    def workers(self) -> int:
        """The number of workers, 1 or more."""
        return worker_count(self.backend, self.jobs, self.address)


class EngineSettings(TypedDict, total=False):
    """The fields of `Engine` as keywords of a function; see there for units and defaults."""

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
    function: Callable[[S, T], R],
    shared: S,
    tasks: Sequence[T],
    *,
    backend: str = "loky",
    jobs: int | None = None,
    address: str | None = None,
    finished: Callable[[int, R], None] | None = None,
) -> list[R]:
    """`function(shared, task)` for every task, in the order of the tasks whatever the engine.

    `finished` is told of each result with its place, in that order, as soon as it and those before it are there; with
    Ray when all are.

    `backend` is "serial", "threading", "loky", "dask" or "ray"; `jobs` the number of workers, by default one a core, of
    a running cluster all that it has.
    `address` names a running cluster of Dask ("tcp://host:8786", all of whose workers are used) or Ray ("auto",
    "host:6379"); without it a local one is started and stopped again. The function must be importable where it runs, or
    picklable by value.

    Raises `ParameterError` on an unknown backend, on one whose package is not installed, on `jobs` below 1, and on an
    `address` that the backend has no use for or that does not answer.
    """
    workers = worker_count(backend, jobs, address)
    if backend == "serial":
        return _gathered((function(shared, task) for task in tasks), finished)
    if backend == "threading":
        with joblib.parallel_config(backend="threading", n_jobs=workers):
            parallel = joblib.Parallel(return_as="generator")
            return _gathered(parallel(joblib.delayed(function)(shared, task) for task in tasks), finished)
    payload = cloudpickle.dumps((function, shared))
    key = hashlib.sha256(payload).hexdigest()
    # A cluster that runs already has workers of its own: all of them, unless told otherwise.
    wanted = workers if address is None else jobs
    with _ENGINES[backend](payload, wanted, address) as (where, settings), joblib.parallel_config(**settings):
        # One task at a time goes out: tasks are chunks of work, long against the cost of sending them.
        # Ray's door to joblib hands everything over in the end.
        parallel = joblib.Parallel(batch_size=1, return_as="list" if backend == "ray" else "generator")
        return _gathered(parallel(joblib.delayed(_remote)(key, where, task) for task in tasks), finished)


def _gathered(results: Iterable[R], finished: Callable[[int, R], None] | None) -> list[R]:
    found = []
    for place, result in enumerate(results):
        found.append(result)
        if finished is not None:
            finished(place, result)
    return found


def worker_count(backend: str, jobs: int | None, address: str | None) -> int:
    """How many workers there will be; checks what `run_tasks` was given, and that the engine is installed."""
    if backend not in BACKENDS:
        near = did_you_mean(str(backend), BACKENDS)
        raise ParameterError(f"`backend` must be one of {', '.join(BACKENDS)}; got {backend!r}{near}")
    if jobs is not None and not is_whole(jobs, 1):
        raise ParameterError(f"`jobs` must be 1 or more workers, got {jobs!r}; leave it out for one a core")
    if address is not None and backend not in CLUSTERS:
        raise ParameterError(f"`address` is that of a cluster; set `backend` to dask or ray, got {backend!r}")
    if address is not None and address != "auto" and not _PLACE.fullmatch(str(address)):
        raise ParameterError(f"`address` must be that of a cluster, such as {_SUCH[backend]}; got {address!r}")
    for package in {"dask": ("distributed",), "ray": ("ray",)}.get(backend, ()):
        _installed(backend, package)
    if backend == "serial":
        return 1
    return jobs or joblib.cpu_count()


def _installed(backend: str, package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ParameterError(
            f"`backend` {backend!r} needs a package that is not installed: pip install 'undertow[{backend}]'"
        ) from None


def _remote(key: str, where: Any, task: Any) -> Any:
    function, shared = _unpack(key, where)
    return function(shared, task)


def _unpack(key: str, where: Any) -> Any:
    with _unpacking:
        if key not in _unpacked:
            # Unpacked by value: arrays that a store lends out are read-only, for which kernels would be compiled again.
            loaded = cloudpickle.loads(_packed(where))
            _unpacked.clear()
            _unpacked[key] = loaded
        return _unpacked[key]


def _packed(where: Any) -> bytes:
    if isinstance(where, Path):
        return where.read_bytes()
    packed: bytes = where if isinstance(where, bytes) else importlib.import_module("ray").get(where.reference)
    return packed


class _InRay:
    """A reference that Ray hands on as it is: one that is an argument by itself would be fetched for every task."""

    def __init__(self, reference: Any) -> None:
        self.reference = reference


@contextmanager
def _loky(payload: bytes, workers: int | None, address: str | None) -> Iterator[tuple[Any, dict[str, Any]]]:
    with tempfile.TemporaryDirectory(prefix="undertow-") as folder:
        packed = Path(folder) / "shared"
        packed.write_bytes(payload)
        with warnings.catch_warnings():
            # A worker that has grown, as one does that keeps a market, is replaced by loky; its results are there.
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given to the executor")
            yield packed, {"backend": "loky", "n_jobs": workers}


@contextmanager
def _dask(payload: bytes, workers: int | None, address: str | None) -> Iterator[tuple[Any, dict[str, Any]]]:
    distributed = _installed("dask", "distributed")
    cluster = None
    if address is None:
        cluster = _local_dask(distributed, workers)
    try:
        _knock(address)
        client = distributed.Client(cluster or address, timeout=_PATIENCE, set_as_default=False)
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
        # Each of its workers imports the script, and starts a cluster too where nothing holds it back.
        raise ParameterError(
            f"`backend` 'dask': no local cluster starts ({error}); a script must call this below"
            ' `if __name__ == "__main__":`, or give the `address` of a cluster that runs'
        ) from None


@contextmanager
def _ray(payload: bytes, workers: int | None, address: str | None) -> Iterator[tuple[Any, dict[str, Any]]]:
    ray = _installed("ray", "ray")
    started = not ray.is_initialized()
    if started:
        # A cluster that is started for one call reports to nobody.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        given = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            _knock(address)
            ray.init(log_to_driver=False, logging_level="error", **given)
        except (OSError, ValueError, RuntimeError) as error:
            raise ParameterError(
                f"`address` {address!r}: no Ray cluster answers there ({error}); one that asks for a token needs"
                " RAY_AUTH_MODE=token"
            ) from None
    try:
        importlib.import_module("ray.util.joblib").register_ray()
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        yield _InRay(ray.put(payload)), {"backend": "ray", "n_jobs": count}
    finally:
        if started:
            ray.shutdown()


def _knock(address: str | None) -> None:
    """Raise `OSError` where nothing listens at `host:port`: Ray by itself goes on trying for many minutes."""
    host, _, port = (address or "").rpartition("//")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


_ENGINES: dict[str, Callable[..., Any]] = {"loky": _loky, "dask": _dask, "ray": _ray}
