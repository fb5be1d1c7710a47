"""Evidence: intervals, alarm scores, timing, and tests that allow for many trials."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.evidence.alarm import AlarmScore, alarm
    from undertow.evidence.confidence import ConfidenceSet, confidence_set
    from undertow.evidence.difference import FEWEST_SESSIONS, Difference, Interval, difference
    from undertow.evidence.spa import SPATest
    from undertow.evidence.timing import TimingEffect, timing

_HOME = {
    "AlarmScore": "alarm",
    "ConfidenceSet": "confidence",
    "Difference": "difference",
    "FEWEST_SESSIONS": "difference",
    "Interval": "difference",
    "SPATest": "spa",
    "TimingEffect": "timing",
    "alarm": "alarm",
    "confidence_set": "confidence",
    "difference": "difference",
    "timing": "timing",
}

__all__ = [
    "FEWEST_SESSIONS",
    "AlarmScore",
    "ConfidenceSet",
    "Difference",
    "Interval",
    "SPATest",
    "TimingEffect",
    "alarm",
    "confidence_set",
    "difference",
    "timing",
]


class _Face(ModuleType):
    """Loading a module does not replace the public function of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        clash = isinstance(value, ModuleType) and name in _HOME
        super().__setattr__(name, getattr(value, name) if clash else value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
