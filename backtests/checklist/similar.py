"""Returns after the past states most similar to the present one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.market import FloatArray, IntArray
from undertow.strategies.reasons import Reasons

# Highest mean difference of severities between similar states.
MAX_DISTANCE = 0.15
MAX_STATES = 50


@dataclass(frozen=True)
class Similar:
    """Returns of the basket after past states like the present one, decimal.

    Figures are NaN without such states.

    Args:
        horizon: sessions of each return.
        count: number of states, with at least a horizon between two, so that no session is counted twice.
        median: median of the returns.
        low: 10 % quantile.
        high: 90 % quantile.
        positive: share of positive returns.
        all_median: median over all sessions, for comparison.
        all_positive: share of positive returns over all sessions.
    """

    horizon: int
    count: int
    median: float
    low: float
    high: float
    positive: float
    all_median: float
    all_positive: float


def similar(reasons: Reasons, level: FloatArray, missing: FloatArray, row: int, horizon: int = 5) -> Similar:
    """Returns of the basket after the past states most similar to that of `row`.

    States are compared by the mean difference of the severities that are known in both. States count whose horizon was
    over by `row` and has no session without a basket.

    Args:
        reasons: drivers of each decision.
        level: level of the basket known at each decision (T,).
        missing: number of sessions without a basket until each decision (T,).
        row: row of the present decision.
        horizon: sessions of each return.
    """
    ahead = np.full(len(level), np.nan)
    complete = missing[horizon:] == missing[:-horizon]
    ahead[:-horizon] = np.where(complete, level[horizon:] / level[:-horizon] - 1.0, np.nan)
    past = np.flatnonzero(np.isfinite(ahead) & (np.arange(len(level)) + horizon <= row))
    returns = ahead[_spaced(past, _distance(reasons.severity, past, row), horizon)]
    low, median, high = np.quantile(returns, (0.1, 0.5, 0.9)) if len(returns) else (np.nan,) * 3
    every = ahead[past]
    return Similar(
        horizon=horizon,
        count=len(returns),
        median=float(median),
        low=float(low),
        high=float(high),
        positive=float((returns > 0).mean()) if len(returns) else float("nan"),
        all_median=float(np.median(every)) if len(every) else float("nan"),
        all_positive=float((every > 0).mean()) if len(every) else float("nan"),
    )


def _distance(severity: FloatArray, past: IntArray, row: int) -> FloatArray:
    """Mean difference of the severities known in both states (K,).

    Infinite where fewer than half are known.
    """
    difference = np.abs(severity[past] - severity[row])
    known = np.isfinite(difference)
    enough = known.sum(axis=1) * 2 >= severity.shape[1]
    total = np.where(known, difference, 0.0).sum(axis=1)
    return np.where(enough, total / np.maximum(known.sum(axis=1), 1), np.inf)


def _spaced(past: IntArray, distance: FloatArray, horizon: int) -> IntArray:
    """The most similar states, latest first among equals, with a horizon between two."""
    rows: list[int] = []
    for position in np.lexsort((-past, distance)):
        if distance[position] > MAX_DISTANCE or len(rows) == MAX_STATES:
            break
        if all(abs(int(past[position]) - row) >= horizon for row in rows):
            rows.append(int(past[position]))
    return np.array(sorted(rows), dtype=np.int64)
