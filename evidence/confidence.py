"""The rules that cannot be distinguished from the best of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from arch.bootstrap import MCS

from undertow.evidence.difference import FEWEST_SESSIONS
from undertow.market import BoolArray, FloatArray, ParameterError, check_whole, is_number

# Returns that are equal to this many digits are one rule.
_DIGITS = 12
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
    returns: npt.ArrayLike, *, level: float = 0.90, resamples: int = 1000, seed: int = 0
) -> ConfidenceSet:
    """The model confidence set of M rules, by mean log return.

    Rules are eliminated one by one, the worst first, until the others cannot be distinguished by the stationary
    bootstrap with mean blocks of sqrt(T) sessions. Where the rules are alike the set has them all, which is the answer:
    the data do not show which is best. Rules of equal returns share their p.

    Args:
        returns: (M, T) decimal session returns
        level: probability that the set contains the best, in (0, 1)
        resamples: number of resamples, 100 or more
        seed: seed of the bootstrap, 0 or more

    Raises `ParameterError` on anything but a table of returns, on fewer than 60 sessions, where every rule lost
    everything or has missing returns, and on a `level`, `resamples` or `seed` out of range. Source: Hansen, Lunde and
    Nason (2011), The Model Confidence Set, with the range statistic; from arch.
    """
    table = np.asarray(returns, dtype=np.float64)
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
    block = math.isqrt(table.shape[1])
    p_values = np.ones(1)
    if len(first) > 1:
        test = MCS(-growth[first].T, size=1.0 - level, reps=resamples, block_size=block, method="R", seed=seed)
        test.compute()
        p_values = test.pvalues["Pvalue"].sort_index().to_numpy(dtype=np.float64)
    p = np.full(len(table), np.nan)
    p[known] = p_values[inverse.ravel()]
    return ConfidenceSet(p, level, block, resamples, seed)


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
