"""Beta of each name to a benchmark."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import Parameter, Spec, indicator


@njit(cache=True)
def beta_nb(close: FloatArray, benchmark: FloatArray, window: int) -> FloatArray:
    """Slope of a name's returns on the benchmark's over `window` returns (T, N).

    `benchmark` is (T, N) or (T, 1). Pairs with a missing side are left out; NaN where more than half of the pairs are
    missing.
    """
    rows, columns = close.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        other = column if benchmark.shape[1] > 1 else 0
        xs = benchmark[1:, other] / benchmark[:-1, other] - 1.0
        ys = close[1:, column] / close[:-1, column] - 1.0
        for row in range(window, rows):
            n = 0
            sx = sy = sxx = sxy = 0.0
            for back in range(row - window, row):
                x, y = xs[back], ys[back]
                if np.isnan(x) or np.isnan(y):
                    continue
                n += 1
                sx += x
                sy += y
                sxx += x * x
                sxy += x * y
            variance = n * sxx - sx * sx
            if n >= 2 and 2 * n >= window and variance > 0 and not np.isnan(close[row, column]):
                out[row, column] = (n * sxy - sx * sy) / variance
    return out


Beta = indicator(
    Spec(
        name="beta",
        summary="Beta of each name to the benchmark in a trailing window.",
        kernel=beta_nb,
        inputs={"close": ("prices", "close"), "benchmark": ("prices", "benchmark")},
        parameters={"window": Parameter(126, IntDistribution(20, 504), unit="sessions")},
        outputs=("beta",),
        units="ratio",
        lookback=lambda window: (window + 1,),
        clock="session",
        scale_free=("close", "benchmark"),
        source="ordinary least squares slope, Sharpe (1964)",
    )
)
