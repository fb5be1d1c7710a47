"""Rule or luck: the difference between two return series that share their sessions, with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length

from undertow.backtests.metrics import SESSIONS_A_YEAR, annual_sharpe
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError

FEWEST_SESSIONS = 60


@dataclass(frozen=True)
class Interval:
    """An estimate with a percentile interval; `level` is its coverage."""

    estimate: float
    low: float
    high: float
    level: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class Difference:
    """Run less baseline: annual log return and annual Sharpe ratio, from resampled pairs of sessions."""

    annual_return: Interval
    annual_sharpe: Interval
    block_sessions: int
    resamples: int
    seed: int

    def sentence(self, baseline: str) -> str:
        """One honest sentence for a report."""
        part = self.annual_return
        verdict = "distinguishable from zero" if part.excludes_zero else "no effect that can be told from luck"
        return (
            f"Against {baseline}: {part.estimate:+.1%} a year, {part.level:.0%} interval"
            f" [{part.low:+.1%}, {part.high:+.1%}]; {verdict}."
        )


def difference(
    returns: FloatArray, baseline: FloatArray, *, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> Difference:
    """Run less baseline, with percentile intervals from the stationary bootstrap.

    `returns` and `baseline` (T,) are decimal session returns of the same sessions; pairs are resampled together in
    blocks of random length, so that what the two share cancels and what is serially dependent stays together. The
    mean block is the optimal one for the difference, rounded up to whole sessions. The interval holds for one rule
    chosen in advance: picking the best of many makes it too narrow.

    Raises `ParameterError` on unequal lengths or fewer than 60 sessions. Source: Politis and Romano (1994), block
    length of Politis and White (2004) as corrected by Patton, Politis and White (2009), both from arch.
    """
    own, base = np.asarray(returns, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if own.shape != base.shape:
        raise ParameterError(f"`returns` has {len(own)} sessions, `baseline` {len(base)}; they must share them")
    if not (own > -1.0).all() or not (base > -1.0).all():
        raise ParameterError("an interval needs finite returns above -100 %; there is a total loss or a blank session")
    if len(own) < FEWEST_SESSIONS:
        raise ParameterError(f"an interval needs {FEWEST_SESSIONS} sessions or more, got {len(own)}")
    block = _block(np.log1p(own) - np.log1p(base))
    bootstrap = StationaryBootstrap(block, own, base, seed=np.random.default_rng(seed))
    draws = bootstrap.apply(_statistics, resamples)
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(draws, [tail, 100.0 - tail], axis=0)
    found = _statistics(own, base)
    intervals = [Interval(float(found[n]), float(low[n]), float(high[n]), level) for n in (0, 1)]
    return Difference(intervals[0], intervals[1], block, resamples, seed)


def _block(apart: FloatArray) -> int:
    if not np.ptp(apart) > 0:
        return 1
    best = float(optimal_block_length(apart)["stationary"].iloc[0])
    return max(1, math.ceil(best)) if math.isfinite(best) else 1


def _statistics(own: FloatArray, base: FloatArray) -> FloatArray:
    years = len(own) / SESSIONS_A_YEAR
    growth = (np.log1p(own).sum() - np.log1p(base).sum()) / years
    return np.array([growth, annual_sharpe(own) - annual_sharpe(base)])
