"""The chapter of a report: when a universe falls after shocks, whom it hits, the link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from undertow.evidence.bootstrap import RESAMPLES
from undertow.evidence.lag import LagCurve, lag_curve
from undertow.evidence.link import Linkage, linkage
from undertow.evidence.who import SoldFirst, sold_first
from undertow.market import Market


@dataclass(frozen=True, eq=False)
class EvidenceReport:
    """The findings on one universe, in the order in which they are read.

    Args:
        when: its lag curve.
        whom: its fifths.
        link: its link with the asset.
    """

    when: LagCurve
    whom: SoldFirst
    link: Linkage

    @property
    def findings(self) -> tuple[LagCurve | SoldFirst | Linkage, ...]:
        """The findings in their order."""
        return (self.when, self.whom, self.link)

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
        }


def evidence_report(
    market: Market,
    *,
    fall: float = 0.10,
    within: str = "24h",
    apart: str = "120h",
    asset: str = "BTC",
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> EvidenceReport:
    """When a universe falls after shocks, whom it hits, and how tight the link is.

    Timing, NaN, errors and sources are those of `lag_curve`, `sold_first` and `linkage`.

    Args:
        market: the market
        fall: simple fall of the close from the highest one before, a positive decimal
        within: length in which the highest close lies, such as "24h"
        apart: a fall less than this after the last accepted one belongs to it
        asset: asset of the falls
        universe: the universe
        start: first session
        end: last session
        seed: seed of the bootstrap, 0 or more
        resamples: number of resamples, 100 or more

        write_evidence(evidence_report(market).findings, "evidence.html")
    """
    span: dict[str, Any] = {"asset": asset, "universe": universe, "start": start, "end": end}
    drawn: dict[str, Any] = {"seed": seed, "resamples": resamples}
    shocks: dict[str, Any] = {"fall": fall, "within": within, "apart": apart}
    return EvidenceReport(
        when=lag_curve(market, basket=universe, **shocks, **span, **drawn),
        whom=sold_first(market, **shocks, **span, **drawn),
        link=linkage(market, basket=universe, **span, **drawn),
    )
