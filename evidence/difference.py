"""Rule or luck: the difference between two return series that share their sessions, with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from arch.bootstrap import StationaryBootstrap, optimal_block_length

from undertow.backtests.metrics import SESSIONS_A_YEAR, annual_sharpe
from undertow.market.checks import check_whole, is_number
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

    def sentence(self, subject: str, kind: str = "") -> str:
        """`SUBJECT: +1.0% a year (KIND), 95% interval [-2.0%, +4.0%]; no effect that can be told from luck.`"""
        year = f"a year ({kind})" if kind else "a year"
        verdict = "distinguishable from zero" if self.excludes_zero else "no effect that can be told from luck"
        return (
            f"{subject}: {self.estimate:+.1%} {year}, {self.level:.0%} interval [{self.low:+.1%}, {self.high:+.1%}];"
            f" {verdict}."
        )


@dataclass(frozen=True)
class Difference:
    """Run less baseline: annual return (log, or simple where said) and Sharpe ratio, from resampled pairs of sessions.

    `kind` says which return. `without_sharpe` counts the resamples in which a series did not vary, so that they have
    no Sharpe ratio.
    """

    annual_return: Interval
    annual_sharpe: Interval
    block_sessions: int
    resamples: int
    seed: int
    without_sharpe: int = 0
    kind: str = "log return"

    def sentence(self, baseline: str) -> str:
        """One honest sentence for a report."""
        return self.annual_return.sentence(f"Against {baseline}", self.kind)


def difference(
    returns: npt.ArrayLike | pd.Series,
    baseline: npt.ArrayLike | pd.Series,
    *,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
    compounded: bool = True,
) -> Difference:
    """Run less baseline, with percentile intervals from the stationary bootstrap.

    `returns` and `baseline` (T,) are decimal session returns of the same sessions, which is checked where both are
    Series; pairs are resampled together in blocks of random length, so that what the two share cancels and what is
    serially dependent stays together. The mean block is the optimal one for the difference, rounded up to whole
    sessions. The interval holds for one rule chosen in advance: picking the best of many makes it too narrow. The
    interval of the Sharpe ratio is that of the resamples that have one, and NaN where more than half have none. Without
    `compounded` the annual return is the mean session return times 252, and so is the block that of simple returns.

    Raises `ParameterError` on what is no returns, on unequal lengths or sessions, on fewer than 60 sessions, on a
    blank, endless or total loss, on a negative `seed`, on no `resamples`, and on a `level` outside (0, 1). Source:
    Politis and Romano (1994), block length of Politis and White (2004) as corrected by Patton, Politis and White
    (2009), both from arch.
    """
    own, base = _returns("returns", returns), _returns("baseline", baseline)
    check_whole("seed", seed, 0)
    check_whole("resamples", resamples, 1)
    if not is_number(level) or not 0.0 < level < 1.0:
        raise ParameterError(f"`level` must be in (0, 1), a decimal, got {level!r}; 95 % is 0.95")
    if own.ndim != 1 or own.shape != base.shape:
        raise ParameterError(f"`returns` has {_sessions(own)}, `baseline` {_sessions(base)}; they must share them")
    if isinstance(returns, pd.Series) and isinstance(baseline, pd.Series):
        _check_sessions(returns.index, baseline.index)
    if not all((np.isfinite(each) & (each > -1.0)).all() for each in (own, base)):
        raise ParameterError("an interval needs finite returns above -100 %; there is a total loss or a blank session")
    if len(own) < FEWEST_SESSIONS:
        raise ParameterError(f"an interval needs {FEWEST_SESSIONS} sessions or more, got {len(own)}")
    grown = np.log1p if compounded else np.positive
    statistics = partial(_statistics, grown=grown)
    block = _block(grown(own) - grown(base))
    bootstrap = StationaryBootstrap(block, own, base, seed=np.random.default_rng(seed))
    draws = bootstrap.apply(statistics, resamples)
    tail = 50.0 * (1.0 - level)
    annual, sharpes = draws[:, 0], draws[np.isfinite(draws[:, 1]), 1]
    without = resamples - len(sharpes)
    # What is left of fewer than half of the resamples says nothing of the others.
    ends = [
        np.percentile(each, [tail, 100.0 - tail]) if 2 * len(each) >= resamples else (np.nan, np.nan)
        for each in (annual, sharpes)
    ]
    found = statistics(own, base)
    intervals = [
        Interval(float(estimate), float(low), float(high), level)
        for estimate, (low, high) in zip(found, ends, strict=True)
    ]
    kind = "log return" if compounded else "simple return"
    return Difference(intervals[0], intervals[1], block, resamples, seed, without, kind)


def _returns(name: str, given: npt.ArrayLike | pd.Series) -> FloatArray:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(
            f"`{name}` must be session returns, an array or a Series, such as run.returns; got {type(given).__name__}"
        ) from None


def _check_sessions(own: pd.Index, base: pd.Index) -> None:
    if own.equals(base):
        return
    row = int(np.argmax(np.asarray(own != base, dtype=np.bool_)))
    raise ParameterError(
        f"`returns` and `baseline` are of different sessions: row {row + 1} is {own[row]} and {base[row]}; take those"
        " that both have"
    )


def _sessions(values: FloatArray) -> str:
    return f"{len(values)} sessions" if values.ndim == 1 else f"the shape {values.shape}"


def _block(apart: FloatArray) -> int:
    if not np.ptp(apart) > 0:
        return 1
    best = float(optimal_block_length(apart)["stationary"].iloc[0])
    return max(1, math.ceil(best)) if math.isfinite(best) else 1


def _statistics(own: FloatArray, base: FloatArray, grown: np.ufunc) -> FloatArray:
    years = len(own) / SESSIONS_A_YEAR
    growth = (grown(own).sum() - grown(base).sum()) / years
    return np.array([growth, annual_sharpe(own) - annual_sharpe(base)])
