"""Parts of a signal: definition, bounds, rolling statistics, the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.signals.base.bits import bit_places_nb, medians_nb, ranks_nb, rolling_median_nb, rolling_rank_nb
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
    from undertow.signals.base.extremes import levels_of_nb, span_highs_nb
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
    from undertow.signals.base.rolling import (
        rolling_max_nb,
        rolling_spike_nb,
        rolling_total_nb,
        rows_since_low_nb,
        totals_nb,
    )
    from undertow.signals.base.spec import Parameter, Spec, indicator
    from undertow.signals.base.trailing import full_nb, safe_ratio_nb, trailing_median_nb, trailing_moments_nb
    from undertow.signals.base.windows import LOOP_ROWS, window_moments_nb, window_sums_nb
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "bits": (
                "bit_places_nb",
                "medians_nb",
                "ranks_nb",
                "rolling_median_nb",
                "rolling_rank_nb",
            ),
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
            "extremes": (
                "levels_of_nb",
                "span_highs_nb",
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
                "totals_nb",
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
    "bit_places_nb",
    "full_nb",
    "indicator",
    "levels_of_nb",
    "load",
    "load_path",
    "medians_nb",
    "ranks_nb",
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
    "span_highs_nb",
    "totals_nb",
    "trailing_median_nb",
    "trailing_moments_nb",
    "window_moments_nb",
    "window_sums_nb",
]
