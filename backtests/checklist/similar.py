"""What happened after the most similar past states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.market.clock import FloatArray, IntArray
from undertow.strategies.reasons.reasons import Reasons

# A past state counts as similar while the mean difference of severities is at most this.
NEAR = 0.15
MOST = 50


@dataclass(frozen=True)
class Similar:
    """Returns of the basket over `horizon` sessions after past states like the present one.

    `count` states, none closer to another than the horizon, so that no session is counted twice; `median`, `low` and
    `high` (10 % and 90 %) and `positive` (share) of their returns, decimal, NaN where there are none. `all_median` and
    `all_positive` are those of every session: what nothing in particular was followed by.
    """

    horizon: int
    count: int
    median: float
    low: float
    high: float
    positive: float
    all_median: float
    all_positive: float


def similar(reasons: Reasons, level: FloatArray, blank: FloatArray, row: int, horizon: int = 5) -> Similar:
    """The past states most like that of `row`, and what the basket did after each.

    `level` (T,) is the basket's level known at each decision, `blank` (T,) how many sessions until then had no basket:
    what spans one of them does not count. States are compared by the mean difference of the
    severities that are known in both; only those whose `horizon` sessions were over by `row` count.
    """
    ahead = np.full(len(level), np.nan)
    whole = blank[horizon:] == blank[:-horizon]
    ahead[:-horizon] = np.where(whole, level[horizon:] / level[:-horizon] - 1.0, np.nan)
    past = np.flatnonzero(np.isfinite(ahead) & (np.arange(len(level)) + horizon <= row))
    found = ahead[_spaced(past, _distance(reasons.severity, past, row), horizon)]
    low, median, high = np.quantile(found, (0.1, 0.5, 0.9)) if len(found) else (np.nan,) * 3
    every = ahead[past]
    return Similar(
        horizon=horizon,
        count=len(found),
        median=float(median),
        low=float(low),
        high=float(high),
        positive=float((found > 0).mean()) if len(found) else float("nan"),
        all_median=float(np.median(every)) if len(every) else float("nan"),
        all_positive=float((every > 0).mean()) if len(every) else float("nan"),
    )


def _distance(severity: FloatArray, past: IntArray, row: int) -> FloatArray:
    """Mean difference of the severities known in both (K,); infinite where less than half of them are."""
    apart = np.abs(severity[past] - severity[row])
    known = np.isfinite(apart)
    enough = known.sum(axis=1) * 2 >= severity.shape[1]
    total = np.where(known, apart, 0.0).sum(axis=1)
    return np.where(enough, total / np.maximum(known.sum(axis=1), 1), np.inf)


def _spaced(past: IntArray, distance: FloatArray, horizon: int) -> IntArray:
    """The nearest states, latest first among equals, none within the horizon of one already taken."""
    taken: list[int] = []
    for place in np.lexsort((-past, distance)):
        if distance[place] > NEAR or len(taken) == MOST:
            break
        if all(abs(int(past[place]) - each) >= horizon for each in taken):
            taken.append(int(past[place]))
    return np.array(sorted(taken), dtype=np.int64)
