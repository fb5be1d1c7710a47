"""Digests of code: an edited strategy or objective of the user is another one."""

from __future__ import annotations

import dis
import hashlib
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import _lru_cache_wrapper, cached_property, partial, partialmethod
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from undertow.signals.base import Spec

_PLAIN = (bool, int, float, str, bytes, type(None))
# Libraries and Undertow itself are identified by their versions; the user's code is not.
_LIBRARIES = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def digest(value: object) -> str:
    """A digest of a function or class by its code, of other objects by content.

    The code is that of the function with its constants, defaults and closure. Names in the code are followed where they
    are the user's: functions and classes, also of other modules, signals by their specification, frozen records, and
    constants (numbers, text, tuples of them). Lists, dictionaries and names that the code assigns are not: they may
    change while a search runs. Equal in every process of one Python version.
    """
    return hashlib.blake2b(_Description().complete(value).encode(), digest_size=12).hexdigest()


def is_own(value: object) -> bool:
    """Whether a function, class or module is the user's, not a library's."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or ""
    if name.partition(".")[0] in ("undertow", "builtins"):
        return False
    path = getattr(sys.modules.get(name), "__file__", None) or ""
    # A virtual environment may lie in the user's folder: its packages are libraries all the same.
    return not path.startswith(_LIBRARIES)


class _Description:
    """Text of an object, equal in every process.

    An object is described once, and referred to by its number.
    """

    def __init__(self) -> None:
        # References keep the objects alive: the id of a deleted one could be used again.
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}

    def complete(self, value: Any) -> str:
        """A value, then every object that it refers to, in order of appearance."""
        parts = [self.of(value)]
        # The list grows during the loop.
        parts.extend(self._object(item) for item in self._objects)
        return "; ".join(parts)

    def of(self, value: Any) -> str:
        if isinstance(value, _PLAIN):
            return f"{type(value).__name__} {value!r}"
        if isinstance(value, tuple | list):
            return f"[{', '.join(map(self.of, value))}]"
        if isinstance(value, set | frozenset):
            return f"{{{', '.join(sorted(map(self.of, value)))}}}"
        if isinstance(value, Mapping):
            return f"{{{', '.join(f'{self.of(key)}: {self.of(item)}' for key, item in value.items())}}}"
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return f"object {self._numbers[id(value)]}"

    def _object(self, value: Any) -> str:
        value = _unwrapped(value)
        if isinstance(value, CodeType):
            return f"code({value.co_code!r}, {value.co_names}, {self.of(value.co_consts)})"
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            return f"method({self.of(value.__self__)}, {self.of(value.__func__)})"
        if isinstance(value, partial | partialmethod):
            return f"partial({self.of([value.func, value.args, value.keywords])})"
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, FieldInfo):
            parts = [value.default, value.default_factory, [_stable_repr(item) for item in value.metadata]]
            return f"field({_stable_repr(value.annotation)}, {self.of(parts)})"
        if is_dataclass(value):
            content = {item.name: getattr(value, item.name) for item in fields(value)}
            return f"record({self.of(type(value))}, {self.of(content)})"
        if callable(value) and hasattr(value, "__dict__"):
            return f"object({self.of(type(value))}, {self.of(vars(value))})"
        return f"{type(value).__qualname__}({_stable_repr(value)})"

    def _function(self, value: FunctionType) -> str:
        if not is_own(value):
            return f"function {value.__module__}:{value.__qualname__}"
        code, cells = value.__code__, [_content(cell) for cell in value.__closure__ or ()]
        if code.co_consts and code.co_consts[0] == value.__doc__:
            code = code.replace(co_consts=(None, *code.co_consts[1:]))
        used = list(_used(code, value.__globals__))
        return f"function({self.of([code, value.__defaults__, value.__kwdefaults__, cells, used])})"

    def _class(self, value: type) -> str:
        spec = _spec_of(value)
        if spec is not None:
            # The class of a signal is replaced when it is first run.
            return f"signal({self.of(spec)})"
        classes = [base for base in value.__mro__ if is_own(base)]
        parts = [(base.__qualname__, list(_members(base))) for base in classes]
        return f"class {value.__module__}:{value.__qualname__}({self.of(parts)})"


def _unwrapped(value: Any) -> Any:
    """The function inside a method, property or cache; other objects unchanged."""
    if isinstance(value, property):
        return value.fget
    if isinstance(value, cached_property):
        return value.func
    if isinstance(value, classmethod | staticmethod):
        return value.__func__
    if isinstance(value, _lru_cache_wrapper):
        return value.__wrapped__
    return value.py_func if type(value).__module__.startswith("numba.") and hasattr(value, "py_func") else value


def _members(user_class: type) -> Iterator[tuple[str, Any]]:
    """The functions, constants and fields of a class of the user."""
    for name, member in sorted(vars(user_class).items()):
        inner = _unwrapped(member)
        code = isinstance(inner, FunctionType | partialmethod) and (is_own(inner) or not name.startswith("__"))
        if code or (_is_constant(member) and not name.startswith("__")):
            yield name, member
    if issubclass(user_class, BaseModel):
        yield "fields", dict(user_class.model_fields)


def _used(code: CodeType, known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each global of the user, or constant, that the code reads and never writes."""
    steps = list(dis.get_instructions(code))
    written = {step.argval for step in steps if step.opname == "STORE_GLOBAL"}
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        if step.opname not in ("LOAD_GLOBAL", "LOAD_NAME") or step.argval in written or step.argval not in known:
            continue
        name, value = step.argval, known[step.argval]
        if isinstance(value, ModuleType) and is_own(value) and after is not None and after.opname in _ATTRIBUTE:
            name, value = f"{name}.{after.argval}", getattr(value, str(after.argval), None)
        if _is_followed(value):
            yield name, value
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from ((name, value) for name, value in _used(constant, known) if name not in written)


_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")


def _is_followed(value: Any) -> bool:
    inner = _unwrapped(value)
    if _spec_of(value) is not None:
        return True
    if isinstance(inner, type | FunctionType):
        return is_own(inner)
    if is_dataclass(inner):
        settings = getattr(type(inner), "__dataclass_params__", None)
        return bool(settings and settings.frozen) and is_own(type(inner))
    return isinstance(value, partial) or _is_constant(value)


def _spec_of(value: Any) -> Spec | None:
    """The specification of a signal; None for other objects."""
    spec = value if isinstance(value, Spec) else vars(value).get("spec") if isinstance(value, type) else None
    return spec if isinstance(spec, Spec) else None


def _is_constant(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(_is_constant, value))
    return isinstance(value, _PLAIN)


def _stable_repr(value: Any) -> str:
    # Addresses differ between processes.
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"
