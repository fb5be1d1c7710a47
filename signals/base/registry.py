"""Signals, strategies and pages by name.

From the entry points of this package and of plug-ins alike.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from undertow.market import ParameterError, UnknownNameError

SIGNALS = "undertow.signals"
STRATEGIES = "undertow.strategies"
PAGES = "undertow.pages"

_only_registered: ContextVar[bool] = ContextVar("only_registered", default=False)
_KIND = {SIGNALS: "signal", STRATEGIES: "strategy", PAGES: "page"}


@cache
def registered(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name, sorted; none is imported yet."""
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}


@contextmanager
def registered_only(trust: bool = False) -> Iterator[None]:
    """Refuse `module:name` in the block, so that a text of somebody else runs no code.

    Registered names are accepted all the same. With `trust` nothing is refused.
    """
    token = _only_registered.set(_only_registered.get() or not trust)
    try:
        yield
    finally:
        _only_registered.reset(token)


def refuse_code(name: str) -> None:
    """Raise `ParameterError` on `module:name` inside `registered_only`."""
    if ":" in name and _only_registered.get():
        raise ParameterError(
            f"`{name}` is the code of a module, which is not imported for a file alone: give `--trust`"
            " (in Python `trust=True`) where you trust who wrote both, or a registered name"
        )


def load(group: str, name: str) -> Any:
    """The object registered under `name`, or named by a `module:Class` string.

    Raises `UnknownNameError` with the nearest name, `ParameterError` where a `module:Class` cannot be imported, or
    must not be: see `registered_only`.
    """
    refuse_code(name)
    if ":" in name:
        return _load_path(name)
    points = registered(group)
    if name not in points:
        raise UnknownNameError(_KIND.get(group, "entry point"), name, points)
    return _loaded(group, name)


@cache
def _loaded(group: str, name: str) -> Any:
    point = registered(group)[name]
    # A package that the user installed may name its own modules.
    token = _only_registered.set(False)
    try:
        return point.load()
    except (ParameterError, KeyboardInterrupt):
        raise
    except Exception as error:
        kind = _KIND.get(group, "entry point")
        raise ParameterError(
            f"{kind} `{name}` cannot be loaded from {point.value}: {type(error).__name__}: {error}; fix or remove the"
            " package that registers it"
        ) from error
    finally:
        _only_registered.reset(token)


def _load_path(path: str) -> Any:
    return load_path(path, f"`{path}` cannot be imported as module:Class")


def load_path(path: str, problem: str) -> Any:
    """The object that `module:name` names.

    Raises `ParameterError` with `problem` and the cause, whatever the module raises.
    """
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ParameterError(f"{problem}: {error}") from None
    except (Exception, SystemExit) as error:
        # A user's module may raise anything, and a script may exit when it is imported.
        raise ParameterError(f"{problem}: {type(error).__name__} in `{module}`: {error}") from error
