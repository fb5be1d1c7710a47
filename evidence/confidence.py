"""The rules that cannot be distinguished from the best of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from undertow.evidence.bootstrap import RESAMPLES, block_length, resampled_means, widening
from undertow.evidence.difference import FEWEST_SESSIONS
from undertow.market import BoolArray, FloatArray, IntArray, ParameterError, check_returns, check_whole, is_number

# Returns that are equal to this many digits are one rule.
_DIGITS = 12
# The block is that of so many rules, which takes a millisecond a rule.
_MOST_BLOCKS = 50
# A distance that never varies has no deviation.
_LEAST_SQUARE = 1e-30
# More spans of a parameter's values than these are not listed.
_SPANS = 3


@dataclass(frozen=True, eq=False)
class ConfidenceSet:
    """The rules among which the best is with probability `level` or more.

    The best is the one with the highest growth of capital. One rule had the best sample, but every rule of the set may
    be the best.

    Args:
        p: (M,) p-value of each rule, which is in the set where it is above 1 - level; NaN for a rule that lost
            everything or has missing returns, which is never in the set
        level: probability that the set contains the best
        block_sessions: mean block of the bootstrap, sessions
        resamples: number of resamples
        seed: seed of the bootstrap
    """

    p: FloatArray
    level: float
    block_sessions: int
    resamples: int
    seed: int

    @property
    def included(self) -> BoolArray:
        """Whether each rule (M,) cannot be distinguished from the best."""
        return np.asarray(self.p > 1.0 - self.level, dtype=np.bool_)

    def sentence(self, table: pd.DataFrame, names: Sequence[str], baseline: str = "") -> str:
        """One honest sentence: how many sets, and their values of the parameters.

        Args:
            table: one row a set, in the order of the rules
            names: the parameters
            baseline: name of the baseline, which is then the rule after the last row; empty without one
        """
        included = self.included[: len(table)]
        values = "; ".join(_values(name, table[name], included) for name in names) if included.any() else ""
        negation = "" if self.included[len(table) :].all() else "not "
        return (
            f"By growth {int(included.sum())} of {len(table)} sets cannot be distinguished from the best (model"
            f" confidence set, {self.level:.0%}){': ' if values else ''}{values}."
            + (f" {baseline.capitalize()} is {negation}among them." if baseline else "")
        )

    def __repr__(self) -> str:
        return (
            f"ConfidenceSet({int(self.included.sum())} of {len(self.p)} rules, level {self.level:g}, blocks of"
            f" {self.block_sessions} sessions, {self.resamples} resamples, seed {self.seed})"
        )


def confidence_set(
    returns: npt.ArrayLike, *, level: float = 0.90, resamples: int = RESAMPLES, seed: int = 0
) -> ConfidenceSet:
    """The model confidence set of M rules, by mean log return.

    Rules are eliminated one by one, the worst first, until the others cannot be distinguished by the stationary
    bootstrap. Its mean block is the optimal one of the rules' growth beyond their average, rounded up; distances are
    shortened by what the bootstrap's variance lacks on few sessions, with Student's quantile at the level that each
    pair has of `level`. Of ten equal rules all are kept in about 90 of 100 samples at a level of 0.90. Where the rules
    are alike the set has them all, which is the answer: the data do not show which is best. Rules of equal returns
    share their p.

    Args:
        returns: (M, T) decimal session returns
        level: probability that the set contains the best, in (0, 1)
        resamples: number of resamples, 100 or more
        seed: seed of the bootstrap, 0 or more

    Raises `ParameterError` on anything but a table of returns, such as account values, gross returns and percent, on
    fewer than 60 sessions, where every rule lost everything or has missing returns, and on a `level`, `resamples` or
    `seed` out of range. Source: Hansen, Lunde and Nason (2011), The Model Confidence Set, with the range statistic.
    """
    table = check_returns("returns", returns)
    if table.ndim != 2 or table.shape[1] < FEWEST_SESSIONS:
        raise ParameterError(
            f"`returns` must be rules by sessions, {FEWEST_SESSIONS} sessions or more; got {table.shape}"
        )
    if not is_number(level) or not 0.0 < level < 1.0:
        raise ParameterError(f"`level` must be in (0, 1), a decimal, got {level!r}; 90 % is 0.90")
    check_whole("resamples", resamples, 100)
    check_whole("seed", seed, 0)
    known = (np.isfinite(table) & (table > -1.0)).all(axis=1)
    if not known.any():
        raise ParameterError(
            "every rule has missing returns, or lost everything; at least one must be known throughout"
        )
    growth = np.log1p(table[known])
    _, first, inverse = np.unique(np.round(growth, _DIGITS), axis=0, return_index=True, return_inverse=True)
    distinct = growth[first]
    block, p_values = 1, np.ones(1)
    if len(first) > 1:
        block = block_length(*(distinct - distinct.mean(axis=0))[:_MOST_BLOCKS])
        pairs = len(first) * (len(first) - 1) // 2
        factor = widening(table.shape[1], block, 1.0 - (1.0 - level) / pairs)
        p_values = _p_values(distinct, block, factor, resamples, seed)
    p = np.full(len(table), np.nan)
    p[known] = p_values[inverse.ravel()]
    return ConfidenceSet(p, level, block, resamples, seed)


def _p_values(growth: FloatArray, block: int, factor: float, resamples: int, seed: int) -> FloatArray:
    """p (M,) of rules by their log returns: Hansen, Lunde and Nason, section 3.1.

    The order of elimination follows from the means and their distances alone. From the last rule that is left back to
    the first that goes, the largest distance of a resample grows rule by rule, so that every set is visited once.

    Args:
        growth: log returns (M, T).
        block: mean block, sessions.
        factor: by how much the bootstrap's deviations are too small.
        resamples: number of resamples.
        seed: seed of the bootstrap.
    """
    rules = len(growth)
    products = np.zeros((rules, rules))
    for drawn in resampled_means(growth.T, block, resamples, seed):
        products += drawn.T @ drawn
    variances = products / resamples
    squares = np.diag(variances)[:, None] + np.diag(variances)[None, :] - 2.0 * variances
    spread = np.sqrt(np.maximum(squares, _LEAST_SQUARE))
    order, statistics = eliminated_nb(-growth.mean(axis=1), spread * factor)
    above = np.zeros(rules, dtype=np.int64)
    inverse = 1.0 / spread[np.ix_(order, order)]
    for drawn in resampled_means(growth.T, block, resamples, seed):
        above += _count_above(np.ascontiguousarray(drawn.T[order]), inverse, statistics)
    p_values = np.ones(rules)
    p_values[order] = np.maximum.accumulate(above / resamples)
    p_values[order[-1]] = 1.0
    return p_values


@njit(cache=True)
def eliminated_nb(losses: FloatArray, spread: FloatArray) -> tuple[IntArray, FloatArray]:
    """Rules in the order in which they go (M,), and the range statistic before each.

    The worst goes first: the one with the largest distance to another rule, in deviations `spread` (M, M).
    """
    count = len(losses)
    order, statistics = np.empty(count, dtype=np.int64), np.zeros(count)
    is_left = np.ones(count, dtype=np.bool_)
    farthest, largest = np.full(count, -1), np.full(count, -np.inf)
    for step in range(count):
        worst = -1
        for rule in range(count):
            if not is_left[rule]:
                continue
            if farthest[rule] < 0 or not is_left[farthest[rule]]:
                largest[rule] = -np.inf
                for other in range(count):
                    distance = (losses[rule] - losses[other]) / spread[rule, other]
                    if is_left[other] and other != rule and distance > largest[rule]:
                        largest[rule] = distance
                        farthest[rule] = other
            if worst < 0 or largest[rule] > largest[worst]:
                worst = rule
        order[step] = worst
        statistics[step] = largest[worst]
        is_left[worst] = False
    return order, statistics


def _count_above(drawn: FloatArray, inverse: FloatArray, statistics: FloatArray) -> IntArray:
    """How many resamples have a larger range statistic, for each set (M,).

    Args:
        drawn: means of resamples (M, C), less those of the sample, in the order in which rules go.
        inverse: one over the deviation of the distance of two rules (M, M), in that order.
        statistics: range statistic of the set before each goes (M,).
    """
    above = np.zeros(len(drawn), dtype=np.int64)
    largest = np.zeros(drawn.shape[1])
    for step in range(len(drawn) - 2, -1, -1):
        distances = np.abs(drawn[step + 1 :] - drawn[step])
        distances *= inverse[step, step + 1 :, None]
        np.maximum(largest, distances.max(axis=0), out=largest)
        above[step] = np.count_nonzero(largest > statistics[step])
    return above


def _values(name: str, tried: pd.Series, included: BoolArray) -> str:
    """A parameter's values in the included sets: any, spans of numbers, or a list."""
    values = tried[included]
    if values.nunique(dropna=False) == tried.nunique(dropna=False):
        return f"any {name} tried"
    if pd.api.types.is_numeric_dtype(tried) and values.nunique() > 1:
        spans = _spans(np.unique(tried.to_numpy(dtype=np.float64)), values.to_numpy(dtype=np.float64))
        if len(spans) > _SPANS:
            return f"some {name} of {values.min():g} to {values.max():g}"
        return f"{name} {', '.join(f'{low:g} to {high:g}' if high > low else f'{low:g}' for low, high in spans)}"
    listed = dict.fromkeys(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
    return f"{name} {', '.join(listed)}"


def _spans(tried: FloatArray, values: FloatArray) -> list[tuple[float, float]]:
    """The spans of ascending `tried` values of which every one is in `values`."""
    inside = np.concatenate(([False], np.isin(tried, values), [False]))
    edges = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)
    return [(float(tried[first]), float(tried[after - 1])) for first, after in edges]
