"""Other processes: fresh ones, where nothing was computed before, and one without numba.

What a plug-in keeps between calls shows where the same is computed in a process that has seen nothing else.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import pickle
import subprocess
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from undertow.signals.base import Spec

_SERVE = "import sys; from undertow.testing.processes import serve; serve(sys.argv[1:])"
PLAIN = "plain"
# The answer of a process that cannot import what it should compute.
_NOT_IMPORTABLE = "not importable"
# More processes than these are not kept: the one that was idle longest is closed.
_MOST = 6


class ImportPath(NamedTuple):
    """Where a class or a function can be imported."""

    module: str
    name: str
    file: str

    def load(self) -> Any:
        """What it refers to; raises `ImportError` or `AttributeError` where it is gone."""
        try:
            part: Any = importlib.import_module(self.module)
        except ImportError:
            part = self._from_file()
        for name in self.name.split("."):
            part = getattr(part, name)
        return part

    def _from_file(self) -> Any:
        spec = importlib.util.spec_from_file_location(self.module, self.file) if self.file else None
        if spec is None or spec.loader is None:
            raise ImportError(f"no module {self.module}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module
        spec.loader.exec_module(module)
        return module


def reference_to(value: Any) -> ImportPath | None:
    """The reference to a class or function; None where no other process can import it."""
    home, name = getattr(value, "__module__", "") or "", getattr(value, "__qualname__", "")
    module = sys.modules.get(home)
    part: Any = module
    for step in name.split("."):
        part = getattr(part, step, None)
    if part is not value or home == "__main__":
        return None
    return ImportPath(home, name, str(getattr(module, "__file__", "") or ""))


def run_plain(spec: Spec, arguments: list[Any]) -> tuple[Any, ...]:
    """The outputs of a kernel run as plain Python, without the compiler.

    `arguments` are its inputs and then its parameters. Only without the compiler does all of a kernel run as plain
    Python: `kernel.py_func` would still call compiled helpers. A kernel that cannot be imported by name, inside a
    function for example, runs here as its `py_func`. Raises `AssertionError` with the error that the kernel raised.
    """
    reference = reference_to(spec.kernel)
    if reference is None:
        outputs = getattr(spec.kernel, "py_func", spec.kernel)(*arguments)
    else:
        outputs = _request(PLAIN, (_call, (reference, arguments)), "as plain Python it raises")
    return outputs if isinstance(outputs, tuple) else (outputs,)


def run_fresh(process: str, value: Any, task: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """`task(value, *arguments)`, computed in the fresh process of that name.

    A value that no other process can import, such as a class inside a function, is computed in a fork of this one,
    which has at least not seen `arguments`. Raises `AssertionError` with the error that it raised.

    Args:
        process: name of the process; one that has computed something keeps what it has seen.
        value: class or function to use.
        task: function at the top of a module.
        arguments: what the task takes beside the value; it must pickle.
    """
    reference = reference_to(value)
    if reference is None:
        return _forked(lambda: task(value, *arguments))
    answer = _request(process, (_run, (reference, task, arguments)), "in a fresh process it raises")
    return _forked(lambda: task(value, *arguments)) if isinstance(answer, str) and answer == _NOT_IMPORTABLE else answer


def _call(reference: ImportPath, arguments: list[Any]) -> Any:
    return reference.load()(*arguments)


def _run(reference: ImportPath, task: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        value = reference.load()
    except (ImportError, AttributeError):
        return _NOT_IMPORTABLE
    return task(value, *arguments)


def _request(process: str, task: tuple[Callable[..., Any], tuple[Any, ...]], failure: str) -> Any:
    server = _process(process)
    pickle.dump(task, server.stdin)
    server.stdin.flush()
    worked, answer = pickle.load(server.stdout)  # noqa: S301 - our own process wrote it
    if not worked:
        raise AssertionError(f"{failure} {answer}")
    return answer


_running: OrderedDict[str, Any] = OrderedDict()


def _process(name: str) -> Any:
    if name not in _running:
        while len(_running) >= _MOST:
            _close(_running.popitem(last=False)[1])
        _running[name] = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            [sys.executable, "-c", _SERVE, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "NUMBA_DISABLE_JIT": "1"} if name == PLAIN else None,
        )
    _running.move_to_end(name)
    return _running[name]


@atexit.register
def _close_all() -> None:
    for process in _running.values():
        _close(process)


def _close(process: Any) -> None:
    process.stdin.close()
    process.wait()
    process.stdout.close()


def serve(path: list[str]) -> None:
    """Answer requests on standard input until it ends."""
    sys.path[:] = path
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    requests = sys.stdin.buffer
    while True:
        try:
            function, arguments = pickle.load(requests)  # noqa: S301 - our own process wrote it
        except EOFError:
            return
        pickle.dump(_answer(partial(function, *arguments)), answers)
        answers.flush()


def _answer(task: Callable[[], Any]) -> tuple[bool, Any]:
    try:
        with np.errstate(all="ignore"):
            return True, task()
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is an answer
        return False, f"{type(error).__name__}: {error}"


def _forked(task: Callable[[], Any]) -> Any:
    if not hasattr(os, "fork"):
        raise AssertionError("a fresh process cannot import it; define it at the top of a module")
    receive, send = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 and later warn of threads, none of which the child uses.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            with os.fdopen(send, "wb") as stream:
                pickle.dump(_answer(task), stream)
        finally:
            os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    if not answer:
        raise AssertionError("its process ended without an answer")
    worked, value = pickle.loads(answer)  # noqa: S301 - our own process wrote it
    if not worked:
        raise AssertionError(f"in a fresh process it raises {value}")
    return value
