"""Intervals of every headline metric of a return series, and White's reality check."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from undertow.backtests import return_metrics
from undertow.evidence.bootstrap import block_length, resampled_means
from undertow.evidence.difference import FEWEST_SESSIONS
from undertow.market import FloatArray, IntArray, ParameterError, check_whole

# Resamples of the metrics: each needs a path of its own.
MOST_PATHS = 1_000


def metric_intervals(
    returns: FloatArray,
    cash_returns: FloatArray,
    *,
    sessions_a_year: int = 252,
    resamples: int = MOST_PATHS,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Percentile intervals of the metrics of session returns (T,): value, low, high.

    The stationary bootstrap of whole sessions, cash beside the run; the mean block is the optimal one of the returns.

    Args:
        returns: session returns (T,), decimal.
        cash_returns: those of cash (T,), NaN where it has no price.
        sessions_a_year: sessions of a year.
        resamples: number of resamples, 100 or more; at most 1,000 are drawn.
        seed: seed of the bootstrap.
        level: coverage, in (0, 1).
    """
    check_whole("resamples", resamples, 100)
    if len(returns) < FEWEST_SESSIONS:
        raise ParameterError(f"intervals need {FEWEST_SESSIONS} sessions or more, got {len(returns)}")
    count = min(resamples, MOST_PATHS)
    rows = _resampled_rows(len(returns), block_length(returns), count, seed)
    drawn = pd.DataFrame([return_metrics(returns[row], cash_returns[row], sessions_a_year) for row in rows])
    tail = 100.0 * (1.0 - level) / 2.0
    values = pd.Series(return_metrics(returns, cash_returns, sessions_a_year))
    low, high = (_percentile(drawn, share) for share in (tail, 100.0 - tail))
    return pd.DataFrame({"value": values, "low": low, "high": high}).rename_axis("metric")


def _percentile(drawn: pd.DataFrame, share: float) -> pd.Series:
    known = {name: values[np.isfinite(values)] for name, values in drawn.items()}
    return pd.Series({name: float(np.percentile(v, share)) if len(v) else math.nan for name, v in known.items()})


def _resampled_rows(sessions: int, block: int, count: int, seed: int) -> IntArray:
    """Rows (R, T) of stationary resamples: blocks of geometric length, around the end."""
    rng = np.random.default_rng(seed)
    begins = rng.random((count, sessions)) < 1.0 / block
    begins[:, 0] = True
    starts = rng.integers(sessions, size=(count, sessions))
    positions = np.arange(sessions)
    last = np.maximum.accumulate(np.where(begins, positions, 0), axis=1)
    rows: IntArray = (np.take_along_axis(starts, last, axis=1) + positions - last) % sessions
    return rows


def reality_check(returns: FloatArray, hold: FloatArray, *, resamples: int = 10_000, seed: int = 0) -> float:
    """White's p-value that no rule grows faster than the baseline.

    The largest mean difference of log returns, not divided by its deviation, against the largest of its resamples about
    the means; mean blocks of sqrt(T) sessions. Poor rules raise the bar, unlike in `SPATest`.

    Args:
        returns: session returns (P, T), decimal.
        hold: those of the baseline (T,).
        resamples: number of resamples.
        seed: seed of the bootstrap.

    Source: White (2000), A Reality Check for Data Snooping.
    """
    gap = np.log1p(returns[(returns > -1.0).all(axis=1)]) - np.log1p(hold)
    best, above = float(gap.mean(axis=1).max()), 0
    for drawn in resampled_means(gap.T, math.isqrt(len(hold)), resamples, seed):
        above += int((drawn.max(axis=1) >= best).sum())
    return (1 + above) / (1 + resamples)
