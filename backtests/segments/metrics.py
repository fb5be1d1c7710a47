"""The figures of `metrics.py` for many paths, compiled: one path at a time, without keeping its returns."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from undertow.backtests.metrics import LEAST_SPREAD, RETURN_METRICS, SESSIONS_A_YEAR
from undertow.backtests.segments.reductions import squares_of, sums_of
from undertow.market import FloatArray

# What `return_metrics` gives, in its order.
NAMES = tuple(metric.key for metric in RETURN_METRICS)
METRICS = len(NAMES)
_ROOT = math.sqrt(SESSIONS_A_YEAR)


@njit(cache=True)
def moments_nb(returns: FloatArray, cash_returns: FloatArray) -> tuple[float, float, float, float, float]:
    """Mean and sum of squared deviations of returns and of what exceeds cash, and the sum of squared losses."""
    total, over, losses = sums_of(returns, cash_returns)
    mean, extra = total / len(returns), over / len(returns)
    squares, extras = squares_of(returns, cash_returns, mean, extra)
    return mean, squares, extra, extras, losses


@njit(cache=True)
def deepest_nb(values: FloatArray, capital: float) -> float:
    """The deepest fall from the highest value so far, decimal, 0 or less; the capital counts as a high."""
    high, floor = capital, 1.0
    for row in range(len(values)):
        value = values[row]
        high = max(high, value)
        # Few sessions get here: a division a session would take longer than all the rest.
        if value < high * floor:
            floor = value / high
    return floor - 1.0


@njit(cache=True)
def ulcer_nb(values: FloatArray, capital: float) -> float:
    """Root mean square of the fall from the highest value so far; the capital counts as a high."""
    high, share, squares = capital, 1.0 / capital, 0.0
    for row in range(len(values)):
        value = values[row]
        if value > high:
            high, share = value, 1.0 / value
        fall = value * share - 1.0
        squares += fall * fall
    return math.sqrt(squares / len(values))


@njit(cache=True)
def below_nb(returns: FloatArray, limit: float, low: FloatArray) -> int:
    """Write the returns up to `limit` into `low`, which is as long; returns how many."""
    count = 0
    for row in range(len(returns)):
        low[count] = returns[row]
        count += returns[row] <= limit
    return count


@njit(cache=True)
def select_nb(amounts: FloatArray, size: int, count: int) -> None:
    """Bring the `count` lowest of the first `size` amounts to the front, in any order (Hoare 1961)."""
    left, right = 0, size - 1
    while left < right:
        pivot, low, high = amounts[(left + right) // 2], left, right
        while low <= high:
            while amounts[low] < pivot:
                low += 1
            while pivot < amounts[high]:
                high -= 1
            if low <= high:
                amounts[low], amounts[high] = amounts[high], amounts[low]
                low, high = low + 1, high - 1
        if count - 1 <= high:
            right = high
        elif count - 1 >= low:
            left = low
        else:
            return


@njit(cache=True)
def worst_nb(returns: FloatArray, count: int, limit: float, low: FloatArray) -> float:
    """Mean of the `count` lowest returns; `limit` is a guess at what is below which they lie."""
    size = below_nb(returns, limit, low)
    if size < count:
        size = below_nb(returns, math.inf, low)
    select_nb(low, size, count)
    total = 0.0
    for row in range(count):
        total += low[row]
    return total / count


@njit(cache=True)
def ratio_nb(mean: float, spread: float) -> float:
    """Mean over spread, annualised; NaN where nothing varies by more than rounding."""
    return mean / spread * _ROOT if spread > LEAST_SPREAD else math.nan


@njit(cache=True)
def metrics_nb(values: FloatArray, capital: float, cash_returns: FloatArray, out: FloatArray) -> None:
    """Write into `out` (M,) what `return_metrics` gives for values at the close (T,), in the order of `NAMES`."""
    count = len(values)
    returns, low = np.empty(count), np.empty(count)
    returns[0] = values[0] / capital - 1.0
    for row in range(1, count):
        returns[row] = values[row] / values[row - 1] - 1.0
    mean, squares, extra, extras, losses = moments_nb(returns, cash_returns)
    growth = values[-1] / capital
    spread = math.sqrt(squares / (count - 1))
    fall = deepest_nb(values, capital)
    out[0] = growth - 1.0
    out[1] = growth ** (SESSIONS_A_YEAR / count) - 1.0 if growth > 0.0 else -1.0
    out[2] = spread * _ROOT
    out[3] = ratio_nb(mean, spread)
    out[4] = ratio_nb(extra, math.sqrt(extras / (count - 1)))
    out[5] = ratio_nb(mean, math.sqrt(losses / count))
    out[6] = fall
    out[7] = out[1] / -fall if fall < 0.0 else math.nan
    out[8] = ulcer_nb(values, capital)
    out[9] = worst_nb(returns, max(1, math.ceil(0.05 * count)), mean - 1.2 * spread, low)


@njit(cache=True, parallel=True)
def metrics_of(values: FloatArray, capital: float, cash_returns: FloatArray) -> FloatArray:
    """The figures of every path: values at the close (P, T) to (P, M), in the order of `NAMES`."""
    out = np.empty((len(values), METRICS))
    for path in prange(len(values)):
        metrics_nb(values[path], capital, cash_returns, out[path])
    return out
