"""A digest of code: what an objective or a strategy of one's own does, so that an edited one is another one."""

from __future__ import annotations

import hashlib
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType
from typing import Any

from pydantic import BaseModel

_PLAIN = (bool, int, float, str, bytes, type(None))
# Libraries and Undertow itself are known by their versions; what is written beside a strategy is not.
_LIBRARIES = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def digest(value: object) -> str:
    """A digest of a function or class: code, constants, defaults, closure; of any other object, of what it holds.

    Functions and classes of the user's own that the code names are followed, and so are plain constants (numbers, text,
    tuples of them), but not lists and dictionaries, which may change while a search runs. Equal in every
    process of one Python version.
    """
    return hashlib.blake2b(_text(value, ()).encode(), digest_size=12).hexdigest()


def is_own(value: object) -> bool:
    """Whether a function or class is the user's own: neither of Undertow nor of a library or of Python."""
    name = getattr(value, "__module__", None) or ""
    root = name.partition(".")[0]
    if root in ("undertow", "builtins"):
        return False
    path = getattr(sys.modules.get(name), "__file__", None) or ""
    # A path below the library of a virtual environment that lies in the user's own folder is a library's too.
    return not path.startswith(_LIBRARIES)


def _text(value: Any, within: tuple[int, ...]) -> str:
    """`value` in words that are equal in every process; `within` are the objects around it, for loops."""
    if id(value) in within:
        return "itself"
    seen = (*within, id(value))

    def parts(values: Any) -> str:
        return ", ".join(_text(each, seen) for each in values)

    if isinstance(value, CodeType):
        return f"code({value.co_code!r}, {value.co_names}, {parts(value.co_consts)})"
    if isinstance(value, tuple | list):
        return f"[{parts(value)}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(_text(each, seen) for each in value))}}}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(sorted(f'{_text(key, seen)}: {_text(each, seen)}' for key, each in value.items()))}}}"
    if isinstance(value, partial):
        return f"partial({parts((value.func, value.args, value.keywords))})"
    if isinstance(value, type):
        return f"class({', '.join(f'{name}: {_text(each, seen)}' for name, each in _members(value))})"
    function = _function(value)
    if function is not None:
        cells = [_content(cell) for cell in function.__closure__ or ()]
        used = list(_globals(function.__code__, function.__globals__))
        return f"function({parts((function.__code__, function.__defaults__, function.__kwdefaults__, cells, used))})"
    if is_dataclass(value):
        return f"{type(value).__qualname__}({parts([getattr(value, each.name) for each in fields(value)])})"
    held = parts((type(value).__call__, vars(value))) if callable(value) and hasattr(value, "__dict__") else ""
    # An address is another in every process.
    return f"{type(value).__qualname__}({held or re.sub(r' at 0x[0-9a-f]+', '', repr(value))})"


def _function(value: Any) -> Any:
    """The Python function beneath a method, property, cache or compiled function; None where there is none."""
    for name in ("py_func", "fget", "__func__", "func", "__wrapped__"):
        if hasattr(value, "__code__"):
            break
        value = getattr(value, name, value)
    return value if hasattr(value, "__code__") and hasattr(value, "__globals__") else None


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """What a class and those of its bases that are the user's own define: functions, plain values, fields."""
    for base in (each for each in kind.__mro__ if is_own(each)):
        yield "class", base.__qualname__
        for name, each in sorted(vars(base).items()):
            plain = not name.startswith("__") and _is_constant(each)
            if plain or _function(each) is not None:
                yield name, each
        if issubclass(base, BaseModel):
            yield "fields", dict(base.model_fields)


def _globals(code: CodeType, known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of each global that the code names, of the user's own code and of plain constants."""
    for name in (each for each in code.co_names if each in known):
        value = known[name]
        followed = isinstance(value, type) or _function(value) is not None
        if is_own(value) if followed else _is_constant(value) or _is_record(value):
            yield name, value
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _globals(each, known)


def _is_constant(value: Any) -> bool:
    # A list or dictionary may be written to while a search runs, such as a cache.
    if isinstance(value, tuple | frozenset):
        return all(_is_constant(each) for each in value)
    return isinstance(value, _PLAIN)


def _is_record(value: Any) -> bool:
    """Whether it is a record that does not change, such as a signal's specification."""
    return is_dataclass(value) and not isinstance(value, type) and type(value).__hash__ is not None


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"
