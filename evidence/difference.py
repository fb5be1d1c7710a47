"""The difference of two return series of equal sessions, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.backtests import annual_sharpe
from undertow.evidence.bootstrap import RESAMPLES, block_length, resampled_means, widening
from undertow.market import SESSIONS_A_YEAR, FloatArray, ParameterError, check_returns, check_whole, is_number

FEWEST_SESSIONS = 60
# Below this share of the mean square a variance is rounding.
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True)
class Interval:
    """An estimate with an interval of coverage `level`."""

    estimate: float
    low: float
    high: float
    level: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0.0 or self.high < 0.0

    def sentence(self, subject: str, kind: str = "") -> str:
        """`SUBJECT: +1.0% a year (KIND), 95% interval [-2.0%, +4.0%]; VERDICT.`"""
        year = f"a year ({kind})" if kind else "a year"
        verdict = "distinguishable from zero" if self.excludes_zero else "not distinguishable from chance"
        return (
            f"{subject}: {self.estimate:+.1%} {year}, {self.level:.0%} interval [{self.low:+.1%}, {self.high:+.1%}];"
            f" {verdict}."
        )

    def summary(self, style: str = "+.1%") -> str:
        """`+1.0% [-2.0%, +4.0%]`, in a number format such as `+.1%`."""
        return f"{self.estimate:{style}} [{self.low:{style}}, {self.high:{style}}]"


@dataclass(frozen=True)
class Difference:
    """Run less baseline: annual return and Sharpe ratio, with intervals.

    Args:
        annual_return: annual log or simple return, decimal
        annual_sharpe: annual Sharpe ratio
        block_sessions: mean block of the bootstrap, sessions
        resamples: number of resamples
        seed: seed of the bootstrap
        without_sharpe: number of resamples in which a series did not vary, so that they have no Sharpe ratio
        kind: "log return" or "simple return"
        source: name of the baseline; may be empty
    """

    annual_return: Interval
    annual_sharpe: Interval
    block_sessions: int
    resamples: int
    seed: int
    without_sharpe: int = 0
    kind: str = "log return"
    source: str = ""

    def __repr__(self) -> str:
        against = f" against {self.source}" if self.source else ""
        returns, ratio = self.annual_return.summary(), self.annual_sharpe.summary("+.2f")
        return f"Difference({returns} a year ({self.kind}), Sharpe {ratio}, {self.annual_return.level:.0%}{against})"

    def sentence(self, baseline: str = "") -> str:
        """One honest sentence for a report; the name of the baseline is `source` if empty."""
        return self.annual_return.sentence(f"Against {baseline or self.source or 'the baseline'}", self.kind)


def difference(
    returns: npt.ArrayLike | pd.Series,
    baseline: npt.ArrayLike | pd.Series,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    compounded: bool = True,
    source: str = "",
    sessions_a_year: int = SESSIONS_A_YEAR,
) -> Difference:
    """Run less baseline, with intervals from the stationary bootstrap.

    Pairs of sessions are resampled together in blocks of random length, so that what the two series share cancels and
    serial dependence is kept. The mean block is the optimal one for the difference, rounded up to whole sessions.
    Percentile intervals are too narrow where sessions are few, by about a tenth at 60, and are widened by what the
    bootstrap's variance lacks, with Student's quantile. The interval holds for one rule chosen in advance: for the best
    of many it is too narrow. The interval of the Sharpe ratio is that of the resamples that have one, and NaN where
    more than half have none.

    Args:
        returns: (T,) decimal session returns of the run
        baseline: (T,) decimal session returns of the same sessions, which is checked where both are Series
        seed: seed of the bootstrap, 0 or more
        resamples: number of resamples
        level: coverage of the intervals, in (0, 1)
        compounded: annual log return; else the mean session return times the sessions of a year, and the block that of
            simple returns
        source: name of the baseline, for sentences
        sessions_a_year: sessions of a year, those of `Run.recipe.sessions_a_year`; 252 in New York

    Raises `ParameterError` on anything but returns, such as account values, gross returns and percent, on unequal
    lengths or sessions, on fewer than 60 sessions, on missing or infinite returns and total losses, on a negative
    `seed`, on no `resamples`, and on a `level` outside (0, 1). Source: Politis and Romano (1994), block length of
    Politis and White (2004) as corrected by Patton, Politis and White (2009).
    """
    run, base = check_returns("returns", returns), check_returns("baseline", baseline)
    check_whole("seed", seed, 0)
    check_whole("resamples", resamples, 1)
    if not is_number(level) or not 0.0 < level < 1.0:
        raise ParameterError(f"`level` must be in (0, 1), a decimal, got {level!r}; 95 % is 0.95")
    if run.ndim != 1 or run.shape != base.shape:
        raise ParameterError(
            f"`returns` has {_sessions(run)}, `baseline` {_sessions(base)}; both need the same sessions"
        )
    if isinstance(returns, pd.Series) and isinstance(baseline, pd.Series):
        _check_sessions(returns.index, baseline.index)
    if not all((np.isfinite(series) & (series > -1.0)).all() for series in (run, base)):
        raise ParameterError("an interval needs finite returns above -100 %; got a total loss or a missing session")
    if len(run) < FEWEST_SESSIONS:
        raise ParameterError(f"an interval needs {FEWEST_SESSIONS} sessions or more, got {len(run)}")
    grown = np.log1p if compounded else np.positive
    growth = grown(run) - grown(base)
    block = block_length(growth)
    growths, ratios = _draws(growth, run, base, block, resamples, seed)
    year = sessions_a_year
    annual, sharpes = growths * year, ratios * np.sqrt(year)
    ratio = annual_sharpe(run, 0.0, year) - annual_sharpe(base, 0.0, year)
    known = np.isfinite(sharpes)
    without_sharpe = resamples - int(known.sum())
    # Fewer than half of the resamples do not represent the others.
    drawn = sharpes[known] if 2 * int(known.sum()) >= resamples else np.full(1, np.nan)
    factor = widening(len(run), block, level)
    intervals = [
        _interval(estimate, draws, level, factor)
        for estimate, draws in ((float(growth.mean()) * year, annual), (ratio, drawn))
    ]
    kind = "log return" if compounded else "simple return"
    return Difference(
        annual_return=intervals[0],
        annual_sharpe=intervals[1],
        block_sessions=block,
        resamples=resamples,
        seed=seed,
        without_sharpe=without_sharpe,
        kind=kind,
        source=source,
    )


def _check_sessions(run: pd.Index, base: pd.Index) -> None:
    if run.equals(base):
        return
    row = int(np.argmax(np.asarray(run != base, dtype=np.bool_)))
    raise ParameterError(
        f"`returns` and `baseline` are of different sessions: row {row + 1} is {run[row]} and {base[row]}; use the"
        " sessions that both have"
    )


def _sessions(values: FloatArray) -> str:
    return f"{len(values)} sessions" if values.ndim == 1 else f"the shape {values.shape}"


def _interval(estimate: float, draws: FloatArray, level: float, factor: float) -> Interval:
    low, high = np.percentile(draws, [50.0 * (1.0 - level), 50.0 * (1.0 + level)])
    # Each end keeps its side, however the draws are skewed.
    ends = (estimate + factor * float(low - estimate), estimate + factor * float(high - estimate))
    return Interval(estimate, *ends, level)


def _draws(
    growth: FloatArray, run: FloatArray, base: FloatArray, block: int, resamples: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Growth and difference of Sharpe ratios, a session, of the resamples (R,).

    Args:
        growth: growth of the run less that of the baseline (T,).
        run: returns of the run (T,).
        base: returns of the baseline (T,).
        block: mean block, sessions.
        resamples: number of resamples.
        seed: seed of the bootstrap.
    """
    centred = [returns - returns.mean() for returns in (run, base)]
    values = np.column_stack((growth, *centred, *(np.square(part) for part in centred)))
    means = np.concatenate(list(resampled_means(values, block, resamples, seed)))
    ratios = []
    for column, returns in ((1, run), (2, base)):
        variance = means[:, column + 2] + np.square(centred[column - 1]).mean() - np.square(means[:, column])
        least = _LEAST_VARIANCE * float(np.square(returns).mean())
        deviation = np.sqrt(np.where(variance > least, variance, np.nan) * len(run) / (len(run) - 1))
        ratios.append((means[:, column] + returns.mean()) / deviation)
    return means[:, 0] + growth.mean(), ratios[0] - ratios[1]
