"""Search of a strategy's parameters: a design, then Optuna in batches.

The function `optimize` is that of `undertow`: here its name is a module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.backtests.tuning.plan import SearchPlan
    from undertow.backtests.tuning.result import Tuning
    from undertow.backtests.tuning.search import TuningError
    from undertow.backtests.tuning.settings import Search
    from undertow.backtests.tuning.space import Space, make_space
    from undertow.backtests.tuning.study import TrialResult

_HOME = {
    "Search": "settings",
    "SearchPlan": "plan",
    "Space": "space",
    "TrialResult": "study",
    "Tuning": "result",
    "TuningError": "search",
    "make_space": "space",
}

__all__ = [
    "Search",
    "SearchPlan",
    "Space",
    "TrialResult",
    "Tuning",
    "TuningError",
    "make_space",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"undertow.backtests.tuning.{_HOME[name]}"), name)
    raise AttributeError(f"module 'undertow.backtests.tuning' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
