"""Correlations with Fisher and HAC intervals, and slopes with robust ones."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from undertow.market import FloatArray

_NORMAL = 1.959963984540054
# Of fewer pairs a correlation is left blank.
FEWEST_PAIRS = 10


def bartlett_lags(rows: int) -> int:
    """floor(4 (n / 100)^(2/9)), the lags of Newey and West (1994)."""
    return int(4.0 * (rows / 100.0) ** (2.0 / 9.0))


def long_run_variance(values: FloatArray, lags: int) -> float:
    """Newey and West's (1987) variance of values (n,) of mean 0, Bartlett weights."""
    total = float(values @ values)
    for lag in range(1, lags + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * float(values[lag:] @ values[:-lag])
    return total / len(values)


def correlation_interval(x: FloatArray, y: FloatArray) -> dict[str, float]:
    """Correlation of pairs (n,) with 95 % intervals by Fisher and by HAC errors.

    The HAC interval is that of the influence function of r, on Fisher's scale. NaN of fewer than ten pairs.
    """
    blank = float("nan")
    rows = len(x)
    if rows < FEWEST_PAIRS or x.std() == 0.0 or y.std() == 0.0:
        keys = ("r", "low", "high", "hac_low", "hac_high")
        return dict.fromkeys(keys, blank) | {"sessions": rows}
    zx, zy = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = float(np.clip((zx * zy).mean(), -1.0, 1.0))
    influence = zx * zy - 0.5 * r * (zx**2 + zy**2)
    z = math.atanh(min(max(r, -1.0 + 1e-15), 1.0 - 1e-15))
    fisher = _NORMAL / math.sqrt(rows - 3)
    variance = max(long_run_variance(influence, bartlett_lags(rows)), 0.0) / rows
    hac = _NORMAL * math.sqrt(variance) / max(1.0 - r * r, 1e-12)
    return {
        "r": r,
        "low": math.tanh(z - fisher),
        "high": math.tanh(z + fisher),
        "hac_low": math.tanh(z - hac),
        "hac_high": math.tanh(z + hac),
        "sessions": rows,
    }


def adjusted_correlation(r: float, variance_ratio: float) -> float:
    """A correlation of volatile times as of calm ones (Forbes and Rigobon 2002).

    r / sqrt(1 + d (1 - r²)), d the variance of the asset in volatile times over that in calm ones, less 1.
    """
    return r / math.sqrt(1.0 + (variance_ratio - 1.0) * (1.0 - r * r))


def difference_p(first: dict[str, float], second: dict[str, float]) -> float:
    """The two-sided p-value of two correlations being equal, by Fisher's z."""
    if min(first["sessions"], second["sessions"]) < FEWEST_PAIRS:
        return float("nan")
    gap = math.atanh(first["r"]) - math.atanh(second["r"])
    error = math.sqrt(1.0 / (first["sessions"] - 3) + 1.0 / (second["sessions"] - 3))
    return float(2.0 * norm.sf(abs(gap) / error))


def two_sided_slopes(x: FloatArray, y: FloatArray) -> dict[str, object]:
    """Slopes of y on the negative and the positive part of x, with 95 % intervals.

    With a constant, by least squares; errors are White's (1980) with the factor n / (n - 3). NaN of fewer than ten
    pairs.
    """
    rows = len(x)
    if rows < FEWEST_PAIRS:
        blank = dict.fromkeys(("slope", "low", "high"), float("nan"))
        return {"negative": blank, "positive": dict(blank), "r2": float("nan"), "mondays": rows}
    design = np.column_stack((np.ones(rows), np.minimum(x, 0.0), np.maximum(x, 0.0)))
    inverse = np.linalg.pinv(design.T @ design)
    slopes = inverse @ design.T @ y
    residuals = y - design @ slopes
    covariance = inverse @ (design.T * residuals**2) @ design @ inverse * rows / (rows - 3)
    errors = np.sqrt(np.diag(covariance))
    parts = {
        name: {
            "slope": float(slopes[number]),
            "low": float(slopes[number] - _NORMAL * errors[number]),
            "high": float(slopes[number] + _NORMAL * errors[number]),
        }
        for number, name in ((1, "negative"), (2, "positive"))
    }
    spread = float(((y - y.mean()) ** 2).sum())
    return {**parts, "r2": 1.0 - float(residuals @ residuals) / spread if spread else float("nan"), "mondays": rows}
