"""Kernels run as plain Python, in another process where numba compiles nothing.

Only without the compiler does all of a kernel run as plain Python: `kernel.py_func` would still call compiled helpers.
"""

from __future__ import annotations

import atexit
import importlib
import os
import pickle
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np

from undertow.signals.base import Spec

_SERVE = "import sys; from undertow.testing.plain import serve; serve(sys.argv[1:])"


def run_plain(spec: Spec, arguments: list[Any]) -> tuple[Any, ...]:
    """The outputs of a kernel run as plain Python, without the compiler.

    `arguments` are its inputs and then its parameters. A kernel that cannot be imported by name, inside a function for
    example, runs here as its `py_func`. Raises `AssertionError` with the error that the kernel raised.
    """
    kernel = spec.kernel
    home, name = getattr(kernel, "__module__", ""), getattr(kernel, "__qualname__", "")
    if getattr(sys.modules.get(home), name, None) is not kernel or home == "__main__":
        outputs = getattr(kernel, "py_func", kernel)(*arguments)
    else:
        outputs = _request(home, name, arguments)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _request(home: str, name: str, arguments: list[Any]) -> Any:
    process = _process()
    pickle.dump((home, name, arguments), process.stdin)
    process.stdin.flush()
    worked, answer = pickle.load(process.stdout)  # noqa: S301 - our own process wrote it
    if not worked:
        raise AssertionError(f"as plain Python it raises {answer}")
    return answer


@cache
def _process() -> Any:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
        [sys.executable, "-c", _SERVE, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )
    atexit.register(_close, process)
    return process


def _close(process: Any) -> None:
    process.stdin.close()
    process.wait()
    process.stdout.close()


def serve(path: list[str]) -> None:
    """Answer the requests of `run_plain` on standard input until it ends."""
    sys.path[:] = path
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    requests = sys.stdin.buffer
    while True:
        try:
            home, name, arguments = pickle.load(requests)  # noqa: S301 - our own process wrote it
        except EOFError:
            return
        pickle.dump(_answer(home, name, arguments), answers)
        answers.flush()


def _answer(home: str, name: str, arguments: list[Any]) -> tuple[bool, Any]:
    try:
        with np.errstate(all="ignore"):
            return True, getattr(importlib.import_module(home), name)(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a kernel raises is an answer
        return False, f"{type(error).__name__}: {error}"
