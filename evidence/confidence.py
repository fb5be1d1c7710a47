"""Which of many rules cannot be told from the best of them: an answer with its uncertainty where a maximum has none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from arch.bootstrap import MCS

from undertow.evidence.difference import FEWEST_SESSIONS
from undertow.market.checks import check_whole, is_number
from undertow.market.clock import BoolArray, FloatArray
from undertow.market.errors import ParameterError

# Returns that differ by less are equal: one rule twice is no two rules.
_DIGITS = 12
# More stretches of a parameter's values than these are not listed one by one.
_SPANS = 3


@dataclass(frozen=True, eq=False)
class ConfidenceSet:
    """The rules that hold the best one with probability `level` or more, the best by growth of capital.

    `p` (M,) is each rule's: it is in the set where p is above 1 - level; NaN for a rule that lost everything, or has
    blank returns, which is in none. One rule is the best that was found, but every rule of the set may be the best.
    """

    p: FloatArray
    level: float
    block_sessions: int
    resamples: int
    seed: int

    @property
    def included(self) -> BoolArray:
        """Which rules (M,) cannot be told from the best."""
        return np.asarray(self.p > 1.0 - self.level, dtype=np.bool_)

    def sentence(self, table: pd.DataFrame, names: Sequence[str], baseline: str = "") -> str:
        """One honest sentence: how many sets, and which values of the parameters `names` they have.

        `table` has one row a set, in the order of the rules. With a `baseline`, its name, the rule behind the last row
        is it, and the sentence says whether it is among them.
        """
        own = self.included[: len(table)]
        told = "; ".join(_values(name, table[name], own) for name in names) if own.any() else ""
        apart = "" if self.included[len(table) :].all() else "not "
        return (
            f"By growth {int(own.sum())} of {len(table)} sets cannot be told from the best (model confidence set,"
            f" {self.level:.0%}){': ' if told else ''}{told}."
            + (f" {baseline.capitalize()} is {apart}among them." if baseline else "")
        )


def confidence_set(
    returns: npt.ArrayLike, *, level: float = 0.90, resamples: int = 1000, seed: int = 0
) -> ConfidenceSet:
    """The model confidence set of rules with decimal session returns (M, T), by their mean log return.

    Rules are left out one by one, the worst first, until those that are left cannot be told apart; `resamples` of the
    stationary bootstrap with mean blocks of sqrt(T) sessions say what can. Where the rules are alike the set holds them
    all, which is the answer: the data do not say which is best. Rules whose returns are equal share their p.

    Raises `ParameterError` on what is no table of returns, on fewer than 60 sessions, where no rule is left, on a
    `level` outside (0, 1), and on fewer than 100 `resamples`. Source: Hansen, Lunde and Nason (2011), The Model
    Confidence Set, with the range statistic; from arch.
    """
    given = np.asarray(returns, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] < FEWEST_SESSIONS:
        raise ParameterError(
            f"`returns` must be rules by sessions, {FEWEST_SESSIONS} sessions or more; got {given.shape}"
        )
    if not is_number(level) or not 0.0 < level < 1.0:
        raise ParameterError(f"`level` must be in (0, 1), a decimal, got {level!r}; 90 % is 0.90")
    check_whole("resamples", resamples, 100)
    check_whole("seed", seed, 0)
    known = (np.isfinite(given) & (given > -1.0)).all(axis=1)
    if not known.any():
        raise ParameterError("no rule has known returns on every session and something left at the end")
    grown = np.log1p(given[known])
    _, first, which = np.unique(np.round(grown, _DIGITS), axis=0, return_index=True, return_inverse=True)
    block = math.isqrt(given.shape[1])
    found = np.ones(1)
    if len(first) > 1:
        test = MCS(-grown[first].T, size=1.0 - level, reps=resamples, block_size=block, method="R", seed=seed)
        test.compute()
        found = test.pvalues["Pvalue"].sort_index().to_numpy(dtype=np.float64)
    p = np.full(len(given), np.nan)
    p[known] = found[which.ravel()]
    return ConfidenceSet(p, level, block, resamples, seed)


def _values(name: str, tried: pd.Series, included: BoolArray) -> str:
    """What a parameter is in the sets that are in: any value, ranges of numbers, or a list."""
    values = tried[included]
    if values.nunique(dropna=False) == tried.nunique(dropna=False):
        return f"any {name} tried"
    if pd.api.types.is_numeric_dtype(tried) and values.nunique() > 1:
        spans = _spans(np.unique(tried.to_numpy(dtype=np.float64)), values.to_numpy(dtype=np.float64))
        if len(spans) > _SPANS:
            return f"some {name} of {values.min():g} to {values.max():g}"
        return f"{name} {', '.join(f'{low:g} to {high:g}' if high > low else f'{low:g}' for low, high in spans)}"
    return (
        f"{name} {', '.join(dict.fromkeys(f'{each:g}' if isinstance(each, float) else str(each) for each in values))}"
    )


def _spans(tried: FloatArray, values: FloatArray) -> list[tuple[float, float]]:
    """The stretches of the values that were tried, ascending, of which every one is among `values`."""
    inside = np.concatenate(([False], np.isin(tried, values), [False]))
    edges = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)
    return [(float(tried[first]), float(tried[after - 1])) for first, after in edges]
