"""What docs/tuning.md says of real data, worked out again; skipped where the real folder is not beside the project."""

from __future__ import annotations

import re

import numpy as np
import pytest

from support.paths import PROJECT
from undertow.backtests.runs.backtest import backtest
from undertow.market import Market
from undertow.strategies import BuyAndHold, Strategy, VolTarget

PAGE = PROJECT / "docs" / "tuning.md"


@pytest.mark.parametrize("kind", [BuyAndHold, VolTarget])
def test_the_baselines_in_training_are_the_means_over_the_training_spans(
    kind: type[Strategy], real_market: Market
) -> None:
    """Fifteen spans of 504 sessions less 5 of purge, 126 apart, by plain arithmetic on one account's returns."""
    returns = backtest(kind(), real_market, start="2016-01-04", end="2025-06-30").returns.to_numpy()
    spans = [returns[first : first + 499] for first in range(0, len(returns) - 504, 126)]
    assert len(spans) == 15
    mean = np.mean([np.sqrt(252) * span.mean() / span.std(ddof=1) for span in spans])
    match = re.search(rf"^\| {kind.name()} \| ([0-9.]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None
    # The page's are accounts of their own for each span, which buy at its start.
    assert float(match[1]) == pytest.approx(mean, abs=0.01)
