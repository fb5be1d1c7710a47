"""The metrics of `backtests/metrics.py`, compiled for many paths."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from undertow.backtests.metrics import FEWEST_ANNUAL_SESSIONS, LEAST_SPREAD, RETURN_METRICS
from undertow.backtests.segments.reductions import squares_of, sums_of
from undertow.market import FloatArray

METRIC_NAMES = tuple(metric.key for metric in RETURN_METRICS)
METRIC_COUNT = len(METRIC_NAMES)


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
    """The deepest fall from the highest value or the capital, decimal.

    0 where it is only rounding.
    """
    high, floor = capital, 1.0
    for row in range(len(values)):
        value = values[row]
        high = max(high, value)
        # Few sessions get here: a division a session would take longer than all the rest.
        if value < high * floor:
            floor = value / high
    fall = floor - 1.0
    return fall if fall <= -LEAST_SPREAD else 0.0


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
def annualised_ratio_nb(mean: float, spread: float, year: float) -> float:
    """Mean over spread, annualised; NaN where nothing varies by more than rounding."""
    return mean / spread * math.sqrt(year) if spread > LEAST_SPREAD else math.nan


@njit(cache=True)
def over_cash_nb(returns: FloatArray, cash_returns: FloatArray, year: float) -> float:
    """The Sharpe ratio over cash on the sessions that cash has, in its span."""
    begin, end = 0, len(returns)
    while begin < end and math.isnan(cash_returns[begin]):
        begin += 1
    while end > begin and math.isnan(cash_returns[end - 1]):
        end -= 1
    if end - begin < FEWEST_ANNUAL_SESSIONS:
        return math.nan
    _, _, extra, extras, _ = moments_nb(returns[begin:end], cash_returns[begin:end])
    return annualised_ratio_nb(extra, math.sqrt(extras / (end - begin - 1)), year)


@njit(cache=True)
def metrics_nb(values: FloatArray, capital: float, cash_returns: FloatArray, year: float, out: FloatArray) -> None:
    """Write the metrics of one path in the order of `METRIC_NAMES`.

    Args:
        values: values at the close (T,), USD.
        capital: starting capital, USD.
        cash_returns: session returns of the cash symbol (T,), NaN before its first price and after its last.
        year: sessions of a year.
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
    out[6] = fall
    out[8] = ulcer_nb(values, capital) if fall < 0.0 else 0.0
    out[9] = lowest_mean_nb(returns, max(1, math.ceil(0.05 * count)), mean - 1.2 * spread, low)
    if count < FEWEST_ANNUAL_SESSIONS:
        for figure in (1, 2, 3, 4, 5, 7):
            out[figure] = math.nan
        return
    out[1] = growth ** (year / count) - 1.0 if growth > 0.0 else -1.0
    out[2] = spread * math.sqrt(year)
    out[3] = annualised_ratio_nb(mean, spread, year)
    if math.isnan(extra):
        out[4] = over_cash_nb(returns, cash_returns, year)
    else:
        out[4] = annualised_ratio_nb(extra, math.sqrt(extras / (count - 1)), year)
    out[5] = annualised_ratio_nb(mean, math.sqrt(losses / count), year)
    out[7] = out[1] / -fall if fall < 0.0 else math.nan


@njit(cache=True, parallel=True)
def metrics_many_nb(values: FloatArray, capital: float, cash_returns: FloatArray, year: float) -> FloatArray:
    """Metrics (P, M) of values at the close (P, T), in the order of `METRIC_NAMES`."""
    out = np.empty((len(values), METRIC_COUNT))
    for path in prange(len(values)):
        metrics_nb(values[path], capital, cash_returns, year, out[path])
    return out
