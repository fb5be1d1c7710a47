"""Walk-forward and combinatorial cross-validation of a tuned strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.validation.cpcv import CpcvResult, cpcv
    from undertow.backtests.validation.events import Events, shock_events
    from undertow.backtests.validation.gate import FoldGate
    from undertow.backtests.validation.plan import Robustness, WalkPlan, plan_walk
    from undertow.backtests.validation.result import ACT, HOLD, FoldResult, WalkForwardResult, position_in_range
    from undertow.backtests.validation.seeds import walk_seeds
    from undertow.backtests.validation.settings import TunedFold, Tuner, WalkSettings, design_tuner, search_tuner
    from undertow.backtests.validation.splits import Fold, WalkForward
    from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
    from undertow.backtests.validation.walk_forward import run_walk, walk_forward
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "cpcv": (
                "CpcvResult",
                "cpcv",
            ),
            "events": (
                "Events",
                "shock_events",
            ),
            "gate": ("FoldGate",),
            "plan": (
                "Robustness",
                "WalkPlan",
                "plan_walk",
            ),
            "result": (
                "ACT",
                "FoldResult",
                "HOLD",
                "WalkForwardResult",
                "position_in_range",
            ),
            "seeds": ("walk_seeds",),
            "settings": (
                "TunedFold",
                "Tuner",
                "WalkSettings",
                "design_tuner",
                "search_tuner",
            ),
            "splits": (
                "Fold",
                "WalkForward",
            ),
            "splits_cpcv": ("CombinatorialPurgedKFold",),
            "walk_forward": (
                "run_walk",
                "walk_forward",
            ),
        },
    )

__all__ = [
    "ACT",
    "HOLD",
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
    "cpcv",
    "design_tuner",
    "plan_walk",
    "position_in_range",
    "run_walk",
    "search_tuner",
    "shock_events",
    "walk_forward",
    "walk_seeds",
]
