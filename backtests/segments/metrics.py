"""The metrics of `backtests/metrics.py`, compiled for many paths."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from undertow.backtests.metrics import LEAST_SPREAD, RETURN_METRICS, SESSIONS_A_YEAR
from undertow.backtests.segments.reductions import squares_of, sums_of
from undertow.market import FloatArray

METRIC_NAMES = tuple(metric.key for metric in RETURN_METRICS)
METRIC_COUNT = len(METRIC_NAMES)
_ROOT = math.sqrt(SESSIONS_A_YEAR)


@njit(cache=True)
def moments_nb(returns: FloatArray, cash_returns: FloatArray) -> tuple[float, float, float, float, float]:
    """Moments of returns (T,) over sessions: mean, and sum of squared deviations.

    Then the same of returns less those of cash, and the sum of squared losses.
    """
    total, over, losses = sums_of(returns, cash_returns)
    mean, extra = total / len(returns), over / len(returns)
    squares, extras = squares_of(returns, cash_returns, mean, extra)
    return mean, squares, extra, extras, losses


@njit(cache=True)
def deepest_nb(values: FloatArray, capital: float) -> float:
    """The deepest fall from the highest value or the capital, decimal, 0 or less."""
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
    """Root mean square of the fall from the highest value or the capital, decimal."""
    high, share, squares = capital, 1.0 / capital, 0.0
    for row in range(len(values)):
        value = values[row]
        if value > high:
            high, share = value, 1.0 / value
        fall = value * share - 1.0
        squares += fall * fall
    return math.sqrt(squares / len(values))


@njit(cache=True)
def write_below_nb(returns: FloatArray, limit: float, low: FloatArray) -> int:
    """Write the returns up to `limit` into `low`, which is as long; returns how many."""
    count = 0
    for row in range(len(returns)):
        low[count] = returns[row]
        count += returns[row] <= limit
    return count


@njit(cache=True)
def select_nb(amounts: FloatArray, size: int, count: int) -> None:
    """Bring the `count` lowest of `size` amounts to the front, unsorted (Hoare 1961)."""
    start, end = 0, size - 1
    while start < end:
        pivot, low, high = amounts[(start + end) // 2], start, end
        while low <= high:
            while amounts[low] < pivot:
                low += 1
            while pivot < amounts[high]:
                high -= 1
            if low <= high:
                amounts[low], amounts[high] = amounts[high], amounts[low]
                low, high = low + 1, high - 1
        if count - 1 <= high:
            end = high
        elif count - 1 >= low:
            start = low
        else:
            return


@njit(cache=True)
def lowest_mean_nb(returns: FloatArray, count: int, limit: float, low: FloatArray) -> float:
    """Mean of the `count` lowest returns.

    Args:
        returns: session returns (T,).
        count: number of the lowest ones.
        limit: a guess at the highest of them.
        low: memory to write to (T,).
    """
    size = write_below_nb(returns, limit, low)
    if size < count:
        size = write_below_nb(returns, math.inf, low)
    select_nb(low, size, count)
    total = 0.0
    for row in range(count):
        total += low[row]
    return total / count


@njit(cache=True)
def annualised_ratio_nb(mean: float, spread: float) -> float:
    """Mean over spread, annualised; NaN where nothing varies by more than rounding."""
    return mean / spread * _ROOT if spread > LEAST_SPREAD else math.nan


@njit(cache=True)
def metrics_nb(values: FloatArray, capital: float, cash_returns: FloatArray, out: FloatArray) -> None:
    """Write the metrics of one path in the order of `METRIC_NAMES`.

    Args:
        values: values at the close (T,), USD.
        capital: starting capital, USD.
        cash_returns: session returns of the cash symbol (T,).
        out: the metrics (M,), written in place.
    """
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
    out[3] = annualised_ratio_nb(mean, spread)
    out[4] = annualised_ratio_nb(extra, math.sqrt(extras / (count - 1)))
    out[5] = annualised_ratio_nb(mean, math.sqrt(losses / count))
    out[6] = fall
    out[7] = out[1] / -fall if fall < 0.0 else math.nan
    out[8] = ulcer_nb(values, capital)
    out[9] = lowest_mean_nb(returns, max(1, math.ceil(0.05 * count)), mean - 1.2 * spread, low)


@njit(cache=True, parallel=True)
def metrics_many_nb(values: FloatArray, capital: float, cash_returns: FloatArray) -> FloatArray:
    """Metrics (P, M) of values at the close (P, T), in the order of `METRIC_NAMES`."""
    out = np.empty((len(values), METRIC_COUNT))
    for path in prange(len(values)):
        metrics_nb(values[path], capital, cash_returns, out[path])
    return out
