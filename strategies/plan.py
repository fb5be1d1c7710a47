"""A plan: what a strategy wants held, compactly, for P parameter sets at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from undertow.market.clock import BoolArray, FloatArray, IntArray

# What `score_of_set` says of a set whose cash is raised in proportion, and of one that sells what is taxed least.
PROPORTIONAL, LEAST_TAX = -1, -2


@dataclass(frozen=True, eq=False)
class Decision:
    """What a strategy decides, session by session.

    `exposure` (T, P) is the share of capital in stocks, in [0, 1], never NaN. `stale` (T, P) marks sessions on which a
    signal was NaN and the last exposure was held. `scores` holds the distinct orders of selling, each (T, N): the
    highest score is sold first, NaN last; `score_of_set` (P,) says which one a set uses, `PROPORTIONAL` for none,
    `LEAST_TAX` for the holdings on whose sale the least tax is due first. `flags` are further sessions (T, P) that the
    result counts, by name: `fallback`, where a stand-in replaced a feed without a value, `vetoed`, `partial`.

    `rotation` (T, P) is the share of capital held in the names of the universe `basket`, at equal weights, at most
    `1 - exposure`. `hedge` (T, P) is the share of capital sold short in `hedge_symbol` (the market's benchmark where
    empty), 0 or more; the proceeds stay in cash. `stop` (P,) sells a name that closed so far, decimal, below its
    highest close since it was bought, and `stop_wait` (P,) is the number of sessions before a rebalance may buy it
    again. `above` (T, P) says when a rule with tiers is in one above calm, and `resting` (P,), or (T, P) where it
    changes, is the exposure that it has when calm: together they tell an episode from rest. None: not used.
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
        """The sessions of episodes (T, P): less in stocks, net of what is sold short, or in a tier above calm."""
        net = self.exposure if self.hedge is None else self.exposure - self.hedge
        if self.above is None or self.resting is None:
            return np.asarray(net < 1.0)
        # The money may still be on its way back when the rule is calm again.
        return np.asarray(self.above & (net != self.resting) | (net < self.resting))

    @classmethod
    def proportional(cls, exposure: FloatArray, stale: BoolArray | None = None) -> Decision:
        """A decision whose cash is raised from all names in proportion."""
        no_score = np.full(exposure.shape[1], PROPORTIONAL, dtype=np.int64)
        return cls(exposure, np.zeros(exposure.shape, np.bool_) if stale is None else stale, no_score)


@dataclass(frozen=True, eq=False)
class Plan:
    """A decision together with what all sets share: the base weights and when they are rebalanced.

    `base` (R, N) are the weights of a fully invested portfolio, one row for each rebalance, summing to 1 or all zero
    where nothing is alive; `rebalanced` (T,) is the row of `base` that takes effect on a session, -1 where the old one
    stays. `within` (R, M) are the weights within the basket of the same rebalances, a row summing to 1, or to 0 where
    none of its names is alive; no columns where there is no basket.
    """

    decision: Decision
    base: FloatArray
    rebalanced: IntArray
    within: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def sets(self) -> int:
        """How many parameter sets."""
        return int(self.decision.exposure.shape[1])
