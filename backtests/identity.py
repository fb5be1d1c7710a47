"""A digest of code: what an objective or a strategy of one's own does, so that an edited one is another one."""

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

from undertow.signals.base.spec import Spec

_PLAIN = (bool, int, float, str, bytes, type(None))
# Libraries and Undertow itself are known by their versions; what is written beside a strategy is not.
_LIBRARIES = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def digest(value: object) -> str:
    """A digest of a function or class: code, constants, defaults, closure; of any other object, of what it holds.

    What the code names is followed where it is the user's own: functions and classes, also those of another module,
    signals by their specification, frozen records, and plain constants (numbers, text, tuples of them). Lists,
    dictionaries and what the code itself assigns are not: they may change while a search runs. Equal in every process
    of one Python version.
    """
    return hashlib.blake2b(_Words().whole(value).encode(), digest_size=12).hexdigest()


def is_own(value: object) -> bool:
    """Whether a function, class or module is the user's own: neither of Undertow nor of a library or of Python."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or ""
    if name.partition(".")[0] in ("undertow", "builtins"):
        return False
    path = getattr(sys.modules.get(name), "__file__", None) or ""
    # A path below the library of a virtual environment that lies in the user's own folder is a library's too.
    return not path.startswith(_LIBRARIES)


class _Words:
    """Everything in words that are equal in every process; each object is told once, and referred to by its number."""

    def __init__(self) -> None:
        # The objects are kept, so that no other can come to lie where one was.
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}

    def whole(self, value: Any) -> str:
        """A value, then each object that it leads to, in the order in which they are met."""
        parts = [self.of(value)]
        # The list grows while it is told.
        parts.extend(self._object(each) for each in self._objects)
        return "; ".join(parts)

    def of(self, value: Any) -> str:
        if isinstance(value, _PLAIN):
            return f"{type(value).__name__} {value!r}"
        if isinstance(value, tuple | list):
            return f"[{', '.join(map(self.of, value))}]"
        if isinstance(value, set | frozenset):
            return f"{{{', '.join(sorted(map(self.of, value)))}}}"
        if isinstance(value, Mapping):
            return f"{{{', '.join(f'{self.of(key)}: {self.of(each)}' for key, each in value.items())}}}"
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
            said = [value.default, value.default_factory, [_said(each) for each in value.metadata]]
            return f"field({_said(value.annotation)}, {self.of(said)})"
        if is_dataclass(value):
            held = {each.name: getattr(value, each.name) for each in fields(value)}
            return f"record({self.of(type(value))}, {self.of(held)})"
        if callable(value) and hasattr(value, "__dict__"):
            return f"object({self.of(type(value))}, {self.of(vars(value))})"
        return f"{type(value).__qualname__}({_said(value)})"

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
            # A signal becomes another class when it is first run.
            return f"signal({self.of(spec)})"
        own = [each for each in value.__mro__ if is_own(each)]
        parts = [(each.__qualname__, list(_members(each))) for each in own]
        return f"class {value.__module__}:{value.__qualname__}({self.of(parts)})"


def _unwrapped(value: Any) -> Any:
    """The function beneath a method, property, cache or compiled function; anything else as it is."""
    if isinstance(value, property):
        return value.fget
    if isinstance(value, cached_property):
        return value.func
    if isinstance(value, classmethod | staticmethod):
        return value.__func__
    if isinstance(value, _lru_cache_wrapper):
        return value.__wrapped__
    return value.py_func if type(value).__module__.startswith("numba.") and hasattr(value, "py_func") else value


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """What a class of the user's own defines: functions, plain values, fields."""
    for name, each in sorted(vars(kind).items()):
        beneath = _unwrapped(each)
        code = isinstance(beneath, FunctionType | partialmethod) and (is_own(beneath) or not name.startswith("__"))
        if code or (_is_constant(each) and not name.startswith("__")):
            yield name, each
    if issubclass(kind, BaseModel):
        yield "fields", dict(kind.model_fields)


def _used(code: CodeType, known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of each global that the code reads and does not write: of the user's own, or a plain constant."""
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
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from ((name, value) for name, value in _used(each, known) if name not in written)


_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")


def _is_followed(value: Any) -> bool:
    beneath = _unwrapped(value)
    if _spec_of(value) is not None:
        return True
    if isinstance(beneath, type | FunctionType):
        return is_own(beneath)
    if is_dataclass(beneath):
        said = getattr(type(beneath), "__dataclass_params__", None)
        return bool(said and said.frozen) and is_own(type(beneath))
    return isinstance(value, partial) or _is_constant(value)


def _spec_of(value: Any) -> Spec | None:
    """The specification of a signal, whether it was run already or not; None of what is none."""
    found = value if isinstance(value, Spec) else vars(value).get("spec") if isinstance(value, type) else None
    return found if isinstance(found, Spec) else None


def _is_constant(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(_is_constant(each) for each in value)
    return isinstance(value, _PLAIN)


def _said(value: Any) -> str:
    # An address is another in every process.
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"
