"""A plan: what a strategy holds, compactly, for P parameter sets at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from undertow.market import BoolArray, FloatArray, IntArray

# Values of `score_of_set` for a set that sells in proportion, and for one that sells what is taxed least.
PROPORTIONAL, LEAST_TAX = -1, -2


@dataclass(frozen=True, eq=False)
class Decision:
    """What a strategy decides, session by session, for P parameter sets.

    Args:
        exposure: (T, P) share of capital in stocks, in [0, 1], never NaN
        stale: (T, P) sessions on which a signal was NaN and the last exposure was held
        score_of_set: (P,) index into `scores` that a set uses, or `PROPORTIONAL`, or `LEAST_TAX` for the holdings on
            whose sale the least tax is due first
        scores: the distinct orders of selling, each (T, N): the highest score is sold first, NaN last
        flags: further sessions (T, P) that the result counts, by name: `fallback`, where a fallback replaced a signal
            without a value, `vetoed`, `partial`
        rotation: (T, P) share of capital in the names of the universe `basket`, at equal weights, at most
            `1 - exposure`
        basket: universe, or screen, of the rotation
        hedge: (T, P) share of capital sold short, 0 or more; the proceeds stay in cash
        hedge_symbol: the symbol sold short; the market's benchmark where empty
        stop: (P,) sells a name that closed this far, decimal, below its highest close since it was bought
        stop_wait: (P,) sessions before a rebalance may buy a stopped name again
        above: (T, P) whether a rule with tiers is in one above calm
        resting: (P,), or (T, P) where it changes, the exposure in calm: with `above` it separates episodes from rest

    None: not used.
    """

    exposure: FloatArray
    stale: BoolArray
    score_of_set: IntArray
    scores: tuple[FloatArray, ...] = ()
    flags: Mapping[str, BoolArray] = field(default_factory=dict)
    rotation: FloatArray | None = None
    basket: str = ""
    hedge: FloatArray | None = None
    hedge_symbol: str = ""
    stop: FloatArray | None = None
    stop_wait: IntArray | None = None
    above: BoolArray | None = None
    resting: FloatArray | None = None

    @property
    def acting(self) -> BoolArray:
        """The sessions of episodes (T, P): net exposure reduced, or a tier above calm."""
        net = self.exposure if self.hedge is None else self.exposure - self.hedge
        if self.above is None or self.resting is None:
            return np.asarray(net < 1.0)
        # Money may still be coming back when the rule is calm.
        return np.asarray(self.above & (net != self.resting) | (net < self.resting))

    @classmethod
    def proportional(cls, exposure: FloatArray, stale: BoolArray | None = None) -> Decision:
        """A decision whose cash is raised from all names in proportion."""
        no_score = np.full(exposure.shape[1], PROPORTIONAL, dtype=np.int64)
        return cls(exposure, np.zeros(exposure.shape, np.bool_) if stale is None else stale, no_score)


@dataclass(frozen=True, eq=False)
class Plan:
    """A decision, with the base weights and rebalances that all sets share.

    Args:
        decision: the decision of P sets over T sessions
        base: (R, N) weights of a fully invested portfolio, one row for each rebalance, summing to 1, or all zero where
            no name is alive
        rebalanced: (T,) row of `base` that takes effect on a session, -1 where the previous one stays
        within: (R, M) weights within the basket at the same rebalances, a row summing to 1, or to 0 where none of its
            names is alive; no columns without a basket
    """

    decision: Decision
    base: FloatArray
    rebalanced: IntArray
    within: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def sets(self) -> int:
        """The number of parameter sets."""
        return int(self.decision.exposure.shape[1])
