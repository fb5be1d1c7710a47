"""The chapter of a report: when a universe falls after shocks, whom, the link, luck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from undertow.backtests.sweeps import design
from undertow.evidence.bootstrap import RESAMPLES
from undertow.evidence.lag import LagCurve, lag_curve
from undertow.evidence.link import Linkage, linkage
from undertow.evidence.luck import Skill, skill
from undertow.evidence.who import SoldFirst, sold_first
from undertow.market import Market, ParameterError
from undertow.strategies import Strategy

# Sets of a strategy where none are named: a power of two covers the space evenly.
DESIGN = 32


@dataclass(frozen=True, eq=False)
class EvidenceReport:
    """The findings on one universe, in the order in which they are read.

    Args:
        when: its lag curve.
        whom: its fifths.
        link: its link with the asset.
        luck: what the best of a strategy's sets is more than luck; None without a strategy.
    """

    when: LagCurve
    whom: SoldFirst
    link: Linkage
    luck: Skill | None = None

    @property
    def findings(self) -> tuple[LagCurve | SoldFirst | Linkage | Skill, ...]:
        """The findings in their order."""
        findings: tuple[LagCurve | SoldFirst | Linkage | Skill, ...] = (self.when, self.whom, self.link)
        return findings if self.luck is None else (*findings, self.luck)

    @property
    def table(self) -> pd.DataFrame:
        """The verdict of each finding."""
        rows = {finding.heading: finding.sentence() for finding in self.findings}
        return pd.DataFrame({"verdict": rows}).rename_axis("finding")

    def sentence(self) -> str:
        """The verdicts in words."""
        return " ".join(finding.sentence() for finding in self.findings)

    def figure(self) -> Any:
        """The picture of the lag curve, a plotly figure."""
        return self.when.figure()

    def to_dict(self) -> dict[str, Any]:
        """The findings as plain values; keys as in docs/json.md."""
        return {
            "verdict": list(self.table["verdict"]),
            "when": self.when.to_dict(),
            "whom": self.whom.to_dict(),
            "link": self.link.to_dict(),
            **({} if self.luck is None else {"luck": self.luck.to_dict()}),
        }


def evidence_report(
    market: Market,
    *,
    fall: float = 0.10,
    within: str = "24h",
    apart: str = "120h",
    asset: str = "BTC",
    universe: str = "growth",
    strategy: type[Strategy] | None = None,
    sets: pd.DataFrame | None = None,
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> EvidenceReport:
    """When a universe falls after shocks, whom it hits, the link, and a rule's luck.

    Timing, NaN, errors and sources are those of `lag_curve`, `sold_first`, `linkage` and `skill`. Raises
    `ParameterError` on sets without a strategy.

    Args:
        market: the market
        fall: simple fall of the close from the highest one before, a positive decimal
        within: length in which the highest close lies, such as "24h"
        apart: a fall less than this after the last accepted one belongs to it
        asset: asset of the falls
        universe: the universe
        strategy: class of the strategy whose sets are judged; None for none
        sets: one row a set, fixed beforehand; None for 32 that fill the strategy's space evenly
        start: first session
        end: last session
        seed: seed of the bootstrap, 0 or more
        resamples: number of resamples, 100 or more

        write_evidence(evidence_report(market).findings, "evidence.html")
    """
    span: dict[str, Any] = {"asset": asset, "universe": universe, "start": start, "end": end}
    drawn: dict[str, Any] = {"seed": seed, "resamples": resamples}
    shocks: dict[str, Any] = {"fall": fall, "within": within, "apart": apart}
    if strategy is None and sets is not None:
        raise ParameterError("`sets` are those of a strategy: give `strategy`, too")
    luck = None
    if strategy is not None:
        tried = design(strategy.search_space(), DESIGN, seed=seed) if sets is None else sets
        window: dict[str, Any] = {"universe": universe, "start": start, "end": end}
        luck = skill(market, strategy, tried, **window, **drawn)
    return EvidenceReport(
        luck=luck,
        when=lag_curve(market, basket=universe, **shocks, **span, **drawn),
        whom=sold_first(market, **shocks, **span, **drawn),
        link=linkage(market, basket=universe, **span, **drawn),
    )
