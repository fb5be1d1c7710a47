"""The segment walk: many accounts of stocks and cash at once, for sweeps."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.backtests.segments.cut import Segments, cut_segments
    from undertow.backtests.segments.follow import Reference, reference_nb
    from undertow.backtests.segments.metrics import METRIC_NAMES, metrics_many_nb
    from undertow.backtests.segments.paths import walk_segments_nb

_HOME = {
    "METRIC_NAMES": "metrics",
    "Reference": "follow",
    "Segments": "cut",
    "cut_segments": "cut",
    "metrics_many_nb": "metrics",
    "reference_nb": "follow",
    "walk_segments_nb": "paths",
}

__all__ = [
    "METRIC_NAMES",
    "Reference",
    "Segments",
    "cut_segments",
    "metrics_many_nb",
    "reference_nb",
    "walk_segments_nb",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"undertow.backtests.segments.{_HOME[name]}"), name)
    raise AttributeError(f"module 'undertow.backtests.segments' has no attribute {name!r}")
