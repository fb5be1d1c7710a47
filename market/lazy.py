"""Public names of a package that are imported on first use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, Sequence[str]], packages: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for the `__init__` of a package.

    The package then imports its modules only when one of their names is used. `modules` maps each module of the package
    to its public names; `packages` are public names that are modules themselves.
    """
    homes = {name: f"{package}.{module}" for module, names in modules.items() for name in names}

    class Face(ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            # Python stores an imported module in its package, where it would hide a function of the same name.
            hides = isinstance(value, ModuleType) and homes.get(name) == value.__name__
            super().__setattr__(name, getattr(value, name) if hides else value)

    def get_name(name: str) -> Any:
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        if name in packages:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])

    def list_names() -> list[str]:
        return sorted([*homes, *packages])

    sys.modules[package].__class__ = Face
    return get_name, list_names
