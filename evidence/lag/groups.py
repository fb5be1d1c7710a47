"""Events by year, span, weekday, and whether liquidations came with them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.evidence.lag.inference import FEWEST_EVENTS, event_counts, mean_band
from undertow.evidence.lag.shocks import liquidation_feed, liquidation_ranks
from undertow.market import BoolArray, DataError, FloatArray, InstantArray, Market

# A shock comes with liquidations where its day or the day before is among the top tenth of its venue regime.
_HIGH_RANK = 0.9
_SINCE = (2018, 2020)
# From the base to S1 open, from there to S2 close, and by the clock.
GROUP_WINDOWS = ("S1 open", "held", "24-48h")


def event_groups(market: Market, known: InstantArray, within: BoolArray) -> dict[str, BoolArray]:
    """Groups of events (n,) by name; a group without an event is left out.

    A weekend is Saturday and Sunday in UTC. With liquidations: BTC's long liquidations of the shock's UTC day or of
    the day before are among the top tenth of their venue regime; days without a figure belong to neither group.
    `within` (n,) are shocks that became known within a session.
    """
    stamps = pd.DatetimeIndex(known - np.timedelta64(1, "ns"))
    years = stamps.year.to_numpy()
    groups: dict[str, BoolArray] = {str(year): years == year for year in np.unique(years)}
    groups |= {f"since {year}": years >= year for year in _SINCE if years.min() < year}
    weekend = np.asarray(stamps.day_of_week >= 5)
    groups |= {"weekend": weekend, "weekday": ~weekend, "within a session": within, "outside sessions": ~within}
    ranks = _ranks_near(market, known)
    groups |= {"with liquidations": ranks >= _HIGH_RANK, "without liquidations": ranks < _HIGH_RANK}
    return {name: np.asarray(rows) for name, rows in groups.items() if rows.any()}


def _ranks_near(market: Market, known: InstantArray) -> FloatArray:
    """The higher rank (n,) of the shock's UTC day and the day before; NaN without."""
    try:
        feed = liquidation_feed(market, "BTC")
    except DataError:
        return np.full(len(known), np.nan)
    ranks = pd.Series(liquidation_ranks(feed), feed.times.astype("datetime64[D]"))
    # A shock that is known at midnight belongs to the day that ends then.
    days = (known - np.timedelta64(1, "ns")).astype("datetime64[D]")
    pair = [
        np.array([ranks.get(pd.Timestamp(day), np.nan) for day in days - np.timedelta64(back, "D")]) for back in (0, 1)
    ]
    return np.asarray(np.fmax(*pair), dtype=np.float64)


def grouped(moves: FloatArray, groups: dict[str, BoolArray], resamples: int, seed: int) -> pd.DataFrame:
    """Means of three windows by group, with pointwise intervals.

    NaN intervals of fewer than five events. No allowance is made for the number of groups.

    Args:
        moves: log returns (n, 3) of the events in each of `GROUP_WINDOWS`.
        groups: events of each group by name.
        resamples: number of resamples.
        seed: seed of the bootstrap.
    """
    rows = []
    for name, chosen in groups.items():
        values = moves[chosen]
        mean, low, high = values.mean(axis=0), *np.full((2, values.shape[1]), np.nan)
        if len(values) >= FEWEST_EVENTS:
            band = mean_band(values, event_counts(len(values), resamples, seed))
            low, high = band.low, band.high
        rows.append((name, len(values), *np.column_stack((mean, low, high)).ravel()))
    names = [f"{window}{part}" for window in GROUP_WINDOWS for part in ("", " low", " high")]
    return pd.DataFrame(rows, columns=["group", "events", *names]).set_index("group")
