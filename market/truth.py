"""What a simulated market knows about itself."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from undertow.market.clock import FloatArray


@dataclass(frozen=True, eq=False)
class Truth:
    """What a simulated market knows about itself.

    `events` has a row for each cascade: time (UTC, the end of its worst hour), liquidated_usd (true, whatever the venue
    reported), btc_return (simple, over the 24 hours up to time) and equity_impact (log-return of the growth basket that
    it causes, before the reversal; 0 without the effect). `selling` (S, 2) is the forced log-return of the basket by
    segment, close to open and open to close; `pressure` (S,) is selling and reversal together, by session. `episodes`
    lists falls and rallies without forced selling: kind, start, end, equity_return, btc_return (logs).
    """

    seed: int
    effect: float
    lag_hours: float
    lag_sd_hours: float
    at_the_open: float
    events: pd.DataFrame
    pressure: FloatArray
    selling: FloatArray
    episodes: pd.DataFrame
