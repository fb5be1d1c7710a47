"""Who is sold after a fall: outer quintiles against each other and calm weeks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.runs import session_rows
from undertow.evidence.bootstrap import RESAMPLES
from undertow.evidence.lag.inference import FEWEST_EVENTS, POWER_QUANTILE, event_counts, mean_band
from undertow.evidence.lag.points import AFTER, BEFORE, places_of
from undertow.evidence.lag.shocks import check_change, hours_of, price_changes_within, price_shocks
from undertow.evidence.who.record import SoldFirst
from undertow.evidence.who.sorts import RESPONSES, SORTS, Members, calm_instants
from undertow.market import FloatArray, InstantArray, Market, ParameterError

# A control has no fall so deep within a day of it.
CALM_FALL, CALM_HOURS = 0.08, 24.0


def sold_first(
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
) -> SoldFirst:
    """Which members of a universe fell after shocks; see `SoldFirst`.

    Timing: members are sorted by what was known at the last close before the shock. Hindsight: no decision reads it.
    NaN: members without the look-back or a price are left out of that sort; events without any, of the mean. Source:
    DeLong, Shleifer, Summers and Waldmann (1990) for forced sales of what rose; Coval and Stafford (2007).

    Args:
        market: the market
        fall: simple fall of the close from the highest one before, a positive decimal
        within: length in which the highest close lies, such as "24h"
        apart: a fall less than this after the last accepted one belongs to it
        asset: asset of the falls and of the correlation
        universe: universe of the members
        start: first session
        end: last session
        seed: seed of the bootstrap, 0 or more
        resamples: number of resamples, 100 or more

    Raises `ParameterError` on a bad value and on fewer than five events, `UnknownNameError` on an unknown universe,
    `DataError` where the market has no bars of the asset.

        sold_first(market, fall=0.10).sentence()
    """
    check_change("fall", fall)
    event_counts(1, resamples, seed)
    rows = session_rows(market, start, end)
    lengths = hours_of("within", within), hours_of("apart", apart)
    members = Members(market, universe, asset)
    shocks = price_shocks(market, -fall, *lengths, asset)
    places = places_of(members.instants, shocks.at)
    inside = (places.last - (2 * BEFORE - 1) >= 2 * rows.start) & (places.first + 2 * AFTER <= 2 * rows.stop)
    known = shocks.at[inside]
    moves = np.array([members.quintile_moves(instant) for instant in known]).reshape(-1, len(SORTS), len(RESPONSES), 5)
    calm, controls = _calm_differences(market, members, known, asset, rows)
    if len(known) < FEWEST_EVENTS:
        raise ParameterError(
            f"{len(known)} {shocks.name} lie in the span; it takes {FEWEST_EVENTS}: name smaller falls or a longer span"
        )
    sorts = {
        name: {
            response: _sorted_result(moves[:, number, side], calm[:, number, side], resamples, seed)
            for side, response in enumerate(RESPONSES)
        }
        for number, name in enumerate(SORTS)
    }
    return SoldFirst(
        events=pd.DatetimeIndex(known, tz="UTC"),
        sorts=sorts,
        controls=controls,
        settings={
            "universe": universe,
            "shocks": shocks.name,
            "start": str(market.sessions[rows.start].date()),
            "end": str(market.sessions[rows.stop - 1].date()),
            "seed": seed,
            "resamples": resamples,
            "before_span": int((~inside).sum()),
            "market": market.name,
        },
    )


def _calm_differences(
    market: Market, members: Members, known: InstantArray, asset: str, rows: slice
) -> tuple[FloatArray, int]:
    """Mean Q5 less Q1 of controls within the span (n, sorts, 2), and their number."""
    feed = market.bars(asset)
    changes = price_changes_within(feed, CALM_HOURS, -1.0)[feed.grid_rows]
    falls = feed.known_at[changes <= -CALM_FALL]
    # Controls lie where the asset is known, so that their calm is.
    first = max(feed.known_at[0] + np.timedelta64(10, "D"), market.calendar.opens[rows.start])
    last = min(feed.known_at[-1] - np.timedelta64(10, "D"), market.calendar.closes[rows.stop - 1])
    out = np.full((len(known), len(SORTS), len(RESPONSES)), np.nan)
    cache: dict[np.datetime64, FloatArray] = {}
    total = 0
    for number, instant in enumerate(known):
        differences = []
        for control in calm_instants(instant, falls, first, last):
            if control not in cache:
                quintiles = members.quintile_moves(control)
                cache[control] = quintiles[..., -1] - quintiles[..., 0]
            differences.append(cache[control])
        usable = [difference for difference in differences if np.isfinite(difference).any()]
        total += len(usable)
        if usable:
            stacked = np.array(usable)
            present = np.isfinite(stacked)
            counts = present.sum(axis=0)
            sums = np.where(present, stacked, 0.0).sum(axis=0)
            out[number] = np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return out, total


def _sorted_result(quintiles: FloatArray, calm: FloatArray, resamples: int, seed: int) -> dict[str, Any]:
    """Quintile means, Q5 less Q1, and less calm weeks, of (n, 5) and controls (n,)."""
    present = np.isfinite(quintiles).all(axis=1)
    difference = quintiles[:, -1] - quintiles[:, 0]
    return {
        "quintiles": quintiles[present].mean(axis=0).tolist() if present.any() else [float("nan")] * 5,
        "q5_q1": _interval(difference[present], resamples, seed),
        "less_calm": _interval((difference - calm)[present & np.isfinite(calm)], resamples, seed),
    }


def _interval(values: FloatArray, resamples: int, seed: int) -> dict[str, float]:
    """Mean, interval and detectable effect; NaN of fewer than five events."""
    blank = float("nan")
    if len(values) < FEWEST_EVENTS:
        return {"mean": blank, "low": blank, "high": blank, "detectable": blank, "events": len(values)}
    band = mean_band(values[:, None], event_counts(len(values), resamples, seed))
    return {
        "mean": float(band.mean[0]),
        "low": float(band.low[0]),
        "high": float(band.high[0]),
        "detectable": float((band.critical + POWER_QUANTILE) * band.error[0]),
        "events": len(values),
    }
