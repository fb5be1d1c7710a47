"""Is the best of many rules better than doing nothing, given that many were tried?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from arch.bootstrap import SPA

from undertow.evidence.difference import FEWEST_SESSIONS
from undertow.market.checks import check_whole, is_number
from undertow.market.clock import BoolArray, FloatArray
from undertow.market.errors import ParameterError

_ROUNDING = 1e-12  # of a session's return: a rule that did nothing may differ from its basket by so much


@dataclass(frozen=True)
class SPATest:
    """Hansen's test of superior predictive ability, as a gate: a rule may act: passed where p is `alpha` or less.

    The null hypothesis is that no rule tried grows capital faster than the baseline; what is compared is log returns of
    the same sessions. p is the consistent one, from scaled means and `resamples` of the stationary bootstrap with mean
    blocks of sqrt(T) sessions. It allows for the best having been picked from many, also from many that are alike, and
    is little moved by adding hopeless ones. Where up to 200 rules are nothing but luck 4 to 18 of 100 samples pass at
    0.10, 11 on average over nine simulated worlds. That is so from 400 sessions on. Of fewer it tells that the
    bootstrap's variance is too small, by (2 sqrt(T) - 1) / T for what has no memory: of 50 rules that leave the
    baseline on every session and share nothing 18 to 24 of 100 samples pass on 60 to 252 sessions, of 200 up to 37; of
    rules that are away now and then no more than 13. Raises `ParameterError` where `alpha` is not between 0 and 1 or
    `resamples` is below 100.

    Source: Hansen (2005), A Test for SPATest Predictive Ability. arch resamples; it compares means as they are given,
    so each difference is divided by its standard deviation first. The paper divides by the long-run one, of which a few
    hundred sessions give so rough an estimate that the largest of many ratios is a rule whose deviation came out too
    small: 17 to 43 samples of luck in a hundred pass at 0.10 in the same worlds.
    """

    alpha: float = 0.10
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not is_number(self.alpha) or not 0.0 < self.alpha < 1.0:
            raise ParameterError(f"`alpha` must lie between 0 and 1, such as 0.10; got {self.alpha!r}")
        check_whole("resamples", self.resamples, 100)
        check_whole("seed", self.seed, 0)

    @property
    def fewest(self) -> int:
        """How many sessions it needs."""
        return FEWEST_SESSIONS

    @property
    def name(self) -> str:
        """What a recipe says: `SPA p <= 0.1`, and what is not usual."""
        unusual = [f"{name} {getattr(self, name)}" for name in ("resamples", "seed") if self._unusual(name)]
        return ", ".join([f"SPA p <= {self.alpha:g}", *unusual])

    def _unusual(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).__dataclass_fields__[name].default)

    def __call__(self, returns: FloatArray, hold: FloatArray) -> float:
        """p for decimal session returns (P, T) of P rules against the baseline's (T,); 1.0 with nothing to test.

        Rules that never left the baseline, or lost everything, cannot be better and do not count; nor do those that
        left it for one stretch of sqrt(T) sessions or less: one episode proves nothing. Raises
        `ParameterError` on fewer than 60 sessions, on returns that do not share them, and on blank ones.
        """
        tried, base = np.atleast_2d(np.asarray(returns, dtype=np.float64)), np.asarray(hold, dtype=np.float64)
        if base.ndim != 1 or tried.shape[1] != len(base):
            raise ParameterError(f"`returns` has {tried.shape[1]} sessions, `hold` {base.size}; they must share them")
        if len(base) < FEWEST_SESSIONS:
            raise ParameterError(f"the test needs {FEWEST_SESSIONS} sessions or more, got {len(base)}")
        if np.isnan(tried).any() or not (base > -1.0).all():
            raise ParameterError("the test needs known returns, and a baseline that did not lose everything")
        apart = np.log1p(tried[(tried > -1.0).all(axis=1)]) - np.log1p(base)
        block = math.isqrt(len(base))
        acting = np.unique(apart[(np.ptp(apart, axis=1) > _ROUNDING) & ~_one_episode(apart, block)], axis=0)
        if not len(acting):
            return 1.0
        scaled = acting / acting.std(axis=1, keepdims=True)
        # Losses; what both share cancels in the difference, so the baseline's may be taken as zero.
        found = SPA(np.zeros(len(base)), -scaled.T, block_size=block, reps=self.resamples, seed=self.seed)
        found.compute()
        return float(found.pvalues["consistent"])


def _one_episode(apart: FloatArray, block: int) -> BoolArray:
    """Which rows (P,) differ from the baseline in one stretch alone that is no longer than a block."""
    away = np.abs(apart) > _ROUNDING
    begins = away[:, 0].astype(np.int64) + (away[:, 1:] & ~away[:, :-1]).sum(axis=1)
    one: BoolArray = (begins <= 1) & (away.sum(axis=1) <= block)
    return one
