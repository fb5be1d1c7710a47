"""Parts of a signal: definition, bounds, rolling statistics, the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.signals.base.bounds import (
        AT_LEAST_0,
        CORRELATION,
        DRAWDOWN,
        FLAG,
        RANK,
        RETURN,
        SHARE,
        STATE,
        UNBOUNDED,
        Bounds,
    )
    from undertow.signals.base.rank_tree import rolling_median_nb, rolling_rank_nb
    from undertow.signals.base.registry import (
        PAGES,
        SIGNALS,
        STRATEGIES,
        load,
        load_path,
        refuse_code,
        registered,
        registered_only,
    )
    from undertow.signals.base.rolling import rolling_max_nb, rolling_spike_nb, rolling_total_nb, rows_since_low_nb
    from undertow.signals.base.spec import Parameter, Spec, indicator
    from undertow.signals.base.trailing import full_nb, safe_ratio_nb, trailing_median_nb, trailing_moments_nb
    from undertow.signals.base.windows import LOOP_ROWS, window_moments_nb, window_sums_nb
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "bounds": (
                "AT_LEAST_0",
                "Bounds",
                "CORRELATION",
                "DRAWDOWN",
                "FLAG",
                "RANK",
                "RETURN",
                "SHARE",
                "STATE",
                "UNBOUNDED",
            ),
            "rank_tree": (
                "rolling_median_nb",
                "rolling_rank_nb",
            ),
            "registry": (
                "PAGES",
                "SIGNALS",
                "STRATEGIES",
                "load",
                "load_path",
                "refuse_code",
                "registered",
                "registered_only",
            ),
            "rolling": (
                "rolling_max_nb",
                "rolling_spike_nb",
                "rolling_total_nb",
                "rows_since_low_nb",
            ),
            "spec": (
                "Parameter",
                "Spec",
                "indicator",
            ),
            "trailing": (
                "full_nb",
                "safe_ratio_nb",
                "trailing_median_nb",
                "trailing_moments_nb",
            ),
            "windows": (
                "LOOP_ROWS",
                "window_moments_nb",
                "window_sums_nb",
            ),
        },
    )

__all__ = [
    "AT_LEAST_0",
    "CORRELATION",
    "DRAWDOWN",
    "FLAG",
    "LOOP_ROWS",
    "PAGES",
    "RANK",
    "RETURN",
    "SHARE",
    "SIGNALS",
    "STATE",
    "STRATEGIES",
    "UNBOUNDED",
    "Bounds",
    "Parameter",
    "Spec",
    "full_nb",
    "indicator",
    "load",
    "load_path",
    "refuse_code",
    "registered",
    "registered_only",
    "rolling_max_nb",
    "rolling_median_nb",
    "rolling_rank_nb",
    "rolling_spike_nb",
    "rolling_total_nb",
    "rows_since_low_nb",
    "safe_ratio_nb",
    "trailing_median_nb",
    "trailing_moments_nb",
    "window_moments_nb",
    "window_sums_nb",
]
