"""Search of a strategy's parameters: a design, then Optuna in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.tuning.missing_feeds import missing_feeds
    from undertow.backtests.tuning.optimize import optimize
    from undertow.backtests.tuning.plan import SearchPlan
    from undertow.backtests.tuning.result import Tuning
    from undertow.backtests.tuning.search import TuningError
    from undertow.backtests.tuning.settings import Search
    from undertow.backtests.tuning.space import Space, make_space, space_left
    from undertow.backtests.tuning.storage import check_storage
    from undertow.backtests.tuning.study import TrialResult, finished_by_position
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "missing_feeds": ("missing_feeds",),
            "optimize": ("optimize",),
            "plan": ("SearchPlan",),
            "result": ("Tuning",),
            "search": ("TuningError",),
            "settings": ("Search",),
            "space": (
                "Space",
                "make_space",
                "space_left",
            ),
            "storage": ("check_storage",),
            "study": (
                "TrialResult",
                "finished_by_position",
            ),
        },
    )

__all__ = [
    "Search",
    "SearchPlan",
    "Space",
    "TrialResult",
    "Tuning",
    "TuningError",
    "check_storage",
    "finished_by_position",
    "make_space",
    "missing_feeds",
    "optimize",
    "space_left",
]
