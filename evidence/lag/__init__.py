"""Lag curves: what a basket did in the hours and sessions after shocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.evidence.lag.curve import lag_curve
    from undertow.evidence.lag.record import LagCurve
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "curve": ("lag_curve",),
            "record": ("LagCurve",),
        },
    )

__all__ = ["LagCurve", "lag_curve"]
