"""How a rule stands among placebos: the same episodes at other times."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.backtests.sweeps import Rearranged
from undertow.evidence.luck.placements import (
    circular_shifts,
    episode_spans,
    on_calm_dates,
    random_placements,
    volatility_classes,
    within_volatility,
)
from undertow.market import FloatArray, IntArray

KINDS = ("random", "shift", "volatility", "calm")
UPPER_BOUND = "calm"


@dataclass(frozen=True, eq=False)
class Placebos:
    """Sharpe ratios of placebos beside that of the rule.

    Args:
        sharpe: annual ratio of the rule
        drawn: annual ratios of the placebos by kind: "random" placement, circular "shift", placement within the same
            "volatility" fifth, on "calm" dates
        missed: episodes by kind for which no session of their class was left, in all placebos together
    """

    sharpe: float
    drawn: dict[str, FloatArray]
    missed: dict[str, int]

    @property
    def percentile(self) -> dict[str, float]:
        """Share of the placebos that the rule beats, ties by half, by kind."""
        # A placebo without a ratio is none.
        drawn = {kind: ratios[np.isfinite(ratios)] for kind, ratios in self.drawn.items()}
        return {
            kind: float(((ratios < self.sharpe).sum() + (ratios == self.sharpe).sum() / 2.0) / len(ratios))
            if len(ratios)
            else math.nan
            for kind, ratios in drawn.items()
        }

    @property
    def table(self) -> pd.DataFrame:
        """One row a kind: percentile, the placebos' median and 95th percentile, number."""
        rows = {
            kind: {
                "percentile": share,
                "median_sharpe": float(np.median(self.drawn[kind])),
                "sharpe_95": float(np.percentile(self.drawn[kind], 95.0)),
                "placebos": len(self.drawn[kind]),
            }
            for kind, share in self.percentile.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("placement")


def placebos(rule: Rearranged, hold: FloatArray, *, count: int = 1_000, seed: int = 0, year: int = 252) -> Placebos:
    """The episodes of a rule at other times, with the same account and costs.

    Empty where the rule has no episode, or leaves no session free to move one by.

    Args:
        rule: decisions of the rule.
        hold: session returns (T,) of the basket without it, for the classes of volatility.
        count: number of placebos of each kind.
        seed: seed of the draws.
        year: sessions of a year.
    """
    sessions, rest = len(hold), rule.resting
    spans = episode_spans(rule.away)
    own = float(annual_ratios(rule.returns(np.arange(sessions)[None, :]), year)[0])
    free = sessions - sum(after - first for first, after in spans) - len(spans) + 1
    if not spans or free < 1:
        return Placebos(own, {}, {})
    classes = volatility_classes(hold)
    sources: dict[str, tuple[IntArray, int]] = {
        "random": (random_placements(spans, sessions, rest, count, seed), 0),
        "shift": (circular_shifts(sessions, count, seed), 0),
        "volatility": within_volatility(spans, classes, rest, count, seed),
        "calm": on_calm_dates(spans, classes, rest, count, seed),
    }
    drawn = {kind: annual_ratios(rule.returns(rows), year) for kind, (rows, _) in sources.items()}
    return Placebos(own, drawn, {kind: missed for kind, (_, missed) in sources.items() if missed})


def annual_ratios(returns: FloatArray, year: int) -> FloatArray:
    """Annual Sharpe ratios (P,) of session returns (P, T), at a rate of 0; ddof 1."""
    spread = returns.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: FloatArray = np.where(spread > 1e-12, returns.mean(axis=1) / spread * math.sqrt(year), np.nan)
    return ratios
