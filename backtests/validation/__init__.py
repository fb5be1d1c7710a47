"""Walk-forward and combinatorial cross-validation of a tuned strategy.

The functions `walk_forward` and `cpcv` are those of `undertow`: here their names are modules.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.backtests.validation.cpcv import CpcvResult
    from undertow.backtests.validation.events import Events, shock_events
    from undertow.backtests.validation.gate import FoldGate
    from undertow.backtests.validation.plan import Robustness, WalkPlan, plan_walk
    from undertow.backtests.validation.result import FoldResult, WalkForwardResult
    from undertow.backtests.validation.seeds import walk_seeds
    from undertow.backtests.validation.settings import TunedFold, Tuner, WalkSettings, design_tuner, search_tuner
    from undertow.backtests.validation.splits import Fold, WalkForward
    from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
    from undertow.backtests.validation.walk_forward import run_walk

_HOME = {
    "CombinatorialPurgedKFold": "splits_cpcv",
    "CpcvResult": "cpcv",
    "Events": "events",
    "Fold": "splits",
    "FoldGate": "gate",
    "FoldResult": "result",
    "Robustness": "plan",
    "TunedFold": "settings",
    "Tuner": "settings",
    "WalkForward": "splits",
    "WalkForwardResult": "result",
    "WalkPlan": "plan",
    "WalkSettings": "settings",
    "design_tuner": "settings",
    "plan_walk": "plan",
    "run_walk": "walk_forward",
    "search_tuner": "settings",
    "shock_events": "events",
    "walk_seeds": "seeds",
}

__all__ = [
    "CombinatorialPurgedKFold",
    "CpcvResult",
    "Events",
    "Fold",
    "FoldGate",
    "FoldResult",
    "Robustness",
    "TunedFold",
    "Tuner",
    "WalkForward",
    "WalkForwardResult",
    "WalkPlan",
    "WalkSettings",
    "design_tuner",
    "plan_walk",
    "run_walk",
    "search_tuner",
    "shock_events",
    "walk_seeds",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"undertow.backtests.validation.{_HOME[name]}"), name)
    raise AttributeError(f"module 'undertow.backtests.validation' has no attribute {name!r}")
