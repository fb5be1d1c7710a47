"""A plan: what a strategy wants held, compactly, for P parameter sets at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.market.clock import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Decision:
    """What a strategy decides, session by session.

    `exposure` (T, P) is the share of capital in stocks, in [0, 1], never NaN. `stale` (T, P) marks sessions on which a
    signal was NaN and the last exposure was held. `scores` holds the distinct orders of selling, each (T, N): the
    highest score is sold first, NaN last; `score_of_set` (P,) says which one a set uses, -1 for proportional selling.
    `stand_in` (T, P) marks sessions on which a stand-in replaced a feed that had no value.
    """

    exposure: FloatArray
    stale: BoolArray
    score_of_set: IntArray
    scores: tuple[FloatArray, ...] = ()
    stand_in: BoolArray | None = None

    @classmethod
    def proportional(cls, exposure: FloatArray, stale: BoolArray | None = None) -> Decision:
        """A decision whose cash is raised from all names in proportion."""
        no_score = np.full(exposure.shape[1], -1, dtype=np.int64)
        return cls(exposure, np.zeros(exposure.shape, np.bool_) if stale is None else stale, no_score)


@dataclass(frozen=True, eq=False)
class Plan:
    """A decision together with what all sets share: the base weights and when they are renewed.

    `base` (R, N) are the weights of a fully invested portfolio, one row for each renewal, summing to 1 or all zero
    where nothing is alive; `renewed` (T,) is the row of `base` that takes effect on a session, -1 where the old one
    stays.
    """

    decision: Decision
    base: FloatArray
    renewed: IntArray

    @property
    def sets(self) -> int:
        """How many parameter sets."""
        return int(self.decision.exposure.shape[1])
