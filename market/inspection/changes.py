"""Changes from one close to the next, and the splits that they are close to."""

from __future__ import annotations

import numpy as np

from undertow.market.clock import BoolArray, FloatArray

# A one-session move beyond this is an error of the data more often than not. Every whole ratio of a split lies beyond.
EXTREME = 0.45
# Ratios of splits, and units of a currency (100), and how near to one a ratio of closes counts as it.
_SPLITS = np.array([2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100], dtype=np.float64)
_NEAR_SPLIT = 0.05


def price_changes(close: FloatArray) -> FloatArray:
    """Changes of closes (T, N) from the last known close to each; NaN without both.

    A move across a gap counts on the session after the gap.
    """
    rows = np.arange(len(close))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(close), rows, 0), axis=0)
    before = np.full_like(close, np.nan)
    before[1:] = np.take_along_axis(close, last[:-1], axis=0)
    return np.asarray(close / before - 1.0, dtype=np.float64)


def is_extreme(changes: FloatArray) -> BoolArray:
    """Which changes lie beyond `EXTREME`; False for NaN."""
    return np.asarray(np.abs(changes) > EXTREME, dtype=np.bool_)


def split_ratio(change: float) -> str:
    """The split that a change is close to, such as "4:1" or "1:10"; empty for none."""
    ratio = max(1.0 + change, 1e-12)
    size = max(ratio, 1.0 / ratio)
    nearest = _SPLITS[np.argmin(np.abs(np.log(_SPLITS / size)))]
    if abs(size / nearest - 1.0) > _NEAR_SPLIT:
        return ""
    return f"{nearest:g}:1" if ratio < 1.0 else f"1:{nearest:g}"
